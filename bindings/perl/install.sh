#!/bin/sh
# Copies the built Perl binding to where Perl looks, and its manual pages.
#
#   install.sh OUT
#
# In: what build.sh made in OUT; DESTDIR, PREFIX and LIBDIR as for `make install`, $PERL. Perl has directories below /usr
# (for what a distribution brings) and /usr/local; below another prefix it is LIBDIR/perl5, which is for PERL5LIB.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
perl=${PERL:-perl}
case $PREFIX in
  /usr) key=vendorarch ;;
  /usr/local) key=sitearch ;;
  *) key= ;;
esac
dir=$LIBDIR/perl5
if [ -n "$key" ]; then
  of_perl=$("$perl" -MConfig -e 'print $Config{$ARGV[0]}' $key)
  # A Perl of its own has neither.
  case $of_perl in
    "$PREFIX"/*) dir=$of_perl ;;
  esac
fi
man=$DESTDIR$PREFIX/share/man/man3
install -d "$DESTDIR$dir/Sys" "$DESTDIR$dir/auto/Sys/Guestfs" "$man"
install -m 644 "$1/Sys/Guestfs.pm" "$DESTDIR$dir/Sys/"
install -m 644 "$1/auto/Sys/Guestfs/Guestfs.so" "$DESTDIR$dir/auto/Sys/Guestfs/"
page() {
  pod2man --utf8 --section="$1" --name="$2" --center=libguestfs --release=guestfs-rs "$3" "$man/$2.$1"
}
page 3pm Sys::Guestfs "$1/Sys/Guestfs.pm"
page 3 guestfs-perl "$here/guestfs-perl.pod"
