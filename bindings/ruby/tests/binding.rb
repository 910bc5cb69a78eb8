# What class Guestfs::Guestfs has beside calls: closing, the collector, errors, options, events, names, exit.
#
# binding.rb DIR: works in DIR, with handles that are not launched.

require_relative "support"
require "pathname"
require "rbconfig"

DIR = ARGV[0]
RUBY = RbConfig.ruby
# A daemon that says nothing; made here, as a block sees the variables of the place that it is written in.
SILENT = proc {}

def closing
  g = Guestfs::Guestfs.new
  closed = []
  g.set_event_callback(proc { |*a| closed << a }, Guestfs::EVENT_CLOSE)
  same g.close, nil
  same closed, [[Guestfs::EVENT_CLOSE, 0, "", []]]
  g.close
  {
    get_memsize: [], last_errno: [], set_event_callback: [proc {}, 1], delete_event_callback: [1], add_drive: ["x"],
  }.each { |name, args| fails(ArgumentError, "#{name}: used handle after closing it") { g.public_send(name, *args) } }

  # With a block: closed however it is left.
  kept = nil
  same Guestfs::Guestfs.open(environment: false) { |h| (kept = h).get_smp }, 1
  fails(ArgumentError) { kept.get_smp }
  fails(ZeroDivisionError) { Guestfs::Guestfs.open { |h| (kept = h) && 1 / 0 } }
  fails(ArgumentError) { kept.get_smp }
  Guestfs::Guestfs.open.close

  # Closed by a callback of the call in progress: the call still ends.
  g = Guestfs::Guestfs.new
  g.set_trace(true)
  g.set_event_callback(proc { g.close }, Guestfs::EVENT_TRACE)
  same g.get_smp, 1
  fails(ArgumentError) { g.get_smp }
end

# The collector closes, without Ruby's knowing (the callback is gone, too), and finds cycles through callbacks.
def collected
  hung_up = []
  make = lambda do
    g = daemon(hung_up, &SILENT)
    g.set_event_callback(proc { |*a| p a, g }, Guestfs::EVENT_ALL)
    nil
  end
  Thread.new(&make).join
  soon("the collector closes") { GC.start || hung_up[0] }

  # A callback lives as long as its handle, and moves with the heap.
  g = Guestfs::Guestfs.new
  seen = []
  20.times { |i| g.set_event_callback(proc { |*| seen << "callback #{i}" }, Guestfs::EVENT_ENTER) }
  3.times { Array.new(1000) { "x" * 100 } && GC.start }
  GC.compact if GC.respond_to?(:compact)
  same g.get_smp, 1
  same seen.sort, Array.new(20) { |i| "callback #{i}" }.sort

  # Under stress whatever is not held is lost.
  g.internal_test_set_output("/dev/null")
  GC.stress = true
  g.internal_test("abc".dup, nil, ["a".dup, "b" * 100], true, 1, 2, "i", "o", "x" * 100, ostring: "y" * 100)
  same g.internal_test_rhashtable("3").size, 3
  same g.internal_test_rstructlist("2").map { |pv| pv["pv_name"] }, %w[pv0 pv1]
  g.delete_event_callback(g.set_event_callback(proc {}, Guestfs::EVENT_ENTER))
  fails(Guestfs::Error) { g.internal_test_rstringerr }
  fails(ArgumentError) { g.internal_test_only_optargs(nosuch: 1) }
ensure
  GC.stress = false
end

def errors
  g = Guestfs::Guestfs.new
  e = fails(Guestfs::Error, "/nonexistent/disk.img") { g.add_drive("/nonexistent/disk.img") }
  check e.is_a?(StandardError)
  same e.errno, Errno::ENOENT::Errno
  same g.last_errno, 2
  same Thread.new { g.last_errno }.value, 0 # errors belong to threads
  e = fails(Guestfs::Error) { g.add_drive("/nonexistent/\xff") }
  check e.message.b.include?("/nonexistent/\xff".b), e.message
  same Guestfs::Error.new.errno, nil
end

class Handle < Guestfs::Guestfs
  alias_method :processors, :get_smp

  def initialize(name)
    super(environment: false)
    set_identifier(name)
  end

  def get_memsize
    super + 1
  end
end

def names
  h = Handle.new("abc")
  same h.get_identifier, "abc"
  same h.processors, 1
  same h.get_memsize, Guestfs::Guestfs.new.get_memsize + 1
  same h.method(:get_smp).to_proc.call, 1
  same Guestfs::Guestfs.instance_method(:get_smp).bind(h).call, 1
  check h.respond_to?(:mkfs_opts) && !h.respond_to?(:internal_autosync)
  same Guestfs::Guestfs.instance_method(:add_drive_opts), Guestfs::Guestfs.instance_method(:add_drive)
  same Guestfs.create.class, Guestfs::Guestfs
  same Guestfs.create({ :environment => false, :close_on_exit => nil }).get_smp, 1
  fails(ArgumentError, "unknown optional argument :enviroment") { Guestfs::Guestfs.new(enviroment: false) }
  fails(ArgumentError) { Guestfs.create(1, 2) }
  fails(TypeError) { Guestfs::Guestfs.new(3) }
  fails(TypeError) { h.dup }
  fails(TypeError) { Marshal.dump(h) }
  fails(TypeError, "already initialized") { Guestfs::Guestfs.new.send(:initialize) }
  fails(ArgumentError) { Guestfs::Guestfs.allocate.get_smp }
  Guestfs::Guestfs.allocate.close
  fails(TypeError) { Guestfs::Guestfs.instance_method(:get_smp).bind("x").call }

  # Every method has its type and its text.
  sig = File.join(__dir__, "../sig")
  methods = Guestfs::Guestfs.public_instance_methods(false).map(&:to_s).sort
  typed = File.read("#{sig}/guestfs.rbs")[/^  class Guestfs\n.*/m].scan(/^    (?:def|alias) (\w+)[: ]/).flatten
  same typed.sort - ["initialize"], methods
  told = [File.join(__dir__, "../lib/guestfs.rb"), "#{sig}/guestfs/calls.rb"].map { |file| File.read(file) }.join
  same told.scan(/^    # :method: (\w+)$/).flatten.sort, methods

  # Deprecated calls say so to who asks.
  g = Guestfs::Guestfs.new
  before, Warning[:deprecated] = Warning[:deprecated], false
  same printed { fails(Guestfs::Error) { g.stat("/") } }, ""
  Warning[:deprecated] = true
  text = printed { fails(Guestfs::Error) { g.stat("/") } }
  check text.include?("#{__FILE__}:#{__LINE__ - 1}: warning: Guestfs::Guestfs#stat is deprecated; use #statns"), text
ensure
  Warning[:deprecated] = before
end

# Something that is no String, but says how to become one.
class Wordy
  def initialize(before)
    @before = before
  end

  def to_str
    @before.call
    "word"
  end
end

def values
  g = Guestfs::Guestfs.new
  size = 2**32 + 2**20
  disk = Pathname.new("#{DIR}/disk-\xff.img")
  g.disk_create(disk, "raw", size)
  same disk.size, size
  overlay = File.join(DIR, "é.qcow2")
  g.disk_create(overlay, "qcow2", -1, preallocation: nil, backingfile: disk, backingformat: "raw")
  same g.disk_virtual_size(overlay), size
  g.add_drive_ro(disk)
  g.add_drive_opts(Pathname.new(overlay), format: "qcow2", readonly: true)
  fails(TypeError, "identifier must be a String, not Pathname") { g.set_identifier(disk) }
  g.set_backend_settings(["force_tcg", "x=é"])
  same g.get_backend_settings, ["force_tcg", "x=é".b]
  same g.get_append, nil
  g.set_append("a b")
  same g.get_append, "a b"
  same g.version["major"], 1
  same g.internal_test_rint64("-9223372036854775807"), 1 - 2**63

  # Conversions may do anything, also to what is being converted.
  list = ["a", Wordy.new(proc { list.clear }), "b"]
  fails(TypeError, "not nil") { g.set_backend_settings(list) }
  other = Guestfs::Guestfs.new
  other.set_backend_settings([Wordy.new(proc { other.close })])
  fails(ArgumentError) { other.get_smp }
  fails(ZeroDivisionError) { g.set_identifier(Wordy.new(proc { 1 / 0 })) }
  g.set_identifier(Wordy.new(proc {}))
  same g.get_identifier, "word"

  # What changes while the call runs is what it was.
  out = File.join(DIR, "out")
  g.internal_test_set_output(out)
  text, items, bytes = "text".dup, ["item".dup], "bytes".dup
  g.set_trace(true)
  change = proc { [text, *items, bytes].each { |s| s.replace("changed" * 100) } && items.clear }
  g.set_event_callback(change, Guestfs::EVENT_TRACE)
  g.internal_test(text, nil, items, true, 1, 2, "i", "o", bytes)
  g.internal_test_close_output
  check File.read(out).start_with?("text\nnull\n[\"item\"]\ntrue\n1\n2\ni\no\n<62><79><74><65><73>\n"), File.read(out)
end

# A domain of ruby-libvirt, of libvirt's test driver.
def domains
  g = Guestfs::Guestfs.new
  fails(TypeError, "must be a Libvirt::Domain, not Integer") { g.add_libvirt_dom(12345) }
  require "libvirt"
  connection = Libvirt.open("test:///default")
  disk = File.join(DIR, "domain.img")
  domain = connection.define_domain_xml(<<~XML)
    <domain type='test'><name>with disks</name><memory>1024</memory><os><type>hvm</type></os>
    <devices><disk type='file'><driver name='qemu' type='raw'/><source file='#{disk}'/><target dev='vda'/></disk>
    </devices></domain>
  XML
  g.disk_create(disk, "raw", 1 << 20)
  same g.add_libvirt_dom(domain, readonly: true), 1
  check g.debug_drives[0].include?("domain.img")
  [nil, 0, "with disks", connection, g].each { |wrong| fails(TypeError) { g.add_libvirt_dom(wrong) } }
  domain.free
  fails(ArgumentError, "freed") { g.add_libvirt_dom(domain) }
end

def events
  names = %w[CLOSE SUBPROCESS_QUIT LAUNCH_DONE PROGRESS APPLIANCE LIBRARY TRACE ENTER LIBVIRT_AUTH WARNING]
  names.each_with_index { |name, bit| same Guestfs.const_get("EVENT_" + name), 1 << bit }
  same Guestfs::EVENT_ALL, 0x3ff
  same Guestfs.event_to_string(Guestfs::EVENT_CLOSE | Guestfs::EVENT_TRACE), "close,trace"
  g = Guestfs::Guestfs.new
  seen = []
  trace = g.set_event_callback(proc { |*a| seen << a }, Guestfs::EVENT_TRACE)
  enter = g.set_event_callback(Guestfs::EVENT_ENTER) { |*a| seen << a }
  object = Object.new
  object.define_singleton_method(:call) { |*| }
  g.set_event_callback(object, Guestfs::EVENT_ALL)
  g.set_trace(true)
  seen.clear
  g.get_smp
  same seen, [[Guestfs::EVENT_ENTER, enter, "get_smp", []], [Guestfs::EVENT_TRACE, trace, "get_smp", []],
              [Guestfs::EVENT_TRACE, trace, "get_smp = 1", []]]
  g.delete_event_callback(trace)
  g.delete_event_callback(4711)
  seen.clear
  g.get_smp
  same seen, [[Guestfs::EVENT_ENTER, enter, "get_smp", []]]
  fails(TypeError, "method call") { g.set_event_callback(3, Guestfs::EVENT_ALL) }
  fails(ArgumentError) { g.set_event_callback(proc {}) }
  fails(TypeError) { g.set_event_callback(proc {}, nil) }

  # A callback may delete itself, set others, and call back.
  g = Guestfs::Guestfs.new
  count = 0
  id = g.set_event_callback(Guestfs::EVENT_ENTER) do
    g.delete_event_callback(id)
    count += 1
    GC.start
    g.set_event_callback(Guestfs::EVENT_ENTER) { |_, _, name| count += g.get_memsize if name == "get_smp" }
  end
  2.times { g.get_smp }
  same count, 1 + g.get_memsize

  # An exception is told; what ends the program or the thread comes out of the call.
  g = Guestfs::Guestfs.new
  id = g.set_event_callback(Guestfs::EVENT_ENTER) { raise LoadError, "broken callback" }
  text = printed { same g.get_smp, 1 }
  check text.include?("guestfs: exception in callback: ") && text.include?("broken callback (LoadError)"), text
  g.delete_event_callback(id)
  [[Interrupt, ["now"]], [SystemExit, [3, "now"]], [NoMemoryError, ["now"]]].each do |error, args|
    id = g.set_event_callback(Guestfs::EVENT_ENTER) { raise error.new(*args) }
    fails(error, "now") { g.get_smp }
    g.delete_event_callback(id)
    same g.get_smp, 1
  end
  id = g.set_event_callback(Guestfs::EVENT_ENTER) { throw :out, 7 }
  same catch(:out) { g.get_smp }, 7
  g.delete_event_callback(id)
  id = g.set_event_callback(Guestfs::EVENT_ENTER) { Thread.current.kill }
  after = []
  Thread.new { g.get_smp || after << 1 }.join
  same after, []
  g.delete_event_callback(id)
  g.set_event_callback(Guestfs::EVENT_CLOSE) { raise Interrupt, "while closing" }
  fails(Interrupt, "while closing") { g.close }
  fails(ArgumentError) { g.get_smp }

  # A fiber may wait inside a callback, while others use and close the handle.
  g = Guestfs::Guestfs.new
  g.set_event_callback(Guestfs::EVENT_ENTER) { |_, _, name| Fiber.yield name if name == "get_smp" }
  fiber = Fiber.new { g.get_smp }
  same fiber.resume, "get_smp"
  check g.get_memsize > 0
  GC.start
  g.close
  fails(ArgumentError) { g.get_memsize }
  same fiber.resume, 1
end

# Ends of programs: what is open is closed while callbacks can still run, unless it is not to be.
def at_exit_of_program
  program = <<~'RUBY'
    require "guestfs"
    $g = Guestfs::Guestfs.new(close_on_exit: ARGV[0] == "close")
    $g.set_event_callback(Guestfs::EVENT_CLOSE) { |event, *| puts "closed #{event}" }
    at_exit { puts "memory #{$g.get_memsize > 0}" }
    busy = Guestfs::Guestfs.new
    busy.set_event_callback(Guestfs::EVENT_ENTER) { sleep }
    Thread.new { busy.get_smp }
    sleep 0.1
    puts "end"
  RUBY
  { "close" => "end\nmemory true\nclosed 1\n", "stay" => "end\nmemory true\n" }.each do |how, said|
    same IO.popen([RUBY, "-W0", "-e", program, how, err: %i[child out]], &:read), said
    check $?.success?
  end
end

[:closing, :collected, :errors, :names, :values, :domains, :events, :at_exit_of_program].each do |part|
  send(part)
rescue Exception => e # rubocop:disable Lint/RescueException
  warn "#{part}: #{e.full_message}"
  exit! 1
end
puts "ok"
