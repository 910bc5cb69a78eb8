//! Hostile data for the foreign libraries: each is fed more than two hundred damaged inputs in one session.
//! Every call on one ends in an answer or an error within ten seconds, and the session goes on.
//!
//! In: a row of [`LIBRARIES`] for each library: a sound input, and calls to make on a damaged one. Out: how many
//! inputs gave answers only, errors, crashes and timeouts. The damage is the same in every run. `CASE=text` picks
//! libraries.
//!
//! A LIBRARY IS ADDED by a row here and a module in `mutations/`.

#[path = "mutations/big.rs"]
mod big;
#[path = "mutations/configs.rs"]
mod configs;
#[path = "mutations/contents.rs"]
mod contents;
#[path = "mutations/damage.rs"]
mod damage;
#[path = "mutations/hives.rs"]
mod hives;
#[path = "mutations/images.rs"]
mod images;
#[path = "mutations/journals.rs"]
mod journals;
#[path = "mutations/rpm.rs"]
mod rpm;
#[path = "mutations/rules.rs"]
mod rules;

use guestfs::Handle;
use std::time::{Duration, Instant};

const MIB: i64 = 1 << 20;

/// Damaged inputs for each library.
const INPUTS: u64 = 220;

/// What the issue grants a call.
const DEADLINE: Duration = Duration::from_secs(10);

/// A library, and what it is fed.
struct Library {
    name: &'static str,
    /// The option group that must work.
    group: &'static str,
    /// A sound input, made with the handle or by the test itself.
    sound: fn(&Handle) -> Vec<u8>,
    /// Mend what the library would refuse at once otherwise, a checksum for example.
    mend: fn(&mut [u8]),
    /// Calls on the input in this file of the guest, each through [`Calls::make`].
    calls: fn(&mut Calls<'_>, &str),
}

const LIBRARIES: &[Library] = &[
    Library { name: "augeas", group: "augeas", sound: configs::sound, mend: |_| (), calls: configs::calls },
    Library { name: "hivex", group: "hivex", sound: hives::sound, mend: hives::mend, calls: hives::calls },
    Library { name: "tsk", group: "libtsk", sound: images::sound, mend: |_| {}, calls: images::calls },
    Library { name: "yara", group: "libyara", sound: rules::source, mend: |_| {}, calls: rules::calls },
    Library { name: "compiled", group: "libyara", sound: rules::compiled, mend: |_| {}, calls: rules::calls },
    Library { name: "journal", group: "journal", sound: journals::sound, mend: journals::mend, calls: journals::calls },
    // These are in no group: that one is always there.
    Library { name: "rpmdb.sqlite", group: "realpath", sound: rpm::sqlite, mend: rpm::mend, calls: rpm::calls },
    Library { name: "Packages", group: "realpath", sound: rpm::berkeley, mend: rpm::mend, calls: rpm::calls },
    Library { name: "blkid", group: "realpath", sound: contents::sound, mend: |_| {}, calls: contents::calls },
    Library { name: "Packages.db", group: "realpath", sound: rpm::ndb, mend: rpm::mend, calls: rpm::calls },
];

/// The calls on one input.
struct Calls<'a> {
    g: &'a Handle,
    slowest: Duration,
    errors: Vec<String>,
}

impl Calls<'_> {
    /// Make a call; `None` when it failed.
    fn make<T>(&mut self, call: impl FnOnce(&Handle) -> guestfs::Result<T>) -> Option<T> {
        let begun = Instant::now();
        let result = call(self.g);
        self.slowest = self.slowest.max(begun.elapsed());
        result.map_err(|e| self.errors.push(e.to_string())).ok()
    }
}

fn launched() -> Handle {
    let g = Handle::new().unwrap();
    g.add_drive_scratch(256 * MIB, Default::default()).unwrap();
    g.add_drive_scratch(2 * MIB, Default::default()).unwrap();
    g.launch().unwrap();
    g.mkfs("ext4", "/dev/sda", Default::default()).unwrap();
    g.mount("/dev/sda", "/").unwrap();
    g
}

#[test]
fn damaged_inputs_end_in_answers_or_errors() {
    let g = launched();
    let only = std::env::var("CASE").unwrap_or_default();
    for library in LIBRARIES.iter().filter(|library| library.name.contains(&only)) {
        if !g.feature_available(&[library.group]).unwrap() {
            println!("not run: mutations of {}: the appliance lacks the group", library.name);
            continue;
        }
        feed(&g, library);
        // The session is as good as before.
        g.ping_daemon().unwrap();
        assert_eq!(g.mounts().unwrap(), ["/dev/sda"], "{}", library.name);
    }
    if g.feature_available(&["augeas"]).unwrap() && "many".contains(&only) {
        configs::many(&g);
    }
    g.umount_all().unwrap();
    g.shutdown().unwrap();
}

fn feed(g: &Handle, library: &Library) {
    let begun = Instant::now();
    let sound = (library.sound)(g);
    // It was said why.
    if sound.is_empty() {
        return;
    }
    let (mut well, mut failed, mut crashed, mut overdue) = (0, 0, 0, 0);
    let mut slowest = Duration::ZERO;
    for seed in 0..INPUTS {
        let mut input = sound.clone();
        // The first is as it was: the calls do something at all.
        if seed > 0 {
            damage::damage(&mut input, seed);
            (library.mend)(&mut input);
        }
        let path = format!("/{}-{seed}", library.name);
        g.write(&path, &input).unwrap();
        let mut calls = Calls { g, slowest: Duration::ZERO, errors: Vec::new() };
        (library.calls)(&mut calls, &path);
        let (took, errors) = (calls.slowest, calls.errors);
        g.rm(&path).unwrap();
        assert!(seed > 0 || errors.is_empty(), "{}: the sound input: {errors:?}", library.name);
        assert!(took < DEADLINE, "{} {seed}: a call took {took:?}: {errors:?}", library.name);
        slowest = slowest.max(took);
        let says = |words: &str| errors.iter().any(|e| e.contains(words));
        crashed += usize::from(says("library crashed"));
        overdue += usize::from(says("no sign of life"));
        match errors.is_empty() {
            true => well += 1,
            false => failed += 1,
        }
    }
    println!(
        "{}: {INPUTS} inputs: {well} gave answers only, {failed} errors, among them {crashed} crashes and {overdue} \
         timeouts; the slowest call took {:.1} s, all {:.0} s",
        library.name,
        slowest.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
}
