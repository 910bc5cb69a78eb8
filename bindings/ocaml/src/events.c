/* events.c: event callbacks in OCaml.
 *
 * In: events, on the thread of the call that they belong to, with the runtime released. Out: calls of
 * OCaml functions. An exception cannot cross the C library: it is printed and forgotten.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gfs_ml.h"

#include <caml/printexc.h>
#include <stdio.h>
#include <stdlib.h>

/* Kept until the handle is closed: another thread may be inside it when it is deleted. */
struct gfs_ml_callback {
  int id;
  value function;               /* a generational global root */
  struct gfs_ml_callback *next;
};

static uint64_t
mask_of (value list)
{
  uint64_t mask = 0;

  for (; list != Val_int (0); list = Field (list, 1)) {
    size_t i = (size_t) Int_val (Field (list, 0));

    if (i < gfs_ml_nr_events)
      mask |= gfs_ml_events[i];
  }
  return mask;
}

static int
index_of (uint64_t event)
{
  size_t i;

  for (i = 0; i < gfs_ml_nr_events; i++)
    if (gfs_ml_events[i] == event)
      return (int) i;
  return -1;
}

/* With the runtime held. */
static void
run (struct gfs_ml_callback *cb, int event, int event_handle, const char *buf, size_t buf_len,
     const uint64_t *array, size_t array_len)
{
  CAMLparam0 ();
  CAMLlocal4 (text, numbers, n, result);
  value args[4];
  size_t i;

  text = caml_alloc_initialized_string (buf_len, buf ? buf : "");
  numbers = caml_alloc (array_len, 0);
  for (i = 0; i < array_len; i++) {
    n = caml_copy_int64 ((int64_t) array[i]);
    Store_field (numbers, i, n);
  }
  args[0] = Val_int (event);
  args[1] = Val_int (event_handle);
  args[2] = text;
  args[3] = numbers;
  result = caml_callbackN_exn (cb->function, 4, args);
  if (Is_exception_result (result)) {
    char *what = caml_format_exception (Extract_exception (result));

    fprintf (stderr, "libguestfs: uncaught OCaml exception in event callback: %s\n", what ? what : "?");
    caml_stat_free (what);
  }
  CAMLreturn0;
}

static void
deliver (guestfs_h *g, void *opaque, uint64_t event, int event_handle, int flags,
         const char *buf, size_t buf_len, const uint64_t *array, size_t array_len)
{
  int i = index_of (event);

  (void) g;
  (void) flags;
  if (i == -1)
    return;                     /* newer than this binding */
  caml_leave_blocking_section ();
  run (opaque, i, event_handle, buf, buf_len, array, array_len);
  caml_enter_blocking_section_no_pending ();
}

CAMLprim value
gfs_ml_set_event_callback (value v, value function, value events)
{
  CAMLparam3 (v, function, events);
  struct gfs_ml_call c;
  struct gfs_ml_callback *cb;
  uint64_t mask = mask_of (events);
  int id;

  gfs_ml_begin (&c, v, "set_event_callback");
  cb = malloc (sizeof *cb);
  if (cb == NULL) {
    gfs_ml_end (&c);
    caml_raise_out_of_memory ();
  }
  cb->id = -1;
  cb->function = function;
  caml_register_generational_global_root (&cb->function);
  cb->next = c.handle->callbacks;
  c.handle->callbacks = cb;
  GFS_ML_UNLOCKED (id = guestfs_set_event_callback (c.g, deliver, mask, 0, cb));
  cb->id = id;
  if (id == -1)
    gfs_ml_raise (&c);
  gfs_ml_end (&c);
  CAMLreturn (Val_int (id));
}

CAMLprim value
gfs_ml_delete_event_callback (value v, value id)
{
  CAMLparam2 (v, id);
  struct gfs_ml_call c;

  gfs_ml_begin (&c, v, "delete_event_callback");
  GFS_ML_UNLOCKED (guestfs_delete_event_callback (c.g, Int_val (id)));
  gfs_ml_end (&c);
  CAMLreturn (Val_unit);
}

CAMLprim value
gfs_ml_event_to_string (value events)
{
  CAMLparam1 (events);
  char *names = guestfs_event_to_string (mask_of (events));

  if (names == NULL)
    caml_raise_out_of_memory ();
  CAMLreturn (gfs_ml_from_str (names));
}

void
gfs_ml_free_callbacks (struct gfs_ml_callback *list)
{
  while (list) {
    struct gfs_ml_callback *cb = list;

    list = cb->next;
    caml_remove_generational_global_root (&cb->function);
    free (cb);
  }
}

/* For when no callback may run any more. */
void
gfs_ml_delete_callbacks (struct gfs_ml_handle *h)
{
  struct gfs_ml_callback *cb;

  for (cb = h->callbacks; cb; cb = cb->next)
    guestfs_delete_event_callback (h->g, cb->id);
  gfs_ml_free_callbacks (h->callbacks);
  h->callbacks = NULL;
}
