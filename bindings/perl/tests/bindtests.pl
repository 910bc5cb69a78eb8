# The binding-test calls through Perl: every type of argument, option and result, and every error.
#
# bindtests.pl OUT: the library writes the arguments it received to OUT, for comparison with
# ../../c/tests/bindtests.expected; results are checked here. Runs as well on Debian's libguestfs-perl, save for what
# only our binding does.

use strict;
use warnings;

use Math::BigInt;
use Sys::Guestfs;
use Test::More;

my $ours = defined &Sys::Guestfs::_attach;
my $g = Sys::Guestfs->new;

sub fails (&) {
  my $call = shift;
  local $SIG{__WARN__} = sub { };
  return eval { $call->(); 1 } ? 'did not fail' : $@;
}

# Arguments, in the order of bindtests.expected.
$g->internal_test_set_output ($ARGV[0]);
$g->internal_test ('abc', 'def', [], 0, 0, 0, '123', '456', "abc\0abc");
$g->internal_test ('abc', undef, [], 0, 0, 0, '123', '456', "abc\0abc");
$g->internal_test ('', '', ['1'], 1, -1, -1, '', '', '', obool => 1);
my $two = ['a b', "\xc3\xa9"];
my $big = '9223372036854775807';
$g->internal_test ("x\xffy", 'def', $two, 1, 2147483647, $big, 'i', 'o', "\1\x7f",
                   oint => -2147483647, oint64 => -9223372036854775807);
$g->internal_test ('abc', 'def', $two, 0, 5, 6, 'i', 'o', 'z', obool => 0, ostring => 'string', ostringlist => $two);
$g->internal_test ('abc', 'def', [], 0, 5, $ours ? Math::BigInt->new (6) : '6', 'i', 'o', 'z',
                   ostringlist => [], ostring => '');
$g->internal_test_only_optargs;
$g->internal_test_only_optargs (test => 7);
$g->internal_test_63_optargs (opt63 => -63, opt1 => 1, opt32 => 32);
$g->internal_test_close_output;

# Wrong arguments, told before the library sees anything.
my @args = ('abc', undef, [], 0, 0, 0, '', '', '');
sub wrong {
  my ($place, $value, $words) = @_;
  my @changed = @args;
  $changed[$place] = $value;
  like (fails { $g->internal_test (@changed) }, $words);
}
my $line = qr/ at \S+bindtests\.pl line \d+\.$/;
wrong (2, 'x', qr/^array reference expected$line/);
wrong (2, undef, qr/^array reference expected/);
wrong (2, {}, qr/^array reference expected/);
if ($ours) {
  wrong (0, [], qr/^Sys::Guestfs::internal_test\(\): str must be a string, not a reference$line/);
  wrong (0, "a\0b", qr/str has a NUL inside/);
  wrong (1, "a\0b", qr/optstr has a NUL inside/);
  wrong (2, ['a', "b\0"], qr/strlist has a NUL inside/);
  wrong (2, ['a', []], qr/strlist must be a string/);
  wrong (4, [], qr/integer must be a number, not a reference/);
  wrong (4, 2147483648, qr/integer does not fit 32 bits/);
  wrong (4, -2147483649, qr/integer does not fit 32 bits/);
  wrong (5, $_, qr/integer64 does not fit 64 bits/)
    for '9223372036854775808', 9223372036854775808, '-9223372036854775809', 1e19, '1e19', 9 ** 9 ** 9, 'inf', 'nan',
        Math::BigInt->new (2) ** 63;
  # Numbers are Perl's, and so are its warnings.
  my $told = '';
  local $SIG{__WARN__} = sub { $told .= "@_" };
  $g->set_memsize ('512 MB');
  is ($g->get_memsize, 512);
  like ($told, qr/^Argument "512 MB" isn't numeric in subroutine entry/);
  $g->set_memsize (700.9);
  is ($g->get_memsize, 700);
}
like (fails { $g->internal_test (@args, nosuch => 1) }, qr/^unknown optional argument 'nosuch'$line/);
like (fails { $g->internal_test (@args, oint => 1, oint => 2) }, qr/^optional argument 'oint' given more than once/);
like (fails { $g->internal_test (@args, 'oint') }, qr/^expecting an even number of extra parameters/);
like (fails { $g->internal_test (@args, ostringlist => 'x') }, qr/^array reference expected for 'ostringlist' argument/);
like (fails { $g->internal_test ('abc') },
      qr/^Usage: Sys::Guestfs::internal_test\(g, str, optstr, strlist, b, integer, integer64, filein, fileout, bufferin, \.\.\.\)/);
like (fails { $g->internal_test_rint (1, 2) }, qr/^Usage: Sys::Guestfs::internal_test_rint\(g, val\)/);
like (fails { Sys::Guestfs::internal_test_rint ({}, 1) }, qr/^Sys::Guestfs::internal_test_rint\(\): g is not a blessed HV reference/);
like (fails { Sys::Guestfs->internal_test_rint (1) }, qr/g is not a blessed HV reference/);
like (fails { (bless {}, 'Sys::Guestfs')->internal_test_rint (1) }, qr/called on a closed handle/);

# Results.
is ($g->internal_test_rint ('10'), 10);
is ($g->internal_test_rint64 ('-9223372036854775807'), '-9223372036854775807');
is ($g->internal_test_rbool ('true'), 1);
is ($g->internal_test_rbool ('false'), 0);
is ($g->internal_test_rconststring ('x'), 'static string');
is ($g->internal_test_rconstoptstring ('x'), 'static string');
my $bytes = $g->internal_test_rstring ("\xff\xc3\xa9");
is ($bytes, "\xff\xc3\xa9");
ok (!utf8::is_utf8 ($bytes));
is ($g->internal_test_rstring ("\x{263a}"), "\xe2\x98\xba");
is_deeply ([$g->internal_test_rstringlist (0)], []);
is_deeply ([$g->internal_test_rstringlist (3)], [0, 1, 2]);
is_deeply ({ $g->internal_test_rhashtable (2) }, { 0 => 0, 1 => 1 });
is ($g->internal_test_rbufferout ('01234'), '01234');
is ($g->internal_test_rbufferout (''), '');
my @nothing = $g->set_autosync (1);
is (@nothing, 0);

sub pv {
  my $i = shift;
  return { pv_name => "pv$i", pv_uuid => '12345678901234567890123456789012', pv_fmt => 'unknown', pv_attr => "attr$i",
           pv_tags => "tag$i",
           map { $_ => $i } qw(pv_size dev_size pv_free pv_used pv_pe_count pv_pe_alloc_count pe_start pv_mda_count pv_mda_free) };
}
is_deeply ({ $g->internal_test_rstruct ('unused') }, pv (0));
is_deeply ([$g->internal_test_rstructlist (0)], []);
is_deeply ([$g->internal_test_rstructlist (5)], [map { pv ($_) } 0 .. 4]);

# Errors.
for my $kind (qw(int int64 bool conststring string stringlist struct structlist hashtable bufferout)) {
  my $call = "internal_test_r${kind}err";
  like (fails { $g->$call }, qr/^error$line/);
}
is ($g->internal_test_rconstoptstringerr, undef); # not an error in this type
$g->close;
like (fails { $g->internal_test_rint (1) }, qr/^Sys::Guestfs::internal_test_rint\(\): called on a closed handle/);
done_testing;
