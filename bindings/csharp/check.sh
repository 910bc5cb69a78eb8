#!/bin/sh
# Runs the tests of the C# binding.
#
#   check.sh OUT [PART]
#
# In: what build.sh made in OUT, and the library by LD_LIBRARY_PATH; PART of those below is run alone (after compiling the
# tests). Out: a line a part with its seconds; exit status, 77 when there is no Mono.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
out=$(CDPATH= cd -- "$1" && pwd)
# Mono writes what it prints in the locale's encoding.
export LC_ALL=C.UTF-8
if ! command -v mcs >/dev/null || ! command -v mono >/dev/null; then
  echo "not run: C# binding: install mono-mcs mono-runtime" >&2
  exit 77
fi
only=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ours() {
  MONO_PATH=$out timeout 300 mono --debug "$work/bin/Tests.exe" "$@"
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
    echo "FAILED: C#, $name:" >&2
    cat "$work/log" >&2
    exit 1
  fi
  echo "C#, $name: $(($(date +%s) - start)) s"
  rm -rf "$work/dir"
}

program() {
  mcs -warn:4 -warnaserror -debug -r:"$out/Guestfs.dll" "$@"
}

# What the generator makes of names that are no names in C# compiles, too.
compile() {
  mkdir "$work/bin"
  program -out:"$work/bin/Tests.exe" "$here"/tests/*.cs
  for example in CreateDisk InspectDisk; do
    program -out:"$work/bin/$example.exe" "$here/examples/$example.cs"
  done
  mcs -noconfig -target:library -warn:4 -warnaserror -nowarn:1573,1591 -doc:tiny.xml -out:tiny.dll \
    "$here"/src/*.cs "$root"/generator/tests/golden/csharp/*.cs
}

bindtests() {
  ours arguments seen >said
  diff -u "$root/bindings/c/tests/bindtests.expected" seen
  diff -u "$here/tests/results.expected" said
}

# Errors are thrown and not printed as well.
quietly() {
  ours "$@" >said 2>&1 || status=$?
  cat said
  [ "${status:-0}" = 0 ]
  [ "$(cat said)" = ok ]
}

behaviour() {
  quietly binding .
}

steps() {
  mkdir steps
  ours steps "$root/generated/tests/steps.json" "$PWD/steps"
}

examples() {
  export MONO_PATH="$out"
  mono "$work/bin/CreateDisk.exe" disk.img
  mono "$work/bin/InspectDisk.exe" disk.img >said
  cat said
  grep -q '/dev/sda1: ext4' said
}

ending() {
  [ "$(ours ending disk.img)" = closed ]
  [ "$(ours ending disk.img read)" = written ]
  ours ending || status=$?
  [ "$status" = 3 ]
}

# Debian has no C# binding; ours runs on its library.
on_debian() {
  unset LD_LIBRARY_PATH
  ours arguments seen >said
  diff -u "$root/bindings/c/tests/bindtests.expected" seen
  diff -u "$here/tests/results.expected" said
}

# As a program is compiled and finds what is installed; without the native library it says what is wrong.
installed() {
  DESTDIR=$PWD PREFIX=/usr LIBDIR=/usr/lib/x86_64-linux-gnu "$here/install.sh" "$out"
  libraries=$PWD/usr/lib/x86_64-linux-gnu
  grep -x -e 'Libs: -r:/usr/lib/mono/4.5/Guestfs.dll' "$libraries/pkgconfig/guestfs-sharp.pc"
  mcs -lib:usr/lib/mono/4.5 -r:Guestfs.dll -out:Tests.exe "$here"/tests/*.cs
  unset MONO_PATH
  ! mono Tests.exe arguments seen >said 2>&1
  export MONO_GAC_PREFIX="$PWD/usr:/usr"
  LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} mono Tests.exe arguments seen >said
  diff -u "$here/tests/results.expected" said
  ! mono Tests.exe arguments seen >said 2>&1
  grep 'DllNotFoundException: guestfs_csharp' said
}

part "compiling the tests" compile
part "binding tests" bindtests
part behaviour behaviour
part memory quietly memory
if [ -f /usr/lib/x86_64-linux-gnu/libguestfs.so.0 ]; then
  part "on Debian's library" on_debian
else
  echo "not run: our C# binding on Debian's library: install libguestfs0" >&2
fi
part "as installed" installed
part examples examples
part "ending with an open handle" ending
part "on the appliance" quietly launched
part steps steps
