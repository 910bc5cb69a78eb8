//! Text in XML.
//!
//! In: any text. Out: the text as the value of an attribute; or that there is no way to write it.

/// True for what XML 1.0 cannot express at all: most control characters (its §2.2).
pub fn unusable_text(text: &str) -> bool {
    text.chars().any(|c| (c < ' ' && !"\t\n\r".contains(c)) || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// The value of an attribute, with its quotes.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&apos;"),
            // As they are they would be read as blanks.
            '\t' | '\n' | '\r' => out.push_str(&format!("&#{};", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parser_reads_what_was_written() {
        for text in ["", "plain", "a'b\"c<d>&e;&amp;", "tab\tline\nreturn\r blank ", "ü—🦀"] {
            assert!(!unusable_text(text));
            let xml = format!("<e a={}/>", quoted(text));
            let document = roxmltree::Document::parse(&xml).unwrap();
            assert_eq!(document.root_element().attribute("a"), Some(text));
        }
        for text in ["\0", "a\x01", "\x1b[0m", "\u{ffff}"] {
            assert!(unusable_text(text), "{text:?}");
        }
    }
}
