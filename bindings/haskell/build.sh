#!/bin/sh
# Build the Haskell binding: a package of GHC.
#
#   build.sh OUT
#
# In: src, generated/haskell, generated/glue, ../glue/src, and libguestfs.so from $GUESTFS_LIBDIR (default: where the
# linker looks).
# Out: OUT/guestfs-VERSION (interfaces, static and shared library) and OUT/package.conf.d, a database of packages with
# guestfs alone. Use it with ghc -package-db OUT/package.conf.d, and with -L$GUESTFS_LIBDIR and LD_LIBRARY_PATH when the
# library is not installed. With HADDOCK=1 also OUT/html.
# $GHC, $GHCFLAGS, $CC, $CFLAGS and $LDFLAGS are obeyed. Exit status 77: no GHC is here.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: build.sh OUT" >&2
  exit 2
fi
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
generated=$here/../../generated
ghc=$(command -v "${GHC:-ghc}") || ghc=
if [ -z "$ghc" ]; then
  echo "Haskell: install ghc" >&2
  exit 77
fi
version=$(sed -n 's/^version: *//p' "$here/guestfs.cabal")
unit=guestfs-$version
compiler=ghc$("$ghc" --numeric-version)
mkdir -p "$1"
out=$(CDPATH= cd -- "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "${out:?}/$unit" "$out/package.conf.d"
mkdir -p "$out/$unit" "$out/package.conf.d"

# Static and shared objects at once; ghci and Template Haskell load the shared ones.
sources=$here/src:$generated/haskell
(
  cd "$work"
  # shellcheck disable=SC2086 # flags are lists of words
  "$ghc" -v0 --make ${GHCFLAGS:--O1} -Wall -Werror -dynamic-too -package-env - -this-unit-id "$unit" -i"$sources" \
    -odir objects -stubdir stubs -hidir "$out/$unit" Guestfs
  mkdir c
  cd c
  # shellcheck disable=SC2086 # flags are lists of words
  ${CC:-cc} ${CFLAGS:--O2 -g} -std=gnu11 -Wall -Wextra -Werror -fPIC -fvisibility=hidden -pthread -c \
    -I"$("$ghc" --print-libdir)/include" -I"$generated/c" -I"$here/../glue/src" \
    "$here"/src/*.c "$here"/../glue/src/*.c "$generated"/glue/*.c
)
find "$work/objects" -name '*.o' | sort >"$work/static"
find "$work/objects" -name '*.dyn_o' | sort >"$work/shared"
xargs ar -qcs "$out/$unit/libHS$unit.a" "$work"/c/*.o <"$work/static"
# shellcheck disable=SC2086 # flags are lists of words
xargs "$ghc" -v0 -shared -dynamic -package-env - -this-unit-id "$unit" -package base -package bytestring \
  -package containers -o "$out/$unit/libHS$unit-$compiler.so" ${GUESTFS_LIBDIR:+-L"$GUESTFS_LIBDIR"} \
  $(printf -- '-optl%s ' ${LDFLAGS:-}) "$work"/c/*.o -lguestfs <"$work/shared"

# What GHC wants to know: install.sh puts other directories in.
pkg=$(dirname "$ghc")/ghc-pkg
modules=$(cd "$out/$unit" && find . -name '*.hi' | sort | sed 's|^\./||; s|\.hi$||; s|/|.|g' | grep -vx 'Guestfs\|Guestfs.Structs' | tr '\n' ' ')
depends=$(for of in base bytestring containers; do "$pkg" field $of id --simple-output; done | tr '\n' ' ')
abi=$(cd "$out/$unit" && find . -name '*.hi' | sort | xargs cat | cksum | cut -d ' ' -f 1)
cat >"$out/package.conf.d/$unit.conf" <<END
name: guestfs
version: $version
visibility: public
id: $unit
key: $unit
license: LGPL-2.1-or-later
synopsis: Open, inspect and change the disk images of virtual machines
abi: $abi
exposed: True
exposed-modules: Guestfs Guestfs.Structs
hidden-modules: $modules
import-dirs: \${pkgroot}/$unit
library-dirs: \${pkgroot}/$unit
dynamic-library-dirs: \${pkgroot}/$unit
hs-libraries: HS$unit
extra-libraries: guestfs pthread
depends: $depends
END
"$pkg" recache --package-db="$out/package.conf.d"

if [ "${HADDOCK:-}" ]; then
  find "$generated/haskell" "$here/src" -name '*.hs' | sort | xargs "$(dirname "$ghc")/haddock" --html --title=guestfs \
    --odir="$out/html" --optghc=-i"$sources" --optghc=-package-env --optghc=- >"$work/haddock" 2>&1 || {
    cat "$work/haddock" >&2
    exit 1
  }
fi
