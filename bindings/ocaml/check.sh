#!/bin/sh
# Runs the tests of the OCaml binding, as native code and as bytecode.
#
#   check.sh OUT
#
# In: what build.sh made in OUT, and the library by LD_LIBRARY_PATH. Out: a line a part with its seconds; exit status.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
out=$(CDPATH= cd -- "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OCAMLPATH="$out" CAML_LD_LIBRARY_PATH="$out/guestfs"

# compile NAME COMPILER: through findlib, as users do.
compile() {
  cp "$here/tests/$1.ml" .
  ocamlfind "$2" -w +a-4-9-40..42-44-45-48-70 -warn-error +a -thread -linkpkg -package guestfs,threads.posix \
    "$1.ml" -o "$1"
}

# bindtests COMPILER
bindtests() {
  compile bindtests "$1"
  ./bindtests seen
  diff -u "$here/../c/tests/bindtests.expected" seen
}

# behaviour COMPILER
behaviour() {
  compile binding "$1"
  ./binding . >said 2>errors || { cat errors; return 1; }
  [ "$(tail -n 1 said)" = 'closed at exit' ]
  grep -q 'uncaught OCaml exception in event callback: Failure("expected")' errors
}

memory() {
  compile memory ocamlopt
  ./memory
}

# The examples, with the warnings that users have.
examples() {
  for example in create_disk inspect_disk; do
    cp "$here/examples/$example.ml" .
    ocamlfind ocamlopt -linkpkg -package guestfs $example.ml -o $example
  done
  ./create_disk disk.img
  ./inspect_disk disk.img | tee said
  grep -q '/dev/sda1: ext4' said
}

# A program that Debian's binding was linked into, on our library; and ours on Debian's library.
both_ways() {
  cat >say.ml <<'ML'
let () =
  let g = new Guestfs.guestfs () in
  g#internal_test_set_output Sys.argv.(1);
  g#internal_test ~obool:true ~ostring:"s" "abc" (Some "def") [| "1" |] true 1 2L "123" "456" "abc\000abc";
  g#internal_test_close_output ();
  let pv = g#internal_test_rstruct "x" in
  Printf.printf "%Ld %s %d\n" (g#internal_test_rint64 "10") pv.Guestfs.pv_name
    (Array.length (g#internal_test_rstructlist "5"))
ML
  env -u OCAMLPATH -u CAML_LD_LIBRARY_PATH ocamlfind ocamlopt -linkpkg -package guestfs say.ml -o theirs
  ./theirs seen.ours >said.ours
  env -u LD_LIBRARY_PATH ./theirs seen.theirs >said.theirs
  ocamlfind ocamlopt -linkpkg -package guestfs say.ml -o ours
  env -u LD_LIBRARY_PATH ./ours seen.both >said.both
  for other in ours both; do
    diff -u seen.theirs seen.$other
    diff -u said.theirs said.$other
  done
}

# part NAME COMMAND…: run it in a directory of its own, say how long it took.
part() {
  name=$1
  shift
  mkdir "$work/dir"
  start=$(date +%s)
  if ! (cd "$work/dir" && "$@") >"$work/log" 2>&1; then
    echo "FAILED: OCaml, $name:" >&2
    cat "$work/log" >&2
    exit 1
  fi
  echo "OCaml, $name: $(($(date +%s) - start)) s"
  rm -rf "$work/dir"
}

for compiler in ocamlopt ocamlc; do
  part "binding tests, $compiler" bindtests $compiler
  part "behaviour, $compiler" behaviour $compiler
done
part examples examples
part memory memory
part "both ways" both_ways
