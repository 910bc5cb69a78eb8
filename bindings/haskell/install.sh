#!/bin/sh
# Copies the built Haskell binding to where Debian's GHC looks.
#
#   install.sh OUT
#
# In: what build.sh made in OUT; DESTDIR and LIBDIR as for `make install`; $GHC, $GHC_PACKAGES (default: the database
# of packages that GHC has for all).
# Out: LIBDIR/haskell-packages/ghc/guestfs-VERSION and an entry in the database, whose directories are given from there,
# so that it also serves below DESTDIR: ghc -package-db DESTDIR/var/lib/ghc/package.conf.d.
set -eu
ghc=$(command -v "${GHC:-ghc}")
conf=$(echo "$1"/package.conf.d/guestfs-*.conf)
unit=$(basename "$conf" .conf)
to=$LIBDIR/haskell-packages/ghc/$unit
database=${GHC_PACKAGES:-$(readlink -f "$("$ghc" --print-global-package-db)")}
up=$(dirname "$database" | sed 's|/[^/]*|/..|g')

rm -rf "${DESTDIR:-}${to:?}"
install -d "${DESTDIR:-}$to" "${DESTDIR:-}$database"
cp -R "$1/$unit/." "${DESTDIR:-}$to/"
sed "s|\${pkgroot}/$unit|\${pkgroot}$up$to|" "$conf" >"${DESTDIR:-}$database/$unit.conf"
"$(dirname "$ghc")/ghc-pkg" recache --package-db="${DESTDIR:-}$database"
