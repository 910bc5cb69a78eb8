#!/bin/sh
# Runs the tests of the Ruby binding.
#
#   check.sh OUT
#
# In: what build.sh made in OUT, and the library by LD_LIBRARY_PATH. Out: a line a part with its seconds; exit status.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
out=$(CDPATH= cd -- "$1" && pwd)
ruby=${RUBY:-ruby}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! command -v "$ruby" >/dev/null || [ ! -f "$out/_guestfs.so" ]; then
  echo "not run: Ruby binding: install ruby-dev, and run build.sh" >&2
  exit 77
fi
RUBYLIB=$out
export RUBYLIB
unset RUBYOPT

# part NAME COMMAND…: run it in a directory of its own, say how long it took.
part() {
  name=$1
  shift
  mkdir "$work/dir"
  start=$(date +%s)
  if ! (cd "$work/dir" && set -e && "$@") >"$work/log" 2>&1; then
    echo "FAILED: Ruby, $name:" >&2
    cat "$work/log" >&2
    exit 1
  fi
  echo "Ruby, $name: $(($(date +%s) - start)) s"
  rm -rf "$work/dir"
}

# bindtests WHOSE [COMMAND…]: by that binding, ours or theirs.
bindtests() {
  whose=$1
  shift
  "$@" "$ruby" "$here/tests/bindtests.rb" seen "$whose" && cmp seen "$root/bindings/c/tests/bindtests.expected"
}

# Debian's compiled binding on our library, and ours on Debian's.
both_ways() {
  bindtests theirs env -u RUBYLIB && bindtests ours env -u LD_LIBRARY_PATH
}

steps() {
  mkdir steps && "$ruby" "$here/tests/steps.rb" "$root/generated/tests/steps.json" "$PWD/steps"
}

examples() {
  "$ruby" -w "$here/examples/create_disk.rb" disk.img && "$ruby" -w "$here/examples/inspect_disk.rb" disk.img >said &&
    cat said && grep -q '/dev/sda1: ext4' said
}

# As its users install it: compiled by gem, from what the gem has.
gem_of_it() {
  (cd "$here" && gem build --silent -o "$work/dir/guestfs.gem" guestfs.gemspec) &&
    env -u RUBYLIB GUESTFS_LIBDIR="${GUESTFS_LIBDIR:-${LD_LIBRARY_PATH%%:*}}" \
      gem install --silent --local --no-document --install-dir gems guestfs.gem &&
    env -u RUBYLIB GEM_HOME="$PWD/gems" "$ruby" -e 'gem "guestfs"; require "guestfs"; puts $".grep(/guestfs/)
      exit Guestfs::Guestfs.open { |g| g.version["major"] } == 1 && $".grep(/_guestfs/)[0].start_with?(Dir.pwd)'
}

part "binding tests" bindtests ours
part behaviour "$ruby" -w "$here/tests/binding.rb" .
part threads "$ruby" -w "$here/tests/threads.rb"
part memory "$ruby" -w "$here/tests/memory.rb"
part "launched machine" "$ruby" "$here/tests/launched.rb"
part examples examples
part steps steps
part gem gem_of_it
if RUBYLIB='' "$ruby" -e 'require "guestfs"' 2>/dev/null; then
  part "both ways" both_ways
else
  echo "not run: Ruby, both ways: install ruby-guestfs"
fi
