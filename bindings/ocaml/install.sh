#!/bin/sh
# Copies the built OCaml binding to where findlib looks for packages.
#
#   install.sh OUT
#
# In: what build.sh made in OUT; DESTDIR as for `make install`.
set -eu
into=$DESTDIR$(ocamlfind printconf destdir)
install -d "$into/guestfs" "$into/stublibs"
for file in META guestfs.cmi guestfs.mli guestfs.cmx mlguestfs.cma mlguestfs.cmxa mlguestfs.a libmlguestfs.a; do
  install -m 644 "$1/guestfs/$file" "$into/guestfs/"
done
install -m 755 "$1/guestfs/dllmlguestfs.so" "$into/stublibs/"
