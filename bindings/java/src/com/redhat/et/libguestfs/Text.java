// Texts between Java and C.
// SPDX-License-Identifier: LGPL-2.1-or-later

package com.redhat.et.libguestfs;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * UTF-8, and a way for bytes that are none: byte N is the character U+DC00 + N, which no text has alone. What a guest
 * calls its files so survives the way into Java and back.
 */
final class Text {
  private Text () {}

  /** Null is null. */
  static String of (byte[] bytes) {
    if (bytes == null)
      return null;
    String s = new String (bytes, StandardCharsets.UTF_8);
    // What replaces a fault is not common in texts.
    return s.indexOf ('\uFFFD') < 0 ? s : escaped (bytes);
  }

  private static String escaped (byte[] bytes) {
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder ()
        .onMalformedInput (CodingErrorAction.REPORT).onUnmappableCharacter (CodingErrorAction.REPORT);
    ByteBuffer in = ByteBuffer.wrap (bytes);
    CharBuffer out = CharBuffer.allocate (bytes.length);
    while (decoder.reset ().decode (in, out, true).isError ())
      out.put ((char) (0xDC00 + (in.get () & 0xFF)));
    return out.flip ().toString ();
  }

  static String[] of (byte[][] list) {
    String[] out = new String[list.length];
    for (int i = 0; i < out.length; i++)
      out[i] = of (list[i]);
    return out;
  }

  /** WHAT says whose text it is, in messages: a NUL would end it in C, and half a pair is no character. */
  static byte[] bytes (String s, String what) {
    if (s.indexOf ('\0') >= 0)
      throw new IllegalArgumentException (what + " has a NUL inside");
    try {
      ByteBuffer out = StandardCharsets.UTF_8.newEncoder ().encode (CharBuffer.wrap (s));
      return Arrays.copyOf (out.array (), out.limit ());
    } catch (CharacterCodingException e) {
      return unescaped (s, what);
    }
  }

  private static byte[] unescaped (String s, String what) {
    ByteBuffer out = ByteBuffer.allocate (3 * s.length ());
    for (int i = 0, c; i < s.length (); i += Character.charCount (c)) {
      c = s.codePointAt (i);
      if (c >= 0xDC80 && c <= 0xDCFF)
        out.put ((byte) c);
      else if (c >= 0xD800 && c <= 0xDFFF)
        throw new IllegalArgumentException (
            String.format ("%s has half a character at %d: U+%04X without its other half", what, i, c));
      else
        out.put (Character.toString (c).getBytes (StandardCharsets.UTF_8));
    }
    return Arrays.copyOf (out.array (), out.position ());
  }
}
