//! guestfs-appliance: build, inspect and move the appliance by hand.
//!
//! In: a subcommand. Out: what was done, on standard output; debug lines on standard error with `-v`.
//! Nobody needs it but for `fetch-kernel` on hosts without a readable kernel: launching a handle builds
//! and saves what is missing.

use guestfs::appliance::build::{Request, Shape};
use guestfs::appliance::cache::{self, Cache};
use guestfs::appliance::manifest::Manifest;
use guestfs::appliance::{fetch, fixed, kernel};
use guestfs::backend::saved::{self, Store};
use guestfs::protocol::opts::AddDriveOpts;
use guestfs::{Error, Handle};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "\
usage: guestfs-appliance [-v] COMMAND

  build                 build the appliance into the cache, whatever is there,
                        boot it and save the machine for later launches
  list                  show what is in the cache: tools, option groups, sizes
  verify                check what is cached against its checksums
  clean                 empty the cache
  bench [COUNT]         time launches, restored and booted (default: 7 of each)
  fixed DIR             write a fixed appliance, for LIBGUESTFS_PATH=DIR
  fetch-kernel [--force] [--dir DATADIR] [PACKAGE]
                        download and unpack Debian's kernel; needs no root
                        (default: linux-image-amd64, into GUESTFS_RS_DATADIR
                        or the user's data directory)

environment: LIBGUESTFS_CACHEDIR or TMPDIR (cache, else /var/tmp),
GUESTFS_RS_DATADIR (kernels), GUESTFS_RS_DAEMON (the static guestfsd)
";

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    let verbose = args.first().is_some_and(|a| a == "-v");
    if verbose {
        args.remove(0);
    }
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let say = |line: &str| {
        if verbose {
            eprintln!("{line}");
        }
    };
    let done = match words.as_slice() {
        ["build"] => build(&say),
        ["list"] => list(),
        ["verify"] => verify(),
        ["bench"] => bench("7"),
        ["bench", count] => bench(count),
        ["clean"] => open_cache().and_then(|c| c.clean().map_err(|e| Failure(e.to_string()))),
        ["fixed", dir] => fixed::write(Path::new(dir), &say).map_err(Failure::from).map(|()| println!("{dir}")),
        ["fetch-kernel", rest @ ..] => fetch_kernel(rest),
        ["-h" | "--help" | "help"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(text)) => {
            eprintln!("guestfs-appliance: {text}");
            ExitCode::FAILURE
        }
    }
}

struct Failure(String);

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Failure(e.to_string())
    }
}

impl From<guestfs::machine::LaunchError> for Failure {
    fn from(e: guestfs::machine::LaunchError) -> Self {
        Failure(Error::from(e).to_string())
    }
}

fn open_cache() -> Result<Cache, Failure> {
    let dir = ["LIBGUESTFS_CACHEDIR", "TMPDIR"].iter().find_map(std::env::var_os);
    Cache::open(&dir.map_or(PathBuf::from("/var/tmp"), PathBuf::from)).map_err(Failure)
}

fn build(say: &dyn Fn(&str)) -> Result<(), Failure> {
    let start = Instant::now();
    let (dir, manifest) = open_cache()?.rebuild(&Request::new(Shape::Own)?, say)?;
    println!("built in {:.1} s", start.elapsed().as_secs_f64());
    show(&dir, &manifest);
    let took = launch(&[])?;
    println!("booted and saved, or restored, in {:.2} s", took.as_secs_f64());
    show_saved(&open_cache()?);
    Ok(())
}

/// How long a launch takes with these backend settings.
fn launch(settings: &[&str]) -> Result<Duration, Failure> {
    let g = Handle::new()?;
    // Our own appliance, whatever LIBGUESTFS_PATH says.
    g.set_path(Some("".into()))?;
    if !settings.is_empty() {
        g.set_backend_settings(settings)?;
    }
    g.add_drive("/dev/null", AddDriveOpts::new().readonly(true).format("raw"))?;
    let start = Instant::now();
    g.launch()?;
    let took = start.elapsed();
    g.shutdown()?;
    Ok(took)
}

fn bench(count: &str) -> Result<(), Failure> {
    let count = count.parse::<usize>().ok().filter(|n| (1..=1000).contains(n));
    let count = count.ok_or_else(|| Failure("bench: COUNT is a number from 1 to 1000".into()))?;
    let first = launch(&[])?;
    println!("first     {:8.3} s", first.as_secs_f64());
    for (name, settings) in [("restored", &[][..]), ("booted", &["no_snapshot"][..])] {
        let mut times = Vec::new();
        for _ in 0..count {
            times.push(launch(settings)?);
        }
        times.sort();
        let at = |n: usize| times.get(n).map_or(0.0, Duration::as_secs_f64);
        let (median, least, most) = (at(count / 2), at(0), at(count - 1));
        println!("{name:9} {median:8.3} s median of {count}, {least:.3} to {most:.3}");
    }
    Ok(())
}

fn show_saved(cache: &Cache) {
    for dir in Store::new(cache.path()).list() {
        // What is used of the disk: memory is mostly holes.
        let size: u64 = ["ram", "state"].iter().filter_map(|n| Some(dir.join(n).metadata().ok()?.blocks() * 512)).sum();
        println!("{}\n  saved machine: {:.1} MiB", dir.display(), size as f64 / f64::from(1 << 20));
    }
}

fn show(dir: &Path, manifest: &Manifest) {
    println!("{}", dir.display());
    println!("  kernel {}, root {}", manifest.kernel_release, manifest.root_type);
    for (name, facts) in &manifest.files {
        println!("  {name}: {:.1} MiB", facts.size as f64 / f64::from(1 << 20));
    }
    println!("  tools: {}", manifest.tools.iter().cloned().collect::<Vec<_>>().join(" "));
    for (name, off) in &manifest.groups {
        match off {
            None => println!("  group {name}: on"),
            Some(why) => println!("  group {name}: OFF: {why}"),
        }
    }
    for (name, why) in &manifest.missing {
        println!("  missing {name}: {why}");
    }
    if let Some(why) = manifest.stale() {
        println!("  out of date: {why}");
    }
}

fn list() -> Result<(), Failure> {
    for dir in open_cache()?.list() {
        match Manifest::read(&dir) {
            Ok(manifest) => show(&dir, &manifest),
            Err(why) => println!("{}\n  {why}", dir.display()),
        }
    }
    show_saved(&open_cache()?);
    Ok(())
}

fn verify() -> Result<(), Failure> {
    let mut bad = 0;
    let cache = open_cache()?;
    let appliances = cache.list().into_iter().map(|d| (cache::verify_fully(&d).map(drop), d));
    let machines = Store::new(cache.path()).list().into_iter().map(|d| (saved::verify(&d), d));
    for (result, dir) in appliances.chain(machines) {
        match result {
            Ok(()) => println!("{}: ok", dir.display()),
            Err(why) => {
                bad += 1;
                println!("{why}");
            }
        }
    }
    if bad > 0 {
        return Err(Failure(format!("{bad} damaged; the next launch builds anew")));
    }
    Ok(())
}

fn fetch_kernel(args: &[&str]) -> Result<(), Failure> {
    let mut rest = args.iter();
    let (mut force, mut datadir, mut package) = (false, None, fetch::PACKAGE);
    while let Some(arg) = rest.next() {
        match *arg {
            "--force" => force = true,
            "--dir" => datadir = rest.next().map(PathBuf::from),
            name if !name.starts_with('-') => package = name,
            other => return Err(Failure(format!("fetch-kernel: unknown option {other}"))),
        }
    }
    let datadir = match datadir {
        Some(dir) => dir,
        None => fetch::default_datadir()?,
    };
    let found = match kernel::find_fetched(&datadir) {
        Some(found) if !force => found,
        _ => fetch::fetch(package, &datadir, &|line| println!("{line}"))?,
    };
    println!("kernel {}: {}", found.release, found.image.display());
    Ok(())
}
