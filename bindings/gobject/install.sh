#!/bin/sh
# Copies the built GObject binding to where linkers, introspection and Vala look.
#
#   install.sh OUT
#
# In: what build.sh made in OUT; DESTDIR, PREFIX and LIBDIR as for `make install`.
# Out: the library, its headers and pkg-config file; the typelib in PREFIX/lib/girepository-1.0, where every
# girepository library looks; GIR and VAPI below PREFIX/share.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
name=libguestfs-gobject-1.0
lib=${DESTDIR:-}$LIBDIR
root=${DESTDIR:-}$PREFIX
install -d "$lib/pkgconfig" "$root/include/guestfs-gobject" "$root/share/gir-1.0" "$root/share/vala/vapi" \
  "$root/lib/girepository-1.0"
install -m 644 "$1/$name.so.0.1000.0" "$lib/"
ln -sf $name.so.0.1000.0 "$lib/$name.so.0"
ln -sf $name.so.0 "$lib/$name.so"
install -m 644 "$1/include/guestfs-gobject.h" "$root/include/"
install -m 644 "$1"/include/guestfs-gobject/*.h "$root/include/guestfs-gobject/"
"$here/pc.sh" "$PREFIX" "$LIBDIR" "$PREFIX/include" "$PREFIX/share/gir-1.0" >"$lib/pkgconfig/$name.pc"
install -m 644 "$1/girepository-1.0/Guestfs-1.0.typelib" "$root/lib/girepository-1.0/"
install -m 644 "$1/Guestfs-1.0.gir" "$root/share/gir-1.0/"
if [ -f "$1/$name.vapi" ]; then
  install -m 644 "$1/$name.vapi" "$1/$name.deps" "$root/share/vala/vapi/"
fi
