/* handle.c: handles as resources, the frame of every call, errors.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "php_guestfs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESOURCE "guestfs_h"

__thread unsigned php_inside;
__thread int php_fatal;

static int resource_type;

/* Go on with the fatal error of a callback. */
static void
go_on (void)
{
  if (php_fatal) {
    php_fatal = 0;
    zend_bailout ();
  }
}

static void
free_handle (struct php_handle *h)
{
  glue_free (h->glue);
  free (h->error);
  free (h);
}

/* The last reference to the resource is gone, guestfs_close was called, or the script has ended. */
static void
drop (zend_resource *resource)
{
  struct php_handle *h = resource->ptr;

  if (h == NULL || (!h->asked && !h->glue->close_on_exit && (EG (flags) & EG_FLAGS_IN_SHUTDOWN)))
    return;
  php_inside++;
  if (h->glue->busy) {
    h->dropped = 1;
    glue_close (h->glue);
  }
  else
    free_handle (h);
  php_inside--;
  go_on ();
}

void
php_handle_startup (int module_number)
{
  resource_type = zend_register_list_destructors_ex (drop, NULL, RESOURCE, module_number);
}

struct php_handle *
php_handle_at (zval *arg)
{
  if (Z_TYPE_P (arg) != IS_RESOURCE) {
    zend_argument_type_error (1, "must be of type resource, %s given", zend_zval_type_name (arg));
    return NULL;
  }
  return zend_fetch_resource (Z_RES_P (arg), RESOURCE, resource_type);
}

void
php_protected (struct php_handle *h, const struct glue_call *call, php_body body, void *arg, zval *return_value)
{
  struct php_frame f = { .handle = h };

  if (glue_begin (&f.glue, h->glue, call) == -1) {
    zend_type_error ("%s(): the handle is closed", get_active_function_name ());
    return;
  }
  php_inside++;
  zend_try {
    body (&f, arg, return_value);
  } zend_catch {
    php_fatal = 1;
  } zend_end_try ();
  glue_end (&f.glue);
  if (h->dropped && h->glue->busy == 0)
    free_handle (h);
  php_inside--;
  go_on ();
}

void
php_refuse (struct php_handle *h, int err, const char *format, ...)
{
  va_list args;

  free (h->error);
  va_start (args, format);
  if (vasprintf (&h->error, format, args) == -1)
    h->error = NULL;
  va_end (args);
  h->err = err;
  h->failed = 1;
}

void
php_failed (struct php_frame *f)
{
  if (f->glue.call && f->glue.call->entry == NULL)
    php_refuse (f->handle, ENOTSUP, "%s: %s", f->glue.call->name, glue_error (&f->glue));
  else {
    free (f->handle->error);
    f->handle->error = NULL;
    f->handle->failed = 1;
  }
}

/* What the array says of a flag, which is true unless it says otherwise. */
static int
flag (HashTable *flags, const char *name)
{
  zval *value = flags ? zend_hash_str_find_deref (flags, name, strlen (name)) : NULL;

  return value == NULL || Z_TYPE_P (value) == IS_NULL || zend_is_true (value);
}

ZEND_FUNCTION (guestfs_create)
{
  HashTable *flags = NULL;
  unsigned bits = 0;
  struct php_handle *h;
  zend_string *name;

  ZEND_PARSE_PARAMETERS_START (0, 1)
    Z_PARAM_OPTIONAL
    Z_PARAM_ARRAY_HT (flags)
  ZEND_PARSE_PARAMETERS_END ();
  if (flags) {
    ZEND_HASH_FOREACH_STR_KEY (flags, name) {
      if (name == NULL || (strcmp (ZSTR_VAL (name), "environment") && strcmp (ZSTR_VAL (name), "close_on_exit"))) {
        zend_argument_value_error (1, "must have no other keys than environment and close_on_exit, but has %s",
                                   name ? ZSTR_VAL (name) : "a number");
        RETURN_THROWS ();
      }
    } ZEND_HASH_FOREACH_END ();
  }
  if (!flag (flags, "environment"))
    bits |= GUESTFS_CREATE_NO_ENVIRONMENT;
  if (!flag (flags, "close_on_exit"))
    bits |= GUESTFS_CREATE_NO_CLOSE_ON_EXIT;
  h = calloc (1, sizeof *h);
  if (h)
    h->glue = glue_create (bits);
  if (h == NULL || h->glue == NULL) {
    free (h);
    RETURN_FALSE;
  }
  h->glue->owner = h;
  RETURN_RES (zend_register_resource (h, resource_type));
}

/* The handle of a function that takes nothing else, or NULL with an exception. */
static struct php_handle *
only_handle (zend_execute_data *execute_data)
{
  if (ZEND_NUM_ARGS () != 1) {
    zend_wrong_parameters_count_error (1, 1);
    return NULL;
  }
  return php_handle_at (ZEND_CALL_ARG (execute_data, 1));
}

ZEND_FUNCTION (guestfs_close)
{
  struct php_handle *h = only_handle (execute_data);

  if (h == NULL)
    RETURN_THROWS ();
  h->asked = 1;
  zend_list_close (Z_RES_P (ZEND_CALL_ARG (execute_data, 1)));
  RETURN_TRUE;
}

ZEND_FUNCTION (guestfs_last_error)
{
  struct php_handle *h = only_handle (execute_data);
  const char *error;

  if (h == NULL)
    RETURN_THROWS ();
  error = h->error ? h->error : guestfs_last_error (h->glue->g);
  if (error == NULL)
    RETURN_NULL ();
  RETURN_STRING (error);
}

ZEND_FUNCTION (guestfs_last_errno)
{
  struct php_handle *h = only_handle (execute_data);

  if (h == NULL)
    RETURN_THROWS ();
  RETURN_LONG (h->error ? h->err : guestfs_last_errno (h->glue->g));
}

ZEND_FUNCTION (guestfs_failed)
{
  struct php_handle *h = only_handle (execute_data);

  if (h == NULL)
    RETURN_THROWS ();
  RETURN_BOOL (h->failed);
}
