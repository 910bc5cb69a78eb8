#!/bin/sh
# Copies the built Erlang binding to where Erlang looks, and its program to where programs are.
#
#   install.sh OUT
#
# In: what build.sh made in OUT; DESTDIR and PREFIX as for `make install`. ERLANG_LIB_DIR is Erlang's directory of
# applications, PREFIX/lib/erlang/lib unless said otherwise; another than Erlang's own is found by ERL_LIBS.
set -eu
version=$(sed -n 's/.*{vsn, "\(.*\)"}.*/\1/p' "$1/libguestfs/ebin/libguestfs.app")
ebin=${DESTDIR:-}${ERLANG_LIB_DIR:-$PREFIX/lib/erlang/lib}/libguestfs-$version/ebin
install -d "$ebin" "${DESTDIR:-}$PREFIX/bin"
install -m 644 "$1"/libguestfs/ebin/* "$ebin/"
install -m 755 "$1/bin/erl-guestfs" "${DESTDIR:-}$PREFIX/bin/"
