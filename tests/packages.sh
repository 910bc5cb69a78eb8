#!/bin/sh
# Builds each crate that is published from its package alone: what lies outside the crate is missing there.
# In: the workspace. Out: packages below target/packages/, cargo's complaints, exit status.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
out=$PWD/target/packages
crates="guestfs-protocol guestfs guestfs-upstream guestfsd guestfs-worker guestfish"
rm -rf "$out/alone" "$out/tree"
mkdir -p "$out/alone" "$out/tree"

# Packing writes the lock file of the workspace, which other stages read meanwhile: it is done in a copy.
tar --exclude=./target --exclude=./.git -cf - . | tar -xf - -C "$out/tree"

# Packages that are already made stand for those that crates.io does not have yet.
set --
for crate in $crates; do
  echo "packing $crate"
  (cd "$out/tree" &&
    "$cargo" package --quiet --offline --allow-dirty --no-verify --target-dir "$out" -p "$crate" "$@")
  mkdir "$out/alone/$crate"
  # New times: those in a package are all one, by which cargo would take changed files for built.
  tar -xzmf "$out/package/$crate"-[0-9]*.crate -C "$out/alone/$crate" --strip-components 1
  set -- "$@" --config "patch.crates-io.$crate.path=\"$out/alone/$crate\""
done

# A workspace of the packages, so that what they need is built once and from the versions that are here.
{
  echo '[workspace]'
  echo 'resolver = "2"'
  for crate in $crates; do echo "$crate"; done | sed 's/.*/"&"/' | paste -sd, | sed 's/.*/members = [&]/'
  echo '[patch.crates-io]'
  for crate in guestfs-protocol guestfs; do echo "$crate = { path = \"$crate\" }"; done
} >"$out/alone/Cargo.toml"
cp Cargo.lock "$out/alone/"
for crate in $crates; do
  echo "building $crate"
  "$cargo" check --quiet --offline --manifest-path "$out/alone/Cargo.toml" --target-dir "$out" -p "$crate"
done
echo "building guestfs-upstream as it was published"
"$cargo" check --quiet --offline --manifest-path "$out/alone/Cargo.toml" --target-dir "$out" -p guestfs-upstream \
  --features published
echo ok
