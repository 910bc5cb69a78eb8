# Say which operating systems are in a disk image, and show what their file systems hold.
#
# inspect_disk.rb DISK

require "guestfs"

disk = ARGV[0] or abort "usage: inspect_disk.rb DISK"

Guestfs::Guestfs.open do |g|
  # Read-only: the image cannot be changed, and a guest may be using it.
  g.add_drive(disk, readonly: true)
  g.launch

  roots = g.inspect_os
  roots.each do |root|
    puts "Root device: #{root}"
    puts "  Product name: #{g.inspect_get_product_name(root)}"
    puts "  Version:      #{g.inspect_get_major_version(root)}.#{g.inspect_get_minor_version(root)}"
    puts "  Type:         #{g.inspect_get_type(root)}"
    puts "  Distro:       #{g.inspect_get_distro(root)}"

    # Short mount points first, so that /boot is mounted after /.
    g.inspect_get_mountpoints(root).sort_by { |point, _| point.size }.each do |point, device|
      g.mount_ro(device, point)
    rescue Guestfs::Error => e
      puts "#{e.message} (ignored)"
    end
    # Numbers stand for true and false: 0 is true in Ruby.
    puts "--- /etc/issue ---", g.cat("/etc/issue") if g.is_file("/etc/issue") == 1
    g.umount_all
  end
  if roots.empty?
    puts "no operating system found; file systems:"
    g.list_filesystems.each { |device, kind| puts "  #{device}: #{kind}" }
  end
end
