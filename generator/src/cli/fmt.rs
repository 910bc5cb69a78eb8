//! `gen fmt`: calls by section and name, keys of a call in the order of the manual at the head of the file.

use super::{Options, Outcome};
use crate::source::layout::Layout;
use crate::source::{self, keys};
use crate::{diag, write};

/// Format the description in place, or with `--check` only say whether that would change it.
pub fn fmt(options: &Options) -> Outcome {
    let text = options.text()?;
    let file = options.api.display();
    let new = formatted(&text).map_err(|d| diag::render(&file.to_string(), &text, &d))?;
    if new == text {
        return Ok(format!("gen: {file} is in order\n"));
    }
    if options.check {
        return Err(format!("gen: {file} is not in order; run `cargo gen fmt`\n"));
    }
    write::replace(&options.api, &new).map_err(|e| format!("gen: {file}: {e}\n"))?;
    Ok(format!("gen: {file} put in order\n"))
}

/// The text in canonical order.
pub fn formatted(text: &str) -> Result<String, Vec<diag::Diagnostic>> {
    let (raw, findings) = source::parse(text);
    // Moving text about needs to know what is what; mistakes of meaning do not matter here.
    if !findings.is_empty() {
        return Err(findings);
    }
    let mut layout = Layout::of(text, &raw);
    layout.sort();
    for call in &mut layout.calls {
        call.text = keys::sort(&call.text);
    }
    Ok(layout.text())
}
