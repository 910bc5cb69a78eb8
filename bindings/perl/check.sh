#!/bin/sh
# Runs the tests of the Perl binding.
#
#   check.sh OUT
#
# In: what build.sh made in OUT, and the library by LD_LIBRARY_PATH. Out: a line a part with its seconds; exit status.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
out=$(CDPATH= cd -- "$1" && pwd)
perl=${PERL:-perl}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PERL5LIB=$out
LC_ALL=C.UTF-8
export PERL5LIB LC_ALL

# part NAME COMMAND…: run it in a directory of its own, say how long it took.
part() {
  name=$1
  shift
  mkdir -p "$work/dir"
  start=$(date +%s)
  if ! (cd "$work/dir" && set -e && "$@") >"$work/log" 2>&1; then
    echo "FAILED: Perl, $name:" >&2
    cat "$work/log" >&2
    exit 1
  fi
  grep '^not run: ' "$work/log" || true
  echo "Perl, $name: $(($(date +%s) - start)) s"
  rm -rf "$work/dir"
}

# same COMMAND…: the binding tests, and that the library saw the right arguments.
same() {
  "$@" "$here/tests/bindtests.pl" seen || return 1
  diff -u "$root/bindings/c/tests/bindtests.expected" seen || return 1
}

# Debian's compiled binding on our library, and ours on Debian's: the same tests.
both_ways() {
  if [ ! -f "$(env -u PERL5LIB "$perl" -MConfig -e 'print $Config{vendorarch}')/Sys/Guestfs.pm" ]; then
    echo "not run: Perl, both ways: install libguestfs-perl"
    return
  fi
  same env -u PERL5LIB "$perl" || return 1
  same env -u LD_LIBRARY_PATH "$perl" || return 1
}

steps() {
  mkdir steps
  "$perl" "$here/tests/steps.pl" "$root/generated/tests/steps.json" "$PWD/steps"
}

examples() {
  "$perl" -w "$here/examples/create_disk.pl" disk.img || return 1
  "$perl" -w "$here/examples/inspect_disk.pl" disk.img | tee said
  grep -q '/dev/sda1: ext4' said
}

# Manuals, and Makefile.PL in a copy, as what it makes is not for the tree.
packaging() {
  podchecker "$out/Sys/Guestfs.pm" "$here/guestfs-perl.pod" || return 1
  "$perl" -0777 -e '
    my ($pod, @examples) = map { open my $f, "<", $_ or die "$_: $!"; scalar <$f> } @ARGV;
    for (@examples) { s/^#!.*\n//; s/^(?=.)/ /gm; die "the manual does not have the example:\n$_" if index ($pod, $_) < 0 }
  ' "$here/guestfs-perl.pod" "$here"/examples/*.pl || return 1
  mkdir -p tree/bindings
  cp -R "$here" "$here/../glue" tree/bindings/
  mkdir tree/generated
  cp -R "$root/generated/perl" "$root/generated/glue" "$root/generated/c" tree/generated/
  cd tree/bindings/perl || return 1
  GUESTFS_LIBDIR=${LD_LIBRARY_PATH%%:*} "$perl" Makefile.PL || return 1
  make || return 1
  # DESTDIR of a `make install` around this is not for here.
  make install DESTDIR="$PWD/root" || return 1
  found=$(find "$PWD/root" -name Guestfs.pm)
  PERL5LIB=${found%/Sys/Guestfs.pm} "$perl" -MSys::Guestfs -e 'print Sys::Guestfs->new->get_smp, " $INC{q{Sys/Guestfs.pm}}\n"' || return 1
}

part "binding tests" same "$perl"
part behaviour "$perl" "$here/tests/binding.pl" .
part examples examples
part steps steps
part "both ways" both_ways
part packaging packaging
