#!/bin/sh
# Prints the file by which pkg-config finds the library.
#
#   pc.sh PREFIX LIBDIR INCLUDEDIR GIRDIR
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
# Vala holds this against what the calls say of themselves.
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../api.toml")
sed "s|@PREFIX@|$1|; s|@LIBDIR@|$2|; s|@INCLUDEDIR@|$3|; s|@GIRDIR@|$4|; s|@VERSION@|$version|" \
  "$here/libguestfs-gobject-1.0.pc.in"
