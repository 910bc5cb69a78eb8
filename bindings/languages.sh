#!/bin/sh
# Builds, checks or installs the bindings of the languages in $LANGUAGES: names of directories here, `all`, or `usual`
# (unless it is set): all but those whose toolchains are large.
#
#   languages.sh list                  those that are wanted, a line each
#   languages.sh packages              Debian packages that they want for being built and tested
#   languages.sh build OUT             each into OUT/LANGUAGE; one without its toolchain is left out, with a line
#   languages.sh check LANGUAGE OUT    tests of one: status 77 where its toolchain is not here
#   languages.sh install OUT           where each language looks, with the manual's page of each, also of Python and Rust; DESTDIR,
#                                      PREFIX and LIBDIR as for `make install`
#
# In: the built library in GUESTFS_LIBDIR. What a language is, is in its directory: build.sh, check.sh, install.sh,
# installed.sh (a user's program), packages, guestfs-LANGUAGE.pod.
set -eu
# GHC takes 800 MB, Go 460.
large='haskell go'
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)

wanted() {
  for dir in "$here"/*/packages; do
    language=$(basename "$(dirname "$dir")")
    case " ${LANGUAGES:-usual} " in
      *' all '* | *" $language "*) echo "$language" ;;
      *' usual '*)
        case " $large " in
          *" $language "*) ;;
          *) echo "$language" ;;
        esac ;;
    esac
  done
}

case ${1:-} in
  list) wanted ;;
  packages)
    for language in $(wanted); do
      cat "$here/$language/packages"
    done
    ;;
  build)
    for language in $(wanted); do
      status=0
      "$here/$language/build.sh" "$2/$language" || status=$?
      [ $status = 0 ] || [ $status = 77 ] || exit $status
    done
    ;;
  check)
    if [ ! -d "$3/$2" ]; then
      echo "not run: $2 binding: its toolchain is not here: $(tr '\n' ' ' <"$here/$2/packages")"
      exit 77
    fi
    "$here/$2/check.sh" "$3/$2"
    ;;
  install)
    for page in "$here"/*/guestfs-*.pod; do
      language=$(basename "$(dirname "$page")")
      # Those that need no packages are built and installed with the library.
      if [ -f "$here/$language/packages" ]; then
        [ -d "$2/$language" ] && wanted | grep -qx "$language" || continue
        "$here/$language/install.sh" "$2/$language"
      fi
      if command -v pod2man >/dev/null; then
        install -d "$DESTDIR$PREFIX/share/man/man3"
        pod2man --section 3 --center "Virtualization Support" --release guestfs-rs "$page" \
          "$DESTDIR$PREFIX/share/man/man3/guestfs-$language.3"
      fi
    done
    ;;
  *)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
