# What a handle has beside calls: closing, errors, events, numbers, subclasses, processes, signals, threads, memory.
#
# binding.pl DIR: works in DIR, with handles that are not launched.

use strict;
use warnings;

use Config;
BEGIN { require threads if $Config{useithreads} }
use IO::Socket::UNIX;
use POSIX ();
use Sys::Guestfs;
use Test::More;
use Time::HiRes qw(sleep time);

my $dir = $ARGV[0];
my $package = 'Sys::Guestfs';

sub fails (&) {
  my $call = shift;
  return eval { $call->(); 1 } ? 'did not fail' : $@;
}

# What PROGRAM prints and how it ends.
sub program {
  my $text = shift;
  open (my $pipe, '-|', $^X, '-w', '-e', "use Sys::Guestfs; open STDERR, '>&', STDOUT; \$| = 1; $text") or die $!;
  my $said = do { local $/; <$pipe> };
  close $pipe;
  return $said . ($? & 127 ? 'signal ' . ($? & 127) : 'status ' . ($? >> 8));
}

sub closing {
  my $closed = 0;
  my $count = sub { is ($_[0], $Sys::Guestfs::EVENT_CLOSE); $closed++ };
  my $g = $package->new;
  ok (exists $g->{_g} && $g->{_flags} == 0);
  $g->set_event_callback ($count, $Sys::Guestfs::EVENT_CLOSE);
  $g->close;
  is ($closed, 1);
  ok (!exists $g->{_g});
  for my $call (qw(close get_memsize last_errno)) {
    like (fails { $g->$call }, qr/^Sys::Guestfs::$call\(\): called on a closed handle at /);
  }
  like (fails { $g->set_event_callback ($count, 1) }, qr/set_event_callback\(\): called on a closed handle/);
  undef $g;
  is ($closed, 1);
  # Left to Perl.
  $g = $package->new;
  $g->set_event_callback ($count, $Sys::Guestfs::EVENT_CLOSE);
  $! = 5;
  undef $g;
  is (0 + $!, 5);
  is ($closed, 2);
  # By a callback of a call: the call still ends. Then the callback drops the last reference.
  $g = $package->new;
  $g->set_trace (1);
  $g->set_event_callback (sub { eval { $g->close } }, $Sys::Guestfs::EVENT_TRACE);
  is ($g->get_smp, 1);
  like (fails { $g->get_smp }, qr/closed/);
  $g = $package->new;
  $g->set_event_callback (sub { undef $g }, $Sys::Guestfs::EVENT_ENTER);
  $g->set_event_callback ($count, $Sys::Guestfs::EVENT_CLOSE);
  is ($g->get_smp, 1);
  ok (!defined $g && $closed == 3);
  like (fails { $package->new (enviroment => 0) }, qr/^unknown optional argument 'enviroment' at \S+binding\.pl/);
  is ($package->new (environment => 0, close_on_exit => 0)->{_flags}, 3);
  # At the end of the program, in a cycle as well; in the child of a fork nothing is closed.
  my $watch = 'our $g = Sys::Guestfs->new (%s); $g->set_event_callback (sub { print "closed $_[0]\n" }, 1); %s';
  is (program (sprintf ($watch, '', '')), "closed 1\nstatus 0");
  is (program (sprintf ($watch, '', '$g->{cycle} = $g; exit 3')), "closed 1\nstatus 3");
  is (program (sprintf ($watch, 'close_on_exit => 0', '')), 'status 0');
  is (program (sprintf ($watch, '', 'if (!fork) { undef $g; exit } wait; print "end\n"')), "end\nclosed 1\nstatus 0");
}

sub errors {
  my $g = $package->new;
  is ($g->last_errno, 0);
  like (fails { $g->add_drive ('/nonexistent/disk.img') }, qr{/nonexistent/disk\.img.* at \S+binding\.pl line \d+\.$});
  is ($g->last_errno, 2);
  like (fails { $g->add_drive ("/nonexistent/\xff") }, qr{/nonexistent/\xff});
  is ($g->get_program, 'binding.pl');
  my @told;
  local $SIG{__WARN__} = sub { push @told, @_ };
  fails { $g->stat ('/') };
  like ("@told", qr/^Sys::Guestfs::stat is deprecated; use Sys::Guestfs::statns instead at \S+binding\.pl line/);
  @told = ();
  {
    no warnings 'deprecated';
    fails { $g->stat ('/') };
  }
  is (@told, 0);
  {
    use warnings FATAL => 'deprecated';
    like (fails { $g->stat ('/') }, qr/deprecated/);
  }
}

sub numbers {
  my $g = $package->new;
  my $size = 4294967296 + 1048576;
  $g->disk_create ("$dir/big.img", 'raw', $size);
  is ($g->disk_virtual_size ("$dir/big.img"), $size);
  $g->disk_create ("$dir/big2.img", 'qcow2', "$size", clustersize => 65536);
  is ($g->disk_format ("$dir/big2.img"), 'qcow2');
  $g->add_drive_opts ("$dir/big2.img", label => 'abc', readonly => 1, format => 'qcow2');
  ok ($g->can ('add_drive') && $package->can ('mkfs_opts') && !$package->can ('nosuch'));
  $g->set_backend_settings (['a', "b=\xc3\xa9"]);
  is_deeply ([$g->get_backend_settings], ['a', "b=\xc3\xa9"]);
  is ($g->get_append, undef);
  $g->set_append ('x y');
  is ($g->get_append, 'x y');
  my %version = $g->version;
  is ($version{major}, 1);
  is ($Sys::Guestfs::VERSION, '1.0');
  # Changed while the call runs.
  my $name = 'a' x 100;
  my $list = [('b' x 100) x 50];
  $g->set_event_callback (sub { $name = undef; @$list = (); $_[1] = 7 }, $Sys::Guestfs::EVENT_ENTER);
  $g->set_identifier ($name);
  is ($g->get_identifier, 'a' x 100);
}

{
  package Child;
  our @ISA = ('Sys::Guestfs');
  our $gone = 0;
  sub new {
    my ($class, %own) = @_;
    my $self = $class->SUPER::new;
    $self->{own} = \%own;
    return $self;
  }
  sub get_smp { return 10 + shift->SUPER::get_smp }
  sub DESTROY { $gone++ }
}

{
  package NoDomain;
  sub DESTROY { }
}

sub subclasses {
  my $closed = 0;
  my $g = Child->new (a => 1);
  $g->set_event_callback (sub { $closed++ }, $Sys::Guestfs::EVENT_CLOSE);
  is ($g->get_smp, 11);
  is ($g->{own}{a}, 1);
  isa_ok (ref ($g)->new, 'Child');
  $Child::gone = 0;
  undef $g;
  # Its DESTROY does not call ours.
  ok ($Child::gone == 1 && $closed == 1);
}

sub events {
  is ($Sys::Guestfs::EVENT_ALL, 0x3ff);
  is (Sys::Guestfs->event_to_string ($Sys::Guestfs::EVENT_CLOSE | $Sys::Guestfs::EVENT_TRACE), 'close,trace');
  my $i = 0;
  for (qw(close subprocess_quit launch_done progress appliance library trace enter libvirt_auth warning)) {
    no strict 'refs';
    is (${"Sys::Guestfs::EVENT_\U$_"}, 1 << $i);
    is (Sys::Guestfs::event_to_string (1 << $i++), $_);
  }
  my ($g, @seen) = $package->new;
  my $note = sub { push @seen, [@_] };
  my $trace = $g->set_event_callback ($note, $Sys::Guestfs::EVENT_TRACE);
  my $enter = $g->set_event_callback ($note, $Sys::Guestfs::EVENT_ENTER);
  $g->set_trace (1);
  @seen = ();
  $g->get_smp;
  is_deeply (\@seen, [[128, $enter, 'get_smp', []], [64, $trace, 'get_smp', []], [64, $trace, 'get_smp = 1', []]]);
  $g->delete_event_callback ($trace);
  $g->delete_event_callback (4711);
  @seen = ();
  $g->get_smp;
  is (@seen, 1);
  $g->delete_event_callback ($enter);
  $g->set_trace (0);
  like (fails { $g->set_event_callback (3, 1) }, qr/cb is not a code reference/);
  # Deletes itself; calls back; and the caller's $@ and $_ are as they were.
  my ($count, $id) = (0);
  $id = $g->set_event_callback (sub { $g->delete_event_callback ($id); $count += $g->get_smp; eval { die }; 1 }, 128);
  {
    local ($@, $_) = ('mine', 'yours');
    $g->get_memsize for 1, 2;
    ok ($count == 1 && $@ eq 'mine' && $_ eq 'yours');
  }
  # What a callback does to leave it.
  my @told;
  my %ways = ('die' => sub { die "broken callback\n" }, 'object' => sub { die { a => 1 } }, 'last' => sub { no warnings; last },
              'goto' => sub { goto OUT });
  for my $way (sort keys %ways) {
    my $h = $g->set_event_callback ($ways{$way}, 128);
    for my $handler (sub { push @told, @_ }, sub { die @_ }) {
      local $SIG{__WARN__} = $handler;
      is ($g->get_smp, 1);
    }
    $g->delete_event_callback ($h);
  }
 OUT:
  is (@told, 4);
  is ($told[0], "Sys::Guestfs: error in a callback: broken callback\n");
  like ($told[1], qr/error in a callback: Can't find label OUT/i);
  like ($told[2], qr/error in a callback: Can't "last" outside a loop block/);
  like ($told[3], qr/error in a callback: HASH/);
  # exit waits for the call, also through two calls and from a handle that is being closed.
  my $exit = 'my $g = Sys::Guestfs->new; END { print "end $?\n" } my $h = Sys::Guestfs->new;';
  is (program ("$exit \$g->set_event_callback (sub { exit 4 }, 128); \$g->get_smp; print 'no'"), "end 4\nstatus 4");
  is (program ("$exit \$g->set_event_callback (sub { exit 4 }, 128); \$h->set_event_callback (sub { eval { \$g->get_smp }; print 'no' }, 128);
                eval { \$h->get_smp }; print 'no'"), "end 4\nstatus 4");
  is (program ("$exit \$g->set_event_callback (sub { exit 5 }, 1); \$g->close; print 'no'"), "end 5\nstatus 5");
  is (program ("$exit \$g->set_event_callback (sub { exit 6 }, 1); eval { undef \$g }; print 'no'"), "end 6\nstatus 6");
}

# A virDomain of Sys::Virt, of libvirt's test driver.
sub domains {
  if (!eval { require Sys::Virt; 1 }) {
    print "not run: Perl, Sys::Virt::Domain: install libsys-virt-perl\n";
    return;
  }
  my $domain = Sys::Virt->new (uri => 'test:///default')->define_domain (<<"XML");
<domain type='test'><name>with disks</name><memory>1024</memory><os><type>hvm</type></os>
<devices><disk type='file'><driver name='qemu' type='raw'/><source file='$dir/domain.img'/>
<target dev='vda'/></disk></devices></domain>
XML
  my $g = $package->new;
  $g->disk_create ("$dir/domain.img", 'raw', 1048576);
  is ($g->add_libvirt_dom ($domain, readonly => 1), 1);
  like (($g->debug_drives)[0], qr/domain\.img/);
  local @NoDomain::ISA = ('Sys::Virt::Domain');
  for my $wrong (undef, 0, 'with disks', $g, {}, bless (\my $number, 'NoDomain')) {
    like (fails { $g->add_libvirt_dom ($wrong) }, qr/dom is not of type Sys::Virt::Domain/);
  }
}

# A handle whose daemon is a process here: ANSWER (socket, request) is called for the first request.
sub daemon {
  my $answer = shift;
  my $path = "$dir/daemon";
  my $listener = IO::Socket::UNIX->new (Local => $path, Listen => 1) or die $!;
  if (!fork) {
    my $socket = $listener->accept;
    syswrite ($socket, pack ('N', 0xf5f55ff5));
    sysread ($socket, my $size, 4);
    sysread ($socket, my $request, unpack ('N', $size));
    $answer->($socket, $request);
    1 while sysread ($socket, $request, 4096);
    POSIX::_exit (0);
  }
  my $g = $package->new;
  $g->set_backend ("unix:$path");
  $g->set_autosync (0);
  no warnings 'deprecated';
  $g->launch;
  unlink ($path);
  return $g;
}

sub interruption {
  my $main = $$;
  my $silent = sub { sleep 0.2; kill INT => $main };
  # What the handler dies with comes out of the call, which is over at once.
  local $SIG{INT} = sub { die "interrupted\n" };
  my ($g, $begun) = (daemon ($silent), time);
  is (fails { $g->ping_daemon }, "interrupted\n");
  # Or the call fails, when the handler returns.
  my $heard = 0;
  $SIG{INT} = sub { $heard++ };
  $g = daemon ($silent);
  like (fails { $g->ping_daemon }, qr/cancel|interrupt/i);
  is ($heard, 1);
  # From a callback of another handle.
  $g = daemon ($silent);
  my ($other, @inside) = $package->new;
  $other->set_event_callback (sub { push @inside, fails { $g->ping_daemon } unless @inside }, 128);
  is ($other->get_smp, 1);
  like ("@inside", qr/cancel|interrupt/i);
  undef $g;
  1 while wait > 0;
  ok (time - $begun < 60);
}

sub threads_too {
  if (!$Config{useithreads}) {
    print "not run: Perl, threads: this Perl has none\n";
    return;
  }
  # An object is the same handle in each thread; it is closed when the last of them has let go of it.
  my ($g, $closed, $seen) = ($package->new, 0, 0);
  $g->set_event_callback (sub { $closed++ }, $Sys::Guestfs::EVENT_CLOSE);
  $g->set_event_callback (sub { $seen++ }, $Sys::Guestfs::EVENT_ENTER);
  my @workers = map { threads->create (sub {
    my $own = 0;
    $g->set_event_callback (sub { $own++ }, $Sys::Guestfs::EVENT_ENTER);
    for (1 .. 300) { $g->internal_test_rstringlist (3); $g->get_memsize; $own < 0 and die }
    return $own;
  }) } 1 .. 2;
  $g->get_smp for 1 .. 100;
  ok ($_->join >= 600) for @workers;
  ok ($seen >= 100 && $closed == 0);
  undef $g;
  is ($closed, 1);
  # One cancels what another waits for.
  $g = daemon (sub { });
  my $canceller = threads->create (sub { sleep 0.3; $g->user_cancel });
  like (fails { $g->ping_daemon }, qr/cancel|interrupt/i);
  $canceller->join;
  undef $g;
  1 while wait > 0;
  # Closed while another is inside calls.
  for (1 .. 10) {
    my $h = $package->new;
    my $worker = threads->create (sub { eval { $h->internal_test_rint (1) while 1 }; $@ });
    threads->yield;
    $h->close;
    like ($worker->join, qr/called on a closed handle/);
  }
}

# KiB of this process.
sub resident {
  open (my $file, '<', '/proc/self/status') or die $!;
  return (map { /^VmRSS:\s+(\d+)/ ? $1 : () } <$file>)[0];
}

sub memory {
  my $g = $package->new;
  $g->internal_test_set_output ('/dev/null');
  my @args = ('abc', 'def', ['a', 'b'], 0, 0, 0, '123', '456', "abc\0abc");
  my @options = (obool => 1, oint => 1, oint64 => 1, ostring => 's', ostringlist => ['x', 'y']);
  my %shapes = (
    arguments => sub { $g->internal_test (@args, @options) },
    refused => sub { eval { $g->internal_test (@args, ostringlist => ['x', []]) }; eval { $g->internal_test (@args, nosuch => 1) } },
    scalars => sub { $g->internal_test_rint (1); $g->internal_test_rint64 (1); $g->internal_test_rbool ('true') },
    strings => sub { my @a = map { $g->$_ ('x') } qw(internal_test_rconststring internal_test_rconstoptstring internal_test_rstring) },
    lists => sub { my @a = $g->internal_test_rstringlist (20); my %a = $g->internal_test_rhashtable (20) },
    structs => sub { my $a = $g->internal_test_rbufferout ('01234567'); my %a = $g->internal_test_rstruct ('x') },
    structlists => sub { my @a = $g->internal_test_rstructlist (5) },
    errors => sub { eval { $g->internal_test_rstructerr }; eval { $g->internal_test_rstringlisterr } },
    callbacks => sub { my $h = $g->set_event_callback (sub { $g }, 128); $g->get_smp; $g->delete_event_callback ($h) },
  );
  for my $shape (sort keys %shapes) {
    $shapes{$shape}->() for 1 .. 2000;
    my $before = resident ();
    $shapes{$shape}->() for 1 .. 10000;
    cmp_ok (resident () - $before, '<', 2048, "$shape do not grow");
  }
  my $one = sub { $package->new->set_event_callback (sub { }, 1) };
  $one->() for 1 .. 20;
  my $before = resident ();
  $one->() for 1 .. 200;
  cmp_ok (resident () - $before, '<', 2048, 'handles do not grow');
}

# Whatever a program can call is in the manual.
sub manual {
  open (my $file, '<', $INC{'Sys/Guestfs.pm'}) or die $!;
  my $text = do { local $/; <$file> };
  my @missing = grep { !/^(_|internal_test|DESTROY$|CLONE$|bootstrap$)/ && $text !~ /^=head2 $_$/m }
    grep { defined &{$Sys::Guestfs::{$_}} } grep { ref \$Sys::Guestfs::{$_} eq 'GLOB' } keys %Sys::Guestfs::;
  is ("@missing", '');
}

for my $part (['closing', \&closing], ['errors', \&errors], ['numbers', \&numbers], ['subclasses', \&subclasses],
              ['events', \&events], ['domains', \&domains], ['interruption', \&interruption], ['threads', \&threads_too],
              ['memory', \&memory], ['manual', \&manual]) {
  next if @ARGV > 1 && $ARGV[1] ne $part->[0];
  my $begun = time;
  alarm 300;
  subtest $part->[0] => $part->[1];
  printf "# %s: %.1f s\n", $part->[0], time - $begun;
}
alarm 0;
done_testing;
