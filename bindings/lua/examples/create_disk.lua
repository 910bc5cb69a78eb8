-- Make a disk image with a partition, a file system and a few files.
--
-- create_disk.lua DISK

local G = require "guestfs"
local output = arg[1] or "disk.img"
local g = G.create ()

-- A sparse raw image of 512 MiB, attached to the handle, whose machine is then started.
g:disk_create (output, "raw", 512 * 1024 * 1024)
g:add_drive (output, { format = "raw", readonly = false })
g:launch ()

local devices = g:list_devices ()
assert (#devices == 1)
g:part_disk (devices[1], "mbr")
local partitions = g:list_partitions ()
assert (#partitions == 1)

g:mkfs ("ext4", partitions[1], { label = "lua" })
g:mount (partitions[1], "/")
g:touch ("/empty")
g:write ("/hello", "Hello, world\n")
g:mkdir ("/foo")

-- Errors of shutdown are the last chance to learn that something was not written.
g:shutdown ()
g:close ()
