#!/bin/sh
# Build the Erlang binding: the modules, and the program that they run.
#
#   build.sh OUT
#
# In: generated/erlang, src/, the crates. Out: OUT/libguestfs/ebin and OUT/bin/erl-guestfs: use them with ERL_LIBS=OUT.
# The program has the library inside, and finds its daemon as guestfish does. $CARGO and $CARGO_TARGET_DIR are obeyed, and
# $CARGO_PROFILE (default: release). Exit status 77: no Erlang is here.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: build.sh OUT" >&2
  exit 2
fi
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
if ! command -v erlc >/dev/null; then
  echo "Erlang: install erlang-base" >&2
  exit 77
fi
mkdir -p "$1/bin" "$1/libguestfs/ebin" "$1/libguestfs/priv"
out=$(CDPATH= cd -- "$1" && pwd)/libguestfs
profile=${CARGO_PROFILE:-release}
cd "$root"
target=${CARGO_TARGET_DIR:-target}
# Together with what `make bindings` builds, so that every crate has the same features and none is compiled again.
"${CARGO:-cargo}" build --profile "$profile" --locked -p guestfs -p guestfish -p guestfs-c -p erl-guestfs --bin erl-guestfs
[ "$profile" != dev ] || profile=debug
install -m 755 "$target/$profile/erl-guestfs" "$out/../bin/erl-guestfs"
# Where the module looks; the program itself is not so deep in the tree that it would not find the daemon.
ln -sf ../../bin/erl-guestfs "$out/priv/erl-guestfs"
erlc -Wall -Werror +debug_info -o "$out/ebin" "$root/generated/erlang/guestfs.erl" "$here"/src/*.erl
version=$(sed -n 's/^version = "\(.*\)"/\1/p' api.toml | head -n 1)
sed "s/git/\"$version\"/" "$here/src/libguestfs.app.src" >"$out/ebin/libguestfs.app"
