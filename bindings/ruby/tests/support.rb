# What the tests of behaviour share: checks, and a handle whose daemon is a thread of this program.

require "guestfs"
require "socket"
require "stringio"
require "timeout"
require "tmpdir"

def check(truth, why = "it is not so")
  raise why unless truth
end

def same(got, want)
  check got == want, "got #{got.inspect}, not #{want.inspect}"
end

# What the block raises, which must be of this class and say this.
def fails(error, words = "")
  yield
rescue error => e
  check e.instance_of?(error), "#{e.class} (#{e.message}), not #{error}"
  check e.message.include?(words), "#{e.message.inspect} does not say #{words.inspect}"
  e
else
  raise "did not fail"
end

# What the block writes to $stderr.
def printed
  before = $stderr
  $stderr = StringIO.new
  yield
  $stderr.string
ensure
  $stderr = before
end

def soon(why)
  2400.times { return if yield || sleep(0.05).nil? }
  raise "not within 120 s: #{why}"
end

def seconds
  start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  yield
  Process.clock_gettime(Process::CLOCK_MONOTONIC) - start
end

def resident
  File.read("/proc/self/status")[/^VmRSS:\s+(\d+)/, 1].to_i
end

# Answers one client: the block is called with the connection and the header of the first request; hung_up[0] becomes
# true when the library hangs up.
def serve(path, hung_up)
  listener = UNIXServer.new(path)
  Thread.new do
    connection = listener.accept
    connection.write([0xf5f55ff5].pack("N"))
    request = connection.read(connection.read(4)&.unpack1("N") || 0)
    yield connection, request unless request.empty?
    connection.readpartial(4096) while true
  rescue EOFError, SystemCallError
    hung_up[0] = true
  ensure
    connection.close
    listener.close
  end
end

# A handle whose daemon is such a thread. (It must not see the handle, which would live as long.)
def daemon(hung_up = [], &answer)
  Dir.mktmpdir do |dir|
    path = File.join(dir, "sock")
    serve(path, hung_up, &answer)
    g = Guestfs::Guestfs.new
    g.set_backend("unix:" + path)
    g.set_autosync(false)
    g.launch
    g
  end
end

# Success without a result: the header with its direction changed.
def reply(connection, request)
  program, version, procedure, _, serial = request.unpack("N5")
  connection.write([40, program, version, procedure, 1, serial, 0, 0, 0, 0, 0].pack("N11"))
end
