#!/bin/sh
# Build the Python binding in place, with nothing but a C compiler and Python's headers.
#
#   build.sh OUT
#
# In: generated/python, generated/glue, ../glue/src, src/, and libguestfs.so from $GUESTFS_LIBDIR (default: where the
# linker looks). A source distribution has the first three beside this script. Out: OUT/guestfs (the package) and
# OUT/libguestfsmod.abi3.so. Use it with PYTHONPATH=OUT, and with LD_LIBRARY_PATH=$GUESTFS_LIBDIR when the library is
# not installed.
# $PYTHON, $CC, $CFLAGS and $LDFLAGS are obeyed.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: build.sh OUT" >&2
  exit 2
fi
out=$1
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
generated=$here/generated glue=$here/glue
if [ ! -d "$generated" ]; then
  generated=$here/../../generated glue=$here/../glue
fi
python=${PYTHON:-python3}

include=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
if [ ! -f "$include/Python.h" ]; then
  echo "build.sh: $include/Python.h is missing: install Python's headers (Debian: python3-dev)" >&2
  exit 1
fi

mkdir -p "$out/guestfs"
cp "$generated"/python/guestfs/__init__.py "$generated"/python/guestfs/__init__.pyi \
   "$generated"/python/guestfs/py.typed "$out/guestfs/"

libdir=${GUESTFS_LIBDIR:+-L"$GUESTFS_LIBDIR"}
# shellcheck disable=SC2086 # flags are lists of words
${CC:-cc} ${CFLAGS:--O2 -g} -std=gnu11 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -pthread \
  -I"$include" -I"$generated/c" -I"$glue/src" -I"$here/src" \
  -o "$out/libguestfsmod.abi3.so" "$here"/src/*.c "$glue"/src/*.c "$generated"/glue/*.c \
  ${libdir:+"$libdir"} ${LDFLAGS:-} -lguestfs
