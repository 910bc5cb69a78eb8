//! Target `php`: what editors, analysers and readers see of extension `guestfs_php`.
//!
//! In: the model. Out: `php/guestfs.stub.php`, declarations with PHPDoc; no program runs it. A test of the binding
//! compares it with what the extension says of itself. Hand-written: `bindings/php`, over the glue.

use super::bind::{self, text};
use super::c::text::render;
use super::{Files, Target};
use crate::model::doc::Span;
use crate::model::{notice, Api, Call};
use serde::Serialize;

/// The target.
pub struct Php;

impl Target for Php {
    fn name(&self) -> &'static str {
        "php"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        bind::unsupported(call)
    }

    fn emit(&self, api: &Api) -> Files {
        let library = bind::library(api);
        let view = Module {
            all_events: library.all_events,
            calls: api
                .calls
                .iter()
                .filter(|c| self.unsupported(c).is_none())
                .map(|c| function(c, &library.structs))
                .collect(),
            events: library.events,
        };
        Files::from([("php/guestfs.stub.php".to_owned(), render("php/guestfs.stub.php", &view))])
    }

    fn emit_call(&self, api: &Api, call: &Call) -> String {
        let calls = match self.unsupported(call) {
            Some(_) => vec![],
            None => vec![function(call, &bind::library(api).structs)],
        };
        render("php/function.php", &Module { all_events: 0, events: vec![], calls })
    }
}

#[derive(Serialize)]
struct Module {
    all_events: u64,
    events: Vec<bind::Event>,
    calls: Vec<Function>,
}

#[derive(Serialize)]
struct Function {
    name: String,
    doc: Vec<String>,
    /// Those whose type PHP itself cannot say in full: `list<string> $groups`.
    params: Vec<String>,
    /// `$g, string $path, ?bool $recursive = null`
    signature: String,
    /// The type in PHP, and in full.
    ret: &'static str,
    full_ret: String,
    /// What to call instead of a deprecated call.
    deprecated: Option<String>,
}

fn function(call: &Call, structs: &[bind::Struct]) -> Function {
    let bound = bind::call(call);
    let style = text::Style { width: 100, span: &span };
    let mut signature = vec!["$g".to_owned()];
    let mut params = vec!["resource $g a handle of guestfs_create".to_owned()];
    for p in &bound.params {
        match p.shape {
            "pointer" => {
                signature.push(format!("${}", p.name));
                params.push(format!("resource ${} a domain of libvirt-php", p.name));
            }
            "str_list" => params.push(format!("list<string> ${}", p.name)),
            _ => (),
        }
        if p.shape != "pointer" {
            signature.push(format!("{} ${}", argument(p.shape), p.name));
        }
    }
    for o in &bound.opts {
        signature.push(format!("?{} ${} = null", argument(o.shape), o.name));
        if o.shape == "str_list" {
            params.push(format!("list<string>|null ${}", o.name));
        }
    }
    let (ret, full_ret) = result(&bound.ret, structs);
    let instead = match bound.use_instead.as_str() {
        "" => String::new(),
        name => format!(" use guestfs_{name}"),
    };
    Function {
        doc: text::lines(&call.summary, &notice::documented(call), &style).into_iter().map(|l| safe(&l)).collect(),
        params,
        signature: signature.join(", "),
        ret,
        full_ret,
        deprecated: bound.deprecated.then_some(instead),
        name: call.name.clone(),
    }
}

/// A comment's text must not end it, and an `@` at its beginning would be a tag.
fn safe(line: &str) -> String {
    let line = line.replace("*/", "* /");
    match line.trim_start().strip_prefix('@') {
        Some(rest) => format!("{}`@`{rest}", &line[..line.len() - rest.len() - 1]),
        None => line,
    }
}

fn span(span: &Span) -> String {
    match span {
        Span::Text(t) => t.clone(),
        Span::Emph(t) => format!("*{t}*"),
        Span::Strong(t) => format!("**{t}**"),
        Span::Code(t) => format!("`{t}`"),
        Span::Call(name) => format!("guestfs_{name}()"),
        Span::Page { name, section } => format!("{name}({section})"),
        Span::Link { text, url } if text == url => format!("<{url}>"),
        Span::Link { text, url } => format!("[{text}]({url})"),
    }
}

fn argument(shape: &str) -> &'static str {
    match shape {
        "bool" => "bool",
        "int" | "int64" => "int",
        "opt_str" => "?string",
        "str_list" => "array",
        _ => "string",
    }
}

/// The type of a result in PHP, and in full.
fn result(ret: &bind::Ret, structs: &[bind::Struct]) -> (&'static str, String) {
    let record = || {
        let fields = structs.iter().find(|s| s.name == ret.structure).map(|s| s.fields.as_slice()).unwrap_or_default();
        let fields: Vec<String> = fields.iter().map(|f| format!("{}: {}", f.name, field(f.ty))).collect();
        format!("array{{{}}}", fields.join(", "))
    };
    match ret.kind {
        "none" => ("bool", "bool true, or false when it failed".to_owned()),
        "bool" => ("bool", "bool false also when it failed: guestfs_failed() tells".to_owned()),
        "int" | "int64" => ("int|false", "int|false".to_owned()),
        "const_opt_str" => ("string|false|null", "string|false|null".to_owned()),
        "str_list" => ("array|false", "list<string>|false".to_owned()),
        "hash" => ("array|false", "array<array-key, string>|false".to_owned()),
        "struct" => ("array|false", format!("{}|false", record())),
        "struct_list" => ("array|false", format!("list<{}>|false", record())),
        _ => ("string|false", "string|false".to_owned()),
    }
}

fn field(ty: &str) -> &'static str {
    match ty {
        "i32" | "u32" | "i64" | "u64" => "int",
        "percent" => "float",
        _ => "string",
    }
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn comments_neither_end_nor_tag() {
        assert_eq!(safe("/dev/*/x"), "/dev/* /x");
        assert_eq!(safe("  @ticket"), "  `@`ticket");
    }
}
