/* gobject_guestfs.h: what the generated lines in calls.c stand on.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef GOBJECT_GUESTFS_H
#define GOBJECT_GUESTFS_H

#include "glue.h"

#include <guestfs-gobject.h>

/* Events: the values of their enumeration, whose nicks are the names of the signals. */
#define EVENT(NAME, NICK) { GUESTFS_SESSION_EVENT_##NAME, "GUESTFS_SESSION_EVENT_" #NAME, #NICK }
extern const GEnumValue session_events[];

/* structs.c: structs as boxed types. */

struct place {
  size_t at;
  enum glue_field_type type;
};

struct boxed {
  size_t size;
  size_t nr_fields;
  const struct place *fields;
};

#define AT(CLASS, FIELD, TYPE) { offsetof (Guestfs##CLASS, FIELD), GLUE_FIELD_##TYPE }
#define STRUCT(NAME, CLASS, ...)                                                                                \
  static const struct place fields_##NAME[] = { __VA_ARGS__ };                                                  \
  static const struct boxed boxed_##NAME = {                                                                    \
    sizeof (Guestfs##CLASS), G_N_ELEMENTS (fields_##NAME), fields_##NAME                                        \
  };                                                                                                            \
  static gpointer copy_##NAME (gpointer s) { return boxed_copy (&boxed_##NAME, s); }                            \
  static void free_##NAME (gpointer s) { boxed_free (&boxed_##NAME, s); }                                       \
  GType guestfs_##NAME##_get_type (void)                                                                        \
  { static gsize type; return boxed_type (&type, "Guestfs" #CLASS, copy_##NAME, free_##NAME); }

extern GType boxed_type (gsize *type, const char *name, GBoxedCopyFunc copy, GBoxedFreeFunc free);
extern gpointer boxed_copy (const struct boxed *boxed, gconstpointer s);
extern void boxed_free (const struct boxed *boxed, gpointer s);
/* Record I of what a call returned. */
extern gpointer boxed_record (const struct boxed *boxed, const struct glue_frame *f, size_t i);

/* optargs.c: options as the properties of an object. */

#define OPTIONS(CLASS, NAME, INDEX)                                                                             \
  GType guestfs_##NAME##_get_type (void)                                                                        \
  { static gsize type; return options_type (&type, "Guestfs" #CLASS, INDEX); }                                  \
  Guestfs##CLASS *guestfs_##NAME##_new (void) { return g_object_new (guestfs_##NAME##_get_type (), NULL); }

extern GType options_type (gsize *type, const char *name, unsigned index);
/* Give a call what is set of them, as copies. */
extern gboolean options_give (gpointer options, struct glue_frame *f, GError **err);

/* session.c */

/* The handle, or NULL when none could be made. */
extern struct glue_handle *session_handle (GuestfsSession *session);
/* Have the library tell of what somebody listens to. */
extern void session_listen (GuestfsSession *session, struct glue_frame *f);
extern void session_set_closed (GuestfsSession *session, const char *call, GError **err);
extern void session_set_error (struct glue_frame *f, GCancellable *cancellable, GError **err);

/* call.c: a call by its number. Its values follow, a buffer's with its size behind. */

#define RUN(KIND) run_##KIND (GuestfsSession *session, unsigned index, gpointer optargs, GCancellable *cancellable, \
                              GError **err
extern gboolean RUN (none), ...);
extern gint8 RUN (bool), ...);
extern gint32 RUN (int), ...);
extern gint64 RUN (int64), ...);
extern const gchar *RUN (const_str), ...);
extern const gchar *RUN (const_opt_str), ...);
extern gchar *RUN (str), ...);
extern gchar **RUN (str_list), ...);
extern GHashTable *RUN (hash), ...);
extern guint8 *RUN (buffer), gsize *size_r, ...);
extern gpointer RUN (struct), const struct boxed *boxed, ...);
extern gpointer RUN (struct_list), const struct boxed *boxed, ...);

/* cancel.c: while a call runs, a GCancellable that is cancelled cancels it. */

struct cancel {
  GCancellable *cancellable;    /* or NULL */
  struct glue_handle *handle;
  gulong id;
  GMutex lock;
  GCond changed;
  gboolean ended;
  GThread *thread;
};

extern void cancel_begin (struct cancel *c, GCancellable *cancellable, struct glue_handle *h);
extern void cancel_end (struct cancel *c);

#endif /* GOBJECT_GUESTFS_H */
