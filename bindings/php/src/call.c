/* call.c: every call.
 *
 * In: guestfs_NAME with its arguments in order, and options by name or, as in old programs, in order behind them.
 * Out: its result; false when it failed.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "php_guestfs.h"

#include <string.h>

/* Options in order were all that there was: what stands for "not given" so that a later one can be given. An option by
 * name need not say that, so that -1 is a number there. */
static int
stands_for_nothing (const struct glue_param *p, const zval *arg, const union glue_value *v)
{
  switch (p->shape) {
  case GLUE_BOOL: return Z_TYPE_P (arg) == IS_LONG && Z_LVAL_P (arg) == -1;
  case GLUE_INT: return v->i == -1;
  case GLUE_INT64: return v->n == -1;
  default: return 0;
  }
}

static int
take_option (struct php_frame *f, unsigned option, zval *arg, int by_name)
{
  unsigned at = f->glue.call->nr_args + option;
  union glue_value v;

  if (Z_TYPE_P (arg) == IS_NULL)
    return 0;
  if (php_take (f, at, arg, &v) == -1)
    return -1;
  if (!by_name && stands_for_nothing (&f->glue.call->params[at], arg, &v))
    return 0;
  *glue_give (&f->glue, option) = v;
  return 0;
}

static int
take_named (struct php_frame *f, unsigned in_order, HashTable *named)
{
  zend_string *name;
  zval *arg;

  ZEND_HASH_FOREACH_STR_KEY_VAL (named, name, arg) {
    int option = glue_option (f->glue.call, ZSTR_VAL (name), ZSTR_LEN (name));

    if (option == -1) {
      zend_throw_error (NULL, "Unknown named parameter $%s", ZSTR_VAL (name));
      return -1;
    }
    if ((unsigned) option < in_order) {
      zend_throw_error (NULL, "Named parameter $%s overwrites previous argument", ZSTR_VAL (name));
      return -1;
    }
    if (take_option (f, (unsigned) option, arg, 1) == -1)
      return -1;
  } ZEND_HASH_FOREACH_END ();
  return 0;
}

static void
body (struct php_frame *f, void *arg, zval *return_value)
{
  zend_execute_data *execute_data = arg;
  unsigned i, n = f->glue.call->nr_args, in_order = ZEND_NUM_ARGS () - n - 1;

  RETVAL_FALSE;
  for (i = 0; i < n; i++)
    if (php_take (f, i, ZEND_CALL_ARG (execute_data, i + 2), &f->glue.values[i]) == -1)
      return;
  for (i = 0; i < in_order; i++)
    if (take_option (f, i, ZEND_CALL_ARG (execute_data, n + i + 2), 0) == -1)
      return;
  if ((ZEND_CALL_INFO (execute_data) & ZEND_CALL_HAS_EXTRA_NAMED_PARAMS)
      && take_named (f, in_order, execute_data->extra_named_params) == -1)
    return;
  if (glue_run (&f->glue) == -1)
    php_failed (f);
  else {
    f->handle->failed = 0;
    if (!php_fatal)
      php_result (&f->glue, return_value);
  }
}

ZEND_FUNCTION (guestfs_call)
{
  const struct glue_call *call = glue_find (ZSTR_VAL (EX (func)->common.function_name) + strlen (PREFIX));
  unsigned given = ZEND_NUM_ARGS (), least = call->nr_args + 1, most = least + call->nr_opts;
  struct php_handle *h;

  if (given < least || given > most) {
    zend_wrong_parameters_count_error (least, most);
    RETURN_THROWS ();
  }
  h = php_handle_at (ZEND_CALL_ARG (execute_data, 1));
  if (h == NULL)
    RETURN_THROWS ();
  php_protected (h, call, body, execute_data, return_value);
}
