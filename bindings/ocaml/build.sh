#!/bin/sh
# Build the OCaml binding in place.
#
#   build.sh OUT
#
# In: generated/ocaml, src/, and libguestfs.so from $GUESTFS_LIBDIR (default: where the linker looks).
# Out: OUT/guestfs/: a findlib package (META, mlguestfs.cma, .cmxa, guestfs.cmi, stubs). Use it with
# OCAMLPATH=OUT, and with CAML_LD_LIBRARY_PATH=OUT/guestfs and LD_LIBRARY_PATH=$GUESTFS_LIBDIR when
# neither is installed. $CC and $CFLAGS are obeyed.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: build.sh OUT" >&2
  exit 2
fi
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
generated=$(CDPATH= cd -- "$here/../../generated" && pwd)
for tool in ocamlfind ocamlmklib; do
  if ! command -v $tool >/dev/null; then
    echo "OCaml: install ocaml-nox ocaml-findlib" >&2
    exit 77
  fi
done
include=$(ocamlfind ocamlc -where)
version=${GUESTFS_VERSION:-0.1.0}

# Absolute, as we leave for OUT.
if [ -n "${GUESTFS_LIBDIR:-}" ]; then
  GUESTFS_LIBDIR=$(CDPATH= cd -- "$GUESTFS_LIBDIR" && pwd)
fi

mkdir -p "$1/guestfs"
cd "$1/guestfs"
cp "$generated"/ocaml/guestfs.ml "$generated"/ocaml/guestfs.mli .
sed "s/@VERSION@/$version/" "$here/META.in" > META

ocamlfind ocamlc -c guestfs.mli
ocamlfind ocamlc -g -c guestfs.ml
ocamlfind ocamlopt -g -c guestfs.ml

rm -f ./*.stub.o
for source in "$here"/src/*.c "$here"/../glue/src/*.c "$generated"/glue/*.c "$generated"/ocaml/*.c; do
  # shellcheck disable=SC2086 # flags are lists of words
  ${CC:-cc} ${CFLAGS:--O2 -g} -std=gnu11 -Wall -Wextra -Werror -fPIC -c \
    -I"$include" -I"$generated/c" -I"$here/../glue/src" -I"$here/src" \
    -o "$(basename "$(dirname "$(dirname "$source")")")-$(basename "$source" .c).stub.o" "$source"
done
# The compilers search a package's own directory, and cope with blanks in its name; not so in -L of an archive.
rm -f libguestfs.so
if [ -n "${GUESTFS_LIBDIR:-}" ]; then
  ln -s "$GUESTFS_LIBDIR/libguestfs.so" libguestfs.so
fi
ocamlmklib -o mlguestfs -oc mlguestfs guestfs.cmo guestfs.cmx ./*.stub.o -ldopt -L. -lguestfs
rm -f ./*.stub.o
