// Structs as the native side hands them over.
// SPDX-License-Identifier: LGPL-2.1-or-later

package com.redhat.et.libguestfs;

import java.util.function.Function;
import java.util.function.IntFunction;

/** The fields of all records of a result, in a row: each is a number or a text. */
final class Records {
  private final int count;
  private final long[] numbers;
  private final byte[][] texts;
  private int at;

  Records (int count, long[] numbers, byte[][] texts) {
    this.count = count;
    this.numbers = numbers;
    this.texts = texts;
  }

  long number () {
    return numbers[at++];
  }

  float percent () {
    return Float.intBitsToFloat ((int) number ());
  }

  byte[] bytes () {
    return texts[at++];
  }

  String text () {
    return Text.of (bytes ());
  }

  <T> T[] all (IntFunction<T[]> list, Function<Records, T> next) {
    T[] out = list.apply (count);
    for (int i = 0; i < count; i++)
      out[i] = next.apply (this);
    return out;
  }
}
