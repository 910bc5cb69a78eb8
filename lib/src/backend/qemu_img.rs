//! What qemu-img says of an image.
//!
//! In: a protocol node, and the format where it is known. Out: format and size, or why they could not be told.

use serde_json::{json, Map, Value};
use std::process::{Command, Stdio};

/// An image.
#[derive(Debug)]
pub struct Info {
    /// As qemu names formats.
    pub format: String,
    /// Size of the disk in bytes.
    pub size: u64,
}

/// Look at what `file` leads to.
pub fn info(file: &Map<String, Value>, format: Option<&str>) -> Result<Info, String> {
    // `json:` names take the same members as blockdev-add.
    let mut node = file.clone();
    node.remove("discard");
    node.remove("cache");
    let mut image = json!({ "file": node });
    if let (Some(format), Some(map)) = (format, image.as_object_mut()) {
        map.insert("driver".into(), format.into());
    }
    let output = Command::new("qemu-img")
        .args(["info", "-U", "--output=json", &format!("json:{image}")])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("cannot run qemu-img to look at the image: {}", crate::error::io_text(&e)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(said.trim().trim_start_matches("qemu-img: ").to_owned());
    }
    let info: Value = serde_json::from_slice(&output.stdout).map_err(|e| format!("qemu-img info: {e}"))?;
    let format = info.get("format").and_then(Value::as_str).map(str::to_owned);
    let size = info.get("virtual-size").and_then(Value::as_u64);
    let both = format.zip(size).ok_or("qemu-img info names no format or size");
    both.map(|(format, size)| Info { format, size }).map_err(str::to_owned)
}
