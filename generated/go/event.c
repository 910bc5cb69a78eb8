/* event.c: callbacks.
 *
 * In: events, on whatever thread they happen. Out: calls of the language. A callback that is deleted is kept until no
 * thread is inside it, and its record until the handle is closed: the library may be on its way to it.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "glue.h"

#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

struct glue_callback {
  struct glue_handle *handle;
  void *function;               /* NULL once forgotten */
  int id;
  unsigned inside;              /* threads */
  int deleted;
  struct glue_callback *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
take (void)
{
  pthread_mutex_lock (&lock);
}

static void
release (void)
{
  pthread_mutex_unlock (&lock);
}

/* A forked child has one thread: none would release what another had taken, outside the language's own lock. */
__attribute__ ((__constructor__)) static void
forks (void)
{
  pthread_atfork (take, release, release);
}

static void
deliver (guestfs_h *g, void *opaque, uint64_t event, int id, int flags, const char *buf, size_t buf_len,
         const uint64_t *array, size_t array_len)
{
  struct glue_callback *cb = opaque;
  struct glue_event e = {
    .handle = cb->handle, .event = event, .id = id, .flags = flags, .text = buf, .size = buf_len,
    .array = array, .array_len = array_len, .g = g
  };
  void *function;

  pthread_mutex_lock (&lock);
  /* An event that was on its way to a callback that has been deleted is none for its successor. */
  function = cb->deleted || (cb->id != -1 && cb->id != id) ? NULL : cb->function;
  cb->inside++;
  pthread_mutex_unlock (&lock);
  if (function)
    glue_language.event (function, &e);
  pthread_mutex_lock (&lock);
  cb->inside--;
  pthread_mutex_unlock (&lock);
}

struct setting {
  struct glue_callback *cb;
  guestfs_h *g;
  uint64_t events;
  int id;
};

static void
set (void *arg)
{
  struct setting *s = arg;

  s->id = guestfs_set_event_callback (s->g, deliver, s->events, 0, s->cb);
}

int
glue_set_event_callback (struct glue_frame *f, uint64_t events, void *function)
{
  struct glue_callback *cb;
  struct setting s = { .g = f->g, .events = events };

  pthread_mutex_lock (&lock);
  /* One that is deleted and forgotten serves again: a program may set and delete as often as it likes. */
  for (cb = f->handle->callbacks; cb; cb = cb->next)
    if (cb->deleted && cb->function == NULL && cb->inside == 0)
      break;
  if (cb == NULL && (cb = calloc (1, sizeof *cb))) {
    cb->handle = f->handle;
    cb->next = f->handle->callbacks;
    f->handle->callbacks = cb;
  }
  if (cb) {
    cb->function = function;
    cb->id = -1;
    cb->deleted = 0;
  }
  pthread_mutex_unlock (&lock);
  if (cb == NULL)
    return -1;
  s.cb = cb;
  glue_language.unlocked (f, set, &s);
  pthread_mutex_lock (&lock);
  cb->id = s.id;
  if (s.id == -1)
    cb->deleted = 1;
  pthread_mutex_unlock (&lock);
  return s.id;
}

static void
unset (void *arg)
{
  struct setting *s = arg;

  guestfs_delete_event_callback (s->g, s->id);
}

void
glue_delete_event_callback (struct glue_frame *f, int id)
{
  struct glue_callback *cb;
  struct setting s = { .g = f->g, .id = id };
  int known = 0;

  pthread_mutex_lock (&lock);
  for (cb = f->handle->callbacks; cb; cb = cb->next)
    if (cb->id == id && id != -1 && !cb->deleted)
      known = cb->deleted = 1;
  pthread_mutex_unlock (&lock);
  if (known)
    glue_language.unlocked (f, unset, &s);
}

/* Forget the functions of deleted callbacks that nobody is in, or, of a closed handle, all callbacks. */
void
glue_sweep_callbacks (struct glue_handle *h, int all)
{
  for (;;) {
    struct glue_callback *cb;
    void *function = NULL;

    pthread_mutex_lock (&lock);
    for (cb = h->callbacks; cb && function == NULL; cb = cb->next)
      if (cb->function && (all || (cb->deleted && cb->inside == 0))) {
        function = cb->function;
        cb->function = NULL;
      }
    pthread_mutex_unlock (&lock);
    if (function == NULL)
      break;
    glue_language.forget (function);
  }
  while (all && h->callbacks) {
    struct glue_callback *cb = h->callbacks;

    h->callbacks = cb->next;
    free (cb);
  }
}

uint64_t
glue_event_bit (const char *name)
{
  size_t i;

  for (i = 0; i < glue_nr_events; i++)
    if (strcasecmp (name, glue_events[i].name) == 0)
      return glue_events[i].bit;
  return 0;
}
