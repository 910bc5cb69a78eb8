#!/bin/sh
# Build the Java binding: the classes and the library that they load.
#
#   build.sh OUT
#
# In: generated/java, generated/glue, ../glue/src, src/, and libguestfs.so from $GUESTFS_LIBDIR (default: where the
# linker looks).
# Out: OUT/libguestfs.jar (classes), OUT/libguestfs-sources.jar, OUT/libguestfs_jni.so. Use them with
# java -cp OUT/libguestfs.jar, and with LD_LIBRARY_PATH=$GUESTFS_LIBDIR when the library is not installed. With JAVADOC=1 also OUT/libguestfs-javadoc.jar, which takes longer than the rest.
# $JAVA_HOME, $CC, $CFLAGS and $LDFLAGS are obeyed. Exit status 77: no JDK of Java 17 or later is here.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: build.sh OUT" >&2
  exit 2
fi
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
generated=$here/../../generated
if [ -z "${JAVA_HOME:-}" ]; then
  javac=$(command -v javac) || javac=
  JAVA_HOME=$(dirname "$(dirname "$(readlink -f "${javac:-/nonexistent/bin/javac}")")")
fi
if [ ! -x "$JAVA_HOME/bin/javac" ] || [ ! -f "$JAVA_HOME/include/jni.h" ]; then
  echo "Java: install default-jdk-headless" >&2
  exit 77
fi
mkdir -p "$1"
out=$(CDPATH= cd -- "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -R "$here/src/com" "$work/sources"
cp -R "$generated/java/com/." "$work/sources/"
mkdir -p "$work/root" "$work/classes"
mv "$work/sources" "$work/root/com"
(cd "$work/root" && find com -name '*.java' | sort) >"$work/list"
(cd "$work/root" && "$JAVA_HOME/bin/javac" --release 17 -encoding UTF-8 -g -Xlint:all -Werror -d "$work/classes" @"$work/list")
# The name by which a program names the package to Java's modules, and to --enable-native-access.
printf 'Automatic-Module-Name: com.redhat.et.libguestfs\n' >"$work/manifest"
"$JAVA_HOME/bin/jar" --create --file "$out/libguestfs.jar" --manifest "$work/manifest" -C "$work/classes" .
"$JAVA_HOME/bin/jar" --create --file "$out/libguestfs-sources.jar" -C "$work/root" .
if [ "${JAVADOC:-}" ]; then
  (cd "$work/root" && "$JAVA_HOME/bin/javadoc" -quiet -encoding UTF-8 --release 17 -Xdoclint:all,-missing -Werror \
    -notimestamp -d "$work/doc" @"$work/list")
  "$JAVA_HOME/bin/jar" --create --file "$out/libguestfs-javadoc.jar" -C "$work/doc" .
fi

# shellcheck disable=SC2086 # flags are lists of words
${CC:-cc} ${CFLAGS:--O2 -g} -std=gnu11 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -pthread \
  -I"$JAVA_HOME/include" -I"$JAVA_HOME/include/linux" -I"$generated/c" -I"$here/../glue/src" -I"$here/src" \
  -o "$out/libguestfs_jni.so" "$here"/src/*.c "$here"/../glue/src/*.c "$generated"/glue/*.c \
  ${GUESTFS_LIBDIR:+-L"$GUESTFS_LIBDIR"} ${LDFLAGS:-} -lguestfs
