//! Typed access to one TOML table that notices what nobody asked for.
//!
//! In: a spanned TOML table. Out: its values with their places; wrong TOML types and, when finished,
//! unknown keys become diagnostics.

use super::signature::{self, Param};
use super::At;
use crate::diag::{nearest, Code, Diagnostic};
use std::ops::Range;
use toml::de::{DeTable, DeValue};
use toml::Spanned;

/// What every reader shares.
pub(super) struct Input<'a> {
    pub text: &'a str,
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads one table.
pub(super) struct Reader<'a, 'b> {
    input: &'b mut Input<'a>,
    table: &'b DeTable<'a>,
    /// What it is, for messages: `[call.mkdir]`.
    what: String,
    known: Vec<&'static str>,
    broken: Vec<&'static str>,
}

/// Entries of a table in the order of the file (the parser sorts them by name).
pub(super) fn in_file_order<'b, 'a>(table: &'b DeTable<'a>) -> Vec<(At<String>, &'b Spanned<DeValue<'a>>)> {
    let mut entries: Vec<_> = table.iter().map(|(k, v)| (At::new(k.get_ref().to_string(), k.span()), v)).collect();
    entries.sort_by_key(|(k, _)| k.span.start);
    entries
}

impl<'a, 'b> Reader<'a, 'b> {
    pub fn new(input: &'b mut Input<'a>, table: &'b DeTable<'a>, what: String) -> Self {
        Reader { input, table, what, known: Vec::new(), broken: Vec::new() }
    }

    fn get(&mut self, key: &'static str) -> Option<&'b Spanned<DeValue<'a>>> {
        self.known.push(key);
        self.table.get(key)
    }

    /// Keys whose values were of the wrong TOML type and are therefore left out.
    pub fn broken(&self) -> Vec<&'static str> {
        self.broken.clone()
    }

    fn wrong(&mut self, span: Range<usize>, key: &'static str, want: &str) {
        self.broken.push(key);
        let message = format!("`{key}` of {} must be {want}", self.what);
        self.input.diagnostics.push(Diagnostic::new(Code::WrongToml, &span, message));
    }

    pub fn string(&mut self, key: &'static str) -> Option<At<String>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::String(s) => Some(At::new(s.to_string(), value.span())),
            _ => {
                self.wrong(value.span(), key, "a string");
                None
            }
        }
    }

    pub fn bool(&mut self, key: &'static str) -> Option<At<bool>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Boolean(b) => Some(At::new(*b, value.span())),
            _ => {
                self.wrong(value.span(), key, "true or false");
                None
            }
        }
    }

    pub fn int(&mut self, key: &'static str) -> Option<At<i64>> {
        let value = self.get(key)?;
        let int = match value.get_ref() {
            DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix()).ok(),
            _ => None,
        };
        if int.is_none() {
            self.wrong(value.span(), key, "an integer");
        }
        int.map(|i| At::new(i, value.span()))
    }

    pub fn strings(&mut self, key: &'static str) -> Vec<At<String>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(value.span(), key, "a list of strings");
            return Vec::new();
        };
        let mut out = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::String(s) => out.push(At::new(s.to_string(), item.span())),
                _ => self.wrong(item.span(), key, "a list of strings"),
            }
        }
        out
    }

    /// `key = "name: Type"`.
    pub fn param(&mut self, key: &'static str) -> Option<Param> {
        let text = self.string(key)?;
        self.signature(&text)
    }

    /// `key = ["name: Type", …]`.
    pub fn params(&mut self, key: &'static str) -> Vec<Param> {
        let texts = self.strings(key);
        texts.iter().filter_map(|t| self.signature(t)).collect()
    }

    fn signature(&mut self, text: &At<String>) -> Option<Param> {
        signature::parse(self.input.text, text)
            .map_err(|e| {
                let d = Diagnostic::new(Code::Signature, &text.span, e.message);
                self.input.diagnostics.push(d.help("for example \"path: Path\""));
            })
            .ok()
    }

    /// A table below `key`, read by `f`.
    pub fn table<T>(&mut self, key: &'static str, f: impl FnOnce(&mut Reader<'a, '_>) -> T) -> Option<T> {
        let value = self.get(key)?;
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong(value.span(), key, "a table");
            return None;
        };
        let mut inner = Reader::new(self.input, table, format!("{key} in {}", self.what));
        let out = f(&mut inner);
        inner.finish();
        Some(out)
    }

    /// An array of tables below `key`, each read by `f` with the place of its header.
    pub fn tables<T>(
        &mut self,
        key: &'static str,
        mut f: impl FnMut(&mut Reader<'a, '_>, Range<usize>) -> T,
    ) -> Vec<T> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(value.span(), key, "an array of tables");
            return Vec::new();
        };
        let mut out = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => {
                    let mut inner = Reader::new(self.input, table, format!("{key} in {}", self.what));
                    out.push(f(&mut inner, item.span()));
                    inner.finish();
                }
                _ => self.wrong(item.span(), key, "an array of tables"),
            }
        }
        out
    }

    /// Report that `key` is not there although it must be.
    pub fn require(&mut self, present: bool, key: &str, header: &Range<usize>) {
        // A value of the wrong type was reported already.
        if !present && !self.table.contains_key(key) {
            let message = format!("`{key}` is missing in {}", self.what);
            self.input.diagnostics.push(Diagnostic::new(Code::MissingKey, header, message));
        }
    }

    /// Report keys that were never asked for.
    pub fn finish(self) {
        for (key, _) in in_file_order(self.table) {
            if !self.known.contains(&key.as_str()) {
                let message = format!("{} has no key `{}`", self.what, key.value);
                let help = nearest(key.as_str(), self.known.iter().copied())
                    .unwrap_or_else(|| format!("known keys: {}", self.known.join(", ")));
                self.input.diagnostics.push(Diagnostic::new(Code::UnknownKey, &key.span, message).help(help));
            }
        }
    }
}
