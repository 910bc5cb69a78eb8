#!/bin/sh
# Build the Perl binding with nothing but a C compiler and Perl.
#
#   build.sh OUT
#
# In: generated/perl, generated/glue, ../glue/src, src/, and libguestfs.so from $GUESTFS_LIBDIR (default: where the
# linker looks). Out: OUT/Sys/Guestfs.pm and OUT/auto/Sys/Guestfs/Guestfs.so. Use it with PERL5LIB=OUT, and with
# LD_LIBRARY_PATH=$GUESTFS_LIBDIR when the library is not installed.
# $PERL, $CC, $CFLAGS and $LDFLAGS are obeyed. Exit status 77: Perl or its headers are not here.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: build.sh OUT" >&2
  exit 2
fi
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
generated=$here/../../generated
perl=${PERL:-perl}

headers=$("$perl" -MConfig -e 'print "$Config{archlibexp}/CORE"' 2>/dev/null) || headers=
if [ ! -f "$headers/perl.h" ]; then
  echo "Perl: install perl and libperl-dev" >&2
  exit 77
fi
# What Perl itself was compiled with decides on the layout of its structures.
perl_flags=$("$perl" -MConfig -e 'print $Config{ccflags}')

mkdir -p "$1/Sys" "$1/auto/Sys/Guestfs"
cp "$generated/perl/Sys/Guestfs.pm" "$1/Sys/"
# shellcheck disable=SC2086 # flags are lists of words
${CC:-cc} $perl_flags ${CFLAGS:--O2 -g} -std=gnu11 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -pthread \
  -DVERSION='"1.0"' -DXS_VERSION='"1.0"' \
  -isystem "$headers" -I"$generated/c" -I"$here/../glue/src" -I"$here/src" \
  -o "$1/auto/Sys/Guestfs/Guestfs.so" "$here"/src/*.c "$here"/../glue/src/*.c "$generated"/glue/*.c \
  ${GUESTFS_LIBDIR:+-L"$GUESTFS_LIBDIR"} ${LDFLAGS:-} -lguestfs
