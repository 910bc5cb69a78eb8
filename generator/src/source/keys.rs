//! The canonical order of keys inside a call.
//!
//! In: the text of one call. Out: the same lines with the keys of each table in order, options before
//! tests, and each comment still above the key it stood above.

use toml::de::{DeTable, DeValue};

const CALL: [&str; 14] = [
    "daemon",
    "library",
    "proc",
    "since",
    "args",
    "ret",
    "flags",
    "visibility",
    "group",
    "deprecated",
    "shell",
    "compat",
    "summary",
    "doc",
];
const OPT: [&str; 2] = ["arg", "doc"];
const TEST: [&str; 2] = ["on", "steps"];

/// Put the keys of a call's text in order. Text that is no TOML comes back as it is.
pub fn sort(text: &str) -> String {
    let Ok(document) = DeTable::parse(text) else { return text.to_owned() };
    let mut tables = tables(text);
    // Stable: options keep their order among themselves (it is their bit order), and so do tests.
    tables.sort_by_key(|t| t.kind);
    let values = value_ranges(document.get_ref());
    let parts: Vec<String> = tables.iter().map(|t| t.sorted(text, &values)).collect();
    parts.join("\n")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Call,
    Opt,
    Test,
}

struct Table {
    kind: Kind,
    /// Comments and header line.
    start: usize,
    body: usize,
    end: usize,
}

/// The call's own table and its sub-tables, by header lines.
fn tables(text: &str) -> Vec<Table> {
    let mut out: Vec<Table> = Vec::new();
    let mut comment = None;
    for (at, line) in lines_outside_strings(text) {
        let trimmed = line.trim_end();
        let kind = if trimmed.starts_with("[[") && trimmed.ends_with(".opt]]") {
            Some(Kind::Opt)
        } else if trimmed.starts_with("[[") && trimmed.ends_with(".test]]") {
            Some(Kind::Test)
        } else {
            trimmed.starts_with("[call.").then_some(Kind::Call)
        };
        if let Some(kind) = kind {
            let start = comment.unwrap_or(at);
            if let Some(last) = out.last_mut() {
                last.end = start;
            }
            out.push(Table { kind, start, body: at + line.len(), end: text.len() });
        }
        comment = trimmed.starts_with('#').then(|| comment.unwrap_or(at));
    }
    out
}

/// Lines that do not begin inside a multi-line string or array.
fn lines_outside_strings(text: &str) -> Vec<(usize, &str)> {
    let values = DeTable::parse(text).map(|d| value_ranges(d.get_ref())).unwrap_or_default();
    let mut at = 0;
    let mut out = Vec::new();
    for line in text.split_inclusive('\n') {
        if !values.iter().any(|(_, start, end)| *start < at && at < *end) {
            out.push((at, line));
        }
        at += line.len();
    }
    out
}

/// Key, start of key and end of value of everything that is no table.
fn value_ranges(table: &DeTable<'_>) -> Vec<(String, usize, usize)> {
    let mut out = Vec::new();
    for (key, value) in table {
        match value.get_ref() {
            // Tables with headers; inline ones begin after their key.
            DeValue::Table(inner) if !is_inline(key.span().end, value.span().start) => out.extend(value_ranges(inner)),
            DeValue::Array(items) if !is_inline(key.span().end, value.span().start) => {
                for item in items.iter() {
                    if let DeValue::Table(inner) = item.get_ref() {
                        out.extend(value_ranges(inner));
                    }
                }
            }
            _ => out.push((key.get_ref().to_string(), key.span().start, value.span().end)),
        }
    }
    out
}

/// `key = value`: the value begins after the key. A header's span covers its key.
fn is_inline(key_end: usize, value_start: usize) -> bool {
    value_start > key_end
}

impl Table {
    fn sorted(&self, text: &str, values: &[(String, usize, usize)]) -> String {
        let order: &[&str] = match self.kind {
            Kind::Call => &CALL,
            Kind::Opt => &OPT,
            Kind::Test => &TEST,
        };
        let mut mine: Vec<_> = values.iter().filter(|(_, start, _)| (self.body..self.end).contains(start)).collect();
        mine.sort_by_key(|(_, start, _)| *start);
        let mut entries: Vec<(usize, &str)> = Vec::new();
        let mut from = self.body;
        for (key, _, end) in mine {
            let to = text.get(*end..).and_then(|t| t.find('\n')).map_or(text.len(), |i| end + i);
            // Keys without a place of their own (`untested`) come last.
            let rank = order.iter().position(|k| k == key).unwrap_or(order.len());
            entries.push((rank, text.get(from..to).unwrap_or("").trim_matches('\n')));
            from = (to + 1).min(text.len());
        }
        entries.sort_by_key(|(rank, _)| *rank);
        let rest = text.get(from..self.end).unwrap_or("").trim_matches('\n');
        let header = text.get(self.start..self.body).unwrap_or("").trim_matches('\n');
        let mut lines = vec![header];
        lines.extend(entries.iter().map(|(_, e)| *e));
        lines.extend(Some(rest).filter(|r| !r.is_empty()));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_keys_and_keeps_comments_and_text() {
        let text = "# about x\n[call.x]\ndoc = '''\n[call.y]\nproc = 1\n'''\n# why 7\nproc = 7 # seven\ndaemon = \"f\"\n[[call.x.test]]\nsteps = [\n  'x',\n]\non = \"none\"\n# first option\n[[call.x.opt]]\ndoc = 'd'\narg = \"a: Int\"\n[[call.x.opt]]\narg = \"b: Int\"\ndoc = 'e'";
        let expected = "# about x\n[call.x]\ndaemon = \"f\"\n# why 7\nproc = 7 # seven\ndoc = '''\n[call.y]\nproc = 1\n'''\n# first option\n[[call.x.opt]]\narg = \"a: Int\"\ndoc = 'd'\n[[call.x.opt]]\narg = \"b: Int\"\ndoc = 'e'\n[[call.x.test]]\non = \"none\"\nsteps = [\n  'x',\n]";
        assert_eq!(sort(text), expected);
        assert_eq!(sort(expected), expected);
    }
}
