/* session.c: sessions, their events as signals, errors.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gobject_guestfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the library prints itself unless somebody is told: it is asked for these only while somebody listens. */
#define PRINTED (GUESTFS_EVENT_APPLIANCE | GUESTFS_EVENT_LIBRARY | GUESTFS_EVENT_TRACE | GUESTFS_EVENT_WARNING)

struct _GuestfsSessionPrivate {
  struct glue_handle *handle;
  int why_none;                 /* errno, where no handle could be made */
  GMutex lock;                  /* of what follows */
  guint64 listening;            /* of those that are printed */
  int callback;
};

G_DEFINE_TYPE_WITH_PRIVATE (GuestfsSession, guestfs_session, G_TYPE_OBJECT)

static guint signals[16];
/* The program ends: languages that listen may be gone. */
static gboolean ending;

GQuark
guestfs_error_quark (void)
{
  return g_quark_from_static_string ("guestfs");
}

static GType
enumeration (gsize *type, const char *name, const GEnumValue *values)
{
  if (g_once_init_enter (type))
    g_once_init_leave (type, g_enum_register_static (name, values));
  return *type;
}

GType
guestfs_session_event_get_type (void)
{
  static gsize type;
  return enumeration (&type, "GuestfsSessionEvent", session_events);
}

GType
guestfs_tristate_get_type (void)
{
  static const GEnumValue values[] = {
    { GUESTFS_TRISTATE_FALSE, "GUESTFS_TRISTATE_FALSE", "false" },
    { GUESTFS_TRISTATE_TRUE, "GUESTFS_TRISTATE_TRUE", "true" },
    { GUESTFS_TRISTATE_NONE, "GUESTFS_TRISTATE_NONE", "none" },
    { 0, NULL, NULL }
  };
  static gsize type;
  return enumeration (&type, "GuestfsTristate", values);
}

/* The text does not change: copies share it. */
static gpointer
copy_params (gpointer data)
{
  GuestfsSessionEventParams *copy = g_memdup2 (data, sizeof *copy);

  if (copy->buf)
    g_byte_array_ref (copy->buf);
  return copy;
}

static void
free_params (gpointer data)
{
  GuestfsSessionEventParams *params = data;

  if (params->buf)
    g_byte_array_unref (params->buf);
  g_free (params);
}

GType
guestfs_session_event_params_get_type (void)
{
  static gsize type;
  return boxed_type (&type, "GuestfsSessionEventParams", copy_params, free_params);
}

static void
event (void *function, const struct glue_event *e)
{
  GuestfsSession *session = function;
  gint n = g_bit_nth_lsf ((gulong) e->event, -1);
  GuestfsSessionEventParams params = { .event = (GuestfsSessionEvent) n, .flags = (guint) e->flags };

  if (ending || !g_signal_has_handler_pending (session, signals[n], 0, TRUE))
    return;
  params.buf = g_byte_array_sized_new ((guint) e->size + 1);
  g_byte_array_append (params.buf, (const guint8 *) (e->text ? e->text : ""), e->text ? (guint) e->size : 0);
  g_byte_array_append (params.buf, (const guint8 *) "", 1);
  g_byte_array_set_size (params.buf, params.buf->len - 1);
  params.array_len = MIN (e->array_len, G_N_ELEMENTS (params.array));
  if (params.array_len > 0)
    memcpy (params.array, e->array, params.array_len * sizeof params.array[0]);
  g_signal_emit (session, signals[n], 0, &params);
  g_byte_array_unref (params.buf);
}

static void
unlocked (struct glue_frame *f G_GNUC_UNUSED, void (*fn) (void *arg), void *arg)
{
  fn (arg);
}

/* A session is not kept by its own callbacks. */
static void
forget (void *function G_GNUC_UNUSED)
{
}

const struct glue_language glue_language = { unlocked, event, forget };

void
session_listen (GuestfsSession *session, struct glue_frame *f)
{
  GuestfsSessionPrivate *priv = session->priv;
  guint64 wanted = 0;
  size_t i;

  for (i = 0; i < glue_nr_events; i++)
    if (glue_events[i].bit & PRINTED && g_signal_has_handler_pending (session, signals[i], 0, TRUE))
      wanted |= glue_events[i].bit;
  /* Another thread that is here may be waiting for this one's call to end. */
  if (!g_mutex_trylock (&priv->lock))
    return;
  if (wanted != priv->listening) {
    if (priv->listening)
      glue_delete_event_callback (f, priv->callback);
    priv->listening = wanted;
    if (wanted && (priv->callback = glue_set_event_callback (f, wanted, session)) == -1)
      priv->listening = 0;
  }
  g_mutex_unlock (&priv->lock);
}

struct glue_handle *
session_handle (GuestfsSession *session)
{
  return session->priv->handle;
}

void
session_set_closed (GuestfsSession *session, const char *call, GError **err)
{
  if (session->priv->handle)
    g_set_error (err, GUESTFS_ERROR, EBADF, "attempt to call %s after the session has been closed", call);
  else
    g_set_error (err, GUESTFS_ERROR, session->priv->why_none, "%s: no handle could be made: %s", call,
                 g_strerror (session->priv->why_none));
}

void
session_set_error (struct glue_frame *f, GCancellable *cancellable, GError **err)
{
  /* Names of files in it need not be UTF-8, which the text of an error has to be. */
  gchar *text = g_utf8_make_valid (glue_error (f), -1);
  int code = glue_errno (f);

  if (code == EINTR && g_cancellable_is_cancelled (cancellable))
    g_set_error_literal (err, G_IO_ERROR, G_IO_ERROR_CANCELLED, text);
  else
    g_set_error_literal (err, GUESTFS_ERROR, code, text);
  g_free (text);
}

gboolean
guestfs_session_close (GuestfsSession *session, GError **err)
{
  g_return_val_if_fail (GUESTFS_IS_SESSION (session), FALSE);
  if (session->priv->handle == NULL || !glue_is_open (session->priv->handle)) {
    session_set_closed (session, "close", err);
    return FALSE;
  }
  g_object_ref (session);
  glue_close (session->priv->handle);
  g_object_unref (session);
  return TRUE;
}

GuestfsSession *
guestfs_session_new (void)
{
  return g_object_new (GUESTFS_TYPE_SESSION, NULL);
}

static void
guestfs_session_init (GuestfsSession *session)
{
  GuestfsSessionPrivate *priv = session->priv = guestfs_session_get_instance_private (session);
  struct glue_frame f;

  g_mutex_init (&priv->lock);
  priv->handle = glue_create (0);
  if (priv->handle == NULL) {
    priv->why_none = errno;
    return;
  }
  priv->handle->owner = session;
  if (glue_begin (&f, priv->handle, NULL) == 0) {
    glue_set_event_callback (&f, GUESTFS_EVENT_ALL & ~(guint64) PRINTED, session);
    glue_end (&f);
  }
}

/* Here and not in finalize: whoever listens is still told that it is closed. */
static void
dispose (GObject *object)
{
  GuestfsSession *session = GUESTFS_SESSION (object);

  if (session->priv->handle)
    glue_close (session->priv->handle);
  G_OBJECT_CLASS (guestfs_session_parent_class)->dispose (object);
}

static void
finalize (GObject *object)
{
  GuestfsSession *session = GUESTFS_SESSION (object);

  if (session->priv->handle)
    glue_free (session->priv->handle);
  g_mutex_clear (&session->priv->lock);
  G_OBJECT_CLASS (guestfs_session_parent_class)->finalize (object);
}

static void
at_end (void)
{
  ending = TRUE;
  glue_close_all ();
}

static void
guestfs_session_class_init (GuestfsSessionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GEnumValue *e;

  object_class->dispose = dispose;
  object_class->finalize = finalize;
  for (e = session_events; e->value_name; e++)
    signals[e->value] = g_signal_new (e->value_nick, GUESTFS_TYPE_SESSION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                      G_TYPE_NONE, 1, GUESTFS_TYPE_SESSION_EVENT_PARAMS);
  atexit (at_end);
}
