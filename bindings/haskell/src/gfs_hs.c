/* gfs_hs.c: what Haskell calls: handles, one entry for all calls, events.
 *
 * In: the number of a call and its values as an array. Out: a reply, whose items lie side by side for Haskell to read
 * (Guestfs/Call.hs has the offsets) until gfs_hs_end.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "glue.h"

#include <HsFFI.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct item {
  const char *bytes;            /* NULL when it is absent */
  size_t size;
  int64_t n;
  double number;
};

struct reply {
  int64_t code;                 /* errno of a call that failed */
  const char *error;            /* NULL when it did not */
  size_t count;
  const struct item *items;
  int begun;
  int running;                  /* the library has the call */
  struct reply *next;           /* of those that are begun */
  char text[128];
  struct glue_frame f;
};

_Static_assert (sizeof (union glue_value) == 16 && sizeof (struct item) == 32, "as in Guestfs/Call.hs");

/* Of Guestfs/Handle.hs. */
extern void gfs_hs_event (HsStablePtr function, HsWord64 event, HsInt32 id, const char *text, HsWord64 size,
                          const uint64_t *array, HsWord64 n);
extern void gfs_hs_forget (HsStablePtr function);

/* What is in progress when the program ends: Haskell does not come back to it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct reply *replies;
static unsigned closing;
static volatile int ended;

/* The run time has ended: nothing of it can be called, nor returned to. */
static void
stay (void)
{
  pthread_mutex_unlock (&lock);
  for (;;)
    pause ();
}

static void
forget_reply (struct reply *r)
{
  struct reply **at;

  for (at = &replies; *at; at = &(*at)->next)
    if (*at == r) {
      *at = r->next;
      break;
    }
}

/* Cancel what runs; end what Haskell would have ended. Others are left to their threads. */
static int
cancel_all (void)
{
  struct reply *r, *next;
  int left;

  pthread_mutex_lock (&lock);
  left = closing > 0;
  for (r = replies; r; r = next) {
    next = r->next;
    if (!r->f.handle->close_on_exit)
      continue;
    if (r->running) {
      glue_cancel (r->f.handle);
      left = 1;
    }
    else {
      forget_reply (r);
      glue_end (&r->f);
    }
  }
  pthread_mutex_unlock (&lock);
  return left;
}

/* A finalizer of C, which the run time calls when nothing else of it runs any more, also when a signal is to end the
 * program: an exit handler would not be called then. Calls are ended, which takes some seconds at worst, and what is
 * open is closed. */
void
gfs_hs_ended (void *nothing)
{
  int i;

  (void) nothing;
  pthread_mutex_lock (&lock);
  ended = 1;
  pthread_mutex_unlock (&lock);
  for (i = 0; i < 3000 && cancel_all (); i++)
    usleep (10000);
  glue_close_all ();
}

static void
close_or_free (struct glue_handle *h, void (*how) (struct glue_handle *h))
{
  pthread_mutex_lock (&lock);
  if (ended)
    stay ();
  closing++;
  pthread_mutex_unlock (&lock);
  how (h);
  pthread_mutex_lock (&lock);
  closing--;
  if (ended)
    stay ();
  pthread_mutex_unlock (&lock);
}

void
gfs_hs_close (struct glue_handle *h)
{
  close_or_free (h, glue_close);
}

void
gfs_hs_free (struct glue_handle *h)
{
  close_or_free (h, glue_free);
}

const char *
gfs_hs_name (unsigned index)
{
  return glue_calls[index].name;
}

int
gfs_hs_blocks (unsigned index)
{
  return (glue_calls[index].flags & GLUE_BLOCKS) != 0;
}

const char *
gfs_hs_param (unsigned index, unsigned i)
{
  return glue_calls[index].params[i].name;
}

static void
put (struct item *to, struct glue_item from)
{
  to->bytes = from.bytes;
  to->size = from.size;
  to->n = from.type == GLUE_UNSIGNED ? (int64_t) from.u : from.n;
  to->number = from.type == GLUE_FLOAT ? from.number : -1;
}

static void
no_memory (struct reply *r)
{
  r->error = "out of memory";
  r->code = ENOMEM;
}

static void
lay_out (struct reply *r)
{
  const struct glue_frame *f = &r->f;
  const struct glue_struct *s = f->call->structure;
  enum glue_form form = glue_form (f->call);
  size_t n = form == GLUE_NOTHING ? 0 : glue_count (f), i, j;
  size_t width = form == GLUE_PAIRS ? 2 : form == GLUE_RECORD || form == GLUE_RECORDS ? s->nr_fields : 1;
  struct item *at = glue_room (&r->f, (n * width + 1) * sizeof *at);

  r->count = n;
  r->items = at;
  if (at == NULL) {
    no_memory (r);
    return;
  }
  for (i = 0; i < n; i++) {
    struct glue_item key, value;

    switch (form) {
    case GLUE_ONE: put (at++, glue_one (f)); break;
    case GLUE_LIST: put (at++, glue_at (f, i)); break;
    case GLUE_PAIRS:
      glue_pair (f, i, &key, &value);
      put (at++, key);
      put (at++, value);
      break;
    case GLUE_RECORD: case GLUE_RECORDS:
      for (j = 0; j < width; j++)
        put (at++, glue_field (&s->fields[j], glue_record (f, i)));
      break;
    case GLUE_NOTHING: break;
    }
  }
}

static void
enter (struct reply *r)
{
  pthread_mutex_lock (&lock);
  r->running = !ended;
  r->next = replies;
  replies = r;
  if (ended)
    stay ();
  pthread_mutex_unlock (&lock);
}

static void
leave (struct reply *r)
{
  pthread_mutex_lock (&lock);
  r->running = 0;
  if (ended)
    stay ();
  pthread_mutex_unlock (&lock);
}

/* NULL when there is no memory for a reply. */
struct reply *
gfs_hs_call (struct glue_handle *h, unsigned index, const union glue_value *values, uint64_t mask)
{
  const struct glue_call *call = &glue_calls[index];
  struct reply *r = malloc (sizeof *r);
  int failed;

  if (r == NULL)
    return NULL;
  r->code = 0;
  r->error = NULL;
  r->count = 0;
  r->begun = glue_begin (&r->f, h, call) == 0;
  if (!r->begun) {
    snprintf (r->text, sizeof r->text, "%s: handle is closed", call->name);
    r->error = r->text;
    r->code = EBADF;
    return r;
  }
  memcpy (r->f.values, values, (call->nr_args + call->nr_opts) * sizeof *values);
  r->f.mask = mask;
  enter (r);
  failed = glue_run (&r->f);
  leave (r);
  if (failed == 0) {
    lay_out (r);
    return r;
  }
  r->code = glue_errno (&r->f);
  /* The library's text is this thread's: Haskell may read it in another. */
  r->error = glue_copy (&r->f, glue_error (&r->f), strlen (glue_error (&r->f)));
  if (r->error == NULL)
    no_memory (r);
  return r;
}

void
gfs_hs_end (struct reply *r)
{
  pthread_mutex_lock (&lock);
  if (ended)
    stay ();
  forget_reply (r);
  pthread_mutex_unlock (&lock);
  if (r->begun)
    glue_end (&r->f);
  free (r);
}

/* An id; -1 when there is no memory; -2 when the handle is closed. The function is forgotten unless it is -2. */
int
gfs_hs_set_event_callback (struct glue_handle *h, uint64_t events, HsStablePtr function)
{
  struct glue_frame f;
  int id;

  if (glue_begin (&f, h, NULL) == -1)
    return -2;
  id = glue_set_event_callback (&f, events, function);
  glue_end (&f);
  return id;
}

/* -2 when the handle is closed. */
int
gfs_hs_delete_event_callback (struct glue_handle *h, int id)
{
  struct glue_frame f;

  if (glue_begin (&f, h, NULL) == -1)
    return -2;
  glue_delete_event_callback (&f, id);
  glue_end (&f);
  return 0;
}

static void
event (void *function, const struct glue_event *e)
{
  if (!ended)
    gfs_hs_event (function, e->event, e->id, e->text, e->size, e->array, e->array_len);
}

static void
forget (void *function)
{
  if (!ended)
    gfs_hs_forget (function);
}

/* Haskell's other threads run while one is in C: the imports are safe ones. */
static void
unlocked (struct glue_frame *f, void (*fn) (void *arg), void *arg)
{
  (void) f;
  fn (arg);
}

const struct glue_language glue_language = { unlocked, event, forget };
