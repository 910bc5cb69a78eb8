# Threads, signals and forks: who runs during a call, and what ends it. The daemon is a thread of this program.

require_relative "support"

def signal_handler(name, handler)
  before = trap(name, handler)
  yield
ensure
  trap(name, before)
end

# Calls that wait for each other's lock while callbacks want Ruby's: nobody may hold one for the other.
def callbacks
  g = Guestfs::Guestfs.new
  count = 0
  lock = Mutex.new
  g.set_event_callback(Guestfs::EVENT_TRACE) { lock.synchronize { count += 1 } }
  g.set_trace(true)
  before = count
  workers = Array.new(4) { Thread.new { 200.times { g.internal_test_rstringlist("3") && g.get_memsize } } }
  workers.each { |w| check w.join(60), "deadlock" }
  same count - before, 4 * 200 * 4

  # Deleting a callback while others are in it.
  g = Guestfs::Guestfs.new
  ids = Array.new(10) { g.set_event_callback(Guestfs::EVENT_ENTER) { Thread.pass } }
  workers = Array.new(3) { Thread.new { 200.times { g.get_smp } } }
  ids.each { |id| g.delete_event_callback(id) && Thread.pass }
  workers.each { |w| check w.join(60), "deadlock" }

  # Closing while others are inside calls.
  20.times do
    g = Guestfs::Guestfs.new
    workers = Array.new(3) do
      Thread.new do
        g.internal_test_rint("1") while true
      rescue ArgumentError => e
        check e.message.include?("used handle after closing it"), e.message
      end
    end
    Thread.pass
    g.close
    workers.each { |w| check w.join(60), "deadlock" }
  end
end

# Other threads run during a call; raising in the thread, killing it, Timeout and user_cancel end the call, and the call
# alone: the daemon here does not obey, so the library gives its machine up.
def ended
  turns = 0
  counter = Thread.new { (turns += 1) && sleep(0.01) while true }
  results = Hash.new { |h, k| h[k] = [] }
  ends = {
    raise: proc { |t, _| t.raise(IOError, "enough") }, kill: proc { |t, _| t.kill }, cancel: proc { |_, g| g.user_cancel },
  }
  threads = ends.map do |name, finish|
    begun = Queue.new
    g = daemon { |*| begun << true }
    t = Thread.new do
      g.ping_daemon
      results[name] << "went on"
    rescue StandardError => e
      results[name] << e.class << e.message
      results[name] << e.errno if e.is_a?(Guestfs::Error)
    ensure
      results[name] << :ensured
      g.close
    end
    begun.pop
    turns = 0
    soon("other threads run") { turns > 2 }
    finish.call(t, g)
    t
  end
  g = daemon { |*| }
  took = seconds { fails(Timeout::Error) { Timeout.timeout(0.2) { g.ping_daemon } } }
  check took < 120
  fails(Guestfs::Error) { g.ping_daemon }
  threads.each { |t| check t.join(120), "the call goes on" }
  counter.kill
  same results[:raise], [IOError, "enough", :ensured]
  same results[:kill], [:ensured]
  check results[:cancel].values_at(0, 2, 3) == [Guestfs::Error, Errno::EINTR::Errno, :ensured], results[:cancel].inspect

  # What waits already is raised before the call begins; deferred, it does not end the call.
  g = daemon { |*| raise "was asked" }
  t = Thread.new do
    Thread.handle_interrupt(IOError => :never) { sleep }
  end
  soon("it sleeps") { t.stop? }
  Thread.handle_interrupt(IOError => :never) do
    Thread.current.then { |main| Thread.new { main.raise(IOError, "later") }.join }
    same g.get_smp, 1
    fails(IOError, "later") { Thread.handle_interrupt(IOError => :immediate) { g.ping_daemon } }
  end
  t.kill
  check g.is_ready == 1
end

# Ctrl-C ends the running call, also that of a callback of another handle.
def interrupt
  signal_handler(:INT, "DEFAULT") do
    [false, true].each do |nested|
      g = daemon { |*| Process.kill(:INT, $$) }
      call = proc { g.ping_daemon }
      if nested
        other = Guestfs::Guestfs.new
        first = [g]
        other.set_event_callback(Guestfs::EVENT_TRACE) { first.pop&.ping_daemon }
        other.set_trace(true)
        call = proc { other.get_memsize }
      end
      check seconds { fails(Interrupt) { call.call } } < 120
      fails(Guestfs::Error) { g.ping_daemon }
      g.close
    end
  end

  # Other signals leave the call alone; handlers run when it is over.
  seen = []
  %i[CHLD USR1 WINCH].each do |name|
    signal_handler(name, proc { seen << name }) do
      g = daemon { |*args| Process.kill(name, $$) && sleep(0.2) && reply(*args) }
      g.ping_daemon
      soon("the handler runs") { seen.last == name }
      check g.is_ready == 1
      g.close
    end
  end
  # The library's own children.
  Dir.mktmpdir do |dir|
    signal_handler(:CHLD, proc { seen << :child }) do
      20.times { |i| Guestfs::Guestfs.open { |g| g.disk_create("#{dir}/#{i}", "qcow2", 1 << 20) } }
    end
    same Dir.children(dir).size, 20
    signal_handler(:CHLD, "IGNORE") { Guestfs::Guestfs.open { |g| g.disk_create("#{dir}/x", "qcow2", 1 << 20) } }
  end

  # A handler that a callback sets stays.
  caught = []
  signal_handler(:INT, "DEFAULT") do
    g = Guestfs::Guestfs.new
    g.set_event_callback(Guestfs::EVENT_TRACE) { trap(:INT) { caught << 1 } }
    g.set_trace(true)
    g.get_memsize
    Process.kill(:INT, $$)
    soon("our handler") { caught == [1] }
  end
end

# In a forked child calls fail, and its end leaves the parent's machine alone.
def forked
  g = daemon { |*args| reply(*args) }
  g.ping_daemon
  [proc { exit }, proc { g.close }, proc { g = nil && GC.start }].each do |finish|
    pid = fork do
      e = fails(Guestfs::Error, "belongs to the process that made it") { g.ping_daemon }
      same e.errno, Errno::EPERM::Errno
      finish.call
      exit
    end
    Process.wait(pid)
    check $?.success?, $?.inspect
  end
  check g.is_ready == 1
end

[:callbacks, :ended, :interrupt, :forked].each do |part|
  send(part)
rescue Exception => e # rubocop:disable Lint/RescueException
  warn "#{part}: #{e.full_message}"
  exit! 1
end
puts "ok"
