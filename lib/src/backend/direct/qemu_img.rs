//! Asking qemu-img for the format of an image that only qemu can reach.
//!
//! In: a protocol node. Out: the name of a format, or why it could not be told.

use serde_json::{Map, Value};
use std::process::{Command, Stdio};

/// The format of what `file` leads to.
pub fn format_of(file: &Map<String, Value>) -> Result<String, String> {
    // `json:` names take the same members as blockdev-add, below "file".
    let mut node = file.clone();
    node.remove("discard");
    node.remove("cache");
    let name = format!("json:{}", serde_json::json!({ "file": node }));
    let output = Command::new("qemu-img")
        .args(["info", "-U", "--output=json", &name])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("cannot run qemu-img to find out the format: {}", crate::error::io_text(&e)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(said.trim().trim_start_matches("qemu-img: ").to_owned());
    }
    let info: Value = serde_json::from_slice(&output.stdout).map_err(|e| format!("qemu-img info: {e}"))?;
    let format = info.get("format").and_then(Value::as_str);
    format.map(str::to_owned).ok_or_else(|| "qemu-img info names no format".to_owned())
}
