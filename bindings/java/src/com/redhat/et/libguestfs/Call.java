// What a call takes, and values as it takes them.
// SPDX-License-Identifier: LGPL-2.1-or-later

package com.redhat.et.libguestfs;

import java.util.Map;

/** A row of the native library's table of calls. */
final class Call {
  // As enum glue_shape.
  private static final int BOOL = 0, INT = 1, INT64 = 2, STR = 3, OPT_STR = 4, STR_LIST = 5, BUFFER = 6;
  private static final Call[] CALLS = new Call[Native.count ()];

  final String name;
  final boolean blocks;
  private final int arguments;
  private final int[] shapes;
  private final String[] names;

  private Call (String row) {
    String[] words = row.split (" ");
    name = words[0];
    arguments = Integer.parseInt (words[1]);
    blocks = words[2].equals ("1");
    shapes = new int[words.length - 3];
    names = new String[shapes.length];
    for (int i = 0; i < shapes.length; i++) {
      shapes[i] = words[i + 3].charAt (0) - '0';
      names[i] = words[i + 3].substring (1);
    }
  }

  /** Two threads may make it, of the same row. */
  static Call at (int index) {
    Call call = CALLS[index];
    if (call == null)
      CALLS[index] = call = new Call (Native.describe (index));
    return call;
  }

  /** Values on their way to C, and where it puts a result that is a number. */
  final class Values {
    final Object[] objects = new Object[shapes.length];
    final long[] numbers = new long[Math.max (1, shapes.length)];
    long mask;

    Values (Object[] given, Map<String, Object> options) {
      for (int i = 0; i < given.length; i++)
        put (i, given[i]);
      if (options != null)
        for (Map.Entry<String, Object> option : options.entrySet ())
          // Null is not given.
          if (option.getValue () != null) {
            int at = find (option.getKey ());
            put (at, option.getValue ());
            mask |= 1L << (at - arguments);
          }
          else
            find (option.getKey ());
    }

    private void put (int at, Object value) {
      if (value == null && shapes[at] != OPT_STR)
        throw new NullPointerException (what (at) + " is null");
      switch (shapes[at]) {
      case BOOL: numbers[at] = want (Boolean.class, at, value) ? 1 : 0; break;
      case INT: numbers[at] = want (Integer.class, at, value); break;
      case STR: objects[at] = Text.bytes (want (String.class, at, value), what (at)); break;
      case OPT_STR: objects[at] = value == null ? null : Text.bytes (want (String.class, at, value), what (at)); break;
      case STR_LIST: objects[at] = list (at, want (String[].class, at, value)); break;
      case BUFFER: objects[at] = want (byte[].class, at, value); break;
      default: numbers[at] = value instanceof Integer ? (Integer) value : want (Long.class, at, value);
      }
    }

    private byte[][] list (int at, String[] strings) {
      byte[][] out = new byte[strings.length][];
      for (int i = 0; i < out.length; i++) {
        if (strings[i] == null)
          throw new NullPointerException (what (at) + " has null in place " + i);
        out[i] = Text.bytes (strings[i], what (at));
      }
      return out;
    }
  }

  private int find (String option) {
    for (int i = arguments; i < names.length; i++)
      if (names[i].equals (option))
        return i;
    throw new IllegalArgumentException ("GuestFS." + name + ": unknown optional argument '" + option + "'");
  }

  private <T> T want (Class<T> type, int at, Object value) {
    if (!type.isInstance (value))
      throw new ClassCastException (
          what (at) + " must be a " + type.getSimpleName () + ", not a " + value.getClass ().getSimpleName ());
    return type.cast (value);
  }

  private String what (int at) {
    return "GuestFS." + name + ": " + names[at];
  }
}
