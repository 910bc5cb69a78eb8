// Where the native library is.
// SPDX-License-Identifier: LGPL-2.1-or-later

package com.redhat.et.libguestfs;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;

/**
 * The library that was built with the jar is beside it, or was installed with it below the same prefix. Another one of
 * its name, such as upstream's, may be where Java looks: that comes last.
 */
final class Loader {
  private static final String NAME = "guestfs_jni";

  private Loader () {}

  static void load () {
    CodeSource source = Loader.class.getProtectionDomain ().getCodeSource ();
    try {
      if (source != null && source.getLocation () != null
          && "file".equals (source.getLocation ().getProtocol ())
          && near (Path.of (source.getLocation ().toURI ()).toAbsolutePath ().getParent ()))
        return;
    } catch (IOException | URISyntaxException e) {
      // Then it is nowhere near.
    }
    System.loadLibrary (NAME);
  }

  /** PREFIX/share/java has the jar, PREFIX/lib/jni or the like the library. */
  private static boolean near (Path directory) throws IOException {
    if (directory == null)
      return false;
    if (loaded (directory))
      return true;
    if (!directory.endsWith ("share/java"))
      return false;
    Path prefix = directory.resolve ("../..").normalize ();
    for (String lib : new String[] { "lib/jni", "lib64/jni" })
      if (loaded (prefix.resolve (lib)))
        return true;
    if (Files.isDirectory (prefix.resolve ("lib")))
      try (DirectoryStream<Path> list = Files.newDirectoryStream (prefix.resolve ("lib"), "*-linux-*")) {
        for (Path lib : list)
          if (loaded (lib.resolve ("jni")))
            return true;
      }
    return false;
  }

  private static boolean loaded (Path directory) {
    Path file = directory.resolve (System.mapLibraryName (NAME));
    if (!Files.isRegularFile (file))
      return false;
    try {
      System.load (file.toString ());
      return true;
    } catch (UnsatisfiedLinkError e) {
      // Of another machine, or libguestfs.so.0 is not found: Java's own search says so.
      return false;
    }
  }
}
