//! The shell's own commands: what is said about them, from `templates/shell/builtins.md`.
//!
//! In: sections `# NAME` with `alias:`, `usage:`, `summary:` lines and a text in doc markup. Out:
//! [`Builtin`]s for the table, the completions and the manual. What they do is written in the shell.

use super::super::rust::{docs, module_docs, plain};
use super::text;
use crate::model::doc::{Block, Doc, Span};
use crate::model::name;
use crate::source::doc;
use proc_macro2::TokenStream;
use quote::quote;

const TEXT: &str = include_str!("../../../templates/shell/builtins.md");

/// One command that is no API call.
#[derive(Debug, Clone, Default)]
pub struct Builtin {
    pub name: String,
    pub aliases: Vec<String>,
    pub usage: String,
    pub summary: String,
    pub doc: Doc,
}

/// All of them, in the order of the file (alphabetical, which a test checks).
pub fn builtins() -> Vec<Builtin> {
    let mut out: Vec<(Builtin, String)> = Vec::new();
    for line in TEXT.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            out.push((Builtin { name: name.to_owned(), ..Builtin::default() }, String::new()));
            continue;
        }
        let Some((builtin, body)) = out.last_mut() else { continue };
        let head = body.is_empty().then(|| line.split_once(": ")).flatten();
        match head {
            Some(("alias", names)) => builtin.aliases = names.split(' ').map(str::to_owned).collect(),
            Some(("usage", usage)) => builtin.usage = usage.to_owned(),
            Some(("summary", summary)) => builtin.summary = summary.to_owned(),
            _ => {
                body.push_str(line);
                body.push('\n');
            }
        }
    }
    // The template is part of the generator and tested with it; a mistake shows as text.
    let parse = |text: &str| doc::parse(text).unwrap_or_else(|e| mistake(&e.message));
    out.into_iter().map(|(builtin, body)| Builtin { doc: parse(&body), ..builtin }).collect()
}

fn mistake(message: &str) -> Doc {
    Doc { blocks: vec![Block::Para(vec![Span::Text(format!("(template mistake: {message})"))])] }
}

/// `shell/builtins.rs`.
pub fn rust() -> TokenStream {
    let module = module_docs("What the shell's own commands say about themselves.");
    let builtins = builtins();
    let entries = builtins.iter().map(|b| {
        let (constant, docs) = (plain(&constant(b)), docs(&format!("`{}`: {}.", b.name, b.summary)));
        let (name, aliases, usage, summary, help) = (&b.name, &b.aliases, &b.usage, &b.summary, text::lines(&b.doc));
        quote! {
            #docs
            pub static #constant: About = About {
                name: #name,
                aliases: &[#(#aliases),*],
                usage: #usage,
                summary: #summary,
                help: &[#(#help),*],
            };
        }
    });
    let all = builtins.iter().map(|b| plain(&constant(b)));
    quote! {
        #module
        use crate::command::About;

        /// All of them, by name.
        pub static ALL: &[&About] = &[#(&#all),*];
        #(#entries)*
    }
}

fn constant(b: &Builtin) -> String {
    name::shouty(&b.name.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_is_sound() {
        let all = builtins();
        assert!(all.len() > 20 && all.is_sorted_by_key(|b| b.name.clone()));
        for b in &all {
            assert!(b.usage.starts_with(&b.name) && !b.summary.is_empty(), "{b:?}");
            let text = text::lines(&b.doc).join("\n");
            assert!(!text.is_empty() && !text.contains("template mistake"), "{}: {text}", b.name);
        }
    }
}
