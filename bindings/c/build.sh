#!/bin/sh
# Link libguestfs.so.0.
#
#   build.sh DIR OUT
#
# In: DIR/libguestfs_c.a as `cargo build -p guestfs-c` makes it (DIR is target/release or target/debug) and
# generated/c. Out: OUT/libguestfs.so.0.1000.0 with its links libguestfs.so.0 and libguestfs.so. The version
# is above any of upstream's, so that ldconfig prefers ours where both are.
# $CC, $CFLAGS and $LDFLAGS are obeyed.
set -eu

if [ $# -ne 2 ]; then
  echo "usage: build.sh DIR OUT" >&2
  exit 2
fi
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
generated=$here/../../generated/c
archive=$1/libguestfs_c.a
out=$2
name=libguestfs.so.0.1000.0

if [ ! -f "$archive" ]; then
  echo "build.sh: $archive is missing: run 'cargo build -p guestfs-c' first" >&2
  exit 1
fi
mkdir -p "$out"

# Rust exports no C symbols from its own shared libraries, and cannot define variadic functions: hence the
# static library, varargs.c and the version script, which also hides what Rust brings along.
# shellcheck disable=SC2086 # flags are lists of words
${CC:-cc} ${CFLAGS:--O2 -g} -std=gnu11 -Wall -Wextra -Werror -fPIC -shared -I"$generated" \
  -Wl,-soname,libguestfs.so.0 -Wl,--version-script="$generated/libguestfs.syms" \
  -Wl,-z,defs -Wl,-z,relro,-z,now -Wl,--gc-sections -Wl,--as-needed \
  -o "$out/$name.new" "$generated/varargs.c" \
  -Wl,--whole-archive "$archive" -Wl,--no-whole-archive \
  ${LDFLAGS:-} -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
# Renamed into place: a program that has the old one mapped keeps it.
mv -f "$out/$name.new" "$out/$name"
ln -sf "$name" "$out/libguestfs.so.0"
ln -sf libguestfs.so.0 "$out/libguestfs.so"
