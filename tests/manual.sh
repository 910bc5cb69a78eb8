#!/bin/sh
# Checks the markup of the generated manual: man pages with mandoc and man-db, PODs with podchecker.
# In: generated/. Out: what the checkers complain of, exit status.
set -eu
cd "$(dirname "$0")/../generated"
for page in man/*; do
  echo "checking $page"
  mandoc -T lint -W warning "$page"
  complaints=$(LC_ALL=C MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
  [ -z "$complaints" ] || { echo "$complaints"; exit 1; }
done
for pod in pod/*; do
  echo "checking $pod"
  podchecker -warnings "$pod"
done
