#!/bin/sh
# Runs every test in two lanes, one for each core, and prints a summary.
# In: a built tree (`make check` builds it). Out: logs below target/check/, one line a stage, exit status.
set -u
cd "$(dirname "$0")/.."
out=$PWD/target/out
logs=$PWD/target/check
rm -rf "$logs"
mkdir -p "$logs"
python=${PYTHON:-/usr/bin/python3}
cargo="${CARGO:-cargo} test --release --locked --quiet"

# stage NAME COMMAND…: run, time, keep the log, say how it went.
stage() {
  name=$1
  shift
  start=$(date +%s)
  if "$@" >"$logs/$name.log" 2>&1 </dev/null; then
    result=ok
  else
    result=FAILED
  fi
  printf '%-7s %4d s  %s\n' "$result" $(($(date +%s) - start)) "$name" | tee "$logs/$name.result"
  [ "$result" = ok ] || tail -n 40 "$logs/$name.log" | sed 's/^/    | /'
}

# What needs no appliance, then what starts its own.
first_lane() {
  stage generator $cargo -p guestfs-generator
  stage protocol $cargo -p guestfs-protocol
  stage daemon $cargo -p guestfsd
  stage library-units $cargo -p guestfs --lib
  stage library-appliance $cargo -p guestfs --test appliance
  stage library-live $cargo -p guestfs --test live
  stage library-libvirt $cargo -p guestfs --test libvirt -- --test-threads 1
  stage manual tests/manual.sh
  stage install tests/install.sh
  stage bindings $cargo -p guestfs-c --no-fail-fast
  stage shell $cargo -p guestfish --bins --test corpus --test messages --test interactive --test completions --test domain
  stage shell-launched $cargo -p guestfish --test launched -- --test-threads 1
  stage faults $cargo -p guestfs-tests --test faults -- --test-threads 1 --nocapture
  stage interop $cargo -p guestfs-tests --test interop -- --test-threads 1 --nocapture
  stage guests $cargo -p guestfs-tests --test guests -- --nocapture
  stage peers $cargo -p guestfs-tests --test peers -- --nocapture
}

# The steps of all calls through each language, the demo, and launches of every kind.
second_lane() {
  export LD_LIBRARY_PATH="$out/lib" PYTHONPATH="$out/python"
  stage steps-rust $cargo -p guestfs-tests --test conformance -- --test-threads 1 --nocapture
  stage steps-c "$out/steps-c"
  stage steps-python "$python" tests/conformance/run_steps.py
  stage demo tests/demo.sh
  stage launch $cargo -p guestfs --test launch -- --test-threads 1
  stage mount-local $cargo -p guestfs --test mount_local -- --test-threads 1 --nocapture
}

begin=$(date +%s)
# All at once and first: the lanes would only wait for each other's builds.
stage build-tests $cargo --workspace --no-run
first_lane &
second_lane
wait $!

echo
echo "What did not run here, and why:"
grep -h '^not run: ' "$logs"/*.log | sort -u || echo "  nothing: every test ran"
passed=$(cat "$logs"/*.result | grep -c '^ok')
failed=$(cat "$logs"/*.result | grep -c '^FAILED')
echo "All stages took $(($(date +%s) - begin)) s; logs are in target/check/"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
