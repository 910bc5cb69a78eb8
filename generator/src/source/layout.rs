//! The file as chunks of text: for putting things in order without touching what people wrote.
//!
//! In: the text of `api.toml`. Out: its head and one [`Chunk`] a call, which together are the whole text.
//! A comment directly above a header belongs to what follows it.

use super::raw::{RawApi, RawCall};
use std::ops::Range;

/// One call with its comments, options and tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub name: String,
    /// `daemon: files`, as its banner says.
    pub section: String,
    /// Without blank lines around it.
    pub text: String,
}

/// The file taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Everything before the first section of calls.
    pub head: String,
    pub calls: Vec<Chunk>,
}

impl Layout {
    /// Take the text apart. `raw` is what was read from it.
    pub fn of(text: &str, raw: &RawApi) -> Layout {
        let mut starts: Vec<(usize, Option<&RawCall>)> = Vec::new();
        starts.extend(raw.calls.iter().map(|c| (header_start(text, c.name.span.start), Some(c))));
        let sections: Vec<&Range<usize>> =
            raw.banners.iter().filter(|b| b.title.contains(": ")).map(|b| &b.span).collect();
        starts.extend(sections.iter().map(|s| (s.start, None)));
        starts.sort_by_key(|(at, _)| *at);
        let head_end = starts.first().map_or(text.len(), |(at, _)| *at);
        let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([text.len()]);
        let calls = starts
            .iter()
            .zip(ends)
            .filter_map(|((start, call), end)| {
                let call = (*call)?;
                Some(Chunk {
                    name: call.name.value.clone(),
                    section: call.module().map(|(side, m)| format!("{side}: {}", m.value)).unwrap_or_default(),
                    text: text.get(*start..end)?.trim().to_owned(),
                })
            })
            .collect();
        Layout { head: text.get(..head_end).unwrap_or("").trim_end().to_owned(), calls }
    }

    /// Sections in order, calls in order within each.
    pub fn sort(&mut self) {
        self.calls.sort_by(|a, b| (&a.section, &a.name).cmp(&(&b.section, &b.name)));
    }

    /// Put a call where it belongs among calls that are in order.
    pub fn insert(&mut self, chunk: Chunk) {
        let at = self.calls.partition_point(|c| (&c.section, &c.name) < (&chunk.section, &chunk.name));
        self.calls.insert(at, chunk);
    }

    /// The whole text again, with one banner a section.
    pub fn text(&self) -> String {
        let mut out = self.head.clone();
        let mut section = "";
        for call in &self.calls {
            if call.section != section {
                section = &call.section;
                out.push_str(&format!("\n\n{}", banner(section)));
            }
            out.push_str("\n\n");
            out.push_str(&call.text);
        }
        out.push('\n');
        out
    }
}

/// A section's banner line, as wide as the others.
pub fn banner(title: &str) -> String {
    let rule = "─".repeat(72_usize.saturating_sub(title.chars().count()));
    format!("# ── {title} {rule}")
}

/// Start of the header line that holds byte `at`, or of the comment directly above it.
fn header_start(text: &str, at: usize) -> usize {
    let line_start = |at: usize| text.get(..at).and_then(|t| t.rfind('\n')).map_or(0, |i| i + 1);
    let mut start = line_start(at);
    while start > 0 {
        let above = line_start(start - 1);
        let line = text.get(above..start).unwrap_or("");
        if !line.starts_with('#') || line.starts_with("# ──") {
            break;
        }
        start = above;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[meta]\n\n# ── daemon: b ──\n\n# about z\n[call.z]\ndaemon = \"b\"\n\n[call.a]\ndaemon = \"b\"\n# ── daemon: a ──\n[call.m]\ndaemon = \"a\"\n";

    #[test]
    fn sorts_calls_with_their_comments() {
        let mut layout = Layout::of(TEXT, &crate::source::parse(TEXT).0);
        layout.sort();
        let expected = format!(
            "[meta]\n\n{}\n\n[call.m]\ndaemon = \"a\"\n\n{}\n\n[call.a]\ndaemon = \"b\"\n\n# about z\n[call.z]\ndaemon = \"b\"\n",
            banner("daemon: a"),
            banner("daemon: b"),
        );
        assert_eq!(layout.text(), expected);
    }

    #[test]
    fn inserts_in_order_and_adds_the_banner() {
        let mut layout = Layout::of(TEXT, &crate::source::parse(TEXT).0);
        layout.sort();
        let chunk =
            |name: &str, section: &str| Chunk { name: name.into(), section: section.into(), text: format!("[{name}]") };
        layout.insert(chunk("n", "daemon: b"));
        layout.insert(chunk("x", "library: l"));
        let order: Vec<&str> = layout.calls.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(order, ["m", "a", "n", "z", "x"]);
        assert!(layout.text().ends_with(&format!("{}\n\n[x]\n", banner("library: l"))));
    }
}
