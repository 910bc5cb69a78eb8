/* events.c: event callbacks in OCaml, and what glue wants to know of the language.
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

struct function {
  value closure;                /* a generational global root */
};

/* Constructors of type Guestfs.event are the classes in the order of bits. */
static uint64_t
mask_of (value list)
{
  uint64_t mask = 0;

  for (; list != Val_int (0); list = Field (list, 1)) {
    size_t i = (size_t) Int_val (Field (list, 0));

    if (i < glue_nr_events)
      mask |= glue_events[i].bit;
  }
  return mask;
}

/* With the runtime held. */
static void
run (struct function *function, size_t class, const struct glue_event *e)
{
  CAMLparam0 ();
  CAMLlocal4 (text, numbers, n, result);
  value args[4];
  size_t i;

  text = caml_alloc_initialized_string (e->text ? e->size : 0, e->text ? e->text : "");
  numbers = caml_alloc (e->array_len, 0);
  for (i = 0; i < e->array_len; i++) {
    n = caml_copy_int64 ((int64_t) e->array[i]);
    Store_field (numbers, i, n);
  }
  args[0] = Val_int (class);
  args[1] = Val_int (e->id);
  args[2] = text;
  args[3] = numbers;
  result = caml_callbackN_exn (function->closure, 4, args);
  if (Is_exception_result (result)) {
    char *what = caml_format_exception (Extract_exception (result));

    fprintf (stderr, "libguestfs: uncaught OCaml exception in event callback: %s\n", what ? what : "?");
    caml_stat_free (what);
  }
  CAMLreturn0;
}

static void
event (void *function, const struct glue_event *e)
{
  size_t i = 0;

  while (i < glue_nr_events && glue_events[i].bit != e->event)
    i++;
  if (i == glue_nr_events || gfs_ml_finalizing)
    return;                     /* a class newer than this binding; or too late */
  caml_leave_blocking_section ();
  run (function, i, e);
  caml_enter_blocking_section_no_pending ();
}

static void
forget (void *arg)
{
  struct function *function = arg;

  caml_remove_generational_global_root (&function->closure);
  free (function);
}

/* Any call can wait for another thread that wants the runtime in a callback. Pending signals wait until the result is
 * OCaml's, because their handlers may raise. */
static void
unlocked (struct glue_frame *f, void (*fn) (void *arg), void *arg)
{
  if (gfs_ml_finalizing) {
    fn (arg);
    return;
  }
  if (f)
    glue_watch (f, 1);
  caml_enter_blocking_section_no_pending ();
  fn (arg);
  caml_leave_blocking_section ();
  if (f)
    glue_unwatch (f);
}

const struct glue_language glue_language = { unlocked, event, forget };

CAMLprim value
gfs_ml_set_event_callback (value v, value closure, value events)
{
  CAMLparam3 (v, closure, events);
  struct glue_frame f;
  struct function *function;
  uint64_t mask = mask_of (events);
  int id;

  gfs_ml_begin (&f, v, "set_event_callback");
  function = malloc (sizeof *function);
  if (function == NULL) {
    glue_end (&f);
    caml_raise_out_of_memory ();
  }
  function->closure = closure;
  caml_register_generational_global_root (&function->closure);
  id = glue_set_event_callback (&f, mask, function);
  if (id == -1)
    gfs_ml_raise (&f);
  glue_end (&f);
  CAMLreturn (Val_int (id));
}

CAMLprim value
gfs_ml_delete_event_callback (value v, value id)
{
  CAMLparam2 (v, id);
  struct glue_frame f;

  gfs_ml_begin (&f, v, "delete_event_callback");
  glue_delete_event_callback (&f, Int_val (id));
  glue_end (&f);
  CAMLreturn (Val_unit);
}

CAMLprim value
gfs_ml_event_to_string (value events)
{
  CAMLparam1 (events);
  CAMLlocal1 (text);
  char *names = guestfs_event_to_string (mask_of (events));

  if (names == NULL)
    caml_raise_out_of_memory ();
  text = caml_copy_string (names);
  free (names);
  CAMLreturn (text);
}
