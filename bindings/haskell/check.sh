#!/bin/sh
# Runs the tests of the Haskell binding.
#
#   check.sh OUT [PART]
#
# In: what build.sh made in OUT, and the library by LD_LIBRARY_PATH; $GHC; PART of those below is run alone (after
# compiling the tests). Out: a line a part with its seconds; exit status, 77 when there is no GHC.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
out=$(CDPATH= cd -- "$1" && pwd)
ghc=${GHC:-ghc}
if ! command -v "$ghc" >/dev/null; then
  echo "not run: Haskell binding: install ghc" >&2
  exit 77
fi
only=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
steps=$root/generated/tests

# ours DATABASE ARGUMENT…: GHC with the package.
ours() {
  database=$1
  shift
  "$ghc" -v0 -package-env - -package-db "$database" -package guestfs ${GUESTFS_LIBDIR:+-L"$GUESTFS_LIBDIR"} "$@"
}

# program FILE ARGUMENT…: a test's program, in $work.
program() {
  name=$(basename "$1" .hs)
  ours "$out/package.conf.d" -O0 -threaded -Wall -Werror -Wno-deprecations -Wno-orphans -i"$here/tests:$steps" \
    -outputdir "$work/objects-$name" -o "$work/$name" "$@"
}

# part NAME COMMAND…: run it in a directory of its own, say how long it took.
part() {
  name=$1
  shift
  case $only,$name in
    ,* | "$name,"* | *,compiling*) ;;
    *) return 0 ;;
  esac
  mkdir -p "$work/dir"
  start=$(date +%s)
  # A subshell of its own with -e: a function in a condition would go on after a failure.
  set +e
  (set -e; cd "$work/dir"; "$@") >"$work/log" 2>&1
  status=$?
  set -e
  if [ $status -ne 0 ]; then
    echo "FAILED: Haskell, $name:" >&2
    cat "$work/log" >&2
    exit 1
  fi
  echo "Haskell, $name: $(($(date +%s) - start)) s"
  rm -rf "$work/dir"
}

# An option that a call does not have, and one of another type, are no programs.
compile() {
  for name in Arguments Behaviour Memory Ending Run Upstream; do
    program "$here/tests/$name.hs"
  done
  for name in create_disk inspect_disk; do
    program "$here/examples/$name.hs"
  done
  printf '{-# LANGUAGE OverloadedLabels #-}\nimport Guestfs\nmain :: IO ()\nmain = create >>= \\g -> add_drive g "x" [%s]\n' \
    '#red True' >red.hs
  sed 's/#red True/#readonly "yes"/' red.hs >yes.hs
  sed 's/#red True/#readonly True, #format "raw"/' red.hs >right.hs
  ours "$out/package.conf.d" -O0 -fno-code right.hs
  ! ours "$out/package.conf.d" -O0 -fno-code red.hs 2>why
  grep 'The call has no option red' why
  ! ours "$out/package.conf.d" -O0 -fno-code yes.hs 2>why
  grep "Couldn't match type" why
  # The modules that the cabal file names are those that there are.
  (cd "$root/generated/haskell" && find . -name '*.hs'; cd "$here/src" && find . -name '*.hs') |
    sed 's|^\./||; s|\.hs$||; s|/|.|g' | sort >modules
  sed -n 's/^    \(Guestfs[A-Za-z0-9.]*\)$/\1/p' "$here/guestfs.cabal" | sort | diff -u - modules
  # What the generator makes of every type in every place, and of names that are no names in Haskell.
  "$ghc" -v0 -package-env - -O0 -fno-code -Wall -Werror -Wno-deprecations -i"$root/generator/tests/golden/haskell:$here/src" Guestfs
}

# Whatever the locale is.
bindtests() {
  for locale in C C.UTF-8; do
    LC_ALL=$locale "$work/Arguments" seen >said
    diff -u "$root/bindings/c/tests/bindtests.expected" seen
    [ "$(cat said)" = ok ]
  done
}

# Errors are not printed as well.
behaviour() {
  LC_ALL=C "$work/Behaviour" >said 2>printed
  cat said printed
  [ "$(cat said)" = ok ]
  [ "$(cat printed)" = "Guestfs: in an event callback: broken callback" ]
}

memory() {
  "$work/Memory"
}

# Without -threaded, and in GHC's interpreter, which loads the shared library.
upstream() {
  "$work/Upstream"
  ours "$out/package.conf.d" -O0 -outputdir o -o single "$here/tests/Upstream.hs"
  ./single
  ours "$out/package.conf.d" -e 'Guestfs.create >>= Guestfs.get_memsize' >said
  grep -qx '[1-9][0-9]*' said
}

debian() {
  unset LD_LIBRARY_PATH
  bindtests
  "$work/Upstream"
}

steps() {
  mkdir steps
  "$work/Run" "$PWD/steps"
}

examples() {
  "$work/create_disk" disk.img
  "$work/inspect_disk" disk.img >said
  cat said
  grep -q '/dev/sda1: ext4' said
}

# Ctrl-C, which programs in the background ignore unless they say otherwise as GHC's do: the call is cancelled and the
# handle closed, so that what was written is on the disk. A handle that is left open is closed at the end, also when
# another thread makes a call on it.
ending() {
  mkfifo fifo
  "$work/Ending" disk.img call >fifo 2>&1 &
  pid=$!
  exec 3<fifo
  read -r word <&3
  [ "$word" = ready ]
  sleep 1
  begun=$(date +%s)
  kill -INT $pid
  status=0
  wait $pid || status=$?
  [ "$status" = 130 ]
  [ $(($(date +%s) - begun)) -lt 20 ]
  [ "$("$work/Ending" disk.img read)" = written ]
  for how in thread end; do
    rm disk.img
    [ "$("$work/Ending" disk.img $how 2>&1)" = ready ]
    [ "$("$work/Ending" disk.img read)" = written ]
  done
}

# As a program finds what is installed.
installed() {
  DESTDIR=$PWD PREFIX=/usr LIBDIR=/usr/lib/x86_64-linux-gnu "$here/install.sh" "$out"
  database=$PWD$(readlink -f "$("$ghc" --print-global-package-db)")
  ours "$database" -O0 -outputdir o -o installed "$here/tests/Upstream.hs"
  ./installed
}

part "compiling the tests" compile
part "binding tests" bindtests
part behaviour behaviour
part memory memory
part "upstream's manner" upstream
if [ -e /usr/lib/x86_64-linux-gnu/libguestfs.so.0 ]; then
  part "on Debian's library" debian
else
  echo "not run: our Haskell binding on Debian's library: install libguestfs0" >&2
fi
part "as installed" installed
part examples examples
part "ending in a call" ending
part steps steps
