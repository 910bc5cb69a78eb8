#!/bin/sh
# Says the library's version through the installed C# binding, as a program of a user does.
set -eu
cat >Say.cs <<'CS'
static class Say {
  static void Main () {
    using (var g = new Guestfs.Guestfs ()) {
      var v = g.version ();
      System.Console.WriteLine (v.major + "." + v.minor + "." + v.release);
    }
  }
}
CS
mcs -out:Say.exe -r:Guestfs.dll Say.cs
mono Say.exe
