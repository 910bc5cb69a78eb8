#!/bin/sh
# Runs the tests of the GObject binding.
#
#   check.sh OUT [PART]
#
# In: what build.sh made in OUT, and the library by LD_LIBRARY_PATH; PART of those below is run alone (after compiling
# the tests); $CC, and $PYTHON, which is /usr/bin/python3 by default, for the Python that has Debian's modules.
# Out: a line a part with its seconds; exit status, 77 when gjs or Python's gi is not here.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
out=$(CDPATH= cd -- "$1" && pwd)
only=${2:-}
python=${PYTHON:-/usr/bin/python3}
if ! command -v gjs >/dev/null || ! "$python" -c 'import gi' 2>/dev/null; then
  echo "not run: GObject binding: install gjs python3-gi" >&2
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
theirs=$(dirname "$(ldconfig -p | sed -n '/libguestfs-gobject-1.0.so.0/{s/.*=> //p;q;}')")
library=${LD_LIBRARY_PATH:-}
LD_LIBRARY_PATH=$out${library:+:$library}
GI_TYPELIB_PATH=$out/girepository-1.0
PKG_CONFIG_PATH=$out
# A warning of GLib, as of a wrong use of an object, is a failure.
G_DEBUG=fatal-warnings
export LD_LIBRARY_PATH GI_TYPELIB_PATH PKG_CONFIG_PATH G_DEBUG
expected=$root/bindings/c/tests/bindtests.expected
# Programs are linked with a library whose own is not where the linker looks.
link="-Wl,--allow-shlib-undefined"

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
    echo "FAILED: GObject, $name:" >&2
    cat "$work/log" >&2
    exit 1
  fi
  echo "GObject, $name: $(($(date +%s) - start)) s"
  rm -rf "$work/dir"
}

# quiet COMMAND…: that prints no errors.
quiet() {
  "$@" 2>printed || { cat printed; return 1; }
  cat printed
  [ ! -s printed ]
}

compile_c() {
  # shellcheck disable=SC2046,SC2086 # flags are lists of words
  ${CC:-cc} -O1 -g -std=gnu11 -Wall -Wextra -Werror -o "$work/$1" "$here/tests/$1.c" \
    $(pkg-config --cflags --libs libguestfs-gobject-1.0) $link
}

# Headers also alone, and what the generator makes of a small API with everything odd in it.
compile() {
  compile_c bindtests
  compile_c binding
  golden=$root/generator/tests/golden
  mkdir headers
  cp "$here/src/guestfs-gobject.h" headers/
  mkdir headers/guestfs-gobject
  cp "$here/src/tristate.h" "$golden"/gobject/guestfs-gobject/*.h headers/guestfs-gobject/
  # shellcheck disable=SC2046 # flags are lists of words
  ${CC:-cc} -std=gnu11 -Wall -Wextra -Werror -fsyntax-only $(pkg-config --cflags gio-2.0) -Iheaders -I"$golden/c" \
    -I"$root/bindings/glue/src" -I"$here/src" "$golden/gobject/calls.c"
  for header in session optargs structs tristate struct-lvm_pv optargs-tar_out; do
    echo "#include <guestfs-gobject/$header.h>" >one.c
    # shellcheck disable=SC2046 # flags are lists of words
    ${CC:-cc} -std=gnu11 -Wall -Wextra -Werror -fsyntax-only $(pkg-config --cflags libguestfs-gobject-1.0) one.c
  done
}

# A text that JavaScript cannot have is another there.
javascript_expected() {
  LC_ALL=C sed 's/^x\xffy$/x\xc3\xbfy/' "$expected"
}

bindtests() {
  quiet "$work/bindtests" seen
  diff -u "$expected" seen
  quiet gjs "$here/tests/binding.js" seen.js . bindtests
  javascript_expected | diff -u - seen.js
}

behaviour() {
  quiet "$work/binding" fifo
  quiet gjs "$here/tests/binding.js" seen .
  # An exception in a handler is told by gjs.
  G_DEBUG='' gjs "$here/tests/binding.js" seen . raising 2>told
  grep 'Error: broken handler' told
}

memory() {
  gjs "$here/tests/binding.js" seen . memory
}

# What Debian's library exports, ours does; a program compiled with Debian's headers says the same with Debian's two
# libraries, with Debian's on our libguestfs, and with both of ours. Our binding works on Debian's libguestfs. What
# introspection knows of Debian's, it knows of ours.
both_ways() {
  for lib in "$theirs" "$out"; do
    nm -D --defined-only "$lib/libguestfs-gobject-1.0.so.0" | sed 's/.* //' | sort >"symbols$(basename "$lib")"
  done
  [ "$(wc -l <"symbols$(basename "$theirs")")" -gt 700 ]
  comm -23 "symbols$(basename "$theirs")" "symbols$(basename "$out")" >missing
  cat missing
  [ ! -s missing ]
  # shellcheck disable=SC2046 # flags are lists of words
  ${CC:-cc} -O1 -std=gnu11 -DLISTS=0 -o peer "$here/tests/bindtests.c" $(pkg-config --cflags gio-2.0) -L"$theirs" \
    -l:libguestfs-gobject-1.0.so.0 $(pkg-config --libs gio-2.0) "$link"
  env -u LD_LIBRARY_PATH ./peer seen.debian
  LD_LIBRARY_PATH=$library ./peer seen.theirs
  ./peer seen.ours
  diff -u seen.debian seen.theirs
  diff -u seen.debian seen.ours
  LC_ALL=C sed 's/^ostringlist: .*/ostringlist: unset/' "$expected" | diff -u - seen.debian
  (
    LD_LIBRARY_PATH=$out
    quiet "$work/bindtests" seen
    diff -u "$expected" seen
    quiet gjs "$here/tests/binding.js" seen.js . bindtests
    javascript_expected | diff -u - seen.js
  )
  "$python" "$here/tests/compare_gir.py" /usr/share/gir-1.0/Guestfs-1.0.gir "$out/Guestfs-1.0.gir"
}

# With what Debian's typelib says of the library, too, where that is here.
examples() {
  gjs "$here/examples/create_disk.js" disk.img
  gjs "$here/examples/inspect_disk.js" disk.img >said
  cat said
  grep -q '/dev/sda1: ext4' said
  if [ -f /usr/lib/girepository-1.0/Guestfs-1.0.typelib ]; then
    env -u GI_TYPELIB_PATH gjs "$here/examples/inspect_disk.js" disk.img | grep '/dev/sda1: ext4'
  fi
}

# As programs are built on what is installed.
installed() {
  prefix=$PWD/usr
  lib=$prefix/lib/x86_64-linux-gnu
  DESTDIR='' PREFIX=$prefix LIBDIR=$lib "$here/install.sh" "$out"
  LD_LIBRARY_PATH=$lib${library:+:$library}
  GI_TYPELIB_PATH=$prefix/lib/girepository-1.0
  PKG_CONFIG_PATH=$lib/pkgconfig
  export LD_LIBRARY_PATH GI_TYPELIB_PATH PKG_CONFIG_PATH
  gjs -c 'print(imports.gi.Guestfs.Session.new().version().major)' | grep -qx 1
  compile_c bindtests
  if [ -f "$out/libguestfs-gobject-1.0.vapi" ] && command -v valac >/dev/null; then
    for name in create_disk inspect_disk; do
      valac -X -w -X "$link" --vapidir "$prefix/share/vala/vapi" --pkg libguestfs-gobject-1.0 -o $name \
        "$here/examples/$name.vala"
    done
    ./create_disk disk.img
    ./inspect_disk disk.img >said
    cat said
    grep -q '/dev/sda1: ext4' said
  else
    echo "not run: Vala's examples: install valac" >&3
  fi
}

steps() {
  mkdir tmp
  TMPDIR=$PWD/tmp "$python" -W ignore "$here/tests/steps.py"
}

exec 3>&2
part "compiling the tests" compile
part "binding tests" bindtests
part behaviour behaviour
part memory memory
if [ -f "$theirs/libguestfs-gobject-1.0.so.0" ]; then
  part "both ways" both_ways
else
  echo "not run: Debian's GObject binding on our library, and ours on Debian's: install libguestfs-gobject-dev" >&2
fi
part examples examples
part "as installed, Vala" installed
part steps steps
