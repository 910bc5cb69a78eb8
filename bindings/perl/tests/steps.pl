# Runs generated/tests/steps.json: every test on one handle a scenario, as tests/conformance/run_steps.py.
#
# steps.pl STEPS.json TMP [PREFIX]: PREFIX picks tests by the beginning of their names; TMP is an empty directory.

use strict;
use warnings;
no warnings 'deprecated';

use Errno;
use JSON::PP;
use List::Util qw(all any first min);
use Sys::Guestfs;

my ($steps, $tmp, $prefix) = (@ARGV, '');
my $mib = 1 << 20;

sub slurp {
  my $name = shift;
  open (my $file, '<:raw', $name) or die "$name: $!\n";
  local $/;
  return scalar <$file>;
}

# A value of the file as Perl's.
sub value {
  my $v = shift;
  return $v ? 1 : 0 if JSON::PP::is_bool ($v);
  return [map { value ($_) } @$v] if ref $v eq 'ARRAY';
  if (ref $v eq 'HASH') {
    return 0 + $v->{number} if exists $v->{number} && $v->{number} =~ /\./;
    return $v->{number} if exists $v->{number};
    return pack ('H*', $v->{bytes}) if exists $v->{bytes};
    return { map { $_ => value ($v->{$_}) } keys %$v };
  }
  return $v unless defined $v;
  utf8::encode ($v);
  return $v =~ s/%tmp/$tmp/gr;
}

# Of tables only the wanted keys count.
sub matches {
  my ($got, $want) = @_;
  return !defined $got unless defined $want;
  return 0 unless defined $got;
  if (ref $want eq 'HASH') {
    return ref $got eq 'HASH' && all { exists $got->{$_} && matches ($got->{$_}, $want->{$_}) } keys %$want;
  }
  if (ref $want eq 'ARRAY') {
    return ref $got eq 'ARRAY' && @$got == @$want && all { matches ($got->[$_], $want->[$_]) } 0 .. $#$want;
  }
  return abs ($got - $want) < 0.01 if $want =~ /^-?\d+\.\d+$/ && $got =~ /^-?[\d.]+$/;
  return $got eq $want;
}

sub unordered {
  my ($got, $want) = @_;
  my @left = @$got;
  for my $w (@$want) {
    my $found = first { matches ($left[$_], $w) } 0 .. $#left;
    return 0 unless defined $found;
    splice (@left, $found, 1);
  }
  return !@left;
}

sub action {
  my ($g, $step, $want) = @_;
  if (my $write = $step->{local_write}) {
    open (my $file, '>:raw', value ($write->{path})) or die "$!\n";
    print $file value ($write->{content});
    close ($file) or die "$!\n";
    return;
  }
  my ($read, $call) = @$step{qw(local_read call)};
  my @got = $read ? slurp (value ($read->{path}))
    : $g->$call ((map { value ($_) } @{$step->{args}}), %{value ($step->{opts})});
  # What the list stands for only shows in what is wanted.
  return ref $want eq 'HASH' ? { @got } : ref $want eq 'ARRAY' ? \@got : $got[0];
}

sub run_step {
  my ($g, $step) = @_;
  my ($kind, $want) = %{$step->{expect}};
  $want = value ($want);
  if ($kind eq 'error') {
    die "succeeded, but must fail\n" if eval { action ($g, $step); 1 };
    return unless defined $want;
    local $! = $g->last_errno;
    my $is = first { $!{$_} } $want, $want eq 'ENOTSUP' ? 'EOPNOTSUPP' : ();
    die $@ =~ s/\n?\z/: not $want\n/r unless $is;
    return;
  }
  my $got = action ($g, $step, $kind eq 'unordered' || $kind eq 'contains' ? [] : $want);
  my $ok = $kind eq 'ok' ? 1
    : $kind eq 'equals' ? matches ($got, $want)
    : $kind eq 'unordered' ? unordered ($got, $want)
    : @$got == 1 ? index ($got->[0], $want) >= 0 : any { $_ eq $want } @$got;
  die 'got ' . encode ($got) . ", expected $kind " . encode ($want) . "\n" unless $ok;
}

sub encode { return JSON::PP->new->allow_nonref->canonical->latin1->encode (shift) }

sub wipe {
  my ($g, $device, $both_ends) = @_;
  my $size = $g->blockdev_getsize64 ($device);
  $g->pwrite_device ($device, "\0" x min ($size, $mib), 0);
  $g->pwrite_device ($device, "\0" x $mib, $size - $mib) if $both_ends && $size > $mib;
}

# The state that the scenario promises.
sub reset_state {
  my ($g, $scenario) = @_;
  if ($scenario eq 'disks') {
    $g->umount_all;
    $g->vg_activate_all (0);
    my @parts = $g->list_partitions;
    wipe ($g, $_, 0) for @parts;
    for my $disk ('/dev/sda', '/dev/sdb') {
      $g->part_init ($disk, 'mbr') if any { /^$disk/ } @parts;
      wipe ($g, $disk, 1);
    }
  }
  elsif ($scenario eq 'scratch-fs') {
    $g->umount_all;
    $g->mount ('/dev/sdc', '/');
    $g->umask (022);
    $g->rm_rf ("/$_") for grep { $_ ne 'lost+found' } $g->ls ('/');
  }
}

sub open_handle {
  my $scenario = shift;
  my $g = Sys::Guestfs->new;
  return $g if $scenario eq 'none';
  $g->add_drive_scratch ($_ * $mib) for 1024, 256, $scenario eq 'scratch-fs' ? 256 : ();
  $g->launch;
  $g->mkfs ('ext4', '/dev/sdc') if $scenario eq 'scratch-fs';
  return $g;
}

my $tests = JSON::PP->new->utf8->decode (slurp ($steps))->{tests};
my ($passed, $failed) = (0, 0);
for my $scenario ('none', 'disks', 'scratch-fs') {
  my $g;
  for my $test (grep { $_->{scenario} eq $scenario && index ($_->{name}, $prefix) == 0 } @$tests) {
    undef $g if $scenario eq 'none';
    my $place = 'reset';
    my $ok = eval {
      $g //= open_handle ($scenario);
      reset_state ($g, $scenario);
      my $i = 0;
      for my $step (@{$test->{steps}}) {
        $place = 'step ' . $i++;
        run_step ($g, $step);
      }
      1;
    };
    $ok ? $passed++ : $failed++;
    next if $ok;
    print STDERR "$test->{name}, $place: $@";
    # What it left behind is not the next one's to meet.
    undef $g;
  }
}
print "$passed passed, $failed failed\n";
exit ($passed && !$failed ? 0 : 1);
