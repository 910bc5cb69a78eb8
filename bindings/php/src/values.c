/* values.c: values of PHP to C, and results to PHP.
 *
 * In: arguments. Out: C values that live as long as the call, and what it returned. Wrong types are exceptions, as of
 * PHP's own functions; a value of the right type that C cannot have (a NUL inside, a number of more than 32 bits) makes
 * the call fail as it does for upstream's binding.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "php_guestfs.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static int
wrong (const struct glue_param *p, unsigned at, const char *wanted, const char *given)
{
  if (!EG (exception))
    zend_type_error ("%s(): Argument #%u ($%s) must be %s, %s given", get_active_function_name (), at + 2, p->name,
                     wanted, given);
  return -1;
}

static int
no_memory (struct php_frame *f)
{
  php_refuse (f->handle, ENOMEM, "%s: there is not enough memory for the arguments", f->glue.call->name);
  return -1;
}

static int
has_nul (struct php_frame *f, const struct glue_param *p, const char *s, size_t size)
{
  if (strlen (s) == size)
    return 0;
  php_refuse (f->handle, EINVAL, "%s: %s has a NUL inside, which ends a string for the library: pass it without",
              f->glue.call->name, p->name);
  return 1;
}

/* Copied: a callback may change the array while the call runs. */
static int
list (struct php_frame *f, const struct glue_param *p, unsigned at, HashTable *array, union glue_value *v)
{
  char **strings = glue_room (&f->glue, ((size_t) zend_hash_num_elements (array) + 1) * sizeof *strings);
  size_t n = 0;
  zval *element;

  v->list = strings;
  if (strings == NULL)
    return no_memory (f);
  ZEND_HASH_FOREACH_VAL (array, element) {
    zend_string *s;
    int failed;

    ZVAL_DEREF (element);
    if (Z_TYPE_P (element) == IS_ARRAY || Z_TYPE_P (element) == IS_RESOURCE)
      return wrong (p, at, "a list of strings", zend_zval_type_name (element));
    s = zval_try_get_string (element);
    if (s == NULL)
      return -1;
    failed = has_nul (f, p, ZSTR_VAL (s), ZSTR_LEN (s));
    if (!failed && (strings[n] = glue_copy (&f->glue, ZSTR_VAL (s), ZSTR_LEN (s))) == NULL)
      failed = -no_memory (f);
    zend_string_release (s);
    if (failed)
      return -1;
    n++;
  } ZEND_HASH_FOREACH_END ();
  strings[n] = NULL;
  return 0;
}

/* The only pointers are libvirt's domains, which the extension libvirt-php has as resources: a record that begins with the
 * pointer. */
static int
domain (const struct glue_param *p, unsigned at, zval *arg, union glue_value *v)
{
  const char *type = Z_TYPE_P (arg) == IS_RESOURCE ? zend_rsrc_list_get_rsrc_type (Z_RES_P (arg)) : NULL;

  if (type == NULL || strcmp (type, "Libvirt domain") != 0 || Z_RES_VAL_P (arg) == NULL)
    return wrong (p, at, "a domain of extension libvirt-php", type ? type : zend_zval_type_name (arg));
  v->pointer = *(void **) Z_RES_VAL_P (arg);
  return 0;
}

/* Let PHP convert as its own functions do: strictly where the program has declared strict_types. */
#define PARSE(SPEC, ...) zend_parse_parameter (ZEND_PARSE_PARAMS_QUIET, at + 2, arg, SPEC, __VA_ARGS__)

int
php_take (struct php_frame *f, unsigned at, zval *arg, union glue_value *v)
{
  const struct glue_param *p = &f->glue.call->params[at];
  const char *type = zend_zval_type_name (arg);
  char *s = NULL;
  size_t size = 0;
  zend_long n;
  bool b;
  HashTable *array;

  switch (p->shape) {
  case GLUE_BOOL:
    if (PARSE ("b", &b) != SUCCESS)
      return wrong (p, at, "of type bool", type);
    v->i = b;
    return 0;
  case GLUE_INT:
    if (PARSE ("l", &n) != SUCCESS)
      return wrong (p, at, "of type int", type);
    v->i = (int) n;
    if (n >= INT_MIN && n <= INT_MAX)
      return 0;
    php_refuse (f->handle, ERANGE, "%s: %s is " ZEND_LONG_FMT ", but must fit 32 bits", f->glue.call->name, p->name, n);
    return -1;
  case GLUE_INT64:
    if (PARSE ("l", &n) != SUCCESS)
      return wrong (p, at, "of type int", type);
    v->n = n;
    return 0;
  case GLUE_STR:
    if (PARSE ("s", &s, &size) != SUCCESS)
      return wrong (p, at, "of type string", type);
    v->s = s;
    return has_nul (f, p, s, size) ? -1 : 0;
  case GLUE_OPT_STR:
    if (PARSE ("s!", &s, &size) != SUCCESS)
      return wrong (p, at, "of type ?string", type);
    v->s = s;
    return s && has_nul (f, p, s, size) ? -1 : 0;
  case GLUE_BUFFER:
    if (PARSE ("s", &s, &size) != SUCCESS)
      return wrong (p, at, "of type string", type);
    v->buffer.bytes = s;
    v->buffer.size = size;
    return 0;
  case GLUE_STR_LIST:
    if (PARSE ("h", &array) != SUCCESS)
      return wrong (p, at, "of type array", type);
    return list (f, p, at, array, v);
  case GLUE_POINTER:
    return domain (p, at, arg, v);
  }
  return -1;
}

static void
set (zval *to, struct glue_item item)
{
  switch (item.type) {
  case GLUE_ABSENT: ZVAL_NULL (to); break;
  case GLUE_TRUTH: ZVAL_BOOL (to, item.n != 0); break;
  case GLUE_NUMBER: ZVAL_LONG (to, (zend_long) item.n); break;
  /* PHP has no unsigned numbers: those from 2^63 are negative, and whole with sprintf ("%u"). */
  case GLUE_UNSIGNED: ZVAL_LONG (to, (zend_long) item.u); break;
  case GLUE_FLOAT: ZVAL_DOUBLE (to, item.number); break;
  case GLUE_CHAR: case GLUE_TEXT: case GLUE_BYTES:
    /* An empty buffer of a struct has no address. */
    ZVAL_STRINGL (to, item.size ? item.bytes : "", item.size);
    break;
  }
}

static void
set_record (zval *to, const struct glue_struct *s, const void *record)
{
  size_t i;

  array_init_size (to, (uint32_t) s->nr_fields);
  for (i = 0; i < s->nr_fields; i++) {
    const struct glue_field *field = &s->fields[i];
    struct glue_item item = glue_field (field, record);
    zval value;

    /* -1.0 says that there is no percentage. */
    if (field->type == GLUE_FIELD_PERCENT)
      ZVAL_DOUBLE (&value, item.number);
    else
      set (&value, item);
    add_assoc_zval (to, field->name, &value);
  }
}

void
php_result (const struct glue_frame *f, zval *return_value)
{
  size_t i, n;

  switch (glue_form (f->call)) {
  case GLUE_NOTHING:
    RETURN_TRUE;
  case GLUE_ONE:
    set (return_value, glue_one (f));
    return;
  case GLUE_RECORD:
    set_record (return_value, f->call->structure, glue_record (f, 0));
    return;
  case GLUE_LIST: case GLUE_PAIRS: case GLUE_RECORDS:
    break;
  }
  n = glue_count (f);
  array_init_size (return_value, (uint32_t) n);
  for (i = 0; i < n; i++) {
    struct glue_item key, item;
    zval value;

    if (f->call->kind == GLUE_RESULT_HASH) {
      glue_pair (f, i, &key, &item);
      set (&value, item);
      zend_symtable_str_update (Z_ARRVAL_P (return_value), key.bytes, key.size, &value);
    }
    else {
      if (f->call->kind == GLUE_RESULT_STR_LIST)
        set (&value, glue_at (f, i));
      else
        set_record (&value, f->call->structure, glue_record (f, i));
      add_next_index_zval (return_value, &value);
    }
  }
}
