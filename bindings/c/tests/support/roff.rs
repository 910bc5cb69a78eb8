//! Verbatim text of manual pages, as it was before it became roff.
//!
//! In: a page's source. Out: its sections with their verbatim blocks.

/// One verbatim block and where it stands.
pub struct Block {
    /// Title of the section or, in it, of the subsection.
    pub section: String,
    pub text: String,
}

/// The blocks between `.nf` and `.fi`, or `.Vb` and `.Ve` as Perl's converter writes them.
pub fn blocks(page: &str) -> Vec<Block> {
    let (mut section, mut current, mut all) = (String::new(), None::<String>, Vec::new());
    for line in page.lines() {
        let command = line.split(' ').next().unwrap_or_default();
        match (command, &mut current) {
            (".SH" | ".SS", None) => section = plain(line[3..].trim()).trim_matches('"').to_owned(),
            (".nf" | ".Vb", None) => current = Some(String::new()),
            (".fi" | ".Ve", Some(text)) => {
                all.push(Block { section: section.clone(), text: std::mem::take(text) });
                current = None;
            }
            (_, Some(text)) => {
                // Perl's converter indents by one blank.
                let line = line.strip_prefix("\\& ").unwrap_or(line);
                text.push_str(&plain(line));
                text.push('\n');
            }
            _ => {}
        }
    }
    all
}

/// A line without the escapes that stand for characters.
fn plain(line: &str) -> String {
    let names = [
        ("\\*(Aq", "'"),
        ("\\(aq", "'"),
        ("\\(ga", "`"),
        ("\\(ha", "^"),
        ("\\(ti", "~"),
        ("\\(rs", "\\"),
        ("\\-", "-"),
        ("\\&", ""),
    ];
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((name, text)) = names.iter().find(|(name, _)| rest.starts_with(name)) {
            out.push_str(text);
            rest = &rest[name.len()..];
        } else {
            // `\e` is a backslash; of others, which fonts are, nothing is needed.
            let end = rest.char_indices().nth(2).map_or(rest.len(), |(i, _)| i);
            out.push_str(if rest.starts_with("\\e") { "\\" } else { "" });
            rest = &rest[end..];
        }
    }
    out + rest
}
