#!/bin/sh
# Build the GObject binding: the library, and what introspection and Vala know of it.
#
#   build.sh OUT
#
# In: generated/gobject, generated/glue, ../glue/src, src/, and libguestfs.so from $GUESTFS_LIBDIR (default: where the
# linker looks).
# Out: OUT/libguestfs-gobject-1.0.so.0 and its links, OUT/include, OUT/Guestfs-1.0.gir, OUT/girepository-1.0/
# Guestfs-1.0.typelib, OUT/libguestfs-gobject-1.0.pc, and OUT/libguestfs-gobject-1.0.vapi where vapigen is here. Use it with GI_TYPELIB_PATH=
# OUT/girepository-1.0 and LD_LIBRARY_PATH=OUT:$GUESTFS_LIBDIR when nothing is installed.
# $CC, $CFLAGS and $LDFLAGS are obeyed. Exit status 77: g-ir-scanner or GIO's headers are not here.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: build.sh OUT" >&2
  exit 2
fi
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
generated=$here/../../generated
if ! command -v g-ir-scanner >/dev/null || ! pkg-config --exists gio-2.0 gobject-introspection-1.0; then
  echo "GObject: install libgirepository1.0-dev gobject-introspection" >&2
  exit 77
fi
mkdir -p "$1"
out=$(CDPATH= cd -- "$1" && pwd)
name=libguestfs-gobject-1.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The headers as they are installed. Those with other libguestfs's names are there for whoever includes one alone.
rm -rf "$out/include"
headers=$out/include/guestfs-gobject
mkdir -p "$headers" "$out/girepository-1.0"
cp "$here/src/guestfs-gobject.h" "$out/include/"
cp "$here/src/tristate.h" "$generated"/gobject/guestfs-gobject/*.h "$headers/"
sed -n 's/^OPTIONS ([^,]*, \([a-z0-9_]*\),.*/optargs-\1.h/p; s/^STRUCT (\([a-z0-9_]*\),.*/struct-\1.h/p' \
  "$generated/gobject/calls.c" | while read -r header; do
  echo '#include <guestfs-gobject.h>' >"$headers/$header"
done

echo '{ global: guestfs_*; local: *; };' >"$work/symbols"
# shellcheck disable=SC2086,SC2046 # flags are lists of words
${CC:-cc} ${CFLAGS:--O2 -g} -std=gnu11 -Wall -Wextra -Werror -fPIC -shared -pthread \
  $(pkg-config --cflags gio-2.0) -I"$generated/c" -I"$here/../glue/src" -I"$here/src" -I"$out/include" \
  -Wl,-soname,$name.so.0 -Wl,--version-script="$work/symbols" -o "$out/$name.so.0.1000.0" \
  "$here"/src/*.c "$here"/../glue/src/*.c "$generated"/glue/*.c "$generated"/gobject/*.c \
  ${GUESTFS_LIBDIR:+-L"$GUESTFS_LIBDIR"} ${LDFLAGS:-} -lguestfs $(pkg-config --libs gio-2.0)
ln -sf $name.so.0.1000.0 "$out/$name.so.0"
ln -sf $name.so.0 "$out/$name.so"

# It runs a program of its own for the properties and signals, linked by what LDFLAGS and CFLAGS say.
(
  cd "$work"
  LD_LIBRARY_PATH=$out${GUESTFS_LIBDIR:+:$GUESTFS_LIBDIR}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export LD_LIBRARY_PATH
  CFLAGS= LDFLAGS="${GUESTFS_LIBDIR:+-Wl,-rpath-link,$GUESTFS_LIBDIR}" g-ir-scanner --quiet --warn-all --warn-error \
    --namespace=Guestfs --nsversion=1.0 --identifier-prefix=Guestfs --symbol-prefix=guestfs \
    --include=GObject-2.0 --include=Gio-2.0 --pkg-export=$name --c-include=guestfs-gobject.h \
    -I"$out/include" --library=guestfs-gobject-1.0 -L"$out" --no-libtool \
    --sources-top-dirs="$out/include" --output=Guestfs-1.0.gir \
    "$out/include/guestfs-gobject.h" "$headers/tristate.h" "$headers/structs.h" "$headers/optargs.h" \
    "$headers/session.h"
)
# Lists of structs are lists of pointers, which the scanner does not say of what an annotation names; without it
# Python's binding ends the program.
sed '/<array c:type="Guestfs[A-Za-z0-9]*\*\*"/{n;s|<type name="\([A-Za-z0-9]*\)"/>|<type name="\1" c:type="Guestfs\1*"/>|;}' \
  "$work/Guestfs-1.0.gir" >"$out/Guestfs-1.0.gir"
g-ir-compiler --output="$out/girepository-1.0/Guestfs-1.0.typelib" "$out/Guestfs-1.0.gir"
if command -v vapigen >/dev/null; then
  # In Vala a signal and a method cannot have one name: the signal close is left to GLib.Signal.connect.
  echo 'Session.close#signal skip' >"$work/Guestfs-1.0.metadata"
  vapigen --quiet --pkg gio-2.0 --metadatadir "$work" --library $name --directory "$out" "$out/Guestfs-1.0.gir"
  echo gio-2.0 >"$out/$name.deps"
fi

# For programs that are built on what is here; install.sh writes another.
"$here/pc.sh" "$out" "$out" "$out/include" "$out" >"$out/$name.pc"
