#!/usr/bin/perl
# Make a disk image with a partition, a file system and a few files.
#
# create_disk.pl DISK

use strict;
use warnings;

use Sys::Guestfs;

my $output = shift // 'disk.img';
my $g = Sys::Guestfs->new;

# A sparse raw image of 512 MiB, attached to the handle, whose machine is then started.
$g->disk_create ($output, 'raw', 512 * 1024 * 1024);
$g->add_drive ($output, format => 'raw', readonly => 0);
$g->launch;

my ($device) = $g->list_devices;
$g->part_disk ($device, 'mbr');
my ($partition) = $g->list_partitions;

$g->mkfs ('ext4', $partition, label => 'perl');
$g->mount ($partition, '/');
$g->touch ('/empty');
$g->write ('/hello', "Hello, world\n");
$g->mkdir ('/foo');

# Errors of shutdown are the last chance to learn that something was not written.
$g->shutdown;
$g->close;
