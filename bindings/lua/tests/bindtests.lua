-- The binding-test calls through Lua: every type of argument, option and result, and every error.
--
-- bindtests.lua OUT: the library writes the arguments it received to OUT, for comparison with
-- ../../c/tests/bindtests.expected; results are checked here.

local G = require "guestfs"
local g = G.create ()

local function fails (f, ...)
   local ok, e = pcall (f, ...)
   assert (not ok, "did not fail")
   return e
end

-- Arguments, in the order of bindtests.expected.
g:internal_test_set_output (arg[1])
g:internal_test ("abc", "def", {}, false, 0, 0, "123", "456", "abc\0abc")
g:internal_test ("abc", nil, {}, false, 0, 0, "123", "456", "abc\0abc")
g:internal_test ("", "", { "1" }, true, -1, -1, "", "", "", { obool = true })
local two = { "a b", "é" }
local big = "9223372036854775807"
g:internal_test ("x\255y", "def", two, true, 2147483647, big, "i", "o", "\1\127",
                 { oint = -2147483647, oint64 = "-" .. big })
g:internal_test ("abc", "def", two, false, 5, 6, "i", "o", "z", { obool = false, ostring = "string", ostringlist = two })
g:internal_test ("abc", "def", {}, false, 5, "6", "i", "o", "z", { ostring = "", ostringlist = {} })
g:internal_test_only_optargs ()
g:internal_test_only_optargs { test = 7 }
g:internal_test_63_optargs { opt1 = 1, opt32 = 32, opt63 = -63 }
g:internal_test_close_output ()

-- Wrong arguments are strings, raised before the library sees anything.
local function wrong (place, value, words)
   local args = { "abc", "def", {}, false, 0, 0, "", "", "" }
   args[place] = value
   local e = fails (g.internal_test, g, (unpack or table.unpack) (args, 1, 9))
   assert (type (e) == "string" and e:find (words, 1, true), tostring (e))
end
wrong (1, nil, "must be a string")
wrong (1, {}, "must be a string")
wrong (1, "a\0b", "NUL inside")
wrong (2, "a\0b", "NUL inside")
wrong (3, "x", "must be a list of strings")
wrong (3, { "a", {} }, "must be a string")
wrong (5, 2147483648, "does not fit 32 bits")
wrong (5, 1.5, "integer")
wrong (5, "x", "integer")
wrong (6, "9223372036854775808", "integer of 64 bits")
wrong (6, 9223372036854775808, "integer of 64 bits")
wrong (6, 0 / 0, "integer of 64 bits")
wrong (9, nil, "must be a string")
local function options (t)
   return fails (g.internal_test, g, "abc", nil, {}, false, 0, 0, "", "", "", t)
end
assert (options ({ nosuch = 1 }):find ("unknown optional argument 'nosuch'", 1, true))
assert (options ({ oint = "x" }):find ("oint must be an integer", 1, true))
assert (options ({ ostringlist = { "a", 1, false } }):find ("ostringlist must be a string", 1, true))
assert (options (3):find ("options must be a table", 1, true))
assert (fails (g.internal_test, g, "abc"):find ("9 arguments", 1, true))
assert (fails (g.internal_test_rint, g, "1", {}):find ("1 arguments are wanted", 1, true))

-- Results.
assert (g:internal_test_rint ("10") == 10)
assert (g:internal_test_rint64 ("10") == "10")
assert (g:internal_test_rint64 ("-9223372036854775807") == "-9223372036854775807")
assert (g:internal_test_rbool ("true") == true)
assert (g:internal_test_rbool ("false") == false)
assert (g:internal_test_rconststring ("x") == "static string")
assert (g:internal_test_rconstoptstring ("x") == "static string")
assert (g:internal_test_rstring ("\255") == "\255")
assert (#g:internal_test_rstringlist ("0") == 0)
assert (table.concat (g:internal_test_rstringlist ("3"), ",") == "0,1,2")
local hash = g:internal_test_rhashtable ("2")
assert (hash["0"] == "0" and hash["1"] == "1" and hash["2"] == nil)
assert (g:internal_test_rbufferout ("01234") == "01234")
assert (g:internal_test_rbufferout ("") == "")

local function is_pv (t, i)
   local wanted = {
      pv_name = "pv" .. i, pv_uuid = "12345678901234567890123456789012", pv_fmt = "unknown", pv_size = i .. "",
      dev_size = i .. "", pv_free = i .. "", pv_used = i .. "", pv_attr = "attr" .. i, pv_pe_count = i .. "",
      pv_pe_alloc_count = i .. "", pv_tags = "tag" .. i, pe_start = i .. "", pv_mda_count = i .. "", pv_mda_free = i .. "",
   }
   for k, v in pairs (t) do
      assert (wanted[k] == v, k)
      wanted[k] = nil
   end
   assert (next (wanted) == nil)
end
is_pv (g:internal_test_rstruct ("unused"), 0)
assert (#g:internal_test_rstructlist ("0") == 0)
local list = g:internal_test_rstructlist ("5")
assert (#list == 5)
for i, pv in ipairs (list) do is_pv (pv, i - 1) end

-- Errors are tables.
for _, kind in ipairs { "int", "int64", "bool", "conststring", "string", "stringlist", "struct", "structlist", "hashtable",
                        "bufferout" } do
   local e = fails (g["internal_test_r" .. kind .. "err"], g)
   assert (e.msg == "error" and e.code == 0 and tostring (e) == "error", tostring (e))
end
assert (g:internal_test_rconstoptstringerr () == nil) -- not an error in this type
g:close ()
assert (fails (g.internal_test_rint, g, "1"):find ("handle is closed", 1, true))
print ("ok")
