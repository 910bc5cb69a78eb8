//! What qemu-img says of an image.
//!
//! In: a protocol node, and the format where it is known. Out: format and size, or why they could not be told.

use super::Reporter;
use serde_json::{json, Map, Value};
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Milliseconds are enough, but for a server that is far away.
const LIMIT: Duration = Duration::from_secs(60);
/// A list of snapshots can be long.
const OUTPUT_MAX: u64 = 4 << 20;

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
    let mut command = Command::new("qemu-img");
    command.args(["info", "-U", "--output=json", &format!("json:{image}")]).env("LC_ALL", "C");
    let (ended_well, out, said) = run(command, reporter)?;
    if !ended_well {
        let said = String::from_utf8_lossy(&said);
        return Err(said.trim().trim_start_matches("qemu-img: ").to_owned());
    }
    let info: Value = serde_json::from_slice(&out).map_err(|e| format!("qemu-img info: {e}"))?;
    let format = info.get("format").and_then(Value::as_str).map(str::to_owned);
    let size = info.get("virtual-size").and_then(Value::as_u64);
    let both = format.zip(size).ok_or("qemu-img info names no format or size");
    both.map(|(format, size)| Info { format, size }).map_err(str::to_owned)
}

/// Whether it ended well, its output and its complaints. Servers may never answer.
fn run(mut command: Command, reporter: &dyn Reporter) -> Result<(bool, Vec<u8>, Vec<u8>), String> {
    let failed = |e: std::io::Error| format!("cannot run qemu-img to look at the image: {}", crate::error::io_text(&e));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let (out, said) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let until = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        let why = if reporter.cancelled() { "was cancelled" } else { "does not end" };
        if reporter.cancelled() || Instant::now() > until {
            // It ended this very moment if this fails.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("qemu-img, which is to look at the image, {why}"));
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    Ok((status.success(), out.join().unwrap_or_default(), said.join().unwrap_or_default()))
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What is missing shows in what is made of the rest.
        let _ = pipe.map(|p| p.take(OUTPUT_MAX).read_to_end(&mut bytes));
        bytes
    })
}
