#!/bin/sh
# Build the Ruby binding, with nothing but a C compiler and Ruby's headers.
#
#   build.sh OUT
#
# In: generated/glue, ../glue/src, src/, lib/, and libguestfs.so from $GUESTFS_LIBDIR (default: where the linker looks).
# Out: OUT/guestfs.rb and OUT/_guestfs.so. Use it with RUBYLIB=OUT, and with LD_LIBRARY_PATH=$GUESTFS_LIBDIR when the
# library is not installed.
# $RUBY, $CC, $CFLAGS and $LDFLAGS are obeyed. Exit status 77: no Ruby is here, or not its headers.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: build.sh OUT" >&2
  exit 2
fi
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
generated=$here/../../generated
ruby=${RUBY:-ruby}
config='print RbConfig::CONFIG.fetch_values("rubyhdrdir", "rubyarchhdrdir").join(":")'
headers=$("$ruby" -rrbconfig -e "$config" 2>/dev/null) || headers=
if [ ! -f "${headers%%:*}/ruby.h" ]; then
  echo "Ruby: install ruby-dev" >&2
  exit 77
fi
mkdir -p "$1"
# Ruby's headers are read as the system's: their warnings are not ours.
# shellcheck disable=SC2086 # flags are lists of words
${CC:-cc} ${CFLAGS:--O2 -g} -std=gnu11 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -pthread \
  -isystem "${headers%%:*}" -isystem "${headers#*:}" -I"$generated/c" -I"$here/../glue/src" -I"$here/src" \
  -o "$1/_guestfs.so" "$here"/src/*.c "$here"/../glue/src/*.c "$generated"/glue/*.c \
  ${GUESTFS_LIBDIR:+-L"$GUESTFS_LIBDIR"} ${LDFLAGS:-} -lguestfs
cp "$here"/lib/guestfs.rb "$1/"
