//! The command line of `cargo gen`: words in, text on stdout and stderr and an exit status out.

mod bench;
pub use bench::enlarged;
mod fmt;
mod list;
mod new;
mod show;

use crate::model::Api;
use crate::{check, diag, emit, write};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What `gen help` prints.
const USAGE: &str = "\
usage: gen [--accept-abi] [--api FILE] [--out DIR]     regenerate
       gen --check                                     fail on anything stale or orphaned
       gen show CALL [--emit TARGET|all]               what is known of a call, or what a target makes of it
       gen list [calls|daemon|library|structs|groups|events|targets|deprecated|untested]
       gen new NAME --daemon FAMILY | --library MODULE [--arg 'n: Type']… [--opt 'n: Type']… [--ret 'n: Type']
       gen pod guestfs|guestfish                       a manual page as POD, on stdout
       gen fmt [--check]                               put calls and their keys in order
       gen bench                                       time each stage, also on an API of 648 calls
";

/// A command's output, or the message with which it failed.
pub type Outcome = Result<String, String>;

/// Where things are and what was asked for.
pub struct Options {
    /// The description.
    pub api: PathBuf,
    /// Directory of generated files.
    pub out: PathBuf,
    pub check: bool,
    pub accept_abi: bool,
    /// Words that are no options.
    pub words: Vec<String>,
    /// `--name value` pairs that one command understands.
    pub values: Vec<(String, String)>,
}

/// Run the command that `args` (without the program's name) ask for.
pub fn run(args: &[String]) -> Outcome {
    let options = parse(args)?;
    let words: Vec<&str> = options.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["gen"] => generate(&options),
        ["show", call] => show::show(&options, call),
        ["list"] => list::list(&options, "calls"),
        ["list", what] => list::list(&options, what),
        ["pod", page] => emit::manual::pod(&options.load()?, page).ok_or_else(|| USAGE.to_owned()),
        ["new", name] => new::new(&options, name),
        ["fmt"] => fmt::fmt(&options),
        ["bench"] => bench::bench(&options),
        ["help"] => Ok(USAGE.to_owned()),
        _ => Err(USAGE.to_owned()),
    }
}

fn parse(args: &[String]) -> Result<Options, String> {
    let root = root();
    let mut o = Options {
        api: root.join("api.toml"),
        out: root.join("generated"),
        check: false,
        accept_abi: false,
        words: Vec::new(),
        values: Vec::new(),
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().cloned().ok_or_else(|| format!("gen: {arg} needs a value\n"));
        match arg.as_str() {
            "--check" => o.check = true,
            "--accept-abi" => o.accept_abi = true,
            "--api" => o.api = value()?.into(),
            "--out" => o.out = value()?.into(),
            "--emit" | "--daemon" | "--library" | "--arg" | "--opt" | "--ret" => {
                let value = value()?;
                o.values.push((arg.trim_start_matches('-').to_owned(), value));
            }
            "-h" | "--help" => o.words = vec!["help".into()],
            // `gen list --untested` is what people type.
            list if list.starts_with("--") && o.words == ["list"] => {
                o.words.push(list.trim_start_matches('-').to_owned())
            }
            unknown if unknown.starts_with('-') => return Err(format!("gen: unknown option {unknown}\n{USAGE}")),
            word => o.words.push(word.to_owned()),
        }
    }
    Ok(o)
}

/// The directory of `api.toml`: the working directory or one above it, else where this was built.
fn root() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let found = here.ancestors().find(|d| d.join("api.toml").is_file());
    found.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), Path::to_path_buf)
}

impl Options {
    fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    fn text(&self) -> Result<String, String> {
        std::fs::read_to_string(&self.api).map_err(|e| format!("gen: {}: {e}\n", self.api.display()))
    }

    /// The ABI to be kept, unless its change is being accepted or there never was one.
    fn abi(&self) -> Result<Option<String>, String> {
        let path = self.out.join("abi.txt");
        match std::fs::read_to_string(&path) {
            _ if self.accept_abi => Ok(None),
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(format!("gen: {}: {e}\n", path.display())),
        }
    }

    /// The description, read and checked.
    fn load(&self) -> Result<Api, String> {
        let text = self.text()?;
        let name = self.api.file_name().unwrap_or_default().to_string_lossy();
        check::load(&text, self.abi()?.as_deref()).map_err(|d| diag::render(&name, &text, &d))
    }
}

fn generate(options: &Options) -> Outcome {
    let files = emit::emit_all(&options.load()?);
    let failed = |e: std::io::Error| format!("gen: {}: {e}\n", options.out.display());
    if options.check {
        let differences = write::compare(&options.out, &files).map_err(failed)?;
        if differences.is_empty() {
            return Ok(format!("gen: {} files are up to date\n", files.len()));
        }
        let mut out = String::new();
        for d in &differences {
            let _ = writeln!(out, "{d}");
        }
        let _ = writeln!(out, "error: {} generated files differ from api.toml; run `cargo gen`", differences.len());
        return Err(out);
    }
    let differences = write::write(&options.out, &files).map_err(failed)?;
    Ok(format!("gen: {} of {} files changed\n", differences.len(), files.len()))
}
