/* functions.c: every function with the names and types of its parameters, as PHP has them told: Reflection, named
 * arguments and errors read them.
 *
 * In: the table of calls. Out: the table of functions. Options are not parameters of their own but collected by the last
 * one, as otherwise PHP would not say whether one was named or stands in its place (call.c).
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "php_guestfs.h"

#include <stdlib.h>
#include <string.h>

ZEND_BEGIN_ARG_INFO_EX (info_create, 0, 0, 0)
  ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE (0, flags, IS_ARRAY, 0, "[]")
ZEND_END_ARG_INFO ()

/* guestfs_close and guestfs_failed. */
ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX (info_close, 0, 1, _IS_BOOL, 0)
  ZEND_ARG_INFO (0, g)
ZEND_END_ARG_INFO ()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX (info_last_error, 0, 1, IS_STRING, 1)
  ZEND_ARG_INFO (0, g)
ZEND_END_ARG_INFO ()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX (info_last_errno, 0, 1, IS_LONG, 0)
  ZEND_ARG_INFO (0, g)
ZEND_END_ARG_INFO ()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_MASK_EX (info_set_event_callback, 0, 3, MAY_BE_LONG | MAY_BE_FALSE)
  ZEND_ARG_INFO (0, g)
  ZEND_ARG_TYPE_INFO (0, callback, IS_CALLABLE, 0)
  ZEND_ARG_TYPE_INFO (0, events, IS_LONG, 0)
ZEND_END_ARG_INFO ()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX (info_delete_event_callback, 0, 2, _IS_BOOL, 0)
  ZEND_ARG_INFO (0, g)
  ZEND_ARG_TYPE_INFO (0, event_handle, IS_LONG, 0)
ZEND_END_ARG_INFO ()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_MASK_EX (info_event_to_string, 0, 1, MAY_BE_STRING | MAY_BE_FALSE)
  ZEND_ARG_TYPE_INFO (0, events, IS_LONG, 0)
ZEND_END_ARG_INFO ()

static const zend_function_entry others[] = {
  ZEND_FE (guestfs_create, info_create)
  ZEND_FE (guestfs_close, info_close)
  ZEND_FE (guestfs_last_error, info_last_error)
  ZEND_FE (guestfs_last_errno, info_last_errno)
  ZEND_FE (guestfs_failed, info_close)
  ZEND_FE (guestfs_set_event_callback, info_set_event_callback)
  ZEND_FE (guestfs_delete_event_callback, info_delete_event_callback)
  ZEND_FE (guestfs_event_to_string, info_event_to_string)
  ZEND_FE_END
};

static uint32_t
parameter (enum glue_shape shape)
{
  switch (shape) {
  case GLUE_BOOL: return MAY_BE_BOOL;
  case GLUE_INT: case GLUE_INT64: return MAY_BE_LONG;
  case GLUE_STR: case GLUE_BUFFER: return MAY_BE_STRING;
  case GLUE_OPT_STR: return MAY_BE_STRING | MAY_BE_NULL;
  case GLUE_STR_LIST: return MAY_BE_ARRAY;
  /* A resource, for which PHP has no type. */
  case GLUE_POINTER: break;
  }
  return 0;
}

static uint32_t
result (enum glue_kind kind)
{
  switch (kind) {
  case GLUE_RESULT_NONE: case GLUE_RESULT_BOOL: return MAY_BE_BOOL;
  case GLUE_RESULT_INT: case GLUE_RESULT_INT64: return MAY_BE_LONG | MAY_BE_FALSE;
  case GLUE_RESULT_CONST_STR: case GLUE_RESULT_STR: case GLUE_RESULT_BUFFER: return MAY_BE_STRING | MAY_BE_FALSE;
  case GLUE_RESULT_CONST_OPT_STR: return MAY_BE_STRING | MAY_BE_FALSE | MAY_BE_NULL;
  case GLUE_RESULT_STR_LIST: case GLUE_RESULT_HASH: case GLUE_RESULT_STRUCT: case GLUE_RESULT_STRUCT_LIST: break;
  }
  return MAY_BE_ARRAY | MAY_BE_FALSE;
}

/* Fill INFO with the head, $g, the parameters and ...$options of CALL; the number of parameters. */
static uint32_t
describe (const struct glue_call *call, zend_internal_arg_info *info)
{
  uint32_t types = MAY_BE_NULL;
  unsigned i;

  /* The head is a record of its own type, which has the number of required arguments where others have the name. */
  info[0].name = (const char *) (uintptr_t) (call->nr_args + 1);
  info[0].type = (zend_type) ZEND_TYPE_INIT_MASK (result (call->kind));
  info[1].name = "g";
  for (i = 0; i < call->nr_args; i++) {
    info[i + 2].name = call->params[i].name;
    info[i + 2].type = (zend_type) ZEND_TYPE_INIT_MASK (parameter (call->params[i].shape));
  }
  if (call->nr_opts == 0)
    return call->nr_args + 1;
  for (i = 0; i < call->nr_opts; i++)
    types |= parameter (call->params[call->nr_args + i].shape);
  info[call->nr_args + 2].name = "options";
  info[call->nr_args + 2].type = (zend_type) ZEND_TYPE_INIT_MASK (types | _ZEND_ARG_INFO_FLAGS (0, 1, 0));
  return call->nr_args + 2;
}

const zend_function_entry *
php_functions (void)
{
  static zend_function_entry *functions;
  zend_internal_arg_info *infos;
  size_t i, at, nr_infos = 0;

  if (functions)
    return functions;
  for (i = 0; i < glue_nr_calls; i++)
    nr_infos += glue_calls[i].nr_args + 3;
  functions = calloc (glue_nr_calls + sizeof others / sizeof *others, sizeof *functions);
  infos = calloc (nr_infos, sizeof *infos);
  if (functions == NULL || infos == NULL)
    return others;
  for (i = at = 0; i < glue_nr_calls; i++) {
    const struct glue_call *call = &glue_calls[i];
    char *name = malloc (strlen (PREFIX) + strlen (call->name) + 1);

    if (name == NULL)
      return others;
    strcpy (stpcpy (name, PREFIX), call->name);
    functions[i].fname = name;
    functions[i].handler = ZEND_FN (guestfs_call);
    functions[i].arg_info = &infos[at];
    functions[i].num_args = describe (call, &infos[at]);
    at += call->nr_args + 3;
  }
  memcpy (&functions[i], others, sizeof others);
  return functions;
}
