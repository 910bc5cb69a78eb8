//! `gen bench`: how long each stage takes, on the API as it is and on one of upstream's size.

use super::{Options, Outcome};
use crate::source::layout::{Chunk, Layout};
use crate::{check, diag, emit, source, write};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Calls of the finished API.
const FULL_SIZE: usize = 648;

/// Time every stage.
pub fn bench(options: &Options) -> Outcome {
    let text = options.text()?;
    let big = enlarged(&text, FULL_SIZE);
    let mut out = String::new();
    for text in [text, big] {
        out.push_str(&one(options, &text).map_err(|d| diag::render("bench input", &text, &d))?);
    }
    Ok(out)
}

fn one(options: &Options, text: &str) -> Result<String, Vec<diag::Diagnostic>> {
    let (parse, _) = timed(|| source::parse(text));
    let (load, api) = timed(|| check::load(text, None));
    let api = api?;
    let mut out = format!("{} calls, {} lines of description\n", api.calls.len(), text.lines().count());
    let mut row = |what: &str, time: Duration| {
        let _ = writeln!(out, "  {what:<24} {:>8.1} ms", time.as_secs_f64() * 1e3);
    };
    row("parse", parse);
    row("parse, resolve, check", load);
    for target in emit::targets() {
        let (time, _) = timed(|| target.emit(&api));
        row(&format!("emit {}", target.name()), time);
    }
    let (all, files) = timed(|| emit::emit_all(&api));
    row("emit all, in parallel", all);
    let (compare, _) = timed(|| write::compare(&options.out, &files).map(|d| d.len()).unwrap_or(0));
    row("compare with the disk", compare);
    row("total", load + all + compare);
    let lines: usize = files.values().map(|f| f.lines().count()).sum();
    let _ = writeln!(out, "  {} files, {lines} lines", files.len());
    Ok(out)
}

fn timed<T>(f: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let out = f();
    (start.elapsed(), out)
}

/// The description with copies of its calls under other names and numbers, up to `size` calls.
pub fn enlarged(text: &str, size: usize) -> String {
    let (raw, _) = source::parse(text);
    let mut layout = Layout::of(text, &raw);
    let originals = layout.calls.clone();
    let mut proc = check::next_proc(raw.calls.iter().filter_map(|c| c.proc.as_ref()).map(|p| p.value));
    for (i, call) in originals.iter().cycle().take(size.saturating_sub(originals.len())).enumerate() {
        let name = format!("{}_copy{}", call.name, i / originals.len().max(1));
        let mut copy = String::new();
        for line in call.text.lines() {
            if line.starts_with("proc = ") {
                let _ = writeln!(copy, "proc = {proc}");
                proc += 1;
            } else if !line.starts_with("shell = ") {
                copy.push_str(&line.replace(&format!("[call.{}", call.name), &format!("[call.{name}")));
                copy.push('\n');
            }
        }
        layout.calls.push(Chunk { name, section: call.section.clone(), text: copy });
    }
    layout.sort();
    layout.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enlarged_api_is_sound() {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tiny.toml")).unwrap();
        let big = enlarged(&text, 100);
        match check::load(&big, None) {
            Ok(api) => assert_eq!(api.calls.len(), 100),
            Err(d) => panic!("{}", diag::render("big", &big, &d)),
        }
    }
}
