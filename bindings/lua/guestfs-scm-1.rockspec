rockspec_format = "3.0"
package = "guestfs"
version = "scm-1"
source = { url = "git+file:." }
description = {
   summary = "Open, inspect and change the disk images of virtual machines",
   license = "LGPL-2.1-or-later",
}
dependencies = { "lua >= 5.1, < 5.5" }
external_dependencies = { GUESTFS = { library = "guestfs" } }
-- Run in the tree: luarocks make bindings/lua/guestfs-scm-1.rockspec
build = {
   type = "builtin",
   modules = {
      guestfs = {
         sources = {
            "bindings/lua/src/event.c", "bindings/lua/src/guestfs.c", "bindings/lua/src/handle.c",
            "bindings/lua/src/values.c", "bindings/glue/src/event.c", "bindings/glue/src/handle.c",
            "bindings/glue/src/result.c", "bindings/glue/src/signal.c", "generated/glue/calls.c",
         },
         incdirs = { "generated/c", "bindings/glue/src", "bindings/lua/src" },
         libdirs = { "$(GUESTFS_LIBDIR)" },
         libraries = { "guestfs" },
      },
   },
}
