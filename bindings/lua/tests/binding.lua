-- What a handle has beside calls: closing, the collector, errors, events, numbers, signals.
--
-- binding.lua DIR: works in DIR, with handles that are not launched.

local G = require "guestfs"
local dir = arg[1]

local function fails (f, ...)
   local ok, e = pcall (f, ...)
   assert (not ok, "did not fail")
   return e
end

local function closing ()
   local g, closed = G.create (), 0
   g:set_event_callback (function (h, event) assert (event == "close") closed = closed + 1 end, "close")
   g:close ()
   assert (closed == 1)
   for _, f in ipairs { g.close, g.get_memsize, g.set_event_callback, g.delete_event_callback } do
      assert (fails (f, g, function () end, "close"):find "handle is closed")
   end
   assert (tostring (g) == "Guestfs handle (closed)")
   -- What is left to the collector is closed by it, and its callback runs.
   g = G.create ()
   g:set_event_callback (function () closed = closed + 1 end, "close")
   g = nil
   collectgarbage ()
   collectgarbage ()
   assert (closed == 2)
   -- Closed by a callback of the call: the call still ends.
   g = G.create ()
   g:set_trace (true)
   g:set_event_callback (function (h) if h == g then pcall (g.close, g) end end, "trace")
   assert (g:get_smp () == 1)
   assert (fails (g.get_smp, g):find "handle is closed")
   -- No handle at all.
   fails (g.get_smp, nil)
   fails (g.get_smp, io.stdout)
   assert (fails (G.create, { enviroment = false }):find "unknown optional argument 'enviroment'")
   G.create { environment = false, close_on_exit = false }:close ()
end

local function errors ()
   local g = G.create ()
   local e = fails (g.add_drive, g, "/nonexistent/disk.img")
   assert (type (e) == "table" and e.code == 2 and e.msg:find ("/nonexistent/disk.img", 1, true))
   assert (tostring (e) == e.msg .. ": No such file or directory", tostring (e))
   e = fails (g.add_drive, g, "/nonexistent/\255")
   assert (e.msg:find ("/nonexistent/\255", 1, true))
end

local function numbers ()
   local g = G.create ()
   local size = 4294967296 + 1048576
   g:disk_create (dir .. "/big.img", "raw", size)
   assert (g:disk_virtual_size (dir .. "/big.img") == "4296015872")
   g:disk_create (dir .. "/big2.img", "qcow2", "4296015872", { preallocation = nil, clustersize = 65536 })
   assert (g:disk_virtual_size (dir .. "/big2.img") == "4296015872")
   assert (g:disk_format (dir .. "/big2.img") == "qcow2")
   g:add_drive (dir .. "/big2.img", { readonly = true, format = "qcow2" })
   g:set_backend_settings { "a", "b=é" }
   assert (table.concat (g:get_backend_settings (), ",") == "a,b=é")
   assert (g:get_append () == nil)
   g:set_append ("x y")
   assert (g:get_append () == "x y")
   assert (g:version ().major == "1" and G._VERSION:find "^libguestfs 1%.")
end

local function events ()
   assert (#G.event_all == 10 and G.event_all[1] == "close" and G.event_all[10] == "warning")
   assert (G.event_to_string { "close", "trace" } == "close,trace")
   local g, seen = G.create (), {}
   local function note (...) seen[#seen + 1] = { ... } end
   local trace = g:set_event_callback (note, "trace")
   local enter = g:set_event_callback (note, { "enter" })
   g:set_event_callback (note, G.event_all)
   g:set_trace (true)
   seen = {}
   g:get_smp ()
   local function has (event, id, text)
      for _, e in ipairs (seen) do
         if e[2] == event and e[3] == id and e[5] == text then
            assert (e[1] == g and e[4] == 0 and #e[6] == 0)
            return true
         end
      end
   end
   assert (has ("enter", enter, "get_smp") and has ("trace", trace, "get_smp = 1"))
   g:delete_event_callback (trace)
   g:delete_event_callback (4711)
   seen = {}
   g:get_smp ()
   assert (has ("enter", enter, "get_smp") and not has ("trace", trace, "get_smp = 1"))
   g:set_trace (false)
   assert (fails (g.set_event_callback, g, 3, "trace"):find "function")
   assert (fails (g.set_event_callback, g, print, "nosuch"):find "unknown event nosuch")
   -- A callback may delete itself, call back, and fail; one set in a coroutine that is gone still runs.
   local h = G.create ()
   local count, id = 0, nil
   id = h:set_event_callback (function () h:delete_event_callback (id) count = count + 1 end, "enter")
   h:get_smp ()
   h:get_smp ()
   assert (count == 1)
   coroutine.wrap (function ()
      h:set_event_callback (function (x, _, _, _, name) if name == "get_smp" then count = count + #x:version ().major end end,
                            "enter")
   end) ()
   collectgarbage ()
   assert (h:get_smp () == 1 and count == 2)
   io.stderr:write ("(an error in a callback is expected here) ")
   h:set_event_callback (function () error "broken callback" end, "enter")
   assert (h:get_smp () == 1)
end

-- No growth: memory of this process, in KiB.
local function resident ()
   for line in io.lines "/proc/self/status" do
      local n = line:match "^VmRSS:%s+(%d+)"
      if n then return tonumber (n) end
   end
end

local function memory ()
   local g = G.create ()
   g:internal_test_set_output ("/dev/null")
   local args = { "abc", "def", { "a", "b" }, false, 0, 0, "123", "456", "abc\0abc",
                  { obool = true, oint = 1, oint64 = 1, ostring = "s", ostringlist = { "x", "y" } } }
   local shapes = {
      function () g:internal_test ((unpack or table.unpack) (args)) end,
      function () pcall (g.internal_test, g, "a", "b", { "x", {} }, false, 0, 0, "", "", "", { nosuch = 1 }) end,
      function () g:internal_test_rint "1" g:internal_test_rint64 "1" g:internal_test_rbool "true" end,
      function () g:internal_test_rconststring "x" g:internal_test_rconstoptstring "x" g:internal_test_rstring "x" end,
      function () g:internal_test_rstringlist "20" g:internal_test_rhashtable "20" end,
      function () g:internal_test_rbufferout "01234567" g:internal_test_rstruct "x" g:internal_test_rstructlist "20" end,
      function () pcall (g.internal_test_rstructerr, g) pcall (g.internal_test_rstringlisterr, g) end,
      function () g:delete_event_callback (g:set_event_callback (function () end, "enter")) end,
   }
   for i, f in ipairs (shapes) do
      for _ = 1, 2000 do f () end
      collectgarbage ()
      local before = resident ()
      for _ = 1, 10000 do f () end
      collectgarbage ()
      assert (resident () - before < 2048, "shape " .. i .. " grew by " .. resident () - before .. " KiB")
   end
   local before = resident ()
   for _ = 1, 200 do G.create ():set_event_callback (function () end, "close") end
   collectgarbage ()
   collectgarbage ()
   assert (resident () - before < 4096, "handles grew by " .. resident () - before .. " KiB")
end

for _, part in ipairs { closing, errors, numbers, events, memory } do part () end
print "ok"
