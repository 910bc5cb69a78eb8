/* convert.c: OCaml arguments to C, C results to OCaml.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gfs_ml.h"

#include <limits.h>
#include <string.h>

/* Give up because of a wrong argument. */
static void
invalid (struct glue_frame *f, const char *why)
{
  char text[200];

  text[0] = '\0';
  strncat (text, f->call->name, 100);
  strncat (text, why, 90);
  glue_end (f);
  caml_invalid_argument (text);
}

static void *
room (struct glue_frame *f, void *memory)
{
  if (memory == NULL) {
    glue_end (f);
    caml_raise_out_of_memory ();
  }
  return memory;
}

static const char *
string (struct glue_frame *f, value v)
{
  if (!caml_string_is_c_safe (v))
    invalid (f, ": string contains a NUL character");
  return room (f, glue_copy (f, String_val (v), caml_string_length (v)));
}

static char *const *
list (struct glue_frame *f, value v)
{
  mlsize_t n = Wosize_val (v), i;
  const char **strings = room (f, glue_room (f, (n + 1) * sizeof *strings));

  for (i = 0; i < n; i++)
    strings[i] = string (f, Field (v, i));
  strings[n] = NULL;
  return (char *const *) strings;
}

void
gfs_ml_take (struct glue_frame *f, const struct glue_param *p, value v, union glue_value *to)
{
  switch (p->shape) {
  case GLUE_BOOL: to->i = Bool_val (v); break;
  case GLUE_INT:
    if (Long_val (v) < INT_MIN || Long_val (v) > INT_MAX)
      invalid (f, ": integer does not fit 32 bits");
    to->i = (int) Long_val (v);
    break;
  case GLUE_INT64: to->n = Int64_val (v); break;
  case GLUE_STR: to->s = string (f, v); break;
  case GLUE_OPT_STR: to->s = v == Val_int (0) ? NULL : string (f, Field (v, 0)); break;
  case GLUE_STR_LIST: to->list = list (f, v); break;
  case GLUE_BUFFER:
    to->buffer.size = caml_string_length (v);
    to->buffer.bytes = room (f, glue_copy (f, String_val (v), to->buffer.size));
    break;
  case GLUE_POINTER: to->pointer = NULL; break; /* no call with one is in module Guestfs */
  }
}

static value
some (value v)
{
  CAMLparam1 (v);
  value result = caml_alloc_small (1, 0);

  Field (result, 0) = v;
  CAMLreturn (result);
}

/* OPTION: the type is an option, of which an item that is there is Some. */
static value
item (struct glue_item i, int option)
{
  value v = Val_int (0);

  switch (i.type) {
  case GLUE_ABSENT: return Val_int (0);
  case GLUE_TRUTH: return Val_bool (i.n);
  case GLUE_CHAR: return Val_int (i.n);
  case GLUE_NUMBER: return caml_copy_int64 (i.n);
  case GLUE_UNSIGNED: return caml_copy_int64 ((int64_t) i.u);
  case GLUE_FLOAT: v = caml_copy_double (i.number); break;
  case GLUE_TEXT: case GLUE_BYTES: v = caml_alloc_initialized_string (i.size, i.bytes); break;
  }
  return option ? some (v) : v;
}

static value
record (const struct glue_struct *s, const void *from)
{
  CAMLparam0 ();
  CAMLlocal2 (r, v);
  size_t i;

  r = caml_alloc (s->nr_fields, 0);
  for (i = 0; i < s->nr_fields; i++) {
    struct glue_item field = glue_field (&s->fields[i], from);

    /* Type int32. */
    if ((field.type == GLUE_NUMBER || field.type == GLUE_UNSIGNED) && !field.wide)
      v = caml_copy_int32 ((int32_t) (field.type == GLUE_NUMBER ? field.n : (int64_t) field.u));
    else
      v = item (field, field.type == GLUE_FLOAT);
    Store_field (r, i, v);
  }
  CAMLreturn (r);
}

static value
pairs (const struct glue_frame *f)
{
  CAMLparam0 ();
  CAMLlocal4 (result, cell, pair, text);
  size_t n = glue_count (f);

  result = Val_int (0);
  /* From the end, so that the list is in the order of the result. */
  while (n-- > 0) {
    struct glue_item key, value_;

    glue_pair (f, n, &key, &value_);
    pair = caml_alloc_tuple (2);
    text = item (key, 0);
    Store_field (pair, 0, text);
    text = item (value_, 0);
    Store_field (pair, 1, text);
    cell = caml_alloc (2, 0);
    Store_field (cell, 0, pair);
    Store_field (cell, 1, result);
    result = cell;
  }
  CAMLreturn (result);
}

value
gfs_ml_result (const struct glue_frame *f)
{
  CAMLparam0 ();
  CAMLlocal2 (array, v);
  enum glue_form form = glue_form (f->call);
  size_t n, i;

  switch (form) {
  case GLUE_NOTHING: CAMLreturn (Val_unit);
  case GLUE_ONE:
    if (f->call->kind == GLUE_RESULT_INT)
      CAMLreturn (Val_int (f->result.i));
    CAMLreturn (item (glue_one (f), f->call->kind == GLUE_RESULT_CONST_OPT_STR));
  case GLUE_RECORD: CAMLreturn (record (f->call->structure, glue_record (f, 0)));
  case GLUE_PAIRS: CAMLreturn (pairs (f));
  case GLUE_LIST: case GLUE_RECORDS: break;
  }
  n = glue_count (f);
  array = caml_alloc (n, 0);
  for (i = 0; i < n; i++) {
    v = form == GLUE_LIST ? item (glue_at (f, i), 0) : record (f->call->structure, glue_record (f, i));
    Store_field (array, i, v);
  }
  CAMLreturn (array);
}
