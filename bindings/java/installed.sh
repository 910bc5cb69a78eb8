#!/bin/sh
# Says the library's version through the installed Java binding, as a program of a user does.
set -eu
cat >Say.java <<'JAVA'
import com.redhat.et.libguestfs.GuestFS;

class Say {
  public static void main (String[] args) throws Exception {
    try (GuestFS g = new GuestFS ()) {
      var v = g.version ();
      System.out.println (v.major + "." + v.minor + "." + v.release);
    }
  }
}
JAVA
javac -cp /usr/share/java/libguestfs.jar Say.java
java -cp /usr/share/java/libguestfs.jar:. Say
