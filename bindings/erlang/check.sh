#!/bin/sh
# Runs the tests of the Erlang binding.
#
#   check.sh OUT [PART]
#
# In: what build.sh made in OUT; PART of those below is run alone. Out: a line a part with its seconds; exit status, 77
# when there is no Erlang.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
out=$(CDPATH= cd -- "$1" && pwd)
if ! command -v escript >/dev/null; then
  echo "not run: Erlang binding: install erlang-base" >&2
  exit 77
fi
only=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# One scheduler is enough for programs that wait. The program is the one beside the modules.
export ERL_LIBS="$out" ERL_FLAGS="+S 1:1 +sbwt none" HOME="${HOME:-$work}"

# part NAME COMMAND…: run it in a directory of its own, say how long it took.
part() {
  name=$1
  shift
  case $only in
    '' | "$name") ;;
    *) return 0 ;;
  esac
  mkdir -p "$work/dir"
  start=$(date +%s)
  # A subshell of its own with -e: a function in a condition would go on after a failure.
  set +e
  (set -e; cd "$work/dir"; "$@") >"$work/log" 2>&1
  status=$?
  set -e
  if [ $status -ne 0 ]; then
    echo "FAILED: Erlang, $name:" >&2
    cat "$work/log" >&2
    exit 1
  fi
  echo "Erlang, $name: $(($(date +%s) - start)) s"
  rm -rf "$work/dir"
}

# What the generator makes of names that are no names in Erlang compiles, too.
bindtests() {
  escript "$here/tests/bindtests.escript" seen
  diff -u "$root/bindings/c/tests/bindtests.expected" seen
  erlc -Wall -Werror -o . "$root/generator/tests/golden/erlang/guestfs.erl"
}

behaviour() {
  escript "$here/tests/binding.escript" "$PWD"
}

memory() {
  escript "$here/tests/memory.escript"
}

steps() {
  mkdir steps
  erlc -Wall -Werror -o . "$here/tests/steps_json.erl"
  ERL_FLAGS="$ERL_FLAGS -pa $PWD" escript "$here/tests/steps.escript" "$root/generated/tests/steps.json" "$PWD/steps"
}

examples() {
  escript "$here/examples/create_disk.escript" disk.img
  escript "$here/examples/inspect_disk.escript" disk.img | tee said
  grep -q '/dev/sda1: ext4' said
}

# As a user's program finds what is installed: modules by ERL_LIBS, the program in PATH.
installed() {
  DESTDIR=$PWD PREFIX=/usr LIBDIR=/usr/lib/x86_64-linux-gnu "$here/install.sh" "$out"
  cat >say.escript <<'S'
#!/usr/bin/env escript
main([Ebin, Program]) ->
    {ok, _} = application:ensure_all_started(libguestfs),
    Ebin = filename:dirname(code:which(guestfs)),
    Program = os:find_executable("erl-guestfs"),
    {ok, G} = guestfs:create(),
    [1 | _] = guestfs:version(G),
    ok = guestfs:close(G).
S
  for ebin in "$PWD"/usr/lib/erlang/lib/libguestfs-*/ebin; do
    PATH=$PWD/usr/bin:$PATH ERL_LIBS=$PWD/usr/lib/erlang/lib escript say.escript "$ebin" "$PWD/usr/bin/erl-guestfs"
  done
  # rebar3's file is one that Erlang can read.
  erl -noshell -eval '{ok, _} = file:consult(hd(init:get_plain_arguments())), halt().' -extra "$here/rebar.config"
}

part "binding tests" bindtests
part behaviour behaviour
part memory memory
part "as installed" installed
part examples examples
part steps steps
