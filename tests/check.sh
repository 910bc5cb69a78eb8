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
# Always the whole workspace, of which a stage picks tests by name: cargo builds what single packages share
# with other features than what all share, so that each `-p` would build nearly everything once more. A test
# of the conventions sees to it that every name is here.
cargo="${CARGO:-cargo} test --release --locked --quiet --workspace"

# In front of a command: with this tree's library and Python module.
with_tree="env LD_LIBRARY_PATH=$out/lib PYTHONPATH=$out/python"
# Seconds after which a stage is ended, and, since `make check` began, all that is left: whatever hangs, the
# summary comes before CI's own limit of 90 minutes.
stage_limit=1800
limit=5100

# stage NAME COMMAND…: run, time, keep the log, say how it went.
stage() {
  name=$1
  shift
  start=$(date +%s)
  left=$((begin + limit - start))
  [ $left -lt $stage_limit ] || left=$stage_limit
  if [ $left -gt 0 ] && timeout --kill-after=30 $left "$@" >"$logs/$name.log" 2>&1 </dev/null; then
    result=ok
  else
    result=FAILED
  fi
  took=$(($(date +%s) - start))
  [ $took -lt $left ] || echo "ended after $took s: the stage or the whole run had no time left" >>"$logs/$name.log"
  printf '%-7s %4d s  %s\n' "$result" $took "$name" | tee "$logs/$name.result"
  [ "$result" = ok ] || tail -n 40 "$logs/$name.log" | sed 's/^/    | /'
}

# component NAME WHAT COMMAND…: a stage where the toolchain has the component of this name.
component() {
  name=$1
  what=$2
  shift 2
  if "${CARGO:-cargo}" "$name" --version >/dev/null 2>&1; then
    stage "$name" "${CARGO:-cargo}" "$name" "$@"
  else
    echo "not run: $what: there is no cargo $name here" >"$logs/$name.log"
  fi
}

# The tests of Rust's other API, and of each language in $LANGUAGES that was built.
languages() {
  stage language-rust $cargo --no-fail-fast --test upstream_launched --test upstream_steps -- --test-threads 1
  wanted=$(bindings/languages.sh list)
  for language in $(LANGUAGES=all bindings/languages.sh list); do
    if ! echo "$wanted" | grep -qx "$language"; then
      echo "not run: $language binding: it is not in LANGUAGES" >"$logs/language-$language.log"
    elif [ -d "$out/languages/$language" ]; then
      stage "language-$language" $with_tree GUESTFS_LIBDIR="$out/lib" \
        bindings/languages.sh check "$language" "$out/languages"
    else
      bindings/languages.sh check "$language" "$out/languages" >"$logs/language-$language.log"
    fi
  done
}

# What needs no appliance, then what starts its own, and the steps of all calls through one language.
first_lane() {
  stage units $cargo --no-fail-fast --lib --bins
  stage generator $cargo --no-fail-fast --test cli --test compile --test conventions --test errors --test fresh \
    --test golden --test speed
  stage protocol $cargo --no-fail-fast --test allocation --test constants --test framing --test hello --test paths \
    --test records --test transfer
  stage library-appliance $cargo --test appliance
  stage library-live $cargo --test live
  stage library-libvirt $cargo --no-fail-fast --test libvirt --test libvirt_machine -- --test-threads 1
  stage manual tests/manual.sh
  stage packages tests/packages.sh
  stage install tests/install.sh
  stage installed tests/installed.sh
  stage bindings $cargo --no-fail-fast --test abi --test debian --test examples --test python --test semantics \
    --test upstream_bindtests --test upstream_behaviour --test upstream_memory
  stage shell $cargo --no-fail-fast --test corpus --test messages --test interactive --test completions --test domain
  stage shell-launched $cargo --test launched -- --test-threads 1
  stage faults $cargo --test faults -- --test-threads 1 --nocapture
  stage mutations $cargo --test mutations -- --nocapture
  stage interop $cargo --test interop -- --test-threads 1 --nocapture
  stage guests $cargo --test guests -- --nocapture
  stage ldm $cargo --test ldm -- --nocapture
  stage windows $cargo --test windows -- --nocapture
  stage peers $cargo --test peers -- --nocapture
  stage launch $cargo --test launch -- --test-threads 1
  stage mount-local $cargo --test mount_local -- --test-threads 1 --nocapture
  stage demo $with_tree tests/demo.sh
  stage steps-python $with_tree "$python" tests/conformance/run_steps.py
}

# The steps through the other languages, and what is left so that both take equally long.
second_lane() {
  component fmt formatting --check
  component clippy lints --workspace --all-targets --locked --quiet -- -D warnings
  stage steps-rust $cargo --test conformance -- --test-threads 1 --nocapture
  stage steps-c $with_tree "$out/steps-c"
  languages
}

begin=$(cat target/check-began)
# All at once and first: the lanes would only wait for each other's builds.
stage build-tests $cargo --no-run
first_lane &
second_lane
wait $!

echo
echo "What did not run here, and why:"
grep -h '^not run: ' "$logs"/*.log | sort -u || echo "  nothing: every test ran"
passed=$(cat "$logs"/*.result | grep -c '^ok')
failed=$(cat "$logs"/*.result | grep -c '^FAILED')
echo "All took $(($(date +%s) - begin)) s; logs are in target/check/"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
