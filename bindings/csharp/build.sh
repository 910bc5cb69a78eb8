#!/bin/sh
# Build the C# binding: the assembly and the library that it loads.
#
#   build.sh OUT
#
# In: generated/csharp, generated/glue, ../glue/src, src/, and libguestfs.so from $GUESTFS_LIBDIR (default: where the
# linker looks).
# Out: OUT/Guestfs.dll, OUT/Guestfs.xml (its docs, as editors read them), OUT/libguestfs_csharp.so, which is found where
# the assembly is. Use them with mcs -r:OUT/Guestfs.dll and MONO_PATH=OUT, and with LD_LIBRARY_PATH=$GUESTFS_LIBDIR when
# the library is not installed. Guestfs.csproj makes the same assembly with dotnet.
# $MCS, $CC, $CFLAGS and $LDFLAGS are obeyed. Exit status 77: no compiler of Mono is here.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: build.sh OUT" >&2
  exit 2
fi
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
generated=$here/../../generated
mcs=${MCS:-mcs}
if ! command -v "$mcs" >/dev/null; then
  echo "C#: install mono-mcs" >&2
  exit 77
fi
mkdir -p "$1"
out=$(CDPATH= cd -- "$1" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The version that programs refer to: another one would be another assembly to them.
echo '[assembly: System.Reflection.AssemblyVersion("1.0.0.0")]' >"$work/Version.cs"

# 1573, 1591: not every parameter and field has more to say than its name. Nothing but mscorlib is needed.
# The public key alone, by which Mono tells assemblies of one name apart: nothing is signed.
"$mcs" -noconfig -target:library -warn:4 -warnaserror -nowarn:1573,1591 -debug -optimize+ \
  -delaysign+ -keyfile:"$here/Guestfs.snk" \
  -doc:"$out/Guestfs.xml" -out:"$out/Guestfs.dll" "$here"/src/*.cs "$here"/generated/*.cs \
  "$work/Version.cs"

# shellcheck disable=SC2086 # flags are lists of words
${CC:-cc} ${CFLAGS:--O2 -g} -std=gnu11 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -pthread \
  -I"$generated/c" -I"$here/../glue/src" \
  -o "$out/libguestfs_csharp.so" "$here"/src/*.c "$here"/../glue/src/*.c "$generated"/glue/*.c \
  ${GUESTFS_LIBDIR:+-L"$GUESTFS_LIBDIR"} ${LDFLAGS:-} -lguestfs
