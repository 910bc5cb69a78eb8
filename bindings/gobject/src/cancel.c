/* cancel.c: a GCancellable that is cancelled cancels the call that looks at it.
 *
 * The library does not hear of a cancellation that comes between two calls, as this one may: between here and its
 * beginning, or while it waits for another thread's call. So a thread says it again until the call has ended. There is
 * one only once something is cancelled.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gobject_guestfs.h"

static gpointer
until_ended (gpointer data)
{
  struct cancel *c = data;

  g_mutex_lock (&c->lock);
  while (!c->ended) {
    glue_cancel (c->handle);
    g_cond_wait_until (&c->changed, &c->lock, g_get_monotonic_time () + G_TIME_SPAN_MILLISECOND * 100);
  }
  g_mutex_unlock (&c->lock);
  return NULL;
}

static void
cancelled (GCancellable *cancellable G_GNUC_UNUSED, gpointer data)
{
  struct cancel *c = data;

  g_mutex_lock (&c->lock);
  if (c->thread == NULL)
    c->thread = g_thread_try_new ("guestfs-cancel", until_ended, c, NULL);
  if (c->thread == NULL)
    glue_cancel (c->handle);
  g_mutex_unlock (&c->lock);
}

void
cancel_begin (struct cancel *c, GCancellable *cancellable, struct glue_handle *h)
{
  c->cancellable = cancellable;
  if (cancellable == NULL)
    return;
  g_object_ref (cancellable);
  c->handle = h;
  c->ended = FALSE;
  c->thread = NULL;
  g_mutex_init (&c->lock);
  g_cond_init (&c->changed);
  c->id = g_cancellable_connect (cancellable, G_CALLBACK (cancelled), c, NULL);
}

void
cancel_end (struct cancel *c)
{
  if (c->cancellable == NULL)
    return;
  g_cancellable_disconnect (c->cancellable, c->id);
  g_mutex_lock (&c->lock);
  c->ended = TRUE;
  g_cond_signal (&c->changed);
  g_mutex_unlock (&c->lock);
  if (c->thread)
    g_thread_join (c->thread);
  g_mutex_clear (&c->lock);
  g_cond_clear (&c->changed);
  g_object_unref (c->cancellable);
}
