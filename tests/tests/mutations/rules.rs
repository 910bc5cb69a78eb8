//! Rules, for YARA.
//!
//! In: nothing. Out: rules as source, and compiled ones as far as the host has yarac(1); what is done with
//! damaged ones.

use super::Calls;
use guestfs::Handle;
use std::process::Command;

const SOURCE: &str = r#"
import "pe"
import "math"
global rule sized { condition: filesize < 10MB }
rule texts : tag { meta: a = "b" strings: $a = "hello" nocase wide ascii $b = { 4D 5A ?? [2-8] ( 50 | 51 ) }
  condition: any of them or #a > 3 or @a[1] < 100 }
rule expressions { strings: $r = /a[b-d]{1,9}(e|f)+\x00?/ condition: $r and pe.is_pe }
rule loops { condition: for any i in (0..filesize) : ( uint8(i) == 0x41 and math.entropy(0, 10) > 1.0 ) }
private rule hidden { condition: texts or loops }
rule uses { condition: hidden and not expressions }
"#;

/// Rules as source.
pub fn source(_: &Handle) -> Vec<u8> {
    SOURCE.into()
}

/// Compiled rules, or nothing where nothing compiles them here.
pub fn compiled(_: &Handle) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("source"), dir.path().join("compiled"));
    std::fs::write(&from, SOURCE).unwrap();
    let why = match Command::new("yarac").arg(&from).arg(&to).status() {
        Ok(status) if status.success() => return std::fs::read(&to).unwrap(),
        Ok(status) => format!("yarac: {status}"),
        Err(e) => format!("yarac: {e}"),
    };
    println!("not run: mutations of compiled rules, {why}");
    Vec::new()
}

/// Load them and compare the file with itself.
pub fn calls(calls: &mut Calls<'_>, rules: &str) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rules");
    let file = file.to_str().unwrap();
    calls.g.download(rules, file).unwrap();
    if calls.make(|g| g.yara_load(file)).is_some() {
        calls.make(|g| g.yara_scan(rules));
    }
}
