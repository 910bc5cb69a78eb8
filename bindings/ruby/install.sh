#!/bin/sh
# Copies the binding to where Ruby looks.
#
#   install.sh OUT
#
# In: what build.sh made in OUT. DESTDIR (empty), PREFIX (/usr/local) and LIBDIR (PREFIX/lib) are obeyed: with the prefix
# of Ruby itself the files go to its vendor directories, with that of its site directories there, and elsewhere into
# PREFIX/lib/ruby and LIBDIR/ruby, which programs then need in RUBYLIB.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
{
  read -r lib
  read -r arch
} <<PATHS
$("${RUBY:-ruby}" -rrbconfig -e '
  prefix, libdir = ARGV
  c = RbConfig::CONFIG
  puts(if prefix == c["prefix"] then c.values_at("vendorlibdir", "vendorarchdir")
       elsif c["sitedir"].start_with?(prefix + "/") then c.values_at("sitelibdir", "sitearchdir")
       else ["#{prefix}/lib/ruby/vendor_ruby/#{c["ruby_version"]}", "#{libdir}/ruby/vendor_ruby/#{c["ruby_version"]}"]
       end)' "$prefix" "$libdir")
PATHS
install -d "${DESTDIR:-}$lib/guestfs" "${DESTDIR:-}$arch"
install -m 644 "$1/guestfs.rb" "${DESTDIR:-}$lib/"
install -m 644 "$here/sig/guestfs/calls.rb" "$here/sig/guestfs.rbs" "${DESTDIR:-}$lib/guestfs/"
install -m 644 "$1/_guestfs.so" "${DESTDIR:-}$arch/"
case $(RUBYLIB='' "${RUBY:-ruby}" -e 'puts $:') in
  *"$lib"*) ;;
  *) echo "Ruby: programs find the binding with RUBYLIB=$lib:$arch" ;;
esac
