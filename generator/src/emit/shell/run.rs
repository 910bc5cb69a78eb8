//! The run function of one command: words in, one typed call, its result printed.

use super::super::rust::{ident, plain};
use crate::model::{Call, RetType, Role, Shape, ShellOutput};
use proc_macro2::{Ident, TokenStream};
use quote::quote;

/// `fn NAME(cx, words) -> Result<()>`.
pub fn function(call: &Call) -> TokenStream {
    let name = ident(&call.name);
    let locals: Vec<Ident> = call.args.iter().map(|a| plain(&format!("arg_{}", a.name))).collect();
    let reads = call.args.iter().zip(&locals).map(|(a, local)| {
        let read = plain(reader(a.ty.role(), a.ty.shape()));
        quote!(let #local = words.#read()?;)
    });
    let passed = call.args.iter().zip(&locals).map(|(a, local)| pass(a.ty.shape(), local));
    let (options, opts_arg) = options(call);
    let invoke = quote!(cx.handle.#name(#(#passed,)* #opts_arg)?);
    let body = match printer(call) {
        Some(print) => {
            let print = plain(print);
            quote!(cx.out.#print(&#invoke))
        }
        None => quote!(#invoke; Ok(())),
    };
    // A call with neither arguments nor options leaves the words alone.
    let words = if call.args.is_empty() && call.opts.is_empty() { quote!(_words) } else { quote!(words) };
    quote! {
        fn #name(cx: &mut Context<'_>, #words: &mut Words<'_>) -> Result<()> {
            #(#reads)*
            #options
            #body
        }
    }
}

/// Method of `Words` that reads an argument.
fn reader(role: Role, shape: Shape) -> &'static str {
    match (role, shape) {
        (_, Shape::StrList) => "list",
        (Role::Path | Role::DeviceOrPath | Role::MountableOrPath, _) => "path",
        (Role::Key, _) => "key",
        (Role::FileIn, _) => "file_in",
        (Role::FileOut, _) => "file_out",
        (_, Shape::Bool) => "boolean",
        (_, Shape::Int) => "int",
        (_, Shape::Int64) => "int64",
        (_, Shape::OptStr) => "opt_string",
        (_, Shape::Str | Shape::Buffer | Shape::Pointer) => "string",
    }
}

/// How a local is handed to the client method.
fn pass(shape: Shape, local: &Ident) -> TokenStream {
    match shape {
        Shape::Bool | Shape::Int | Shape::Int64 => quote!(#local),
        Shape::OptStr => quote!(#local.as_ref().map(|s| s.as_ref())),
        Shape::Buffer => quote!(&#local[..]),
        Shape::Str | Shape::StrList | Shape::Pointer => quote!(&#local),
    }
}

/// Statements that read the optional arguments, and the argument that passes them.
fn options(call: &Call) -> (TokenStream, TokenStream) {
    if call.opts.is_empty() {
        return (quote!(), quote!());
    }
    let ty = plain(&call.opts_type());
    let arms = call.opts.iter().map(|o| {
        let (name, field, read) = (&o.name, ident(&o.name), plain(reader(Role::Plain, o.ty.shape())));
        quote!(#name => options.#field = Some(words.#read()?),)
    });
    let statements = quote! {
        let mut options = opts::#ty::default();
        while let Some(name) = words.option()? {
            match name {
                #(#arms)*
                _ => return Err(words.unknown_option(name)),
            }
        }
    };
    (statements, quote!(options))
}

/// Method of the output that prints the result.
fn printer(call: &Call) -> Option<&'static str> {
    Some(match (&call.ret.ty, call.shell.output) {
        (RetType::Unit, _) => return None,
        (RetType::Bool, _) => "boolean",
        (RetType::Int, Some(ShellOutput::Octal)) => "octal",
        (RetType::Int, Some(ShellOutput::Hexadecimal)) => "hexadecimal",
        (RetType::Int, None) => "int",
        (RetType::Int64, Some(ShellOutput::Octal)) => "octal64",
        (RetType::Int64, Some(ShellOutput::Hexadecimal)) => "hexadecimal64",
        (RetType::Int64, None) => "int64",
        (RetType::ConstStr | RetType::Str(_), _) => "text",
        (RetType::ConstOptStr, _) => "opt_text",
        (RetType::StrList(_), _) => "list",
        (RetType::Struct(_), _) => "record",
        (RetType::StructList(_), _) => "records",
        (RetType::Hash(..), _) => "table",
        (RetType::Buffer, _) => "raw",
    })
}
