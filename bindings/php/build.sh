#!/bin/sh
# Build the PHP binding, with nothing but a C compiler and PHP's headers. (config.m4 is for phpize, PIE and PECL.)
#
#   build.sh OUT
#
# In: generated/ (a link), glue/ (a link), src/, and libguestfs.so from $GUESTFS_LIBDIR (default: where the linker
# looks). Out: OUT/guestfs_php.so and OUT/guestfs.stub.php. Use it with php -d extension=OUT/guestfs_php.so, and with
# LD_LIBRARY_PATH=$GUESTFS_LIBDIR when the library is not installed.
# $PHP_CONFIG, $CC, $CFLAGS and $LDFLAGS are obeyed. Exit status 77: PHP's headers are not here.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: build.sh OUT" >&2
  exit 2
fi
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
config=${PHP_CONFIG:-php-config}
if ! include=$("$config" --includes 2>/dev/null) || [ ! -f "$("$config" --include-dir)/main/php.h" ]; then
  echo "PHP: install php8.2-dev" >&2
  exit 77
fi
# What is wrong in PHP's own headers is not ours to warn of.
include=$(echo "$include" | sed 's/-I/-isystem /g')
mkdir -p "$1"
# shellcheck disable=SC2086 # flags are lists of words
${CC:-cc} ${CFLAGS:--O2 -g} -std=gnu11 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -pthread \
  $include -I"$here/include" -I"$here/glue" -I"$here/src" \
  -o "$1/guestfs_php.so" "$here"/src/*.c "$here"/glue/*.c "$here"/generated/*.c \
  ${GUESTFS_LIBDIR:+-L"$GUESTFS_LIBDIR"} ${LDFLAGS:-} -lguestfs
cp "$here/guestfs.stub.php" "$1/"
