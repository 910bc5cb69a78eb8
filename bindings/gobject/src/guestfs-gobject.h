/* guestfs-gobject.h: libguestfs for GObject, and through introspection for JavaScript, Vala, Python and others.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#ifndef GUESTFS_GOBJECT_H__
#define GUESTFS_GOBJECT_H__

#include <gio/gio.h>
#include <glib-object.h>

/* A class and its casts; GUESTFS_TYPE_NAME is beside each use of this. */
#define GUESTFS_GOBJECT_CLASS(Camel, name, NAME)                                                                \
  GType guestfs_##name##_get_type (void);                                                                       \
  typedef struct _Guestfs##Camel Guestfs##Camel;                                                                \
  typedef struct _Guestfs##Camel##Class Guestfs##Camel##Class;                                                  \
  typedef struct _Guestfs##Camel##Private Guestfs##Camel##Private;                                              \
  struct _Guestfs##Camel {                                                                                      \
    GObject parent;                                                                                             \
    Guestfs##Camel##Private *priv;                                                                              \
  };                                                                                                            \
  struct _Guestfs##Camel##Class {                                                                               \
    GObjectClass parent_class;                                                                                  \
  };                                                                                                            \
  G_DEFINE_AUTOPTR_CLEANUP_FUNC (Guestfs##Camel, g_object_unref)                                                \
  G_GNUC_UNUSED static inline Guestfs##Camel *GUESTFS_##NAME (gpointer object)                                  \
  { return G_TYPE_CHECK_INSTANCE_CAST (object, guestfs_##name##_get_type (), Guestfs##Camel); }                 \
  G_GNUC_UNUSED static inline gboolean GUESTFS_IS_##NAME (gpointer object)                                      \
  { return G_TYPE_CHECK_INSTANCE_TYPE (object, guestfs_##name##_get_type ()); }                                 \
  G_GNUC_UNUSED static inline Guestfs##Camel##Class *GUESTFS_##NAME##_CLASS (gpointer klass)                    \
  { return G_TYPE_CHECK_CLASS_CAST (klass, guestfs_##name##_get_type (), Guestfs##Camel##Class); }              \
  G_GNUC_UNUSED static inline gboolean GUESTFS_IS_##NAME##_CLASS (gpointer klass)                               \
  { return G_TYPE_CHECK_CLASS_TYPE (klass, guestfs_##name##_get_type ()); }                                     \
  G_GNUC_UNUSED static inline Guestfs##Camel##Class *GUESTFS_##NAME##_GET_CLASS (gpointer object)               \
  { return G_TYPE_INSTANCE_GET_CLASS (object, guestfs_##name##_get_type (), Guestfs##Camel##Class); }

#include <guestfs-gobject/tristate.h>
#include <guestfs-gobject/structs.h>
#include <guestfs-gobject/optargs.h>
#include <guestfs-gobject/session.h>

#endif /* GUESTFS_GOBJECT_H__ */
