// A reader of JSON, so that the tests need no other assembly.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

/// <summary>Objects are dictionaries, lists are lists, numbers are long or double.</summary>
class Json
{
    readonly string text;
    int at;

    Json(string text)
    {
        this.text = text;
    }

    internal static object Parse(string text)
    {
        var json = new Json(text);
        object value = json.Value();
        json.Space();
        if (json.at != text.Length)
            throw new FormatException("something behind the end");
        return value;
    }

    void Space()
    {
        while (at < text.Length && char.IsWhiteSpace(text[at]))
            at++;
    }

    bool Next(char c)
    {
        Space();
        if (at >= text.Length || text[at] != c)
            return false;
        at++;
        return true;
    }

    void Want(char c)
    {
        if (!Next(c))
            throw new FormatException("no " + c + " at " + at);
    }

    object Value()
    {
        if (Next('{'))
        {
            var table = new Dictionary<string, object>();
            while (!Next('}'))
            {
                if (table.Count > 0)
                    Want(',');
                Want('"');
                string key = String();
                Want(':');
                table.Add(key, Value());
            }
            return table;
        }
        if (Next('['))
        {
            var list = new List<object>();
            while (!Next(']'))
            {
                if (list.Count > 0)
                    Want(',');
                list.Add(Value());
            }
            return list;
        }
        if (Next('"'))
            return String();
        int from = at;
        while (at < text.Length && ",]} \n\r\t".IndexOf(text[at]) < 0)
            at++;
        string word = text.Substring(from, at - from);
        switch (word)
        {
            case "null": return null;
            case "true": return true;
            case "false": return false;
        }
        if (word.IndexOfAny(new[] { '.', 'e', 'E' }) < 0)
            return long.Parse(word, CultureInfo.InvariantCulture);
        return double.Parse(word, CultureInfo.InvariantCulture);
    }

    string String()
    {
        var s = new StringBuilder();
        for (char c; (c = text[at++]) != '"';)
        {
            if (c == '\\')
            {
                c = text[at++];
                if (c == 'u')
                {
                    c = (char)int.Parse(text.Substring(at, 4), NumberStyles.HexNumber);
                    at += 4;
                }
                else if ("bfnrt".IndexOf(c) >= 0)
                    c = "\b\f\n\r\t"["bfnrt".IndexOf(c)];
            }
            s.Append(c);
        }
        return s.ToString();
    }
}
