#!/bin/sh
# Says the library's version through the installed OCaml binding, as a program of a user does.
set -eu
cat >say.ml <<'ML'
let () =
  let v = (new Guestfs.guestfs ())#version () in
  Guestfs.(Printf.printf "%Ld.%Ld.%Ld\n" v.major v.minor v.release)
ML
ocamlfind ocamlopt -linkpkg -package guestfs say.ml -o say
./say
