//! Cases in a text file, and running guestfish on them.
//!
//! A case is a line `=== KIND: NAME`, its text, a line `--- STATUS` and the expected output.

use super::environment::clean;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One case.
#[derive(Debug, Clone, Default)]
pub struct Case {
    pub kind: String,
    pub name: String,
    pub text: String,
    pub status: String,
    pub expected: String,
}

impl Case {
    /// Take an outcome as what is expected from now on.
    pub fn answer(&mut self, outcome: Outcome) {
        (self.status, self.expected) = (outcome.status, outcome.output);
    }
}

/// A file of cases: its head, and the cases.
pub struct Corpus {
    path: PathBuf,
    head: String,
    pub cases: Vec<Case>,
}

impl Corpus {
    /// Read `tests/NAME`.
    pub fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
        let text = fs::read_to_string(&path).unwrap();
        let (mut head, mut cases, mut answer) = (String::new(), Vec::<Case>::new(), false);
        for line in text.split_inclusive('\n') {
            if let Some(title) = line.strip_prefix("=== ") {
                let (kind, name) = title.trim_end().split_once(": ").unwrap();
                cases.push(Case { kind: kind.into(), name: name.into(), ..Case::default() });
                answer = false;
            } else if let Some(case) = cases.last_mut() {
                match line.strip_prefix("--- ") {
                    Some(status) => (case.status, answer) = (status.trim_end().into(), true),
                    None if answer => case.expected += line,
                    None => case.text += line,
                }
            } else {
                head += line;
            }
        }
        Corpus { path, head, cases }
    }

    /// Write the file with other answers.
    pub fn write(&self) {
        let mut text = self.head.clone();
        for c in &self.cases {
            text += &format!("=== {}: {}\n{}--- {}\n{}", c.kind, c.name, c.text, c.status, c.expected);
        }
        fs::write(&self.path, text).unwrap();
    }
}

/// Status and output, in which `\` and a newline stand for a missing newline at the end; errors apart.
pub struct Outcome {
    pub status: String,
    pub output: String,
    pub errors: String,
}

/// Run one case with this guestfish in a directory of its own.
pub fn run(guestfish: &Path, case: &Case) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let errors = tempfile::NamedTempFile::new().unwrap();
    // The scripts say $G without quotes, and this tree's path may have blanks.
    let plain = tempfile::tempdir().unwrap();
    let link = plain.path().join("guestfish");
    std::os::unix::fs::symlink(guestfish, &link).unwrap();
    let mut command = match case.kind.as_str() {
        "script" => Command::new(guestfish),
        "shell" => {
            let mut sh = Command::new("/bin/sh");
            sh.arg("-c").arg(&case.text).env("G", &link);
            sh
        }
        other => panic!("unknown kind of case: {other}"),
    };
    clean(&mut command, dir.path());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors.reopen().unwrap()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    if case.kind == "script" {
        // A script may be left before its end.
        let _ = stdin.write_all(case.text.as_bytes());
    }
    drop(stdin);
    let out = child.wait_with_output().unwrap();
    let mut text = String::from_utf8(out.stdout).unwrap();
    if !text.is_empty() && !text.ends_with('\n') {
        text += "\\\n";
    }
    let status = out.status.code().map_or("killed".into(), |c| c.to_string());
    Outcome { status, output: text, errors: String::from_utf8_lossy(&fs::read(errors.path()).unwrap()).into_owned() }
}

/// Compare each case with what `guestfish` does; all differences at once.
#[track_caller]
pub fn compare(corpus: &Corpus, guestfish: &Path) {
    let mut failures = String::new();
    for case in &corpus.cases {
        let Outcome { status, output, errors } = run(guestfish, case);
        if (&status, &output) != (&case.status, &case.expected) {
            failures += &format!(
                "=== {}: {}\nexpected {}:\n{}got {status}:\n{output}errors:\n{errors}\n",
                case.kind, case.name, case.status, case.expected
            );
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
