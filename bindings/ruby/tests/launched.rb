# What ends a call of a real machine, which serves the next: Ctrl-C, Timeout, raising in and killing its thread.

require_relative "support"

def long(g)
  check seconds { yield proc { g.debug("sh", ["sleep 600"]) } } < 120, "the call went on"
  same g.debug("sh", ["echo here"]), "here\n"
end

# When the handle has entered the call.
def entered(g)
  inside = Queue.new
  id = g.set_event_callback(Guestfs::EVENT_ENTER) { |_, _, name| inside << 1 if name == "debug" }
  yield proc { inside.pop && sleep(0.3) }
ensure
  g.delete_event_callback(id)
end

trap(:INT, "DEFAULT")
g = Guestfs::Guestfs.new
g.add_drive_scratch(8 << 20)
seen = []
g.set_event_callback(Guestfs::EVENT_LAUNCH_DONE | Guestfs::EVENT_PROGRESS) { |event, _, _, array| seen << [event, array] }
g.launch
same seen.last, [Guestfs::EVENT_LAUNCH_DONE, []]

long(g) { |call| fails(Timeout::Error) { Timeout.timeout(0.5, &call) } }
long(g) do |call|
  entered(g) do |wait|
    Thread.new { wait.call && Process.kill(:INT, $$) }
    fails(Interrupt, &call)
  end
end
{ IOError => proc { |t| t.raise(IOError, "enough") }, nil => proc { |t| t.kill } }.each do |error, finish|
  long(g) do |call|
    entered(g) do |wait|
      t = Thread.new { fails(error, "enough", &call) && :raised }
      wait.call
      finish.call(t)
      same t.value, error && :raised
    end
  end
end
long(g) do |call|
  entered(g) do |wait|
    Thread.new { wait.call && g.user_cancel }
    same fails(Guestfs::Error, &call).errno, Errno::EINTR::Errno
  end
end
# Other signals leave the call alone, whether Ruby has one thread or more.
seen.clear
trap(:USR1) { seen << 1 }
2.times do |more|
  more.times { Thread.new { sleep } }
  pid = spawn("sleep 0.3; kill -USR1 #{$$}")
  same g.debug("sh", ["sleep 1; echo well"]), "well\n"
  Process.wait(pid)
end
soon("the handler runs") { seen.size == 2 }
# A callback of the running call that ends the program ends the call.
id = g.set_event_callback(Guestfs::EVENT_ENTER) { |_, _, name| raise SystemExit, "now" if name == "debug" }
check seconds { fails(SystemExit, "now") { g.debug("sh", ["sleep 600"]) } } < 120
g.delete_event_callback(id)
same g.debug("sh", ["echo here"]), "here\n"

# Bytes are what they were, and large ones arrive.
bytes = Random.new(7).bytes(3 << 20)
g.mkfs("ext2", "/dev/sda")
g.pwrite_device("/dev/sda", "a\0\xff".b, 0)
same g.pread_device("/dev/sda", 3, 0), "a\0\xff".b
g.mount("/dev/sda", "/")
g.write("/é", bytes)
same g.read_file("/é"), bytes
same g.ls("/").map { |name| name.force_encoding("UTF-8") }, %w[lost+found é]
same g.statns("/é")["st_size"], bytes.size
g.close
puts "ok"
