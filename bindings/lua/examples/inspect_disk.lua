-- Say which operating systems are in a disk image, and show what their file systems hold.
--
-- inspect_disk.lua DISK

local G = require "guestfs"
local disk = assert (arg[1], "usage: inspect_disk.lua DISK")
local g = G.create ()

-- Read-only: the image cannot be changed, and a guest may be using it.
g:add_drive (disk, { readonly = true })
g:launch ()

local roots = g:inspect_os ()
for _, root in ipairs (roots) do
   print ("Root device: " .. root)
   print ("  Product name: " .. g:inspect_get_product_name (root))
   print ("  Version:      " .. g:inspect_get_major_version (root) .. "." .. g:inspect_get_minor_version (root))
   print ("  Type:         " .. g:inspect_get_type (root))
   print ("  Distro:       " .. g:inspect_get_distro (root))

   -- Short mount points first, so that /boot is mounted after /.
   local points = {}
   for point in pairs (g:inspect_get_mountpoints (root)) do points[#points + 1] = point end
   table.sort (points, function (a, b) return #a < #b end)
   local devices = g:inspect_get_mountpoints (root)
   for _, point in ipairs (points) do
      local ok, e = pcall (g.mount_ro, g, devices[point], point)
      if not ok then print (tostring (e) .. " (ignored)") end
   end
   if g:is_file ("/etc/issue") then print ("--- /etc/issue ---\n" .. g:cat ("/etc/issue")) end
   g:umount_all ()
end
if #roots == 0 then
   print "no operating system found; file systems:"
   for device, kind in pairs (g:list_filesystems ()) do print ("  " .. device .. ": " .. kind) end
end
g:close ()
