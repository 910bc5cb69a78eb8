//! Steps as Rust functions over the client's methods.

use super::{all, scenario};
use crate::emit::rust::{format_tokens, ident, plain};
use crate::model::step::{Action, Expect, Step, Test, Value};
use crate::model::{Api, ArgType, FieldType, OptType, Struct};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// The whole module; the harness gives it `Test`, `Run`, `Value`, `Expect` and `ToValue` by `use super::*`.
pub fn program(api: &Api) -> String {
    let functions = all(api).map(|(name, test)| function(api, &name, test));
    let table = all(api).map(|(name, test)| {
        let run = plain(&name);
        let scenario = scenario(test.scenario);
        quote! { Test { name: #name, scenario: #scenario, run: #run } }
    });
    let values = api.structs.iter().filter(|s| s.returned_single || s.returned_list).map(struct_value);
    let tokens = quote! {
        use super::*;
        /// Every test, in the order of the API.
        pub static TESTS: &[Test] = &[#(#table),*];
        #(#functions)*
        #(#values)*
    };
    format!("// {}\n\n{}", crate::emit::HEADER, format_tokens(tokens))
}

fn function(api: &Api, name: &str, test: &Test) -> TokenStream {
    let name = plain(name);
    let steps = test.steps.iter().enumerate().map(|(i, s)| step(api, i, s));
    quote! {
        fn #name(t: &Run<'_>) -> Outcome {
            #(#steps)*
            Ok(())
        }
    }
}

fn step(api: &Api, index: usize, step: &Step) -> TokenStream {
    let result = match &step.action {
        Action::LocalWrite { path, content } => {
            let content = Literal::byte_string(content);
            quote! { t.local_write(#path, #content) }
        }
        Action::LocalRead { path } => quote! { t.local_read(#path) },
        Action::Call { call, args, opts } => {
            let Some(c) = api.call(call) else { return TokenStream::new() };
            let method = ident(&c.name);
            let args = c.args.iter().zip(args).map(|(a, v)| argument(a.ty, v));
            let opts_arg = (!c.opts.is_empty()).then(|| {
                let ty = plain(&c.opts_type());
                let set = c.opts.iter().filter_map(|o| {
                    let (_, v) = opts.iter().find(|(n, _)| *n == o.name)?;
                    let (name, v) = (ident(&o.name), option(o.ty, v));
                    Some(quote! { .#name(#v) })
                });
                quote! { opts::#ty::new() #(#set)* }
            });
            let args = args.chain(opts_arg);
            quote! { t.g.#method(#(#args),*) }
        }
    };
    let expect = expect(&step.expect);
    quote! { t.step(#index, #result, #expect)?; }
}

fn string(s: &str) -> TokenStream {
    if s.contains("%tmp") {
        quote! { t.path(#s) }
    } else {
        quote! { #s }
    }
}

fn strings(v: &Value) -> TokenStream {
    let Value::List(items) = v else { return quote! { NO_STRINGS } };
    if items.is_empty() {
        return quote! { NO_STRINGS };
    }
    let items = items.iter().map(|i| match i {
        Value::Str(s) => string(s),
        _ => TokenStream::new(),
    });
    quote! { &[#(#items),*] }
}

fn argument(ty: ArgType, v: &Value) -> TokenStream {
    match (ty, v) {
        (_, Value::Bool(b)) => quote! { #b },
        (_, Value::Int(i)) => integer(*i),
        (_, Value::Bytes(b)) => {
            let b = Literal::byte_string(b);
            quote! { #b }
        }
        (ArgType::OptStr, Value::Str(s)) => {
            let s = string(s);
            quote! { Some(BStr::new(&#s)) }
        }
        (_, Value::Null) => quote! { None },
        (_, Value::Str(s)) => string(s),
        (_, list) => strings(list),
    }
}

fn option(ty: OptType, v: &Value) -> TokenStream {
    match ty {
        OptType::StrList => strings(v),
        _ => argument(ArgType::Str, v),
    }
}

fn integer(i: i64) -> TokenStream {
    let i = Literal::i64_unsuffixed(i);
    quote! { #i }
}

fn expect(e: &Expect) -> TokenStream {
    match e {
        Expect::Ok => quote! { Expect::Ok },
        Expect::Equals(v) => {
            let v = value(v);
            quote! { Expect::Equals(#v) }
        }
        Expect::Unordered(items) => {
            let v = value(&Value::List(items.clone()));
            quote! { Expect::Unordered(#v) }
        }
        Expect::Contains(s) => quote! { Expect::Contains(#s) },
        Expect::Error(None) => quote! { Expect::Error(None) },
        Expect::Error(Some(errno)) => quote! { Expect::Error(Some(#errno)) },
    }
}

fn value(v: &Value) -> TokenStream {
    match v {
        Value::Null => quote! { Value::Null },
        Value::Bool(b) => quote! { Value::Bool(#b) },
        Value::Int(i) => {
            let i = integer(*i);
            quote! { Value::Int(#i) }
        }
        Value::Float(f) => {
            let f = Literal::f64_unsuffixed(*f);
            quote! { Value::Float(#f) }
        }
        Value::Str(s) => {
            let s = string(s);
            quote! { Value::Str(#s.into()) }
        }
        Value::Bytes(b) => {
            let b = Literal::byte_string(b);
            quote! { Value::Str(#b.to_vec()) }
        }
        Value::List(items) => {
            let items = items.iter().map(value);
            quote! { Value::List(vec![#(#items),*]) }
        }
        Value::Table(entries) => {
            let entries = entries.iter().map(|(k, v)| {
                let v = value(v);
                quote! { (#k.into(), #v) }
            });
            quote! { Value::Table(vec![#(#entries),*]) }
        }
    }
}

fn struct_value(s: &Struct) -> TokenStream {
    let ty = plain(&s.rust_name());
    let fields = s.fields.iter().map(|f| {
        let (name, field) = (&f.name, ident(&f.name));
        let v = match f.ty {
            FieldType::Char => quote! { Value::Str(vec![self.#field.0]) },
            FieldType::Str | FieldType::Device => quote! { Value::Str(self.#field.to_vec()) },
            FieldType::Buffer | FieldType::Uuid => quote! { Value::Str(self.#field.0.to_vec()) },
            FieldType::Percent => quote! { Value::Float(self.#field.into()) },
            FieldType::I64 | FieldType::Size => quote! { Value::Int(self.#field) },
            FieldType::I32 | FieldType::U32 => quote! { Value::Int(self.#field.into()) },
            FieldType::U64 => quote! { Value::Int(self.#field as i64) },
        };
        quote! { (#name.into(), #v) }
    });
    quote! {
        impl ToValue for structs::#ty {
            fn to_value(&self) -> Value {
                Value::Table(vec![#(#fields),*])
            }
        }
    }
}
