#!/bin/sh
# Says the library's version through the installed Perl binding, as a program of a user does.
set -eu
perl -we 'use Sys::Guestfs; my %v = Sys::Guestfs->new->version; print "$v{major}.$v{minor}.$v{release}\n"'
