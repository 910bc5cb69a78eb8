#!/bin/sh
# Says the library's version through the installed PHP binding, as a program of a user does.
set -eu
php -r '$v = guestfs_version (guestfs_create ()); echo "$v[major].$v[minor].$v[release]\n";'
