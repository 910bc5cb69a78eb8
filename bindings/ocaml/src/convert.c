/* convert.c: OCaml arguments to C, C results to OCaml.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gfs_ml.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct gfs_ml_block {
  struct gfs_ml_block *next;
  char *data[];                 /* aligned for pointers and bytes alike */
};

void
gfs_ml_free_blocks (struct gfs_ml_call *c)
{
  while (c->blocks) {
    struct gfs_ml_block *block = c->blocks;

    c->blocks = block->next;
    free (block);
  }
}

static void *
room (struct gfs_ml_call *c, size_t size)
{
  struct gfs_ml_block *block = size > SIZE_MAX - sizeof *block ? NULL : malloc (sizeof *block + size);

  if (block == NULL) {
    gfs_ml_end (c);
    caml_raise_out_of_memory ();
  }
  block->next = c->blocks;
  c->blocks = block;
  return block->data;
}

/* Give up because of a wrong argument. */
static void
invalid (struct gfs_ml_call *c, const char *why)
{
  char text[200];

  text[0] = '\0';
  strncat (text, c->name, 100);
  strncat (text, why, 90);
  gfs_ml_end (c);
  caml_invalid_argument (text);
}

int
gfs_ml_int (struct gfs_ml_call *c, value v)
{
  intnat n = Long_val (v);

  if (n < INT_MIN || n > INT_MAX)
    invalid (c, ": integer does not fit 32 bits");
  return (int) n;
}

const char *
gfs_ml_buffer (struct gfs_ml_call *c, value v, size_t *size)
{
  char *copy;

  *size = caml_string_length (v);
  copy = room (c, *size + 1);
  memcpy (copy, String_val (v), *size + 1);
  return copy;
}

const char *
gfs_ml_str (struct gfs_ml_call *c, value v)
{
  size_t size;

  if (!caml_string_is_c_safe (v))
    invalid (c, ": string contains a NUL character");
  return gfs_ml_buffer (c, v, &size);
}

const char *
gfs_ml_opt_str (struct gfs_ml_call *c, value v)
{
  return v == Val_int (0) ? NULL : gfs_ml_str (c, Field (v, 0));
}

char *const *
gfs_ml_list (struct gfs_ml_call *c, value v)
{
  mlsize_t n = Wosize_val (v), i;
  const char **list = room (c, (n + 1) * sizeof *list);

  for (i = 0; i < n; i++)
    list[i] = gfs_ml_str (c, Field (v, i));
  list[n] = NULL;
  return (char *const *) list;
}

static value
some (value v)
{
  CAMLparam1 (v);
  value result = caml_alloc_small (1, 0);

  Field (result, 0) = v;
  CAMLreturn (result);
}

value
gfs_ml_from_opt_str (const char *s)
{
  return s ? some (caml_copy_string (s)) : Val_int (0);
}

value
gfs_ml_from_str (char *s)
{
  value v = caml_copy_string (s);

  free (s);
  return v;
}

static void
free_strings (char **list)
{
  char **p;

  for (p = list; *p; p++)
    free (*p);
  free (list);
}

value
gfs_ml_from_list (char **list)
{
  value v = caml_copy_string_array ((const char **) list);

  free_strings (list);
  return v;
}

value
gfs_ml_from_hash (char **pairs)
{
  CAMLparam0 ();
  CAMLlocal4 (list, cell, pair, text);
  size_t n = 0;

  while (pairs[n] && pairs[n + 1])
    n += 2;
  list = Val_int (0);
  /* From the end, so that the list is in the order of the result. */
  for (; n > 0; n -= 2) {
    pair = caml_alloc_tuple (2);
    text = caml_copy_string (pairs[n - 2]);
    Store_field (pair, 0, text);
    text = caml_copy_string (pairs[n - 1]);
    Store_field (pair, 1, text);
    cell = caml_alloc (2, 0);
    Store_field (cell, 0, pair);
    Store_field (cell, 1, list);
    list = cell;
  }
  free_strings (pairs);
  CAMLreturn (list);
}

value
gfs_ml_from_buffer (char *bytes, size_t size)
{
  value v = caml_alloc_initialized_string (size, bytes);

  free (bytes);
  return v;
}

static value
field (const struct gfs_ml_field *f, const char *s)
{
  const char *p = s + f->offset;

  switch (f->type) {
  case GFS_CHAR:
    return Val_int ((unsigned char) *p);
  case GFS_STR:
    return caml_copy_string (*(char *const *) (const void *) p);
  case GFS_BUFFER:
    return caml_alloc_initialized_string (*(const uint32_t *) (const void *) (s + f->len_offset),
                                          *(char *const *) (const void *) p);
  case GFS_I32:
  case GFS_U32:
    return caml_copy_int32 (*(const int32_t *) (const void *) p);
  case GFS_I64:
  case GFS_U64:
    return caml_copy_int64 (*(const int64_t *) (const void *) p);
  case GFS_UUID:
    return caml_alloc_initialized_string (32, p);
  case GFS_PERCENT: {
    float percent = *(const float *) (const void *) p;

    return percent >= 0 ? some (caml_copy_double (percent)) : Val_int (0);
  }
  case GFS_END:
    break;
  }
  return Val_int (0);
}

value
gfs_ml_from_struct (const struct gfs_ml_field *fields, const void *s)
{
  CAMLparam0 ();
  CAMLlocal2 (record, v);
  mlsize_t n = 0, i;

  while (fields[n].type != GFS_END)
    n++;
  record = caml_alloc (n, 0);
  for (i = 0; i < n; i++) {
    v = field (&fields[i], s);
    Store_field (record, i, v);
  }
  CAMLreturn (record);
}

value
gfs_ml_from_structs (const struct gfs_ml_field *fields, size_t size, const void *val, uint32_t len)
{
  CAMLparam0 ();
  CAMLlocal2 (array, v);
  uint32_t i;

  array = caml_alloc (len, 0);
  for (i = 0; i < len; i++) {
    v = gfs_ml_from_struct (fields, (const char *) val + i * size);
    Store_field (array, i, v);
  }
  CAMLreturn (array);
}
