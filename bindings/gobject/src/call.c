/* call.c: calls by their numbers, with their values as variable arguments.
 *
 * In: what the generated functions hand on. Out: results that are the caller's, or a GError.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gobject_guestfs.h"

static void
take_values (struct glue_frame *f, va_list ap)
{
  unsigned i;

  for (i = 0; i < f->call->nr_args; i++) {
    union glue_value *value = &f->values[i];

    switch (f->call->params[i].shape) {
    case GLUE_BOOL: case GLUE_INT: value->i = va_arg (ap, int); break;
    case GLUE_INT64: value->n = va_arg (ap, gint64); break;
    case GLUE_STR: case GLUE_OPT_STR: value->s = va_arg (ap, const gchar *); break;
    case GLUE_STR_LIST: value->list = va_arg (ap, gchar *const *); break;
    case GLUE_BUFFER:
      value->buffer.bytes = va_arg (ap, const char *);
      value->buffer.size = va_arg (ap, gsize);
      /* Languages hand over nothing for no bytes. */
      if (value->buffer.bytes == NULL && value->buffer.size == 0)
        value->buffer.bytes = "";
      break;
    case GLUE_POINTER: value->pointer = va_arg (ap, gpointer); break;
    }
  }
}

static void
finish (struct glue_frame *f, GuestfsSession *session)
{
  glue_end (f);
  g_object_unref (session);
}

/* Call. Where it says true, there is a result in the frame, and `finish` is due. */
static gboolean
run (struct glue_frame *f, GuestfsSession *session, unsigned index, gpointer optargs, GCancellable *cancellable,
     GError **err, va_list ap)
{
  const struct glue_call *call = &glue_calls[index];
  struct glue_handle *h;
  struct cancel cancel;
  int failed;

  g_return_val_if_fail (GUESTFS_IS_SESSION (session), FALSE);
  g_return_val_if_fail (optargs == NULL || G_IS_OBJECT (optargs), FALSE);
  if (call->flags & GLUE_ANY_TIME)
    cancellable = NULL;
  else if (cancellable == NULL)
    cancellable = g_cancellable_get_current ();
  if (g_cancellable_set_error_if_cancelled (cancellable, err))
    return FALSE;
  h = session_handle (session);
  if (h == NULL || glue_begin (f, h, call) == -1) {
    session_set_closed (session, call->name, err);
    return FALSE;
  }
  /* A callback may drop what the caller holds. */
  g_object_ref (session);
  if (!(call->flags & GLUE_ANY_TIME))
    session_listen (session, f);
  take_values (f, ap);
  if (optargs && !options_give (optargs, f, err)) {
    finish (f, session);
    return FALSE;
  }
  cancel_begin (&cancel, cancellable, h);
  failed = glue_run (f) == -1;
  cancel_end (&cancel);
  if (failed) {
    session_set_error (f, cancellable, err);
    finish (f, session);
  }
  return !failed;
}

/* A function that returns FAILED, or VALUE, which is made from frame F. */
#define RESULT(TYPE, FAILED, VALUE)                                                                             \
  {                                                                                                             \
    struct glue_frame f;                                                                                        \
    TYPE result = FAILED;                                                                                       \
    va_list ap;                                                                                                 \
                                                                                                                \
    va_start (ap, LAST);                                                                                        \
    if (run (&f, session, index, optargs, cancellable, err, ap)) {                                              \
      result = VALUE;                                                                                           \
      finish (&f, session);                                                                                     \
    }                                                                                                           \
    va_end (ap);                                                                                                \
    return result;                                                                                              \
  }

/* What was allocated for the result is the caller's from now on. */
static gpointer
take (struct glue_frame *f)
{
  f->has_result = 0;
  return f->result.s;
}

static GHashTable *
table (const struct glue_frame *f)
{
  GHashTable *out = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  size_t i, n = glue_count (f);

  for (i = 0; i < n; i++) {
    struct glue_item key, value;

    glue_pair (f, i, &key, &value);
    g_hash_table_replace (out, g_strdup (key.bytes), g_strdup (value.bytes));
  }
  return out;
}

static gpointer
records (const struct glue_frame *f, const struct boxed *boxed)
{
  size_t i, n = glue_count (f);
  gpointer *out = g_new (gpointer, n + 1);

  for (i = 0; i < n; i++)
    out[i] = boxed_record (boxed, f, i);
  out[n] = NULL;
  return out;
}

#define LAST err
gboolean RUN (none), ...) RESULT (gboolean, FALSE, TRUE)
gint8 RUN (bool), ...) RESULT (gint8, -1, f.result.i != 0)
gint32 RUN (int), ...) RESULT (gint32, -1, f.result.i)
gint64 RUN (int64), ...) RESULT (gint64, -1, f.result.n)
const gchar *RUN (const_str), ...) RESULT (const gchar *, NULL, f.result.text)
const gchar *RUN (const_opt_str), ...) RESULT (const gchar *, NULL, f.result.text)
gchar *RUN (str), ...) RESULT (gchar *, NULL, take (&f))
gchar **RUN (str_list), ...) RESULT (gchar **, NULL, take (&f))
GHashTable *RUN (hash), ...) RESULT (GHashTable *, NULL, table (&f))
#undef LAST

#define LAST size_r
guint8 *RUN (buffer), gsize *size_r, ...) RESULT (guint8 *, (*size_r = 0, NULL), (*size_r = f.result.size, take (&f)))
#undef LAST

#define LAST boxed
gpointer RUN (struct), const struct boxed *boxed, ...) RESULT (gpointer, NULL, boxed_record (boxed, &f, 0))
gpointer RUN (struct_list), const struct boxed *boxed, ...) RESULT (gpointer, NULL, records (&f, boxed))
