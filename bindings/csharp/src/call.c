/* call.c: the one function that class Native calls (P/Invoke) for all calls.
 *
 * In: the name of a call, and values as tags and numbers beside one array of bytes. Out: an answer of a number and
 * a block of bytes that is the caller's, so that nothing of the library outlives the call.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "csharp.h"

#include <stdlib.h>
#include <string.h>

/* Bytes that grow. */
struct block {
  char *bytes;
  size_t size, room;
  int failed;
};

static void
put (struct block *b, const void *bytes, size_t size)
{
  if (b->failed)
    return;
  if (b->room - b->size < size) {
    size_t room = 2 * (b->size + size) + 64;
    char *larger = size > SIZE_MAX / 8 ? NULL : realloc (b->bytes, room);

    if (larger == NULL) {
      b->failed = 1;
      return;
    }
    b->bytes = larger;
    b->room = room;
  }
  if (size > 0)
    memcpy (b->bytes + b->size, bytes, size);
  b->size += size;
}

static void
put_number (struct block *b, int64_t n)
{
  put (b, &n, sizeof n);
}

/* As class Reader reads it: texts have their size before them. What is absent has the bits
 * of -1 as a float, which is no size either. */
static void
put_item (struct block *b, const struct glue_item *item)
{
  float percent = item->type == GLUE_FLOAT ? (float) item->number : -1;
  int32_t bits;

  switch (item->type) {
  case GLUE_TEXT: case GLUE_BYTES:
    put_number (b, (int64_t) item->size);
    put (b, item->bytes, item->size);
    break;
  case GLUE_UNSIGNED: put_number (b, (int64_t) item->u); break;
  case GLUE_TRUTH: case GLUE_NUMBER: case GLUE_CHAR: put_number (b, item->n); break;
  case GLUE_FLOAT: case GLUE_ABSENT:
    memcpy (&bits, &percent, sizeof bits);
    put_number (b, bits);
  }
}

static void
say (struct answer *a, const char *message)
{
  a->bytes = strdup (message);
  a->size = a->bytes ? (int64_t) strlen (a->bytes) : 0;
}

static char *const *
texts (struct glue_frame *f, const char *text, int64_t count)
{
  const char **list = glue_room (f, ((size_t) count + 1) * sizeof *list);
  int64_t i;

  for (i = 0; list && i < count; i++) {
    list[i] = text;
    text += strlen (text) + 1;
  }
  if (list)
    list[count] = NULL;
  return (char *const *) list;
}

/* One value as its shape wants it; it stays where it is, as the call's arrays do until it is over. */
static enum status
take (struct glue_frame *f, unsigned i, const struct value *from, const char *data)
{
  static const enum tag tags[] = { NUMBER, NUMBER, WIDE, TEXT, TEXT, TEXTS, BYTES, POINTER };
  enum glue_shape shape = f->call->params[i].shape;
  union glue_value *v = &f->values[i];

  if (from->tag == ABSENT) {
    v->s = NULL;
    return shape == GLUE_OPT_STR ? DONE : NULL_ARGUMENT;
  }
  if (from->tag != (int64_t) tags[shape])
    return MISMATCH;
  switch (shape) {
  case GLUE_BOOL: case GLUE_INT: v->i = (int) from->n; break;
  case GLUE_INT64: v->n = from->n; break;
  case GLUE_STR: case GLUE_OPT_STR: v->s = data + from->n; break;
  case GLUE_STR_LIST:
    v->list = texts (f, data + from->n, from->size);
    return v->list ? DONE : NO_MEMORY;
  case GLUE_BUFFER:
    v->buffer.bytes = data + from->n;
    v->buffer.size = (size_t) from->size;
    break;
  case GLUE_POINTER: v->pointer = (void *) (intptr_t) from->n;
  }
  return DONE;
}

static enum status
take_all (struct glue_frame *f, const struct value *values, int32_t count, const char *data, struct answer *a)
{
  unsigned i, n = f->call->nr_args;

  if (count < 0 || (unsigned) count != n + f->call->nr_opts)
    return MISMATCH;
  for (i = 0; i < (unsigned) count; i++) {
    enum status status;

    if (i >= n) {
      if (values[i].tag == ABSENT)
        continue;
      glue_give (f, i - n);
    }
    status = take (f, i, &values[i], data);
    if (status == NULL_ARGUMENT)
      say (a, f->call->params[i].name);
    if (status != DONE)
      return status;
  }
  return DONE;
}

/* What is one block already changes its owner. */
static void
one (struct glue_frame *f, struct block *b, struct answer *a)
{
  struct glue_item item = glue_one (f);

  if (item.type == GLUE_ABSENT)
    return;
  if (item.type != GLUE_TEXT && item.type != GLUE_BYTES)
    a->number = item.n;
  else if (f->has_result) {
    b->bytes = f->result.s;
    b->size = item.size;
    f->has_result = 0;
  }
  else {
    /* Also of an empty text there is a block. */
    put (b, item.bytes, item.size + 1);
    b->size = item.size;
  }
}

static enum status
result (struct glue_frame *f, struct answer *a)
{
  struct block b = { NULL, 0, 0, 0 };
  enum glue_form form = glue_form (f->call);
  size_t i, j, n;

  if (form == GLUE_NOTHING)
    return DONE;
  n = glue_count (f);
  if (form == GLUE_ONE)
    one (f, &b, a);
  else
    put_number (&b, (int64_t) n);
  for (i = 0; form != GLUE_ONE && i < n; i++) {
    struct glue_item item, key;

    switch (form) {
    case GLUE_LIST:
      item = glue_at (f, i);
      put_item (&b, &item);
      break;
    case GLUE_PAIRS:
      glue_pair (f, i, &key, &item);
      put_item (&b, &key);
      put_item (&b, &item);
      break;
    default:
      for (j = 0; j < f->call->structure->nr_fields; j++) {
        item = glue_field (&f->call->structure->fields[j], glue_record (f, i));
        put_item (&b, &item);
      }
    }
  }
  if (b.failed) {
    free (b.bytes);
    return NO_MEMORY;
  }
  a->bytes = b.bytes;
  a->size = (int64_t) b.size;
  return DONE;
}

enum status
csharp_failed (struct glue_frame *f, struct answer *a)
{
  say (a, glue_error (f));
  a->code = glue_errno (f);
  return FAILED;
}

EXPORT void
guestfs_csharp_call (struct glue_handle *h, const char *name, const struct value *values, int32_t count,
                     const char *data, struct answer *a)
{
  const struct glue_call *call = glue_find (name);
  struct glue_frame f;
  enum status status;

  if (call == NULL) {
    a->status = MISMATCH;
    return;
  }
  if (glue_begin (&f, h, call) == -1) {
    a->status = CLOSED;
    return;
  }
  status = take_all (&f, values, count, data, a);
  if (status == DONE)
    status = glue_run (&f) == -1 ? csharp_failed (&f, a) : result (&f, a);
  glue_end (&f);
  a->status = status;
}

EXPORT void
guestfs_csharp_release (void *bytes)
{
  free (bytes);
}
