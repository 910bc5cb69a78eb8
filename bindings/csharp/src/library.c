/* library.c: handles, callbacks, and the end of the program.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "csharp.h"

#include <errno.h>
#include <unistd.h>

typedef void (*event_function) (void *callback, uint64_t event, int32_t id, const char *text, int64_t size,
                                const uint64_t *array, int64_t n);
typedef void (*forget_function) (void *callback);

/* NULL once the program ends: nothing of the runtime can be called then. */
static event_function volatile on_event;
static forget_function volatile on_forget;
static volatile int ended;
/* Of this thread, which does not wait for a call that it is in itself. */
static __thread unsigned in_callback;

/* Whether a call may wait, so that it is worth cancelling. */
EXPORT int32_t
guestfs_csharp_waits (const char *name)
{
  const struct glue_call *call = glue_find (name);

  return call && (call->flags & GLUE_BLOCKS) != 0;
}

EXPORT struct glue_handle *
guestfs_csharp_create (uint32_t flags, int32_t *code)
{
  struct glue_handle *h = glue_create (flags);

  *code = h ? 0 : errno;
  return h;
}

EXPORT void
guestfs_csharp_close (struct glue_handle *h)
{
  glue_close (h);
}

/* For the finalizer, which may also run when the program has ended. */
EXPORT void
guestfs_csharp_free (struct glue_handle *h)
{
  if (!ended)
    glue_free (h);
}

EXPORT void
guestfs_csharp_cancel (struct glue_handle *h)
{
  glue_cancel (h);
}

EXPORT char *
guestfs_csharp_event_to_string (uint64_t events)
{
  return guestfs_event_to_string (events);
}

EXPORT void
guestfs_csharp_set_event_callback (struct glue_handle *h, uint64_t events, void *callback, struct answer *a)
{
  struct glue_frame f;
  int id;

  if (glue_begin (&f, h, NULL) == -1) {
    a->status = CLOSED;
    return;
  }
  id = glue_set_event_callback (&f, events, callback);
  a->status = id == -1 ? csharp_failed (&f, a) : DONE;
  a->number = id;
  glue_end (&f);
}

EXPORT void
guestfs_csharp_delete_event_callback (struct glue_handle *h, int32_t id, struct answer *a)
{
  struct glue_frame f;

  if (glue_begin (&f, h, NULL) == -1) {
    a->status = CLOSED;
    return;
  }
  glue_delete_event_callback (&f, id);
  glue_end (&f);
}

EXPORT void
guestfs_csharp_start (event_function event, forget_function forget)
{
  on_event = event;
  on_forget = forget;
}

/* The program ends, perhaps with calls in other threads, which the runtime would wait for: they are cancelled. Then what
 * is open is closed, while its callbacks can still be told. */
EXPORT void
guestfs_csharp_end (void)
{
  int tenths;

  for (tenths = 0; tenths < 100 && in_callback == 0 && glue_cancel_all () > 0; tenths++)
    usleep (100 * 1000);
  glue_close_all ();
  ended = 1;
  on_event = NULL;
  on_forget = NULL;
}

/* What glue wants to know of the language. Other threads of C# run while one is in C. */

static void
unlocked (struct glue_frame *f, void (*fn) (void *arg), void *arg)
{
  (void) f;
  fn (arg);
}

static void
event (void *callback, const struct glue_event *e)
{
  event_function function = on_event;

  if (function == NULL)
    return;
  in_callback++;
  function (callback, e->event, e->id, e->text, (int64_t) e->size, e->array, (int64_t) e->array_len);
  in_callback--;
}

static void
forget (void *callback)
{
  forget_function function = on_forget;

  if (function)
    function (callback);
}

const struct glue_language glue_language = { unlocked, event, forget };
