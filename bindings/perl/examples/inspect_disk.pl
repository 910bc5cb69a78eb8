#!/usr/bin/perl
# Say which operating systems are in a disk image, and show what its file systems are.
#
# inspect_disk.pl DISK

use strict;
use warnings;

use Sys::Guestfs;

my $disk = shift // die "usage: inspect_disk.pl DISK\n";
my $g = Sys::Guestfs->new;

# Read-only: the image cannot be changed, and a guest may be using it.
$g->add_drive ($disk, readonly => 1);
$g->launch;

my @roots = $g->inspect_os;
for my $root (@roots) {
  print "Root device: $root\n";
  printf "  Product name: %s\n", $g->inspect_get_product_name ($root);
  printf "  Version:      %d.%d\n", $g->inspect_get_major_version ($root), $g->inspect_get_minor_version ($root);
  printf "  Type:         %s\n", $g->inspect_get_type ($root);
  printf "  Distro:       %s\n", $g->inspect_get_distro ($root);

  # Short mount points first, so that /boot is mounted after /.
  my %devices = $g->inspect_get_mountpoints ($root);
  for my $point (sort { length $a <=> length $b } keys %devices) {
    eval { $g->mount_ro ($devices{$point}, $point) };
    print "$@ (ignored)\n" if $@;
  }
  print "--- /etc/issue ---\n", $g->cat ('/etc/issue') if $g->is_file ('/etc/issue');
  $g->umount_all;
}
unless (@roots) {
  print "no operating system found; file systems:\n";
  my %kinds = $g->list_filesystems;
  print "  $_: $kinds{$_}\n" for sort keys %kinds;
}
$g->close;
