#!/bin/sh
# A user's program in each language, on a system where everything was installed: this machine's own, seen through an
# overlay, so that nothing stays. Debian's library and bindings are taken away there.
# In: a built tree, root, the kernel's overlays. Out: a line a language; exit status.
set -eu
cd "$(dirname "$0")/.."
tree=$PWD

# Mounts need a namespace of their own, in which the second half of this runs.
if [ "${1:-}" != inside ]; then
  if [ "$(id -u)" != 0 ] || ! grep -qw overlay /proc/filesystems && ! modprobe overlay 2>/dev/null; then
    echo "not run: programs of each language on an installed system: root and the kernel's overlay are needed"
    exit 0
  fi
  work=$(mktemp -d /var/tmp/installed-XXXXXX)
  trap 'rm -rf "$work"' EXIT
  unshare --mount tests/installed.sh inside "$work"
  exit
fi

work=$2
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" none "$work/root"
for dir in proc dev; do
  mount --rbind /$dir "$work/root/$dir"
done

# in_root COMMAND…: on the installed system, with nothing of this environment.
in_root() {
  chroot "$work/root" /usr/bin/env -i HOME=/root LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

for package in $(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii *\(.*guestfs.*\)$/\1/p'); do
  dpkg-query -L "$package" | while read -r file; do
    [ -d "$file" ] && [ ! -L "$file" ] || rm -f "$work/root$file"
  done
done

# All that is built counts as done.
libdir=/usr/lib/$(gcc -print-multiarch)
${MAKE:-make} --no-print-directory -o build -o bindings -o languages install DESTDIR="$work/root" PREFIX=/usr \
  LIBDIR="$libdir" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
in_root ldconfig

version=$(in_root pkg-config --modversion libguestfs)
for language in python $(bindings/languages.sh list); do
  [ "$language" = python ] || [ -d "target/out/languages/$language" ] || continue
  dir=$(in_root mktemp -d)
  said=$(in_root sh -c "cd $dir && exec $tree/bindings/$language/installed.sh" | sort -u)
  in_root man -w 3 "guestfs-$language" >/dev/null || { echo "FAILED: no manual of $language" >&2; exit 1; }
  if [ "$said" != "$version" ]; then
    echo "FAILED: $language: the library's version is $version, the program says: $said" >&2
    exit 1
  fi
  echo "$language: $said"
done
