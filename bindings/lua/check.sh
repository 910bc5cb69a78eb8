#!/bin/sh
# Runs the tests of the Lua binding, of every Lua that it was built for and whose interpreter is here.
#
#   check.sh OUT
#
# In: what build.sh made in OUT, and the library by LD_LIBRARY_PATH. Out: a line a part with its seconds; exit status.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
out=$(CDPATH= cd -- "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
LUA_PATH="$here/tests/?.lua"
export LUA_PATH

# part NAME COMMAND…: run it in a directory of its own, say how long it took.
part() {
  name=$1
  shift
  mkdir -p "$work/dir"
  start=$(date +%s)
  if ! (cd "$work/dir" && "$@") >"$work/log" 2>&1; then
    echo "FAILED: Lua $version, $name:" >&2
    cat "$work/log" >&2
    exit 1
  fi
  echo "Lua $version, $name: $(($(date +%s) - start)) s"
  rm -rf "$work/dir"
}

bindtests() {
  $lua "$here/tests/bindtests.lua" seen
  diff -u "$root/bindings/c/tests/bindtests.expected" seen
}

# Debian's compiled binding on our library prints what its own prints; it wants two libraries that its own happens to
# bring along. Our binding on Debian's library passes the same tests.
both_ways() {
  theirs=/usr/lib/x86_64-linux-gnu/lua/5.4
  cat >say.lua <<'L'
local g = require "guestfs".create ()
g:internal_test_set_output (arg[1])
g:internal_test ("abc", "def", { "1", "2" }, true, 1, "2", "123", "456", "abc\0abc", { ostring = "string", oint64 = "1" })
g:internal_test ("abc", nil, {}, false, 0, "0", "", "", "")
g:internal_test_close_output ()
print (g:internal_test_rint64 "10", g:internal_test_rstruct ("x").pv_name, #g:internal_test_rstructlist "5")
L
  env -u LD_LIBRARY_PATH LUA_CPATH="$theirs/?.so" lua5.4 say.lua seen.theirs >said.theirs
  LD_PRELOAD="libpcre2-8.so.0 libxml2.so.2" LUA_CPATH="$theirs/?.so" lua5.4 say.lua seen.ours >said.ours
  diff -u seen.theirs seen.ours
  diff -u said.theirs said.ours
  env -u LD_LIBRARY_PATH LUA_CPATH="$out/5.4/?.so" lua5.4 "$here/tests/bindtests.lua" seen
}

steps() {
  mkdir steps
  $lua "$here/tests/steps.lua" "$root/generated/tests/steps.json" "$PWD/steps"
}

# SIGINT to the interpreter ends the call, and then the program with Lua's own message.
interrupt() {
  mkfifo said
  $lua "$here/tests/interrupt.lua" >said 2>why &
  pid=$!
  read -r _ <said
  sleep 1
  kill -INT $pid
  start=$(date +%s)
  ! wait $pid
  cat why
  [ $(($(date +%s) - start)) -lt 10 ] && grep -q 'interrupted!' why
}

examples() {
  $lua "$here/examples/create_disk.lua" disk.img
  $lua "$here/examples/inspect_disk.lua" disk.img | tee said
  grep -q '/dev/sda1: ext4' said
}

tried=
for version in 5.1 5.2 5.3 5.4 jit; do
  lua=lua$version
  [ "$version" = jit ] && lua=luajit
  [ -f "$out/$version/guestfs.so" ] && command -v "$lua" >/dev/null || continue
  LUA_CPATH="$out/$version/?.so"
  export LUA_CPATH
  part "binding tests" bindtests
  part behaviour $lua "$here/tests/binding.lua" .
  # What a call does is the same in each: the oldest and the newest are enough.
  if [ "$version" = 5.1 ] || [ "$version" = 5.4 ]; then
    part examples examples
  fi
  if [ "$version" = 5.4 ]; then
    part steps steps
    part interruption interrupt
    part "both ways" both_ways
  fi
  tried="$tried $version"
done
if [ -z "$tried" ]; then
  echo "not run: Lua binding: install lua5.4" >&2
  exit 77
fi
