# Make a disk image with a partition, a file system and a few files.
#
# create_disk.rb DISK

require "guestfs"

output = ARGV[0] || "disk.img"

Guestfs::Guestfs.open do |g|
  # A sparse raw image of 512 MiB, attached to the handle, whose machine is then started.
  g.disk_create(output, "raw", 512 << 20)
  g.add_drive(output, format: "raw", readonly: false)
  g.launch

  devices = g.list_devices
  raise "one disk expected, not #{devices}" unless devices.size == 1
  g.part_disk(devices[0], "mbr")
  partitions = g.list_partitions
  raise "one partition expected, not #{partitions}" unless partitions.size == 1

  g.mkfs("ext4", partitions[0], label: "ruby")
  g.mount(partitions[0], "/")
  g.touch("/empty")
  g.write("/hello", "Hello, world\n")
  g.mkdir("/foo")

  # Errors of shutdown are the last chance to learn that something was not written.
  g.shutdown
end
