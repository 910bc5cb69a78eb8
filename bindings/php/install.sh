#!/bin/sh
# Copies the built PHP binding, has PHP load it, and installs its declarations for editors and its manual page.
#
#   install.sh OUT
#
# In: what build.sh made in OUT; DESTDIR, PREFIX and LIBDIR as for `make install`; $PHP_CONFIG. PHP looks in no prefix: it
# reads settings from one directory, where a file names the extension by its path. With another prefix than /usr and
# /usr/local the file stays below the prefix, and PHP_INI_SCAN_DIR=:PREFIX/etc/php has PHP read it.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
config=${PHP_CONFIG:-php-config}
DESTDIR=${DESTDIR:-}
extension=$LIBDIR/php/$("$config" --phpapi)/guestfs_php.so

install -d "$DESTDIR${extension%/*}" "$DESTDIR$PREFIX/share/php/guestfs_php" "$DESTDIR$PREFIX/share/man/man3"
install -m 644 "$1/guestfs_php.so" "$DESTDIR$extension"
install -m 644 "$1/guestfs.stub.php" "$DESTDIR$PREFIX/share/php/guestfs_php/"
if command -v pod2man >/dev/null; then
  pod2man --name guestfs-php --section 3 --center "libguestfs for PHP" --release guestfs-rs "$here/guestfs-php.pod" \
    >"$DESTDIR$PREFIX/share/man/man3/guestfs-php.3"
fi

# settings FILE
settings() {
  install -d "$DESTDIR${1%/*}"
  rm -f "$DESTDIR$1"
  printf '; Disk images of virtual machines: guestfs-php(3)\nextension=%s\n' "$extension" >"$DESTDIR$1"
}
scanned=$("$config" --ini-dir)
case $PREFIX:$scanned in
  /usr:/etc/php/*/cli/conf.d | /usr/local:/etc/php/*/cli/conf.d)
    # Debian's way: one file, and links for each way in which PHP runs (phpenmod).
    base=${scanned%/cli/conf.d}
    settings "$base/mods-available/guestfs_php.ini"
    for dir in "$base"/*/conf.d; do
      install -d "$DESTDIR$dir"
      ln -sfn "$base/mods-available/guestfs_php.ini" "$DESTDIR$dir/20-guestfs_php.ini"
    done ;;
  /usr:?* | /usr/local:?*) settings "$scanned/20-guestfs_php.ini" ;;
  *) settings "$PREFIX/etc/php/guestfs_php.ini" ;;
esac
