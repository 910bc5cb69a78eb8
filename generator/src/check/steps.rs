//! Type-checks test steps against the calls they name.
//!
//! In: the line of a step and the API (tests not needed yet). Out: a [`Step`] whose every value has the
//! type its place wants, or the first mistake with its byte offset in the line.

use crate::model::step::{Action, Expect, Step, Value};
use crate::model::{Api, Call, FieldType, RetType, Shape, Struct};
use crate::source::step::{parse, RawStep, Word};
use crate::source::SyntaxError;

/// Parse and check one step.
pub fn check(api: &Api, line: &str) -> Result<Step, SyntaxError> {
    let raw = parse(line)?;
    let Some((command, args)) = raw.words.split_first() else {
        return Err(SyntaxError::new(0, "a step begins with a command"));
    };
    let action = match command.text()? {
        "local-write" => {
            let [path, content] = args else {
                return Err(SyntaxError::new(command.offset, "local-write takes a path and a content"));
            };
            Action::LocalWrite { path: local_path(path)?, content: content.bytes.clone() }
        }
        "local-read" => {
            let [path] = args else {
                return Err(SyntaxError::new(command.offset, "local-read takes a path"));
            };
            Action::LocalRead { path: local_path(path)? }
        }
        name => {
            let call = api
                .call(&name.replace('-', "_"))
                .filter(|_| !name.contains('_'))
                .ok_or_else(|| SyntaxError::new(command.offset, "no such call (names are written with dashes)"))?;
            call_action(call, command, args)?
        }
    };
    expectation(api, &action, &raw)?;
    Ok(Step { action, expect: raw.expect })
}

fn local_path(word: &Word) -> Result<String, SyntaxError> {
    let path = word.text()?;
    if !path.starts_with("%tmp/") {
        return Err(SyntaxError::new(word.offset, "host files of tests live below %tmp/"));
    }
    Ok(path.to_owned())
}

fn call_action(call: &Call, command: &Word, words: &[Word]) -> Result<Action, SyntaxError> {
    if words.len() < call.args.len() {
        let wants: Vec<&str> = call.args.iter().map(|a| a.name.as_str()).collect();
        return Err(SyntaxError::new(command.offset, &format!("{} takes: {}", call.name, wants.join(" "))));
    }
    let (required, optional) = words.split_at(call.args.len());
    let args = call.args.iter().zip(required).map(|(a, w)| argument(a.ty.shape(), w)).collect::<Result<_, _>>()?;
    let mut opts: Vec<(String, Value)> = Vec::new();
    for word in optional {
        let text = word.text()?;
        let known = text.split_once(':').filter(|_| !word.quoted).and_then(|(name, value)| {
            let opt = call.opts.iter().find(|o| o.name == name)?;
            Some((opt, Word { bytes: value.into(), offset: word.offset + name.len() + 1, quoted: true }))
        });
        let Some((opt, value)) = known else {
            return Err(SyntaxError::new(word.offset, "not an optional argument of this call (NAME:VALUE)"));
        };
        if opts.iter().any(|(n, _)| *n == opt.name) {
            return Err(SyntaxError::new(word.offset, "this option is given twice"));
        }
        opts.push((opt.name.clone(), argument(opt.ty.shape(), &value)?));
    }
    Ok(Action::Call { call: call.name.clone(), args, opts })
}

fn argument(shape: Shape, word: &Word) -> Result<Value, SyntaxError> {
    let fail = |m: &str| Err(SyntaxError::new(word.offset, m));
    match shape {
        Shape::Bool => match word.text()? {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => fail("true or false belongs here"),
        },
        Shape::Int => match integer(word.text()?).filter(|i| i32::try_from(*i).is_ok()) {
            Some(i) => Ok(Value::Int(i)),
            None => fail("a 32-bit integer belongs here"),
        },
        Shape::Int64 => integer(word.text()?).map_or_else(|| fail("an integer belongs here"), |i| Ok(Value::Int(i))),
        Shape::Buffer => Ok(Value::Bytes(word.bytes.clone())),
        Shape::OptStr if word.bytes == b"NULL" && !word.quoted => Ok(Value::Null),
        Shape::StrList => {
            Ok(Value::List(word.text()?.split_ascii_whitespace().map(|s| Value::Str(s.into())).collect()))
        }
        Shape::Pointer => fail("tests cannot pass pointers"),
        _ => Ok(Value::Str(word.text()?.to_owned())),
    }
}

/// Decimal, `0x…` or `0o…`, negative or not. Magnitudes are wider than the result so that its least value fits.
fn integer(s: &str) -> Option<i64> {
    let (negative, digits) = s.strip_prefix('-').map_or((false, s), |d| (true, d));
    let magnitude = match digits.get(..2) {
        Some("0x") => u64::from_str_radix(&digits[2..], 16),
        Some("0o") => u64::from_str_radix(&digits[2..], 8),
        _ => digits.parse(),
    };
    let value = i128::from(magnitude.ok()?);
    i64::try_from(if negative { -value } else { value }).ok()
}

fn expectation(api: &Api, action: &Action, raw: &RawStep) -> Result<(), SyntaxError> {
    let buffer = RetType::Buffer;
    let unit = RetType::Unit;
    let ret = match action {
        Action::Call { call, .. } => api.call(call).map_or(&unit, |c| &c.ret.ty),
        Action::LocalRead { .. } => &buffer,
        Action::LocalWrite { .. } => &unit,
    };
    if let Expect::Error(Some(name)) = &raw.expect {
        if !api.meta.errnos.contains(name) {
            return Err(SyntaxError::new(raw.expect_offset, "there is no such errno ([meta] lists them)"));
        }
    }
    let ok = match &raw.expect {
        Expect::Ok => true,
        Expect::Error(_) => matches!(action, Action::Call { .. }),
        Expect::Equals(v) => result_fits(api, ret, v),
        Expect::Unordered(items) => is_list(ret) && result_fits(api, ret, &Value::List(items.clone())),
        Expect::Contains(_) => matches!(
            ret,
            RetType::Str(_) | RetType::StrList(_) | RetType::Buffer | RetType::ConstStr | RetType::ConstOptStr
        ),
    };
    ok.then_some(()).ok_or_else(|| SyntaxError::new(raw.expect_offset, "this cannot be a result of the call"))
}

fn is_list(ret: &RetType) -> bool {
    matches!(ret, RetType::StrList(_) | RetType::StructList(_))
}

fn result_fits(api: &Api, ret: &RetType, value: &Value) -> bool {
    let all_strings = |items: &[Value]| items.iter().all(|v| matches!(v, Value::Str(_)));
    let fields = |name: &str, v: &Value| api.structure(name).is_some_and(|s| struct_fits(s, v));
    match (ret, value) {
        (RetType::Bool, Value::Bool(_)) | (RetType::Int | RetType::Int64, Value::Int(_)) => true,
        (RetType::ConstStr | RetType::ConstOptStr | RetType::Str(_) | RetType::Buffer, Value::Str(_)) => true,
        (RetType::StrList(_), Value::List(items)) => all_strings(items),
        (RetType::Struct(name), v) => fields(name, v),
        (RetType::StructList(name), Value::List(items)) => items.iter().all(|v| fields(name, v)),
        (RetType::Hash(..), Value::Table(entries)) => entries.iter().all(|(_, v)| matches!(v, Value::Str(_))),
        _ => false,
    }
}

fn struct_fits(s: &Struct, value: &Value) -> bool {
    let Value::Table(entries) = value else { return false };
    entries.iter().all(|(name, v)| {
        s.fields.iter().find(|f| f.name == *name).is_some_and(|f| match f.ty {
            FieldType::Str | FieldType::Device | FieldType::Buffer | FieldType::Uuid | FieldType::Char => {
                matches!(v, Value::Str(_))
            }
            FieldType::Percent => matches!(v, Value::Float(_)),
            _ => matches!(v, Value::Int(_)),
        })
    })
}
