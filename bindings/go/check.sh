#!/bin/sh
# Runs the tests of the Go binding.
#
#   check.sh OUT [PART]
#
# In: what build.sh made in OUT, and the library by LD_LIBRARY_PATH; PART of those below is run alone (after building
# the tests). Out: a line a part with its seconds; exit status, 77 when there is no Go.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
out=$(CDPATH= cd -- "$1" && pwd)
if ! command -v go >/dev/null; then
  echo "not run: Go binding: install golang-go" >&2
  exit 77
fi
only=${2:-}
work=$(mktemp -d)
# Go writes its modules read-only.
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
. "$here/environment.sh"
export TMPDIR="$work"
# Debian's binding, as source; bindtests on it and on ours must say the same.
theirs=/usr/share/gocode

# part NAME COMMAND…: run it in a directory of its own, say how long it took.
part() {
  name=$1
  shift
  case $only,$name in
    ,* | "$name,"* | *,building*) ;;
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
    echo "FAILED: Go, $name:" >&2
    cat "$work/log" >&2
    exit 1
  fi
  echo "Go, $name: $(($(date +%s) - start)) s"
  rm -rf "$work/dir"
}

# As a user's module does it; the module's zip is made of the files that are committed, without links.
building() {
  mkdir "$work/user"
  cp -R "$here/tests/arguments" "$here/tests/binding" "$work/user/"
  mkdir "$work/user/create_disk" "$work/user/inspect_disk"
  cp "$here/examples/create_disk.go" "$work/user/create_disk/"
  cp "$here/examples/inspect_disk.go" "$work/user/inspect_disk/"
  cd "$work/user"
  printf 'module example.org/user\n\ngo 1.18\n\nreplace libguestfs.org/guestfs => %s\n\nrequire libguestfs.org/guestfs v0.0.0\n' \
    "$out/src/libguestfs.org/guestfs" >go.mod
  mkdir "$work/bin"
  go build -o "$work/bin/" ./...
  go vet ./...
  [ -z "$(gofmt -l . "$here")" ]
  [ -z "$(find "$root/generated/go" ! -type f ! -type d)" ]
  # What the generator makes of names that are no names in Go compiles, too.
  mkdir -p "$work/tiny"
  cp "$root"/generated/go/* "$work/tiny/"
  cp "$root"/generator/tests/golden/go/*.go "$work/tiny/"
  [ -z "$(gofmt -l "$work/tiny")" ]
  cd "$work/tiny"
  go vet .
}

bindtests() {
  "$work/bin/arguments" seen whole
  diff -u "$root/bindings/c/tests/bindtests.expected" seen
}

behaviour() {
  # The thorough check of what is passed to C; later versions want the program built for it.
  case $(go env GOVERSION) in
    go1.1[89]* | go1.20*) export GODEBUG=cgocheck=2 ;;
  esac
  "$work/bin/binding" behaviour . >said 2>&1
  cat said
  [ "$(cat said)" = ok ]
}

examples() {
  "$work/bin/create_disk" disk.img
  "$work/bin/inspect_disk" disk.img >said
  cat said
  grep -q '/dev/sda1: ext4' said
}

steps() {
  mkdir steps
  "$work/bin/binding" steps "$root/generated/tests/steps.json" "$PWD/steps"
}

# As a program finds what is installed: by GOPATH, and by its go.mod.
installed() {
  DESTDIR=$PWD/root PREFIX=/usr "$here/install.sh" "$out"
  cp -R "$here/tests/arguments" .
  cd arguments
  GO111MODULE=off GOFLAGS= GOPATH=$out/gopath:$work/dir/root/usr/share/gocode go build -o ../found .
  cd ..
  ./found seen whole
}

# Methods with the types of arguments and results, fields of structs with theirs. Close is the one that differs.
names() {
  for file in "$1"/*.go; do
    gofmt "$file"
  done | awk '
    /^type [A-Z].* struct {/ { type = $2; next }
    /^}/ { type = "" }
    type && NF == 2 && $1 ~ /^[A-Z]/ { print type "." $1, $2 }
    /^func \(g \*Guestfs\) [A-Z].* {$/ && !/ Close\(/ {
      sub (/ {$/, "")
      gsub (/, [a-z]/, ",&")
      gsub (/\([a-z_0-9]+ /, "(")
      gsub (/,, [a-z_0-9]+ /, ", ")
      gsub (/,,/, ",")
      print
    }' | LC_ALL=C sort
}

# Debian's binding on our library, and ours on Debian's.
both_ways() {
  cp "$root/bindings/c/tests/bindtests.expected" expected
  cp -R "$here/tests/arguments" .
  cd arguments
  # Its files name no library but -lguestfs.
  GO111MODULE=off GOFLAGS= GOPATH=$out/gopath:$theirs go build -o ../theirs .
  cd ..
  ./theirs seen >said.theirs
  diff -u expected seen
  (
    unset LD_LIBRARY_PATH
    ./theirs seen >said.debian
    diff -u expected seen
    # Nothing is printed there either, whichever thread an error is on.
    "$work/bin/binding" quiet >quiet 2>&1
    [ "$(cat quiet)" = ok ]
    "$work/bin/arguments" seen >said.ours
    diff -u expected seen
  )
  diff -u said.debian said.theirs
  diff -u said.debian said.ours
  # Every method and field that a program can use of Debian's is in ours, with its types.
  names "$theirs/src/libguestfs.org/guestfs" >names.theirs
  names "$out/src/libguestfs.org/guestfs" >names.ours
  [ "$(wc -l <names.theirs)" -gt 1400 ]
  # A field that upstream has given a name since Debian's version.
  LC_ALL=C comm -23 names.theirs names.ours | grep -v App2_spare1 >missing || true
  cat missing
  [ ! -s missing ]
}

part "building the tests" building
part "binding tests" bindtests
part behaviour behaviour
part memory "$work/bin/binding" memory
if [ -f "$theirs/src/libguestfs.org/guestfs/guestfs.go" ]; then
  part "both ways" both_ways
else
  echo "not run: Debian's Go binding on our library, and ours on Debian's: install golang-guestfs-dev" >&2
fi
part "as installed" installed
part examples examples
part cancelling "$work/bin/binding" cancel
part steps steps
