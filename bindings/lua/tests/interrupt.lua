-- Ctrl-C during a call cancels it, and the interpreter says "interrupted!" as it does for Lua's own loops.
local g = require "guestfs".create ()
g:add_drive_scratch (1048576)
g:launch ()
g:debug ("sh", { "echo ready >/dev/null" })
io.stdout:write "ready\n"
io.stdout:flush ()
g:debug ("sh", { "sleep 60" })
