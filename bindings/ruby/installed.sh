#!/bin/sh
# Says the library's version through the installed Ruby binding, as a program of a user does.
set -eu
ruby -rguestfs -e 'puts Guestfs::Guestfs.new.version.values_at("major", "minor", "release").join(".")'
