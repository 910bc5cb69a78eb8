# Memory: 10 000 calls of each shape without growth, 200 handles made and dropped.

require_relative "support"

g = Guestfs::Guestfs.new
g.internal_test_set_output("/dev/null")
args = ["abc", "def", %w[a b], false, 0, 0, "123", "456", "abc\0abc"]
options = { obool: true, oint: 1, oint64: 1, ostring: "s", ostringlist: %w[x y] }
large = "x" * 200_000
SHAPES = {
  arguments: proc { g.internal_test(*args, **options) },
  wrong: proc { fails(TypeError) { g.internal_test("a", "b", ["x", {}], false, 0, 0, "", "", "") } },
  unknown: proc { fails(ArgumentError) { g.internal_test(*args, **options, nosuch: 1) } },
  numbers: proc { g.internal_test_rint("1") && g.internal_test_rint64("1") && g.internal_test_rbool("true") },
  strings: proc { g.internal_test_rconststring("") && g.internal_test_rconstoptstring("") && g.internal_test_rstring("x") },
  lists: proc { g.internal_test_rstringlist("20") && g.internal_test_rhashtable("20") },
  structs: proc { g.internal_test_rstruct("") && g.internal_test_rstructlist("20") },
  buffers: proc { g.internal_test_rbufferout("01234567") && g.internal_test_rstring(large) },
  errors: proc { %i[struct stringlist].each { |k| fails(Guestfs::Error) { g.public_send("internal_test_r#{k}err") } } },
  callbacks: proc { g.delete_event_callback(g.set_event_callback(Guestfs::EVENT_ENTER) {}) },
}
SHAPES.each do |name, call|
  1000.times(&call)
  GC.start
  before = resident
  10_000.times(&call)
  GC.start
  grown = resident - before
  check grown < 2048, "#{name} grew by #{grown} KiB"
end

make = proc do
  200.times do
    h = Guestfs::Guestfs.new
    h.set_event_callback(Guestfs::EVENT_CLOSE) { h.inspect }
  end
  GC.start
end
files = proc { Dir.children("/proc/self/fd").size }
make.call
before = [resident, files.call]
make.call
check resident - before[0] < 2048, "handles grew by #{resident - before[0]} KiB"
check files.call - before[1] < 20, "#{files.call - before[1]} files stayed open"
puts "ok"
