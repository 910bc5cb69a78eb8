/* guestfs.c: what require "_guestfs" defines: module Guestfs.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "ruby_guestfs.h"

__attribute__ ((__visibility__ ("default"))) extern void Init__guestfs (void);

void
Init__guestfs (void)
{
  VALUE module = rb_define_module ("Guestfs");

  ruby_define_events (module, ruby_define_handle (module));
}
