#!/bin/sh
# Copies the built C# binding to where Mono looks.
#
#   install.sh OUT
#
# In: what build.sh made in OUT; DESTDIR, PREFIX and LIBDIR as for `make install`.
# Out: Guestfs.dll in PREFIX/lib/mono/gac, where Mono finds it when PREFIX is its own, as /usr is (else with
# MONO_GAC_PREFIX=PREFIX); a link to it and its docs in PREFIX/lib/mono/4.5, where the compiler finds it
# (mcs -r:Guestfs.dll); LIBDIR/libguestfs_csharp.so; and LIBDIR/pkgconfig/guestfs-sharp.pc for mcs -pkg:guestfs-sharp.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../api.toml")
lib=${DESTDIR:-}$LIBDIR
mono=${DESTDIR:-}$PREFIX/lib/mono
# Version of the assembly, and what identifies the key in Guestfs.snk.
identity=1.0.0.0__e8633336875d751c
install -d "$mono/gac/Guestfs/$identity" "$mono/4.5" "$lib/pkgconfig"
install -m 644 "$1/Guestfs.dll" "$mono/gac/Guestfs/$identity/"
ln -sf "../gac/Guestfs/$identity/Guestfs.dll" "$mono/4.5/Guestfs.dll"
install -m 644 "$1/Guestfs.xml" "$mono/4.5/"
install -m 644 "$1/libguestfs_csharp.so" "$lib/"
sed "s|@PREFIX@|$PREFIX|; s|@VERSION@|$version|" "$here/guestfs-sharp.pc.in" >"$lib/pkgconfig/guestfs-sharp.pc"
