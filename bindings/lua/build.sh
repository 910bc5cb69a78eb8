#!/bin/sh
# Build the Lua binding, once for each Lua whose headers are installed.
#
#   build.sh OUT
#
# In: generated/glue, ../glue/src, src/, and libguestfs.so from $GUESTFS_LIBDIR (default: where the linker looks).
# Out: OUT/VERSION/guestfs.so for VERSION in 5.1, 5.2, 5.3, 5.4 and jit. Use it with LUA_CPATH=OUT/VERSION/?.so, and
# with LD_LIBRARY_PATH=$GUESTFS_LIBDIR when the library is not installed.
# $CC, $CFLAGS and $LDFLAGS are obeyed. Exit status 77: no Lua is here.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: build.sh OUT" >&2
  exit 2
fi
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
generated=$here/../../generated
built=
for version in 5.1 5.2 5.3 5.4 jit; do
  case $version in
    jit) package=luajit ;;
    *) package=lua$version ;;
  esac
  include=$(pkg-config --cflags-only-I "$package" 2>/dev/null) || continue
  mkdir -p "$1/$version"
  # shellcheck disable=SC2086 # flags are lists of words
  ${CC:-cc} ${CFLAGS:--O2 -g} -std=gnu11 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -pthread \
    $include -I"$generated/c" -I"$here/../glue/src" -I"$here/src" \
    -o "$1/$version/guestfs.so" "$here"/src/*.c "$here"/../glue/src/*.c "$generated"/glue/*.c \
    ${GUESTFS_LIBDIR:+-L"$GUESTFS_LIBDIR"} ${LDFLAGS:-} -lguestfs
  built="$built $version"
done
if [ -z "$built" ]; then
  echo "Lua: install liblua5.4-dev" >&2
  exit 77
fi
