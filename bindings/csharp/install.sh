#!/bin/sh
# Copies the built C# binding to where Mono looks.
#
#   install.sh OUT
#
# In: what build.sh made in OUT; DESTDIR, PREFIX and LIBDIR as for `make install`.
# Out: PREFIX/lib/mono/4.5/Guestfs.dll, which compiler and runtime find by its name when PREFIX is Mono's own, as /usr is
# (else with MONO_PATH), its docs, LIBDIR/libguestfs_csharp.so, and LIBDIR/pkgconfig/guestfs-sharp.pc for
# mcs -pkg:guestfs-sharp.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../api.toml")
lib=${DESTDIR:-}$LIBDIR
mono=${DESTDIR:-}$PREFIX/lib/mono/4.5
install -d "$mono" "$lib/pkgconfig"
install -m 644 "$1/Guestfs.dll" "$1/Guestfs.xml" "$mono/"
install -m 644 "$1/libguestfs_csharp.so" "$lib/"
sed "s|@PREFIX@|$PREFIX|; s|@VERSION@|$version|" "$here/guestfs-sharp.pc.in" >"$lib/pkgconfig/guestfs-sharp.pc"
