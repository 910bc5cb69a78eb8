-- A reader of JSON, enough for steps.json: parse (text) gives tables; json.null stands for null.
local json = { null = setmetatable ({}, { __tostring = function () return "null" end }) }

local function utf8_char (n)
   if n < 0x80 then return string.char (n) end
   if n < 0x800 then return string.char (0xc0 + math.floor (n / 0x40), 0x80 + n % 0x40) end
   if n < 0x10000 then
      return string.char (0xe0 + math.floor (n / 0x1000), 0x80 + math.floor (n / 0x40) % 0x40, 0x80 + n % 0x40)
   end
   return string.char (0xf0 + math.floor (n / 0x40000), 0x80 + math.floor (n / 0x1000) % 0x40,
                       0x80 + math.floor (n / 0x40) % 0x40, 0x80 + n % 0x40)
end

local escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

function json.parse (text)
   local at = 1
   local value

   local function skip () at = text:find ("[^ \n\r\t]", at) or #text + 1 end
   local function expect (word)
      assert (text:sub (at, at + #word - 1) == word, "bad JSON at " .. at)
      at = at + #word
   end
   local function str ()
      local out = {}
      expect '"'
      while true do
         local plain = text:match ('^[^"\\]*', at)
         out[#out + 1] = plain
         at = at + #plain
         if text:sub (at, at) == '"' then at = at + 1 return table.concat (out) end
         local c = text:sub (at + 1, at + 1)
         at = at + 2
         if c == "u" then
            local n = tonumber (text:sub (at, at + 3), 16)
            at = at + 4
            if n >= 0xd800 and n < 0xdc00 then
               n = 0x10000 + (n - 0xd800) * 0x400 + tonumber (text:sub (at + 2, at + 5), 16) - 0xdc00
               at = at + 6
            end
            out[#out + 1] = utf8_char (n)
         else
            out[#out + 1] = escapes[c] or c
         end
      end
   end
   local function items (close, item)
      at = at + 1
      skip ()
      if text:sub (at, at) == close then at = at + 1 return end
      repeat
         skip ()
         item ()
         skip ()
         local c = text:sub (at, at)
         at = at + 1
         assert (c == "," or c == close, "bad JSON at " .. at)
      until c == close
   end
   function value ()
      skip ()
      local c = text:sub (at, at)
      local out = {}
      if c == "{" then
         items ("}", function ()
            local key = str ()
            skip ()
            expect ":"
            out[key] = value ()
         end)
         return out
      elseif c == "[" then
         items ("]", function () out[#out + 1] = value () end)
         return out
      elseif c == '"' then return str ()
      elseif c == "t" then expect "true" return true
      elseif c == "f" then expect "false" return false
      elseif c == "n" then expect "null" return json.null
      end
      -- A number stays text, as not every Lua has integers of 64 bits.
      local digits = text:match ("^[-+0-9.eE]+", at)
      at = at + #digits
      return { number = digits }
   end

   return value ()
end

return json
