//! Runs the test steps of `api.toml` through the Rust client, and through the crate with upstream's API on it.
//!
//! In: the generated table of tests. Out: one line per failed test, and a summary for each scenario.

use bstr::{BStr, BString, ByteSlice};
use guestfs::protocol::xdr;
use guestfs::{opts, structs, Handle};
use std::collections::HashMap;
use std::fmt::Display;
use std::path::Path;
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::time::{Duration, Instant};

/// A struct of the API as a table of its fields.
macro_rules! table {
    ($ty:ident { $($name:literal $field:ident),* }) => {
        impl ToValue for structs::$ty {
            fn to_value(&self) -> Value {
                Value::Table(vec![$(($name.into(), self.$field.to_value())),*])
            }
        }
    };
}

#[rustfmt::skip]
#[allow(clippy::needless_borrows_for_generic_args)] // A list is borrowed whatever takes it.
#[allow(non_snake_case)] // sfdisk_N
#[path = "../../generated/tests/steps.rs"]
mod steps;

/// Result of one test: the message says which step differs and how.
pub type Outcome = Result<(), String>;

/// One generated test, through handles of some sort.
pub struct Test<H: 'static = Handle> {
    /// Call and number: `mkdir_mode_0`.
    pub name: &'static str,
    /// `none`, `disks` or `scratch-fs`.
    pub scenario: &'static str,
    /// The steps.
    pub run: fn(&Run<'_, H>) -> Outcome,
}

/// A handle that steps run through. What stands around the steps is done by our own.
pub trait Through: Sized {
    /// Its errors.
    type Error: Display;
    /// In front of "steps" in the summary.
    const NAME: &'static str;
    /// A new one.
    fn create() -> Result<Self, Self::Error>;
    /// Our own handle that is within.
    fn own(&self) -> &Handle;
    /// The errno of an error.
    fn errno(error: &Self::Error) -> i32;
}

impl Through for Handle {
    type Error = guestfs::Error;
    const NAME: &'static str = "Rust";

    fn create() -> guestfs::Result<Handle> {
        Handle::new()
    }

    fn own(&self) -> &Handle {
        self
    }

    fn errno(error: &guestfs::Error) -> i32 {
        error.errno()
    }
}

/// A result or expectation in a form that can be compared and printed.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Vec<u8>),
    List(Vec<Value>),
    Table(Vec<(String, Value)>),
}

/// What a step must give.
pub enum Expect {
    Ok,
    Equals(Value),
    Unordered(Value),
    Contains(&'static str),
    Error(Option<&'static str>),
}

/// Results of calls as [`Value`]s.
pub trait ToValue {
    fn to_value(&self) -> Value;
}

macro_rules! to_value {
    ($($t:ty => |$v:ident| $e:expr),* $(,)?) => {$(
        impl ToValue for $t {
            fn to_value(&self) -> Value {
                let $v = self;
                $e
            }
        }
    )*};
}
to_value! {
    () => |_v| Value::Null,
    bool => |v| Value::Bool(*v),
    i32 => |v| Value::Int(i64::from(*v)),
    u32 => |v| Value::Int(i64::from(*v)),
    i64 => |v| Value::Int(*v),
    u64 => |v| Value::Int(*v as i64),
    f32 => |v| Value::Float(f64::from(*v)),
    xdr::Char => |v| Value::Str(vec![v.0]),
    xdr::Opaque => |v| Value::Str(v.0.to_vec()),
    xdr::Uuid32 => |v| Value::Str(v.0.to_vec()),
    BString => |v| Value::Str(v.to_vec()),
    Option<BString> => |v| v.as_ref().map_or(Value::Null, ToValue::to_value),
    Vec<u8> => |v| Value::Str(v.clone()),
    // Types of upstream's API.
    i8 => |v| Value::Str(v.to_ne_bytes().to_vec()),
    String => |v| Value::Str(v.clone().into_bytes()),
    &'static str => |v| Value::Str(v.as_bytes().to_vec()),
    Option<&'static str> => |v| v.as_ref().map_or(Value::Null, ToValue::to_value),
    Option<f32> => |v| Value::Float(v.map_or(-1.0, f64::from)),
    HashMap<String, String> => |v| Value::Table(v.iter().map(|(k, x)| (k.clone(), x.to_value())).collect()),
    Vec<(BString, BString)> => |v| Value::Table(v.iter().map(|(k, x)| (k.to_string(), x.to_value())).collect()),
}

impl<T: ToValue> ToValue for Vec<T> {
    fn to_value(&self) -> Value {
        Value::List(self.iter().map(ToValue::to_value).collect())
    }
}

/// A test that takes longer hangs: its call is cancelled, which fails the test and names the call.
const LIMIT: Duration = Duration::from_secs(120);

/// So many of the slowest tests are told with their times.
const SLOWEST: usize = 20;

/// Run `test`; what still runs after [`LIMIT`] is cancelled.
fn limited(g: &Handle, test: impl FnOnce() -> Outcome) -> Outcome {
    std::thread::scope(|scope| {
        let (running, ended) = channel::<()>();
        scope.spawn(move || {
            let mut wait = LIMIT;
            while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                let _ = g.user_cancel();
                // Between two calls it is not heard.
                wait = Duration::from_secs(1);
            }
        });
        let outcome = test();
        drop(running);
        outcome
    })
}

/// An empty list of strings for generated calls.
pub const NO_STRINGS: &[&str] = &[];

/// One test in progress.
pub struct Run<'a, H = Handle> {
    pub g: &'a H,
    pub tmp: &'a Path,
}

impl<H: Through> Run<'_, H> {
    /// Replace `%tmp`.
    pub fn path(&self, text: &str) -> String {
        text.replace("%tmp", &self.tmp.to_string_lossy())
    }

    /// Create a host file.
    pub fn local_write(&self, path: &str, content: &[u8]) -> Result<(), H::Error> {
        std::fs::write(self.path(path), content).map_err(|e| panic!("{path}: {e}"))
    }

    /// Read a host file.
    pub fn local_read(&self, path: &str) -> Result<Vec<u8>, H::Error> {
        Ok(std::fs::read(self.path(path)).unwrap_or_else(|e| panic!("{path}: {e}")))
    }

    /// Compare the result of a step with what it must be.
    pub fn step<T: ToValue>(&self, index: usize, result: Result<T, H::Error>, expect: Expect) -> Outcome {
        let (got, expect) = match (result, expect) {
            (Err(e), Expect::Error(errno)) => {
                let name = guestfs::errno::name(H::errno(&e));
                return match errno {
                    Some(want) if want != name => Err(format!("step {index}: failed with {name} ({e}), not {want}")),
                    _ => Ok(()),
                };
            }
            (Err(e), _) => return Err(format!("step {index}: unexpected error: {e}")),
            (Ok(v), Expect::Error(_)) => return Err(format!("step {index}: succeeded with {:?}", v.to_value())),
            (Ok(v), expect) => (v.to_value(), expect),
        };
        let (ok, want) = match expect {
            Expect::Equals(want) => (matches(&got, &want), want),
            Expect::Unordered(want) => (matches_unordered(&got, &want), want),
            Expect::Contains(part) => (contains(&got, part), Value::Str(part.into())),
            Expect::Ok | Expect::Error(_) => return Ok(()),
        };
        ok.then_some(()).ok_or_else(|| format!("step {index}: got {got:?}, expected {want:?}"))
    }
}

fn matches(got: &Value, want: &Value) -> bool {
    match (got, want) {
        (Value::Table(got), Value::Table(want)) => {
            want.iter().all(|(k, w)| got.iter().any(|(name, g)| name == k && matches(g, w)))
        }
        (Value::List(got), Value::List(want)) => {
            got.len() == want.len() && got.iter().zip(want).all(|(g, w)| matches(g, w))
        }
        (Value::Float(got), Value::Float(want)) => (got - want).abs() < 0.01,
        _ => got == want,
    }
}

fn matches_unordered(got: &Value, want: &Value) -> bool {
    let (Value::List(got), Value::List(want)) = (got, want) else { return false };
    let mut left: Vec<&Value> = got.iter().collect();
    want.iter().all(|w| left.iter().position(|g| matches(g, w)).map(|i| left.remove(i)).is_some()) && left.is_empty()
}

fn contains(got: &Value, part: &str) -> bool {
    match got {
        Value::Str(s) => s.contains_str(part),
        Value::List(items) => items.contains(&Value::Str(part.into())),
        _ => false,
    }
}

const MIB: i64 = 1 << 20;

fn open_scenario<H: Through>(scenario: &str) -> Result<H, String> {
    let told = |e: &dyn Display| format!("cannot open the scenario {scenario}: {e}");
    let g = H::create().map_err(|e| told(&e))?;
    prepare(g.own(), scenario).map_err(|e| told(&e))?;
    Ok(g)
}

fn prepare(g: &Handle, scenario: &str) -> guestfs::Result<()> {
    if scenario != "none" {
        let third = (scenario == "scratch-fs").then_some(256);
        for size in [1024, 256].into_iter().chain(third) {
            g.add_drive_scratch(size * MIB, Default::default())?;
        }
        g.launch()?;
        if third.is_some() {
            g.mkfs("ext4", "/dev/sdc", Default::default())?;
        }
    }
    Ok(())
}

/// Overwrite what identifies a disk: labels, superblocks and LVM headers at both ends.
fn wipe(g: &Handle, device: impl AsRef<[u8]> + Copy, both_ends: bool) -> guestfs::Result<()> {
    let size = g.blockdev_getsize64(device)?;
    let zeros = vec![0; size.min(MIB) as usize];
    g.pwrite_device(device, &zeros, 0)?;
    if both_ends && size > MIB {
        g.pwrite_device(device, &zeros, size - MIB)?;
    }
    Ok(())
}

fn reset(g: &Handle, scenario: &str) -> guestfs::Result<()> {
    if scenario == "disks" {
        g.umount_all()?;
        g.vg_activate_all(false)?;
        let parts = g.list_partitions()?;
        for part in &parts {
            wipe(g, part, false)?;
        }
        for disk in ["/dev/sda", "/dev/sdb"] {
            if parts.iter().any(|p| p.starts_with_str(disk)) {
                // Writing an empty table makes the kernel forget the old partitions.
                g.part_init(disk, "mbr")?;
            }
            wipe(g, disk, true)?;
        }
    } else if scenario == "scratch-fs" {
        g.umount_all()?;
        g.mount("/dev/sdc", "/")?;
        g.umask(0o22)?;
        for name in g.ls("/")?.iter().filter(|n| *n != "lost+found") {
            g.rm_rf([b"/", name.as_bytes()].concat())?;
        }
    }
    Ok(())
}

/// Run all tests of one scenario on one handle; the error lists every failed test.
///
/// `STEPS=PREFIX` in the environment runs only tests whose name begins so.
pub fn run_scenario(scenario: &str) -> Result<(), String> {
    run(scenario, steps::TESTS)
}

/// As [`run_scenario`], for tests through any handle.
pub fn run<H: Through>(scenario: &str, tests: &[Test<H>]) -> Result<(), String> {
    let start = Instant::now();
    let prefix = std::env::var("STEPS").unwrap_or_default();
    let chosen: Vec<&Test<H>> =
        tests.iter().filter(|t| t.scenario == scenario && t.name.starts_with(&prefix)).collect();
    let open = || open_scenario::<H>(scenario);
    let mut g = open()?;
    let mut failures = Vec::new();
    let mut times = Vec::new();
    for test in &chosen {
        // Tests of a handle that is not launched change its properties: each gets a new one.
        if scenario == "none" {
            g = open()?;
        }
        let tmp = tempfile::tempdir().map_err(|e| e.to_string())?;
        let begin = Instant::now();
        let outcome = limited(g.own(), || {
            reset(g.own(), scenario).map_err(|e| format!("cannot prepare the scenario: {e}"))?;
            (test.run)(&Run { g: &g, tmp: tmp.path() })
        });
        times.push((begin.elapsed(), test.name));
        if let Err(e) = outcome {
            failures.push(format!("{}, {e}", test.name));
            // What it left behind is not the next one's to meet.
            g = open()?;
        }
    }
    println!(
        "{} steps, scenario {scenario}: {} tests in {:.1} s",
        H::NAME,
        chosen.len(),
        start.elapsed().as_secs_f64()
    );
    times.sort_unstable();
    for (time, name) in times.iter().rev().take(SLOWEST) {
        println!("  {:6.1} s  {name}", time.as_secs_f64());
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(format!("{} of {} tests failed:\n{}", failures.len(), chosen.len(), failures.join("\n")))
}
