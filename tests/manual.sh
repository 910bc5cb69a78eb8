#!/bin/sh
# Checks the markup of the manual: man pages with mandoc and man-db, PODs with podchecker.
# In: generated/, the generator of a release build (cargo makes one for its tests). Out: what the checkers
# complain of, exit status.
set -eu
cd "$(dirname "$0")/.."
for page in generated/man/*; do
  echo "checking $page"
  mandoc -T lint -W warning "$page"
  complaints=$(LC_ALL=C MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
  [ -z "$complaints" ] || { echo "$complaints"; exit 1; }
done
for page in guestfs guestfish; do
  echo "checking the POD of $page"
  target/release/gen pod "$page" >"target/tmp/$page.pod"
  podchecker -warnings "target/tmp/$page.pod"
done
for page in bindings/*/guestfs-*.pod; do
  echo "checking $page"
  podchecker -warnings "$page"
done
