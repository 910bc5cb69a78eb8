#!/bin/sh
# Copies the built Java binding to where Debian's Java looks.
#
#   install.sh OUT
#
# In: what build.sh made in OUT; DESTDIR, PREFIX and LIBDIR as for `make install`.
# Out: PREFIX/share/java/libguestfs.jar, by this name and by the one with a version, and LIBDIR/jni/libguestfs_jni.so.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../api.toml")
jars=${DESTDIR:-}$PREFIX/share/java
install -d "$jars" "${DESTDIR:-}$LIBDIR/jni"
for jar in libguestfs libguestfs-sources libguestfs-javadoc; do
  [ -f "$1/$jar.jar" ] || continue
  install -m 644 "$1/$jar.jar" "$jars/"
done
ln -sf libguestfs.jar "$jars/libguestfs-$version.jar"
install -m 644 "$1/libguestfs_jni.so" "${DESTDIR:-}$LIBDIR/jni/"
