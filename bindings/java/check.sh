#!/bin/sh
# Runs the tests of the Java binding.
#
#   check.sh OUT [PART]
#
# In: what build.sh made in OUT, and the library by LD_LIBRARY_PATH; $JAVA_HOME as there; PART of those below is run
# alone (after compiling the tests). Out: a line a part with its
# seconds; exit status, 77 when there is no JDK.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
out=$(CDPATH= cd -- "$1" && pwd)
PATH=${JAVA_HOME:+$JAVA_HOME/bin:}$PATH
if ! command -v javac >/dev/null; then
  echo "not run: Java binding: install default-jdk-headless" >&2
  exit 77
fi
only=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Debian's compiled binding; bindtests on it and on ours must say the same.
theirs=$(echo /usr/share/java/libguestfs-1.*.jar)
# Each program is short: a small heap, and no compiler that warms up.
fast="-ea -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m"

# With exec=exec the process is Java's own.
ours() {
  # shellcheck disable=SC2086 # flags are lists of words
  ${exec:-} java $fast -cp "$out/libguestfs.jar:$work/classes" "$@"
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
    echo "FAILED: Java, $name:" >&2
    cat "$work/log" >&2
    exit 1
  fi
  echo "Java, $name: $(($(date +%s) - start)) s"
  rm -rf "$work/dir"
}

# What the generator makes of names that are no names in Java compiles, too.
compile() {
  javac -encoding UTF-8 -Xlint:all -Werror -cp "$out/libguestfs.jar" -d "$work/classes" "$here"/tests/*.java \
    "$here"/examples/*.java
  find "$root/generator/tests/golden/java" "$here/src" -name '*.java' >files
  javac -encoding UTF-8 -Xlint:all -Werror -d tiny @files
}

# -Xcheck:jni tells of every wrong use of Java by the C code.
bindtests() {
  ours -Xcheck:jni Arguments seen dcff >said
  diff -u "$root/bindings/c/tests/bindtests.expected" seen
  ! grep -n 'WARNING\|FATAL' said
  tail -n 1 said | grep -qx 'close,trace 1023'
}

behaviour() {
  ours -Xcheck:jni Binding . >said
  cat said
  [ "$(cat said)" = ok ]
}

# With all of the heap in use from the start, what grows is not Java's.
memory() {
  ours -Xms48m -Xmx48m -XX:+AlwaysPreTouch Memory
}

steps() {
  mkdir steps
  ours Steps "$root/generated/tests/steps.json" "$PWD/steps"
}

examples() {
  ours CreateDisk disk.img
  ours InspectDisk disk.img >said
  cat said
  grep -q '/dev/sda1: ext4' said
}

# As Ctrl-C does, which programs in the background ignore: the call is cancelled and the handle closed, so that what
# was written is on the disk.
ending() {
  mkfifo fifo
  (exec=exec; ours Ending disk.img) >fifo 2>&1 &
  pid=$!
  exec 3<fifo
  read -r word <&3
  [ "$word" = ready ]
  sleep 1
  begun=$(date +%s)
  kill -TERM $pid
  wait $pid || status=$?
  [ "$status" = 143 ]
  [ $(($(date +%s) - begun)) -lt 20 ]
  [ "$(ours Ending disk.img read)" = written ]
}

# As a program finds what is installed, though another library of the name is where Java looks; without it, Java says
# what is wrong.
installed() {
  DESTDIR=$PWD PREFIX=/usr LIBDIR=/usr/lib/x86_64-linux-gnu "$here/install.sh" "$out"
  jar=$PWD/usr/share/java/libguestfs.jar
  java -ea -cp "$jar:$work/classes" Arguments seen dcff
  rm -r usr/lib
  ! env -u LD_LIBRARY_PATH java -cp "$jar:$work/classes" Arguments seen 2>why
  cat why
  grep 'not from one build\|no guestfs_jni in' why
}

# The public members of upstream's classes, but for finalize, which Java is about to lose, and a field that upstream has
# given a name since Debian's version.
members() {
  jar tf "$theirs" | sed -n 's|/|.|g; s|\.class$||p' | xargs javap -public -cp "$1" |
    awk '/^(Compiled|})/ { next } / (class|interface) .*{$/ { class = $3; next } { print class ":" $0 }' |
    grep -v ' finalize()\| static {}\| app2_spare1;' | sed 's/ abstract / /' | sort
}

# Debian's compiled binding on our library, for which it wants two libraries that its own happens to bring along; ours
# on Debian's; and the classes, member by member.
both_ways() {
  LC_ALL=C sed 's/^x.y$/xy/' "$root/bindings/c/tests/bindtests.expected" >expected
  LD_PRELOAD="libxml2.so.2 libpcre2-8.so.0" java -ea -cp "$theirs:$work/classes" Arguments seen >said.theirs
  diff -u expected seen
  (
    unset LD_LIBRARY_PATH
    java -ea -cp "$theirs:$work/classes" Arguments seen >said.debian
    diff -u expected seen
    ours Arguments seen dcff >said.ours
    diff -u "$root/bindings/c/tests/bindtests.expected" seen
  )
  diff -u said.debian said.theirs
  diff -u said.debian said.ours
  members "$theirs" >members.theirs
  members "$out/libguestfs.jar" >members.ours
  [ "$(wc -l <members.theirs)" -gt 900 ]
  comm -23 members.theirs members.ours >missing
  cat missing
  [ ! -s missing ]
}

part "compiling the tests" compile
part "binding tests" bindtests
part behaviour behaviour
part memory memory
if [ -f "$theirs" ]; then
  part "both ways" both_ways
else
  echo "not run: Debian's Java binding on our library, and ours on Debian's: install libguestfs-java" >&2
fi
part "as installed" installed
part examples examples
part "ending in a call" ending
part steps steps
