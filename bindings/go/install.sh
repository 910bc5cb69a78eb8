#!/bin/sh
# Copies the Go binding to where Debian's Go packages are.
#
#   install.sh OUT
#
# In: what build.sh made in OUT; DESTDIR and PREFIX as for `make install`.
# Out: PREFIX/share/gocode/src/libguestfs.org/guestfs. A program's go.mod replaces the module by this directory;
# with GO111MODULE=off and GOPATH=PREFIX/share/gocode it is found as it is.
set -eu
to=${DESTDIR:-}$PREFIX/share/gocode/src/libguestfs.org/guestfs
install -d "$to"
install -m 644 "$1"/src/libguestfs.org/guestfs/* "$to/"
# The manual page is also found by the name that it had.
install -d "${DESTDIR:-}$PREFIX/share/man/man3"
echo '.so man3/guestfs-go.3' >"${DESTDIR:-}$PREFIX/share/man/man3/guestfs-golang.3"
