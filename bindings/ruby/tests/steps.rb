# Runs generated/tests/steps.json: every test on one handle a scenario, as tests/conformance/run_steps.py.
#
# steps.rb STEPS.json TMP [PREFIX]: PREFIX picks tests by the beginning of their names; TMP is an empty directory.

require "fileutils"
require "guestfs"
require "json"
require "timeout"

MIB = 1 << 20
# Seconds. A test that takes longer hangs: Timeout cancels its call, which fails the test.
LIMIT = 120

class Failure < StandardError
end

class Runner
  def initialize(tmp)
    @tmp = tmp
  end

  # A value of the file as Ruby's: text is bytes, as results are.
  def value(v)
    case v
    when String then v.gsub("%tmp", @tmp).b
    when Array then v.map { |item| value(item) }
    when Hash
      return [v["bytes"]].pack("H*") if v.key?("bytes")
      v.to_h { |key, item| [key, value(item)] }
    else v
    end
  end

  # Equal; of structs only the wanted keys count, and booleans come as numbers.
  def matches(got, want)
    case want
    when Hash then got.is_a?(Hash) && want.all? { |key, item| got.key?(key) && matches(got[key], item) }
    when Array then got.is_a?(Array) && got.size == want.size && got.zip(want).all? { |g, w| matches(g, w) }
    when Float then (got - want).abs < 0.01
    when true, false then got == (want ? 1 : 0)
    # A field of one character is its number.
    when String then got == want || got.is_a?(Integer) && [got].pack("C") == want
    else got == want
    end
  end

  def unordered(got, want)
    left = got.dup
    want.all? { |w| (i = left.index { |g| matches(g, w) }) && left.delete_at(i) } && left.empty?
  end

  def action(g, step)
    if step["local_write"]
      File.binwrite(*step["local_write"].values_at("path", "content").map { |v| value(v) })
    elsif step["local_read"]
      File.binread(value(step["local_read"]["path"]))
    else
      g.public_send(step["call"], *value(step["args"]), **value(step["opts"]).transform_keys(&:to_sym))
    end
  end

  def step(g, step)
    kind, want = step["expect"].first
    want = value(want)
    begin
      got = action(g, step)
    rescue Guestfs::Error => e
      raise Failure, "unexpected error: #{e.message}" unless kind == "error"
      names = Errno.constants.select { |c| Errno.const_get(c)::Errno == e.errno }.map(&:to_s)
      # One number, two names; api.toml uses the first.
      names << "ENOTSUP" if names.include?("EOPNOTSUPP")
      raise Failure, "failed with #{names} (#{e.message}), not #{want}" unless want.nil? || names.include?(want)
      return
    end
    well =
      case kind
      when "ok" then true
      when "equals" then matches(got, want)
      when "unordered" then unordered(got, want)
      when "contains" then got.include?(want)
      end
    raise Failure, "got #{got.inspect}, expected #{kind} #{want.inspect}" unless well
  end

  def wipe(g, device, both_ends)
    size = g.blockdev_getsize64(device)
    g.pwrite_device(device, "\0" * [size, MIB].min, 0)
    g.pwrite_device(device, "\0" * MIB, size - MIB) if both_ends && size > MIB
  end

  # Put the handle in the state that the scenario promises.
  def reset(g, scenario)
    case scenario
    when "disks"
      g.umount_all
      g.vg_activate_all(false)
      parts = g.list_partitions
      parts.each { |part| wipe(g, part, false) }
      %w[/dev/sda /dev/sdb].each do |disk|
        g.part_init(disk, "mbr") if parts.any? { |part| part.start_with?(disk) }
        wipe(g, disk, true)
      end
    when "scratch-fs"
      g.umount_all
      g.mount("/dev/sdc", "/")
      g.umask(0o22)
      g.ls("/").each { |name| g.rm_rf("/" + name) unless name == "lost+found" }
    end
  end

  def open(scenario)
    g = Guestfs::Guestfs.new
    return g if scenario == "none"
    (scenario == "disks" ? [1024, 256] : [1024, 256, 256]).each { |size| g.add_drive_scratch(size * MIB) }
    g.launch
    g.mkfs("ext4", "/dev/sdc") if scenario == "scratch-fs"
    g
  end

  def test(g, test)
    place = "reset"
    FileUtils.mkdir_p(@tmp)
    Timeout.timeout(LIMIT) do
      reset(g, test["scenario"])
      test["steps"].each_with_index do |step, i|
        place = "step #{i}"
        step(g, step)
      end
    end
    true
  rescue Failure, Guestfs::Error, Timeout::Error, SystemCallError => e
    warn "#{test["name"]}, #{place}: #{e.message}"
    false
  ensure
    FileUtils.rm_rf(@tmp)
  end
end

file, tmp, prefix = ARGV
runner = Runner.new(File.join(tmp, "dir"))
tests = JSON.parse(File.read(file))["tests"].select { |t| t["name"].start_with?(prefix.to_s) }
passed = 0
tests.group_by { |t| t["scenario"] }.each do |scenario, some|
  g = nil
  some.each do |t|
    # Tests of a handle that is not launched change its properties, and what failed leaves things behind.
    g ||= runner.open(scenario)
    ok = runner.test(g, t)
    passed += 1 if ok
    (g = g.close) if scenario == "none" || !ok
  end
  g&.close
end
puts "#{passed} passed, #{tests.size - passed} failed"
exit passed > 0 && passed == tests.size
