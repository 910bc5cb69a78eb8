# Makes the Makefile of the gem's extension. Its sources are in three folders: this one, and glue and generated, which
# are links in the tree and folders in a gem.
#
# GUESTFS_LIBDIR, or --with-guestfs-lib=DIR, says where libguestfs.so is, when the linker does not look there.

require "mkmf"

folders = %w[glue generated]
sources = ["", *folders].flat_map { |folder| Dir[File.join($srcdir, folder, "*.c")] }
$srcs = sources.map { |path| File.basename(path) }
$VPATH.concat(folders.map { |folder| "$(srcdir)/#{folder}" })
# Ours before an installed guestfs.h, which may know fewer calls.
$INCFLAGS = "-I$(srcdir)/include -I$(srcdir)/glue #{$INCFLAGS}"
$CFLAGS << " -std=gnu11 -pthread -fvisibility=hidden"
$LIBPATH.unshift(ENV["GUESTFS_LIBDIR"]) if ENV["GUESTFS_LIBDIR"]
dir_config("guestfs")
have_library("guestfs", "guestfs_create") or abort "libguestfs.so is missing: install it, or set GUESTFS_LIBDIR"
create_makefile("_guestfs")
