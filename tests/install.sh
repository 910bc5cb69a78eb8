#!/bin/sh
# Installs into empty directories, under the usual prefix and under another, and uses what is there as users
# would: pkg-config and a C program, both manuals, the shell with its own daemon. Nothing is built.
# In: a built tree (`make build`). Out: what was checked, and what is missing; exit status.
set -eu
cd "$(dirname "$0")/.."
tree=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# need PROGRAM PACKAGE: whether the program is there.
need() {
  command -v "$1" >/dev/null && return
  echo "not run: installation, $1: install $2"
  return 1
}

# Nothing of the tree or of the caller leads to files that were not installed.
clean() {
  env -i HOME="$work" LC_ALL=C.UTF-8 PATH="$root$prefix/bin:/usr/bin:/bin:/usr/sbin:/sbin" "$@"
}

# The flags of pkg-config compile a program, which runs and says the version.
c_program() {
  cat >"$work/version.c" <<'C'
#include <stdio.h>
#include <guestfs.h>

int
main (void)
{
  guestfs_h *g = guestfs_create ();
  struct guestfs_version *v = g ? guestfs_version (g) : NULL;

  if (v == NULL)
    return 1;
  printf ("%d.%d.%d %s\n", (int) v->major, (int) v->minor, (int) v->release, v->extra);
  guestfs_free_version (v);
  guestfs_close (g);
  return 0;
}
C
  # As for a system root: without these words pkg-config leaves out what a compiler looks into anyway.
  package() {
    clean env PKG_CONFIG_LIBDIR="$root$prefix/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root" \
      PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config "$@" libguestfs
  }
  flags=$(package --cflags --libs)
  case $flags in
    *"-I$root$prefix/include"*"-L$root$prefix/lib"*-lguestfs*) ;;
    *) fail "pkg-config says $flags" ;;
  esac
  # shellcheck disable=SC2086  # a list of words
  "${CC:-cc}" -Wall -Werror -o "$work/version" "$work/version.c" $flags
  ldd=$(LD_LIBRARY_PATH="$root$prefix/lib" ldd "$work/version")
  case $ldd in
    *"$root$prefix/lib/libguestfs.so.0"*) ;;
    *) fail "the program is not linked with what was installed: $ldd" ;;
  esac
  said=$(clean env LD_LIBRARY_PATH="$root$prefix/lib" "$work/version")
  [ "${said% *}" = "$(package --modversion)" ] ||
    fail "the library says version $said, pkg-config $(package --modversion)"
  echo "C program: version $said"
}

# page SECTION NAME: its text as a reader sees it.
page() {
  clean env MANWIDTH=120 MANPAGER=cat man -M "$root$prefix/share/man" "$1" "$2" | col -bx
}

# What the header declares of a handle.
declared() {
  sed -n 's/^extern GUESTFS_DLL_PUBLIC .*[ *]\(guestfs_[A-Za-z0-9_]*\) (guestfs_h \*g.*/\1/p' \
    "$root$prefix/include/guestfs.h" | sort -u
}

# Every call of the description has its section. Internal calls have none: programs do not call them.
manual_of_calls() {
  page 3 guestfs >"$work/guestfs.txt"
  sed -n 's/^   \(guestfs_[A-Za-z0-9_]*\)$/\1/p' "$work/guestfs.txt" | sort -u >"$work/sections"
  sed -n 's/^\[call\.\([A-Za-z0-9_]*\)\]$/guestfs_\1/p' "$tree/api.toml" | grep -v '^guestfs_internal_' |
    sort -u >"$work/calls"
  [ "$(wc -l <"$work/calls")" -gt 600 ] || fail "api.toml has only $(wc -l <"$work/calls") calls"
  missing=$(comm -23 "$work/calls" "$work/sections")
  [ -z "$missing" ] || fail "calls without a section in guestfs(3): $missing"
  declared >"$work/declared"
  missing=$(comm -23 "$work/calls" "$work/declared")
  [ -z "$missing" ] || fail "calls that are not in guestfs.h: $missing"
  echo "guestfs(3): $(wc -l <"$work/calls") calls"
}

# Every command that the shell lists is in its manual.
manual_of_shell() {
  page 1 guestfish >"$work/guestfish.txt"
  clean guestfish -h | sed -n '2,$s/^\([a-zA-Z0-9?!-]*\)  *[^ ].*/\1/p' | sort -u >"$work/commands"
  [ "$(wc -l <"$work/commands")" -gt 600 ] || fail "guestfish -h lists only $(wc -l <"$work/commands") commands"
  missing=
  while read -r name; do
    grep -qE "(^|[ ,'\`])$name([ ,.'\`;]|$)" "$work/guestfish.txt" || missing="$missing $name"
  done <"$work/commands"
  [ -z "$missing" ] || fail "commands that are not in guestfish(1):$missing"
  echo "guestfish(1): $(wc -l <"$work/commands") commands"
}

# A job from beginning to end, in a cache of its own: the appliance is built with the installed daemon.
shell_job() {
  [ -x "$root$prefix/lib/guestfs-rs/guestfsd" ] || fail "no daemon was installed"
  mkdir -p "$work/cache" "$work/none"
  said=$(cd "$work" && clean env LIBGUESTFS_CACHEDIR="$work/cache" guestfish <<'JOB'
sparse job.img 64M
run
mkfs ext4 /dev/sda
mount /dev/sda /
write /hello "from the installed shell"
cat /hello
JOB
  )
  [ "$said" = "from the installed shell" ] || fail "the job said: $said"
  # Without its daemon it does not find another: none of the tree's was used.
  mv "$root$prefix/lib/guestfs-rs/guestfsd" "$work/guestfsd"
  if said=$(cd "$work" && clean env LIBGUESTFS_CACHEDIR="$work/none" guestfish -a job.img run 2>&1); then
    [ -e /usr/lib/guestfs-rs/guestfsd ] || [ -e /usr/lib/x86_64-linux-gnu/guestfs-rs/guestfsd ] ||
      fail "a daemon was found that is not installed"
  else
    case $said in
      *"$root$prefix/lib/guestfs-rs"*) ;;
      *) fail "without a daemon it says: $said" ;;
    esac
  fi
  mv "$work/guestfsd" "$root$prefix/lib/guestfs-rs/guestfsd"
  echo "guestfish: a job with the installed daemon"
}

# The kernel that the appliance of this tree has: installation finds it in its place and need not download one.
kernel=$(target/out/bin/guestfs-appliance fetch-kernel | sed -n 's/^kernel .*: //p')
kernel=${kernel%/boot/*}
[ -d "$kernel" ] || fail "no kernel was fetched"

for prefix in /usr /opt/guestfs-rs; do
  root=$work/root$(echo "$prefix" | tr / -)
  echo "== PREFIX=$prefix"
  mkdir -p "$root$prefix/lib/guestfs-rs/kernel"
  cp -a --reflink=auto "$kernel" "$root$prefix/lib/guestfs-rs/kernel/"
  # All that is built counts as done: this test is of what is installed, not of how it is built.
  ${MAKE:-make} --no-print-directory -o build -o bindings -o languages install DESTDIR="$root" PREFIX="$prefix" >"$work/log" 2>&1 ||
    { cat "$work/log"; fail "make install"; }
  ! need pkg-config pkg-config || c_program
  ! need man man-db || ! need col bsdextrautils || manual_of_calls
  ! need man man-db || ! need col bsdextrautils || manual_of_shell
  shell_job
done
