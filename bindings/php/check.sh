#!/bin/sh
# Runs the tests of the PHP binding.
#
#   check.sh OUT
#
# In: what build.sh made in OUT, and the library by LD_LIBRARY_PATH. Out: a line a part with its seconds; exit status.
# $PHP and $PHP_CONFIG are obeyed. Exit status 77: PHP is not here.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
out=$(CDPATH= cd -- "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
php=${PHP:-php}
config=${PHP_CONFIG:-php-config}
if ! command -v "$php" >/dev/null; then
  echo "not run: PHP binding: install php8.2-cli" >&2
  exit 77
fi
GUESTFS_PHP=$out/guestfs_php.so
export GUESTFS_PHP
# Without the host's settings, which may load another guestfs_php.
plain="$php -n -d display_errors=stderr -d memory_limit=512M"
ours="$plain -d extension=$GUESTFS_PHP"

# part NAME COMMAND…: run it in a directory of its own, say how long it took.
part() {
  name=$1
  shift
  mkdir -p "$work/dir"
  start=$(date +%s)
  # Not a condition: there "set -e" would be off inside functions.
  set +e
  (set -e; cd "$work/dir"; "$@") >"$work/log" 2>&1
  status=$?
  set -e
  if [ $status != 0 ]; then
    echo "FAILED: PHP, $name:" >&2
    cat "$work/log" >&2
    exit 1
  fi
  echo "PHP, $name: $(($(date +%s) - start)) s"
  rm -rf "$work/dir"
}

# Nothing but "ok": not a warning of PHP either.
bindtests() {
  "$@" "$here/tests/bindtests.php" seen >said 2>&1
  echo ok | diff -u - said
  diff -u "$root/bindings/c/tests/bindtests.expected" seen
}

declarations() {
  $plain -l "$out/guestfs.stub.php"
  $ours "$here/tests/stub.php" "$out/guestfs.stub.php"
}

steps() {
  mkdir steps
  $ours "$here/tests/steps.php" "$root/generated/tests/steps.json" "$PWD/steps"
}

examples() {
  # The manual page shows them as they are.
  for name in create_disk inspect_disk; do
    $plain -r 'exit (str_contains (file_get_contents ($argv[1]), preg_replace ("/^(?=.)/m", " ", file_get_contents ($argv[2])))
      ? 0 : 1);' "$here/guestfs-php.pod" "$here/examples/$name.php"
  done
  $ours "$here/examples/create_disk.php" disk.img
  $ours "$here/examples/inspect_disk.php" disk.img | tee said
  grep -q '/dev/sda1: ext4' said
}

# As PIE and PECL build it: from a copy in which links are files.
phpize_build() {
  cp -RL "$here" package
  cd package
  "${PHPIZE:-phpize}" >log
  ./configure --with-php-config="$config" LDFLAGS="-L${LD_LIBRARY_PATH%%:*}" >>log
  make >>log
  $plain -d extension="$PWD/modules/guestfs_php.so" "$here/tests/bindtests.php" seen
}

# Debian's compiled binding does the same on both libraries, and our binding passes its tests on Debian's library.
both_ways() {
  cat >program.php <<'P'
<?php
$g = guestfs_create ();
guestfs_internal_test_set_output ($g, $argv[1]);
guestfs_internal_test ($g, "abc", "def", ["1", "2"], true, 1, 2, "123", "456", "abc\0abc", false, 5, -7, "string", ["x"]);
guestfs_internal_test ($g, "abc", NULL, [], false, 0, 0, "123", "456", "", -1, -1, PHP_INT_MAX, "", []);
guestfs_internal_test ($g, "", "", ["1"], true, -1, -1, "", "", "");
guestfs_internal_test_only_optargs ($g, 3);
guestfs_internal_test_close_output ($g);
foreach (["rint", "rint64", "rbool", "rconststring", "rconstoptstring", "rstring", "rstringlist", "rstruct", "rstructlist",
          "rhashtable", "rbufferout"] as $kind) {
    var_dump (call_user_func ("guestfs_internal_test_$kind", $g, $kind == "rbool" ? "true" : "5"));
    var_dump (call_user_func ("guestfs_internal_test_{$kind}err", $g));
}
var_dump (guestfs_last_error ($g), is_resource ($g), get_resource_type ($g), guestfs_get_append ($g));
P
  theirs="$plain -d extension=$1"
  env -u LD_LIBRARY_PATH $theirs program.php theirs.args >theirs.said 2>/dev/null
  $theirs program.php both.args >both.said 2>/dev/null
  $ours program.php ours.args >ours.said
  cmp theirs.args both.args
  cmp theirs.said both.said
  cmp theirs.said ours.said
  # Their options: all not given, for true and for what cannot be told from it. Ours are.
  grep -q '^obool: false' ours.args && grep -q '^oint64: -7' ours.args
  env -u LD_LIBRARY_PATH $ours -r 'guestfs_version (guestfs_create ())["extra"] == "rs" and exit (1);'
  bindtests env -u LD_LIBRARY_PATH $ours
}

# shellcheck disable=SC2086 # a command is a list of words
part "binding tests" bindtests $ours
part "declarations" declarations
part "behaviour and memory" $ours "$here/tests/binding.php" .
part "examples" examples
part "interruption" $ours "$here/tests/interrupt.php"
part "steps" steps
part "phpize" phpize_build
debian=$("$config" --extension-dir)/guestfs_php.so
if [ -f "$debian" ] && [ -f /usr/lib/x86_64-linux-gnu/libguestfs.so.0 ]; then
  part "both ways" both_ways "$debian"
else
  echo "not run: PHP, both ways: install php-guestfs"
fi
