#!/bin/sh
# Copies the built Lua binding to where each Lua looks for modules in C, and its declarations for editors.
#
#   install.sh OUT
#
# In: what build.sh made in OUT; DESTDIR, PREFIX and LIBDIR as for `make install`.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
for version in 5.1 5.2 5.3 5.4; do
  [ -f "$1/$version/guestfs.so" ] || continue
  # LuaJIT looks where Lua 5.1 does, and can load the same module.
  install -d "$DESTDIR$LIBDIR/lua/$version"
  install -m 644 "$1/$version/guestfs.so" "$DESTDIR$LIBDIR/lua/$version/"
done
install -d "$DESTDIR$PREFIX/share/lua/meta"
install -m 644 "$here/../../generated/lua/guestfs.lua" "$DESTDIR$PREFIX/share/lua/meta/"
