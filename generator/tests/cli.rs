//! The command line, on a copy of `tiny.toml` in a directory of its own.

use generator::cli;
use std::path::{Path, PathBuf};

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let dir = std::env::temp_dir().join(format!("gen-cli-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tiny.toml"), dir.join("api.toml")).unwrap();
        Place(dir)
    }

    fn api(&self) -> String {
        std::fs::read_to_string(self.0.join("api.toml")).unwrap()
    }

    fn edit(&self, from: &str, to: &str) {
        let text = self.api();
        assert!(text.contains(from), "{from}");
        std::fs::write(self.0.join("api.toml"), text.replace(from, to)).unwrap();
    }

    fn run(&self, words: &[&str]) -> Result<String, String> {
        let mut args: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        args.extend(["--api".into(), self.0.join("api.toml").display().to_string()]);
        args.extend(["--out".into(), self.0.join("generated").display().to_string()]);
        cli::run(&args)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn generates_once_and_notices_what_is_stale_or_orphaned() {
    let p = Place::new("generate");
    assert!(p.run(&["--check"]).unwrap_err().contains("missing: abi.txt"));
    p.run(&[]).unwrap();
    assert!(p.run(&[]).unwrap().starts_with("gen: 0 of "));
    assert!(p.run(&["--check"]).unwrap().contains("up to date"));
    std::fs::write(p.0.join("generated/stray.rs"), "x").unwrap();
    std::fs::write(p.0.join("generated/guestfs_protocol.x"), "x").unwrap();
    let message = p.run(&["--check"]).unwrap_err();
    assert!(message.contains("orphaned: stray.rs") && message.contains("stale: guestfs_protocol.x"), "{message}");
    p.run(&[]).unwrap();
    assert!(p.run(&["--check"]).is_ok());
}

#[test]
fn a_changed_abi_must_be_accepted() {
    let p = Place::new("abi");
    p.run(&[]).unwrap();
    p.edit("proc = 5\n", "proc = 500\n");
    let message = p.run(&[]).unwrap_err();
    assert!(message.contains("error[E0028]: call no_args: proc was `5`, is `500`"), "{message}");
    p.run(&["--accept-abi"]).unwrap();
    assert!(p.run(&["--check"]).is_ok());
}

#[test]
fn a_new_call_needs_only_its_text() {
    let p = Place::new("new");
    let before = p.api();
    let said = p
        .run(&[
            "new",
            "frob",
            "--daemon",
            "rets",
            "--arg",
            "path: Path",
            "--opt",
            "depth: Int",
            "--ret",
            "things: [every_field]",
        ])
        .unwrap();
    for line in [
        "pub(crate) fn frob(",
        "path: &GuestPath",
        "opts: &opts::FrobOpts",
        "Result<Vec<structs::EveryField>>",
        "daemon/src/rets.rs",
    ] {
        assert!(said.contains(line), "{line} not in:\n{said}");
    }
    let message = p.run(&[]).unwrap_err();
    assert!(message.contains("E0023") && message.contains("E0024") && !message.contains("E0031"), "{message}");
    p.edit("summary = \"TODO\"", "summary = \"frobnicate\"");
    p.edit("doc = '''\nTODO\n'''", "doc = 'Frobs.'");
    p.edit("doc = 'TODO'", "doc = 'How deep.'");
    p.edit("'frob TODO',", "'frob /a depth:2 => [{ a_size = 1 }]',");
    p.run(&[]).unwrap();
    assert!(p.run(&["fmt", "--check"]).is_ok(), "not inserted where fmt wants it");
    assert!(p.run(&["show", "frob"]).unwrap().contains("proc = 523"));
    assert!(p.run(&["show", "frob", "--emit", "client"]).unwrap().contains("pub fn frob("));
    // Nothing else was touched.
    assert!(before.lines().all(|l| p.api().contains(l)));
    assert!(p.run(&["new", "frob", "--daemon", "rets"]).unwrap_err().contains("already"));
}

#[test]
fn new_refuses_what_it_cannot_describe() {
    let p = Place::new("refuse");
    let before = p.api();
    for words in [
        &["new", "Bad-Name", "--daemon", "rets"][..],
        &["new", "fine"],
        &["new", "fine", "--daemon", "rets", "--library", "lib"],
        &["new", "fine", "--daemon", "rets", "--arg", "path: Pth"],
        &["new", "fine", "--daemon", "rets", "--ret", "nothing"],
    ] {
        assert!(p.run(words).is_err(), "{words:?}");
    }
    assert_eq!(p.api(), before);
}

#[test]
fn fmt_puts_calls_and_keys_in_order() {
    let p = Place::new("fmt");
    assert!(p.run(&["fmt", "--check"]).is_ok(), "tiny.toml is not in order");
    let before = p.api();
    p.edit(
        "[call.file_in]\ndaemon = \"args\"\nproc = 2\n",
        "# beside it\n[call.file_in]\nproc = 2\ndaemon = \"args\"\n",
    );
    p.edit("call.lib_bind", "call.zzz");
    p.edit("'lib-bind'", "'zzz'");
    assert!(p.run(&["fmt", "--check"]).is_err());
    p.run(&["fmt"]).unwrap();
    let after = p.api();
    assert!(after.contains("# beside it\n[call.file_in]\ndaemon = \"args\"\nproc = 2\n"));
    assert!(after.trim_end().ends_with("steps = ['zzz']"), "zzz is last now");
    let mut lines: [Vec<&str>; 2] = [before.lines().collect(), after.lines().collect()];
    lines.iter_mut().for_each(|l| l.sort_unstable());
    assert_eq!(lines[0].len() + 1, lines[1].len(), "no line lost");
}

#[test]
fn lists_and_shows() {
    let p = Place::new("list");
    let lines = |what: &str| p.run(&["list", what]).unwrap().lines().count();
    assert_eq!(lines("events"), 2);
    assert_eq!(lines("structs"), 4);
    assert_eq!(lines("targets"), generator::emit::targets().len());
    assert_eq!(lines("calls"), lines("daemon") + lines("library"));
    assert!(p.run(&["list", "nonsense"]).unwrap_err().contains("groups"));
    assert!(p.run(&["show", "fil_in"]).unwrap_err().contains("did you mean `file_in`?"));
    assert!(p.run(&["show", "file-in", "--emit", "nowhere"]).unwrap_err().contains("protocol"));
    for target in generator::emit::targets() {
        assert!(!p.run(&["show", "file_in", "--emit", target.name()]).unwrap().is_empty(), "{}", target.name());
    }
    assert!(p.run(&["--frob"]).is_err() && p.run(&["frob"]).is_err());
}
