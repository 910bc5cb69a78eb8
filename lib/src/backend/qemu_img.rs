//! What qemu-img says of an image.
//!
//! In: a protocol node, and the format where it is known. Out: format and size, or why they could not be told.

use crate::child::{environment, output, Output, Spec, Wanted};
use crate::machine::Reporter;
use serde_json::{json, Map, Value};
use std::time::Duration;

/// Milliseconds are enough, but for a server that is far away.
const LIMIT: Duration = Duration::from_secs(60);
/// A list of snapshots can be long.
const OUTPUT_MAX: usize = 4 << 20;

/// An image.
#[derive(Debug)]
pub struct Info {
    /// As qemu names formats.
    pub format: String,
    /// Size of the disk in bytes.
    pub size: u64,
}

/// Look at what `file` leads to, for as long as the reporter is not cancelled.
pub fn info(file: &Map<String, Value>, format: Option<&str>, reporter: &dyn Reporter) -> Result<Info, String> {
    // `json:` names take the same members as blockdev-add.
    let mut node = file.clone();
    node.remove("discard");
    node.remove("cache");
    let mut image = json!({ "file": node });
    if let (Some(format), Some(map)) = (format, image.as_object_mut()) {
        map.insert("driver".into(), format.into());
    }
    let spec = Spec::new("qemu-img", environment::QEMU);
    let output = run(spec.args(["info", "-U", "--output=json", &format!("json:{image}")]), reporter)?;
    if !output.ok() {
        let said = output.complaint();
        return Err(String::from_utf8_lossy(&said).trim_start_matches("qemu-img: ").to_owned());
    }
    let info: Value = serde_json::from_slice(&output.stdout).map_err(|e| format!("qemu-img info: {e}"))?;
    let format = info.get("format").and_then(Value::as_str).map(str::to_owned);
    let size = info.get("virtual-size").and_then(Value::as_u64);
    let both = format.zip(size).ok_or("qemu-img info names no format or size");
    both.map(|(format, size)| Info { format, size }).map_err(str::to_owned)
}

/// Servers may never answer.
fn run(spec: Spec, reporter: &dyn Reporter) -> Result<Output, String> {
    let wanted = Wanted { most: OUTPUT_MAX, limit: Some(LIMIT), go_on: &|| !reporter.cancelled() };
    output(spec, &wanted).map_err(|e| match e.raw_os_error() {
        Some(libc::ECANCELED) => "qemu-img, which is to look at the image, was cancelled".to_owned(),
        Some(libc::ETIMEDOUT) => "qemu-img, which is to look at the image, does not end".to_owned(),
        _ => format!("cannot run qemu-img to look at the image: {}", crate::error::io_text(&e)),
    })
}
