//! Diagnostics: what is wrong with `api.toml`, where, and what to do about it.
//!
//! In: findings of `source/` and `check/`, each with a byte range. Out: text in the shape that rustc made
//! familiar. A finding never stops the search for others.

use std::fmt::Write as _;
use std::ops::Range;

pub use crate::check::codes::Code;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    pub message: String,
    /// Bytes of the description that are at fault.
    pub span: Range<usize>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A finding without a remedy.
    pub fn new(code: Code, span: &Range<usize>, message: impl Into<String>) -> Self {
        Diagnostic { code, message: message.into(), span: span.clone(), help: None }
    }

    /// Add the remedy.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Add the remedy when there is one.
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

/// Render findings in order of place, once each.
pub fn render(file: &str, text: &str, diagnostics: &[Diagnostic]) -> String {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|d| (d.span.start, d.span.end, d.code));
    sorted.dedup();
    let mut out = String::new();
    for d in &sorted {
        render_one(&mut out, file, text, d);
    }
    let n = sorted.len();
    let _ = writeln!(out, "error: {n} mistake{} in {file}", if n == 1 { "" } else { "s" });
    out
}

fn render_one(out: &mut String, file: &str, text: &str, d: &Diagnostic) {
    let start = floor(text, d.span.start);
    let line_start = text.get(..start).and_then(|t| t.rfind('\n')).map_or(0, |i| i + 1);
    let line_end = text.get(start..).and_then(|t| t.find('\n')).map_or(text.len(), |i| start + i);
    let end = floor(text, d.span.end).clamp(start, line_end);
    let number = text.get(..line_start).unwrap_or("").matches('\n').count() + 1;
    let line = text.get(line_start..line_end).unwrap_or("");
    let column = text.get(line_start..start).unwrap_or("").chars().count();
    let carets = text.get(start..end).unwrap_or("").chars().count().max(1);
    let gutter = " ".repeat(number.to_string().len());
    let _ = writeln!(out, "error[{}]: {}", d.code, d.message);
    let _ = writeln!(out, "{gutter}--> {file}:{number}:{}", column + 1);
    let _ = writeln!(out, "{gutter} |");
    let _ = writeln!(out, "{number} | {line}");
    let _ = writeln!(out, "{gutter} | {}{}", " ".repeat(column), "^".repeat(carets));
    if let Some(help) = &d.help {
        let _ = writeln!(out, "{gutter} = help: {help}");
    }
    out.push('\n');
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

/// The candidate that a misspelt word was probably meant to be.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    candidates
        .into_iter()
        .map(|c| (distance(word, c), c))
        .filter(|(d, c)| *d <= 1 + c.len().min(word.len()) / 4)
        .min()
        .map(|(_, c)| format!("did you mean `{c}`?"))
}

/// Edit distance by characters, letter case counted as nothing.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_at_the_place() {
        let text = "a = 1\nbé = wrong\n";
        let d = Diagnostic::new(Code::Syntax, &(12..17), "odd").help("mend it");
        let shown = render("x.toml", text, &[d.clone(), d]);
        let expected = "error[E0001]: odd\n --> x.toml:2:6\n  |\n2 | bé = wrong\n  |      ^^^^^\n  = help: mend it\n\nerror: 1 mistake in x.toml\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn nearest_word() {
        assert_eq!(nearest("progres", ["progress", "nonblocking"]).as_deref(), Some("did you mean `progress`?"));
        assert_eq!(nearest("zzz", ["progress"]), None);
    }
}
