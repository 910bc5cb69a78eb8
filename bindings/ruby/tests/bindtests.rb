# The binding-test calls through Ruby: every type of argument, option and result, and every error.
#
# bindtests.rb OUT [ours|theirs]: the library writes the arguments it received to OUT, for comparison with
# ../../c/tests/bindtests.expected; results are checked here. Runs as well on Debian's ruby-guestfs, save for what only
# our binding does.

require "guestfs"

$ours = Guestfs::Error.method_defined?(:errno)
abort "the binding that was loaded is not #{ARGV[1]}" if ARGV[1] && $ours != (ARGV[1] == "ours")
g = Guestfs::Guestfs.new

def check(truth, why = "it is not so")
  raise why unless truth
end

def same(got, want)
  check got == want, "got #{got.inspect}, not #{want.inspect}"
end

def fails(error, words = "")
  yield
rescue error => e
  check e.instance_of?(error), "#{e.class}, not #{error}"
  check e.message.include?(words), "#{e.message.inspect} does not say #{words.inspect}" if $ours || error == Guestfs::Error
  e
else
  raise "did not fail"
end

# Arguments, in the order of bindtests.expected.
g.internal_test_set_output(ARGV[0])
g.internal_test("abc", "def", [], false, 0, 0, "123", "456", "abc\0abc")
g.internal_test("abc", nil, [], false, 0, 0, "123", "456", "abc\0abc")
g.internal_test("", "", ["1"], true, -1, -1, "", "", "", { :obool => true })
two = ["a b", "é"]
big = 2**63 - 1
g.internal_test("x\xffy", "def", two, true, 2**31 - 1, big, "i", "o", "\1\x7f", oint: 1 - 2**31, oint64: -big)
g.internal_test("abc", "def", two, false, 5, 6, "i", "o", "z", obool: false, ostring: "string", ostringlist: two)
g.internal_test("abc", "def", [], nil, 5, 6, "i", "o", "z", ostring: "", ostringlist: [], oint: nil)
g.internal_test_only_optargs
g.internal_test_only_optargs(test: 7)
g.internal_test_63_optargs(opt1: 1, opt32: 32, opt63: -63)
g.internal_test_close_output

# Wrong arguments are Ruby's errors, before the library sees anything.
args = ["abc", nil, [], false, 0, 0, "", "", ""]
[
  [0, nil, TypeError, "internal_test: str must be a String, not nil"], [0, :abc, TypeError, "not Symbol"],
  [0, "a\0b", ArgumentError, "str: string contains null byte"], [1, 1, TypeError, "not Integer"],
  [1, "\0", ArgumentError, "null byte"], [2, nil, TypeError, "an Array of Strings"],
  [2, ["a", 1], TypeError, "strlist must hold Strings, not Integer"], [2, ["a\0"], ArgumentError, "null byte"],
  [4, 2**31, RangeError, "too big|does not fit 32 bits"], [4, "1", TypeError, "integer must be an Integer"],
  [5, 2**63, RangeError, "too big"], [5, nil, TypeError, "not nil"], [8, nil, TypeError, "bufferin must be a String"],
].each do |place, wrong, error, words|
  fails(error, words.split("|").last) { g.internal_test(*args[0...place], wrong, *args[place + 1..]) }
end
fails(TypeError, "oint must be an Integer") { g.internal_test(*args, oint: "x") }
fails(ArgumentError) { g.internal_test("abc") }
fails(ArgumentError) { g.internal_test_rint("1", {}) }
if $ours # Debian's ignores these
  fails(ArgumentError, "unknown optional argument :nosuch") { g.internal_test(*args, nosuch: 1) }
  fails(ArgumentError, "unknown optional argument \"oint\"") { g.internal_test(*args, "oint" => 1) }
  fails(TypeError, "must be a Hash") { g.internal_test(*args, 3) }
end

# Results.
same g.internal_test_rint("10"), 10
same g.internal_test_rint64("10"), 10
same g.internal_test_rint64("-5"), -5 if $ours
same g.internal_test_rint64("9223372036854775807"), big
same g.internal_test_rbool("true"), 1
same g.internal_test_rbool("false"), 0
same g.internal_test_rconststring("x"), "static string"
same g.internal_test_rconstoptstring("x"), "static string"
same g.internal_test_rstring("\xff").bytes, [255]
same g.internal_test_rstring("x").encoding, Encoding::BINARY
same g.internal_test_rstringlist("0"), []
same g.internal_test_rstringlist("3"), %w[0 1 2]
same g.internal_test_rhashtable("2"), { "0" => "0", "1" => "1" }
same g.internal_test_rbufferout("01234"), "01234"
same g.internal_test_rbufferout(""), ""

def pv(i)
  { "pv_name" => "pv#{i}", "pv_uuid" => "12345678901234567890123456789012", "pv_fmt" => "unknown", "pv_size" => i,
    "dev_size" => i, "pv_free" => i, "pv_used" => i, "pv_attr" => "attr#{i}", "pv_pe_count" => i,
    "pv_pe_alloc_count" => i, "pv_tags" => "tag#{i}", "pe_start" => i, "pv_mda_count" => i, "pv_mda_free" => i }
end
same g.internal_test_rstruct("unused"), pv(0)
same g.internal_test_rstructlist("0"), []
same g.internal_test_rstructlist("5"), (0..4).map { |i| pv(i) }

# Errors.
%w[int int64 bool conststring string stringlist struct structlist hashtable bufferout].each do |kind|
  e = fails(Guestfs::Error) { g.public_send("internal_test_r#{kind}err") }
  same e.message, "error"
  same e.errno, 0 if $ours
end
same g.internal_test_rconstoptstringerr, nil # not an error in this type

g.close
g.close
fails(ArgumentError, "internal_test_rint: used handle after closing it") { g.internal_test_rint("1") }
puts "ok"
