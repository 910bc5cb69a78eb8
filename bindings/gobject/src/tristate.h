/* tristate.h: truth that need not be given, and the domain of errors.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Before the guard: it includes this, in its turn. */
#include <guestfs-gobject.h>

#ifndef GUESTFS_GOBJECT_TRISTATE_H__
#define GUESTFS_GOBJECT_TRISTATE_H__

G_BEGIN_DECLS

/**
 * GuestfsTristate:
 * @GUESTFS_TRISTATE_FALSE: false
 * @GUESTFS_TRISTATE_TRUE: true
 * @GUESTFS_TRISTATE_NONE: not given
 *
 * The value of an option that is true or false.
 */
typedef enum {
  GUESTFS_TRISTATE_FALSE,
  GUESTFS_TRISTATE_TRUE,
  GUESTFS_TRISTATE_NONE
} GuestfsTristate;

#define GUESTFS_TYPE_TRISTATE (guestfs_tristate_get_type ())
GType guestfs_tristate_get_type (void);

/* The domain of errors of calls. Their code is the errno of what failed, or 0 where there is none. Introspection knows
 * domains only by an enumeration of their codes: there it is GLib.quark_from_string ("guestfs"). */
#ifndef __GI_SCANNER__
#define GUESTFS_ERROR (guestfs_error_quark ())
GQuark guestfs_error_quark (void);
#endif

G_END_DECLS

#endif /* GUESTFS_GOBJECT_TRISTATE_H__ */
