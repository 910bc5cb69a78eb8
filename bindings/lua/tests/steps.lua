-- Runs generated/tests/steps.json: every test on one handle a scenario, as tests/conformance/run_steps.py.
--
-- steps.lua STEPS.json TMP [PREFIX]: PREFIX picks tests by the beginning of their names; TMP is an empty directory.

local G = require "guestfs"
local json = require "json"
local steps, tmp, prefix = arg[1], arg[2], arg[3] or ""
local MIB = 1024 * 1024
local errno = { [1] = "EPERM", [2] = "ENOENT", [5] = "EIO", [6] = "ENXIO", [9] = "EBADF", [12] = "ENOMEM", [13] = "EACCES", [16] = "EBUSY", [17] = "EEXIST", [18] = "EXDEV", [19] = "ENODEV",
   [20] = "ENOTDIR", [21] = "EISDIR", [22] = "EINVAL", [27] = "EFBIG", [28] = "ENOSPC", [30] = "EROFS", [34] = "ERANGE",
   [36] = "ENAMETOOLONG", [39] = "ENOTEMPTY", [40] = "ELOOP", [61] = "ENODATA", [71] = "EPROTO", [95] = "ENOTSUP" }

-- A value of the file as Lua's.
local function value (v)
   if v == json.null then return nil end
   if type (v) == "string" then return (v:gsub ("%%tmp", tmp)) end
   if type (v) ~= "table" then return v end
   if v.number then return v.number:find "%." and tonumber (v.number) or v.number end
   if v.bytes then return (v.bytes:gsub ("..", function (h) return string.char (tonumber (h, 16)) end)) end
   local out = {}
   for k, item in pairs (v) do out[k] = value (item) end
   return out
end

-- Numbers and decimal strings are the same; of tables only the wanted keys count.
local function matches (got, want, whole)
   if type (want) == "table" then
      if type (got) ~= "table" or (whole and #got ~= #want) then return false end
      for k, v in pairs (want) do
         if not matches (got[k], v, #v == 0 or type (v) == "table") then return false end
      end
      return true
   end
   if type (want) == "number" then return math.abs (tonumber (got) - want) < 0.01 end
   if type (got) == "number" then return got == tonumber (want) end
   return got == want
end

local function unordered (got, want)
   local left = {}
   for i, v in ipairs (got) do left[i] = v end
   for _, w in ipairs (want) do
      local found
      for i, v in ipairs (left) do found = found or (matches (v, w) and i) end
      if not found then return false end
      table.remove (left, found)
   end
   return #left == 0
end

local function contains (got, text)
   if type (got) == "string" then return got:find (text, 1, true) end
   for _, v in ipairs (got) do if v == text then return true end end
end

local function action (g, step)
   if step.local_write then
      local f = assert (io.open (value (step.local_write.path), "wb"))
      f:write (value (step.local_write.content))
      return f:close () and nil
   elseif step.local_read then
      local f = assert (io.open (value (step.local_read.path), "rb"))
      local text = f:read "*a"
      f:close ()
      return text
   end
   local args = {}
   for i, v in ipairs (step.args) do args[i] = value (v) end
   local n = #step.args
   if next (step.opts) then n = n + 1 args[n] = value (step.opts) end
   return g[step.call] (g, (unpack or table.unpack) (args, 1, n))
end

local function run (g, step)
   local kind, want = next (step.expect)
   local ok, got = pcall (action, g, step)
   if kind == "error" then
      assert (not ok, "succeeded, but must fail")
      assert (type (got) == "table", got)
      assert (want == json.null or errno[got.code] == want, tostring (got) .. ", not " .. tostring (want))
      return
   end
   assert (ok, tostring (got))
   want = value (want)
   assert (kind == "ok" or (kind == "equals" and matches (got, want, true)) or (kind == "unordered" and unordered (got, want))
           or (kind == "contains" and contains (got, want)), "got " .. tostring (got) .. ", expected " .. tostring (want))
end

local function wipe (g, device, both_ends)
   local size = tonumber (g:blockdev_getsize64 (device))
   g:pwrite_device (device, ("\0"):rep (math.min (size, MIB)), 0)
   if both_ends and size > MIB then g:pwrite_device (device, ("\0"):rep (MIB), size - MIB) end
end

-- The state that the scenario promises.
local function reset (g, scenario)
   if scenario == "disks" then
      g:umount_all ()
      g:vg_activate_all (false)
      local parts = g:list_partitions ()
      for _, part in ipairs (parts) do wipe (g, part, false) end
      for _, disk in ipairs { "/dev/sda", "/dev/sdb" } do
         for _, part in ipairs (parts) do
            if part:sub (1, #disk) == disk then g:part_init (disk, "mbr") break end
         end
         wipe (g, disk, true)
      end
   elseif scenario == "scratch-fs" then
      g:umount_all ()
      g:mount ("/dev/sdc", "/")
      g:umask (18)
      for _, name in ipairs (g:ls "/") do
         if name ~= "lost+found" then g:rm_rf ("/" .. name) end
      end
   end
end

local function open (scenario)
   local g = G.create ()
   if scenario ~= "none" then
      for _, size in ipairs (scenario == "scratch-fs" and { 1024, 256, 256 } or { 1024, 256 }) do
         g:add_drive_scratch (size * MIB)
      end
      g:launch ()
      if scenario == "scratch-fs" then g:mkfs ("ext4", "/dev/sdc") end
   end
   return g
end

local file = assert (io.open (steps))
local tests = json.parse (file:read "*a").tests
local passed, failed = 0, 0
for _, scenario in ipairs { "none", "disks", "scratch-fs" } do
   local g
   for _, test in ipairs (tests) do
      if test.scenario == scenario and test.name:sub (1, #prefix) == prefix then
         if g and scenario == "none" then g:close () g = nil end
         g = g or open (scenario)
         local place = "reset"
         local ok, e = pcall (function ()
            reset (g, scenario)
            for i, step in ipairs (test.steps) do place = "step " .. i - 1 run (g, step) end
         end)
         if ok then passed = passed + 1 else
            failed = failed + 1
            io.stderr:write (test.name, ", ", place, ": ", tostring (e), "\n")
            g:close ()
            g = nil
         end
      end
   end
   if g then g:close () end
end
print (passed .. " passed, " .. failed .. " failed")
os.exit (passed > 0 and failed == 0 and 0 or 1)
