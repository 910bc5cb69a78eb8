/* guestfs.c: module guestfs: what require "guestfs" gives.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "lua_guestfs.h"

extern int luaopen_guestfs (lua_State *L);

__attribute__ ((__visibility__ ("default"))) int
luaopen_guestfs (lua_State *L)
{
  guestfs_h *g = guestfs_create_flags (GUESTFS_CREATE_NO_ENVIRONMENT | GUESTFS_CREATE_NO_CLOSE_ON_EXIT);
  struct guestfs_version *v = NULL;
  size_t i;

  lua_metatables (L);
  lua_newtable (L);
  set_function (L, "create", lua_create);
  set_function (L, "event_to_string", lua_event_to_string);
  lua_newtable (L);
  for (i = 0; i < glue_nr_events; i++) {
    lua_pushstring (L, glue_events[i].name);
    lua_rawseti (L, -2, (int) i + 1);
  }
  lua_setfield (L, -2, "event_all");
  if (g) {
    guestfs_set_error_handler (g, NULL, NULL);
    v = guestfs_version (g);
  }
  lua_pushfstring (L, "libguestfs %d.%d.%d", v ? (int) v->major : 0, v ? (int) v->minor : 0, v ? (int) v->release : 0);
  if (v)
    guestfs_free_version (v);
  if (g)
    guestfs_close (g);
  lua_setfield (L, -2, "_VERSION");
  lua_pushliteral (L, "Open, inspect and change the disk images of virtual machines");
  lua_setfield (L, -2, "_DESCRIPTION");
  lua_pushliteral (L, "LGPL-2.1-or-later");
  lua_setfield (L, -2, "_COPYRIGHT");
  return 1;
}
