#!/bin/sh
# Says the library's version through the installed Python binding, as a program of a user does.
set -eu
python3 -c 'import guestfs; print("{major}.{minor}.{release}".format(**guestfs.GuestFS().version()))'
