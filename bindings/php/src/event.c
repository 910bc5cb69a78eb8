/* event.c: event callbacks in PHP, and what glue wants to know of the language.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "php_guestfs.h"

#include <limits.h>
#include <stdlib.h>

#if PHP_VERSION_ID >= 80100
#include <zend_fibers.h>
#else
#define zend_fiber_switch_block() ((void) 0)
#define zend_fiber_switch_unblock() ((void) 0)
#endif

/* A callback is a callable in memory of its own. */

static void
call_back (zval *callable, const struct glue_event *e)
{
  zval args[4], result;
  size_t i;

  ZVAL_UNDEF (&result);
  ZVAL_LONG (&args[0], (zend_long) e->event);
  ZVAL_LONG (&args[1], e->id);
  ZVAL_STRINGL (&args[2], e->text ? e->text : "", e->text ? e->size : 0);
  array_init_size (&args[3], (uint32_t) e->array_len);
  for (i = 0; i < e->array_len; i++)
    add_next_index_long (&args[3], (zend_long) e->array[i]);
  call_user_function (NULL, NULL, callable, &result, 4, args);
  zval_ptr_dtor (&result);
  zval_ptr_dtor (&args[3]);
  zval_ptr_dtor (&args[2]);
}

/* An exception (exit () is one) stays where it is: the function of PHP that is running raises it when it is over, and
 * that is soon, as its call is cancelled. */
static void
event (void *function, const struct glue_event *e)
{
  if (php_inside == 0 || php_fatal || EG (exception))
    return;
  /* Calls end in the order of the stack: a fiber that was left here would be in its call while others begin and end. */
  zend_fiber_switch_block ();
  zend_try {
    call_back (function, e);
  } zend_catch {
    php_fatal = 1;
  } zend_end_try ();
  zend_fiber_switch_unblock ();
  if ((php_fatal || EG (exception)) && e->handle->g)
    guestfs_user_cancel (e->handle->g);
}

static void
forget (void *function)
{
  zval_ptr_dtor (function);
  free (function);
}

static void
unlocked (struct glue_frame *f, void (*fn) (void *arg), void *arg)
{
  if (f)
    glue_watch (f, 1);
  fn (arg);
  if (f)
    glue_unwatch (f);
}

const struct glue_language glue_language = { unlocked, event, forget };

struct setting {
  zval *callable;
  uint64_t events;
};

static void
set_body (struct php_frame *f, void *arg, zval *return_value)
{
  struct setting *setting = arg;
  zval *function = malloc (sizeof *function);
  int id = -1;

  RETVAL_FALSE;
  if (function) {
    ZVAL_COPY (function, setting->callable);
    id = glue_set_event_callback (&f->glue, setting->events, function);
  }
  if (id == -1)
    php_failed (f);
  else
    RETVAL_LONG (id);
}

ZEND_FUNCTION (guestfs_set_event_callback)
{
  zval *g;
  zend_fcall_info info;
  zend_fcall_info_cache cache;
  zend_long events;
  struct php_handle *h;
  struct setting setting;

  ZEND_PARSE_PARAMETERS_START (3, 3)
    Z_PARAM_ZVAL (g)
    Z_PARAM_FUNC (info, cache)
    Z_PARAM_LONG (events)
  ZEND_PARSE_PARAMETERS_END ();
  h = php_handle_at (g);
  if (h == NULL)
    RETURN_THROWS ();
  setting.callable = &info.function_name;
  setting.events = (uint64_t) events;
  php_protected (h, NULL, set_body, &setting, return_value);
}

static void
delete_body (struct php_frame *f, void *arg, zval *return_value)
{
  zend_long *id = arg;

  if (*id >= 0 && *id <= INT_MAX)
    glue_delete_event_callback (&f->glue, (int) *id);
  RETVAL_TRUE;
}

ZEND_FUNCTION (guestfs_delete_event_callback)
{
  zval *g;
  zend_long id;
  struct php_handle *h;

  ZEND_PARSE_PARAMETERS_START (2, 2)
    Z_PARAM_ZVAL (g)
    Z_PARAM_LONG (id)
  ZEND_PARSE_PARAMETERS_END ();
  h = php_handle_at (g);
  if (h == NULL)
    RETURN_THROWS ();
  php_protected (h, NULL, delete_body, &id, return_value);
}

ZEND_FUNCTION (guestfs_event_to_string)
{
  zend_long events;
  char *names;

  ZEND_PARSE_PARAMETERS_START (1, 1)
    Z_PARAM_LONG (events)
  ZEND_PARSE_PARAMETERS_END ();
  names = guestfs_event_to_string ((uint64_t) events);
  if (names == NULL)
    RETURN_FALSE;
  RETVAL_STRING (names);
  free (names);
}
