// A reader of JSON, enough for steps.json: Map, List, String, Long, Double, Boolean and null.

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

class Json {
  private final String text;
  private int at;

  private Json (String text) {
    this.text = text;
  }

  static Object parse (String text) {
    return new Json (text).value ();
  }

  private char peek () {
    while (Character.isWhitespace (text.charAt (at)))
      at++;
    return text.charAt (at);
  }

  private void expect (String word) {
    if (!text.startsWith (word, at))
      throw new IllegalArgumentException ("bad JSON at " + at);
    at += word.length ();
  }

  private Object constant (String word, Object value) {
    expect (word);
    return value;
  }

  /** Items up to CLOSE. */
  private void items (char close, Runnable item) {
    at++;
    if (peek () == close) {
      at++;
      return;
    }
    for (;;) {
      peek ();
      item.run ();
      char c = peek ();
      at++;
      if (c == close)
        return;
      if (c != ',')
        throw new IllegalArgumentException ("bad JSON at " + at);
    }
  }

  private Object value () {
    switch (peek ()) {
    case '{':
      Map<String, Object> map = new LinkedHashMap<> ();
      items ('}', () -> {
        String key = string ();
        peek ();
        expect (":");
        map.put (key, value ());
      });
      return map;
    case '[':
      List<Object> list = new ArrayList<> ();
      items (']', () -> list.add (value ()));
      return list;
    case '"': return string ();
    case 't': return constant ("true", true);
    case 'f': return constant ("false", false);
    case 'n': return constant ("null", null);
    default:
      int start = at;
      while (at < text.length () && "+-.0123456789eE".indexOf (text.charAt (at)) >= 0)
        at++;
      String number = text.substring (start, at);
      if (number.contains (".") || number.contains ("e"))
        return Double.valueOf (number);
      return Long.valueOf (number);
    }
  }

  private String string () {
    StringBuilder out = new StringBuilder ();
    expect ("\"");
    for (;;) {
      char c = text.charAt (at++);
      if (c == '"')
        return out.toString ();
      if (c == '\\') {
        c = text.charAt (at++);
        int plain = "bfnrt".indexOf (c);
        if (c == 'u') {
          c = (char) Integer.parseInt (text.substring (at, at + 4), 16);
          at += 4;
        }
        else if (plain >= 0)
          c = "\b\f\n\r\t".charAt (plain);
      }
      out.append (c);
    }
  }
}
