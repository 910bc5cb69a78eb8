#!/bin/sh
# Build the Go binding: the module, for programs to be built with.
#
#   build.sh OUT
#
# In: generated/go, the whole module, and libguestfs.so from $GUESTFS_LIBDIR (default: where pkg-config says).
# Out: OUT/src/libguestfs.org/guestfs, a copy of it; OUT/cache, what Go has compiled of it; OUT/pkgconfig, which names
# the library in $GUESTFS_LIBDIR. A program's go.mod says `replace libguestfs.org/guestfs => OUT/src/libguestfs.org/guestfs`.
# $CC, $CFLAGS and $LDFLAGS are obeyed; Go's own files stay in OUT. Exit status 77: no Go is here.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: build.sh OUT" >&2
  exit 2
fi
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
for tool in go:golang-go "${PKG_CONFIG:-pkg-config}":pkg-config; do
  if ! command -v "${tool%:*}" >/dev/null; then
    echo "Go: install ${tool#*:}" >&2
    exit 77
  fi
done
module=$1/src/libguestfs.org/guestfs
mkdir -p "$module" "$1/pkgconfig"
out=$(CDPATH= cd -- "$1" && pwd)
find "$module" -type f -delete
cp "$here"/../../generated/go/* "$module/"
rm -f "$out/pkgconfig/libguestfs.pc"
if [ "${GUESTFS_LIBDIR:-}" ]; then
  printf 'Name: libguestfs\nVersion: 1\nDescription: of the tree\nLibs: -L%s -lguestfs\n' "$GUESTFS_LIBDIR" \
    >"$out/pkgconfig/libguestfs.pc"
fi
. "$here/environment.sh"
if command -v gofmt >/dev/null; then
  unformatted=$(gofmt -l "$module")
  if [ "$unformatted" ]; then
    echo "gofmt would format otherwise: $unformatted" >&2
    exit 1
  fi
fi
cd "$module"
CGO_CFLAGS="$CGO_CFLAGS -Wall -Werror" go build .
go vet .
