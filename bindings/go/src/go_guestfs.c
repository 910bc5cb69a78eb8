/* go_guestfs.c: between Go and the glue.
 *
 * In: numbers and bytes, which are Go's and stay where they are during a call. Out: numbers and bytes of C's, which Go
 * copies and frees.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "go_guestfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

/* Go's scheduler gives the processor to others by itself while C runs. */
static void
unlocked (struct glue_frame *f, void (*fn) (void *arg), void *arg)
{
  (void) f;
  fn (arg);
}

static void
event (void *function, const struct glue_event *e)
{
  guestfsGoEvent ((uintptr_t) e->handle->owner, (uintptr_t) function, e->event, e->id, (char *) e->text, e->size,
                  (uint64_t *) e->array, e->array_len);
}

/* FUNCTION is a number; Go's own table has the callback. */
static void
forget (void *function)
{
  (void) function;
}

const struct glue_language glue_language = { unlocked, event, forget };

struct glue_handle *
go_create (unsigned flags, uintptr_t owner)
{
  struct glue_handle *h = glue_create (flags);

  if (h)
    h->owner = (void *) owner;
  return h;
}

static struct go_reply
failure (const char *text, int errnum)
{
  char *copy = strdup (text);

  return (struct go_reply) { .failed = 1, .errnum = errnum, .bytes = copy, .size = copy ? strlen (copy) : 0 };
}

/* False when there is no memory. */
static int
take (struct glue_frame *f, unsigned i, int64_t number, int64_t size, const char *bytes)
{
  union glue_value *v = &f->values[i];
  const char *text = number < 0 ? NULL : bytes + number;
  char **list;
  int64_t n;

  switch (f->call->params[i].shape) {
  case GLUE_BOOL: case GLUE_INT: v->i = (int) number; break;
  case GLUE_INT64: v->n = number; break;
  case GLUE_POINTER: v->pointer = (void *) (intptr_t) number; break;
  case GLUE_STR: case GLUE_OPT_STR: v->s = text; break;
  case GLUE_BUFFER:
    v->buffer.bytes = text;
    v->buffer.size = (size_t) size;
    break;
  case GLUE_STR_LIST:
    list = glue_room (f, ((size_t) size + 1) * sizeof *list);
    if (list == NULL)
      return 0;
    for (n = 0; n < size; n++, text += strlen (text) + 1)
      list[n] = (char *) text;
    list[size] = NULL;
    v->list = list;
  }
  return 1;
}

/* Value I of a result, all of whose records stand one behind the other. */
static struct glue_item
item_at (const struct glue_frame *f, size_t i)
{
  struct glue_item key, value;
  size_t n;

  switch (glue_form (f->call)) {
  case GLUE_LIST: return glue_at (f, i);
  case GLUE_PAIRS:
    glue_pair (f, i / 2, &key, &value);
    return i % 2 ? value : key;
  case GLUE_RECORD: case GLUE_RECORDS:
    n = f->call->structure->nr_fields;
    return glue_field (&f->call->structure->fields[i % n], glue_record (f, i / n));
  default: return glue_one (f);
  }
}

static int
is_text (const struct glue_item *item)
{
  return item->type == GLUE_TEXT || item->type == GLUE_BYTES;
}

/* A percentage has the bits of a float; so has the one that is not there, which as a text is -1. */
static int64_t
number_of (const struct glue_item *item)
{
  float percent = (float) item->number;
  int32_t bits;

  switch (item->type) {
  case GLUE_TEXT: case GLUE_BYTES: return (int64_t) item->size;
  case GLUE_UNSIGNED: return (int64_t) item->u;
  case GLUE_FLOAT: memcpy (&bits, &percent, sizeof bits); return bits;
  case GLUE_ABSENT: return -1;
  default: return item->n;
  }
}

static struct go_reply
reply (struct glue_frame *f)
{
  enum glue_form form = glue_form (f->call);
  struct go_reply r = { .count = form == GLUE_NOTHING ? 0 : glue_count (f) };
  int whole = f->call->kind == GLUE_RESULT_STR || f->call->kind == GLUE_RESULT_BUFFER;
  size_t i, at = 0, each = form == GLUE_PAIRS ? 2 : 1;

  if (form == GLUE_RECORD || form == GLUE_RECORDS)
    each = f->call->structure->nr_fields;
  r.nr_numbers = r.count * each;
  r.numbers = calloc (r.nr_numbers + 1, sizeof *r.numbers);
  for (i = 0; r.numbers && i < r.nr_numbers; i++) {
    struct glue_item item = item_at (f, i);

    r.numbers[i] = number_of (&item);
    if (is_text (&item))
      r.size += item.size;
  }
  if (whole) {
    /* It may be large: Go copies it as it is. */
    r.bytes = f->result.s;
    f->has_result = 0;
  }
  else
    r.bytes = malloc (r.size + 1);
  if (r.numbers == NULL || r.bytes == NULL) {
    go_free (r);
    return failure ("out of memory", ENOMEM);
  }
  for (i = 0; !whole && i < r.nr_numbers; i++) {
    struct glue_item item = item_at (f, i);

    if (is_text (&item) && item.size > 0) {
      memcpy (r.bytes + at, item.bytes, item.size);
      at += item.size;
    }
  }
  return r;
}

struct go_reply
go_call (struct glue_handle *h, int index, const int64_t *numbers, const int64_t *sizes, const char *bytes,
         uint64_t mask)
{
  const struct glue_call *call = &glue_calls[index];
  struct glue_frame f;
  struct go_reply r;
  unsigned i;
  int taken = 1;

  if (glue_begin (&f, h, call) == -1)
    return failure ("handle is closed", 0);
  /* Debian's library has a handler for each thread, and Go's calls come from many. */
  if (!(call->flags & GLUE_ANY_TIME))
    guestfs_set_error_handler (f.g, NULL, NULL);
  for (i = 0; taken && i < call->nr_args + call->nr_opts; i++) {
    if (i >= call->nr_args) {
      if (!(mask & UINT64_C (1) << (i - call->nr_args)))
        continue;
      glue_give (&f, i - call->nr_args);
    }
    taken = take (&f, i, numbers[i], sizes[i], bytes);
  }
  if (!taken)
    r = failure ("out of memory", ENOMEM);
  else if (glue_run (&f) == -1)
    r = failure (glue_error (&f), glue_errno (&f));
  else
    r = reply (&f);
  glue_end (&f);
  return r;
}

int
go_close (struct glue_handle *h)
{
  int was_open = glue_is_open (h);

  glue_close (h);
  return was_open;
}

struct go_reply
go_set_event_callback (struct glue_handle *h, uint64_t events, uintptr_t function)
{
  struct go_reply r = { 0 };
  struct glue_frame f;
  int id;

  if (glue_begin (&f, h, NULL) == -1)
    return failure ("handle is closed", 0);
  id = glue_set_event_callback (&f, events, (void *) function);
  if (id == -1)
    r = failure (glue_error (&f), glue_errno (&f));
  else
    r.count = (size_t) id;
  glue_end (&f);
  return r;
}

int
go_delete_event_callback (struct glue_handle *h, int id)
{
  struct glue_frame f;

  if (glue_begin (&f, h, NULL) == -1)
    return 0;
  glue_delete_event_callback (&f, id);
  glue_end (&f);
  return 1;
}

void
go_free (struct go_reply r)
{
  free (r.numbers);
  free (r.bytes);
}
