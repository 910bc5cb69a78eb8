#!/bin/sh
# Says the library's version through the installed Lua binding, as a program of a user does, with each Lua that is here.
set -eu
for lua in lua5.1 lua5.2 lua5.3 lua5.4; do
  ! command -v $lua >/dev/null ||
    $lua -e 'local v = require "guestfs".create ():version () print (v.major .. "." .. v.minor .. "." .. v.release)'
done
