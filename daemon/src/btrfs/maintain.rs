//! Work on all of a mounted file system: scrubbing, balancing, defragmenting.
//!
//! In: a path of it. Out: the work, begun or done, and how far it is.

use bstr::ByteSlice;
use guestfs_protocol::opts::{BtrfsFilesystemDefragmentOpts, BtrfsScrubFullOpts};
use guestfs_protocol::structs::{Btrfsbalance, Btrfsscrub};

use super::place::Place;
use crate::ctx::Ctx;
use crate::error::{Context, Error, Result};
use crate::path::GuestPath;
use crate::run::Tool;
use crate::sys::btrfs::{balance, BALANCE_RUNNING};

/// Where the program records how far scrubs came, and is asked by others while it runs.
const RECORDS: &str = "/var/lib/btrfs";

/// Begin a scrub in the background.
pub fn btrfs_scrub_start(ctx: &mut Ctx, path: &GuestPath) -> Result<()> {
    scrub(ctx, path, &["start"]).map(drop)
}

/// Scrub to the end.
pub fn btrfs_scrub_full(ctx: &mut Ctx, path: &GuestPath, opts: &BtrfsScrubFullOpts) -> Result<()> {
    let words: &[&str] = if opts.readonly == Some(true) { &["start", "-B", "-r"] } else { &["start", "-B"] };
    scrub(ctx, path, words).map(drop)
}

/// Stop a running scrub.
pub fn btrfs_scrub_cancel(ctx: &mut Ctx, path: &GuestPath) -> Result<()> {
    scrub(ctx, path, &["cancel"]).map(drop)
}

/// Go on with a scrub in the background.
pub fn btrfs_scrub_resume(ctx: &mut Ctx, path: &GuestPath) -> Result<()> {
    scrub(ctx, path, &["resume"]).map(drop)
}

/// What the running or last scrub read and found, on all devices together.
pub fn btrfs_scrub_status(ctx: &mut Ctx, path: &GuestPath) -> Result<Btrfsscrub> {
    // Of a scrub that has ended only the program's own record is left.
    let output = scrub(ctx, path, &["status", "-R"])?;
    Ok(counts(&output))
}

/// `btrfs scrub`, which says that there is nothing to do on its standard output.
fn scrub(ctx: &Ctx, path: &GuestPath, words: &[&str]) -> Result<Vec<u8>> {
    /// Exit status of `resume`: no scrub can be taken up again.
    const NOTHING: i32 = 2;
    let place = Place::dir(ctx, path)?;
    std::fs::create_dir_all(RECORDS).context(RECORDS)?;
    let tool = Tool::new("btrfs").arg("scrub").args(words).arg(place.path()).pulse();
    let output = place.named(tool.run_status(ctx))?;
    match output.status {
        0 => Ok(output.stdout),
        NOTHING if output.stderr.trim().is_empty() => {
            place.named(Err(Error::msg("no scrub was cancelled or interrupted, there is nothing to resume")))
        }
        status => {
            let text = [output.stderr.trim(), output.stdout.trim()].into_iter().find(|t| !t.is_empty());
            let text = text.map_or_else(|| format!("btrfs failed with exit status {status}").into_bytes(), Into::into);
            place.named(Err(place.plain(&Error::msg(text))))
        }
    }
}

/// Lines of a tab, a name, a colon and a number. There are none before the first scrub.
fn counts(output: &[u8]) -> Btrfsscrub {
    let number = |name: &str| {
        let mut values = output.lines().filter_map(|line| line.trim().split_once_str(":"));
        let value = values.find(|(key, _)| *key == name.as_bytes()).and_then(|(_, v)| v.trim().to_str().ok());
        value.and_then(|v| v.parse().ok()).unwrap_or_default()
    };
    Btrfsscrub {
        btrfsscrub_data_extents_scrubbed: number("data_extents_scrubbed"),
        btrfsscrub_tree_extents_scrubbed: number("tree_extents_scrubbed"),
        btrfsscrub_data_bytes_scrubbed: number("data_bytes_scrubbed"),
        btrfsscrub_tree_bytes_scrubbed: number("tree_bytes_scrubbed"),
        btrfsscrub_read_errors: number("read_errors"),
        btrfsscrub_csum_errors: number("csum_errors"),
        btrfsscrub_verify_errors: number("verify_errors"),
        btrfsscrub_no_csum: number("no_csum"),
        btrfsscrub_csum_discards: number("csum_discards"),
        btrfsscrub_super_errors: number("super_errors"),
        btrfsscrub_malloc_errors: number("malloc_errors"),
        btrfsscrub_uncorrectable_errors: number("uncorrectable_errors"),
        btrfsscrub_unverified_errors: number("unverified_errors"),
        btrfsscrub_corrected_errors: number("corrected_errors"),
        btrfsscrub_last_physical: number("last_physical"),
    }
}

/// Write every chunk anew, to the end.
pub fn btrfs_filesystem_balance(ctx: &mut Ctx, fs: &GuestPath) -> Result<()> {
    // Without the option the program would first wait for somebody to think better of it.
    run_balance(ctx, fs, &["start", "--full-balance"])
}

/// Pause a running balance.
pub fn btrfs_balance_pause(ctx: &mut Ctx, path: &GuestPath) -> Result<()> {
    run_balance(ctx, path, &["pause"])
}

/// Stop a balance for good.
pub fn btrfs_balance_cancel(ctx: &mut Ctx, path: &GuestPath) -> Result<()> {
    run_balance(ctx, path, &["cancel"])
}

/// Go on with a paused balance, to the end.
pub fn btrfs_balance_resume(ctx: &mut Ctx, path: &GuestPath) -> Result<()> {
    run_balance(ctx, path, &["resume"])
}

fn run_balance(ctx: &Ctx, path: &GuestPath, words: &[&str]) -> Result<()> {
    let place = Place::dir(ctx, path)?;
    let tool = Tool::new("btrfs").arg("balance").args(words).arg(place.path()).pulse();
    place.run(ctx, tool).map(drop)
}

/// How far the balance is.
pub fn btrfs_balance_status(ctx: &mut Ctx, path: &GuestPath) -> Result<Btrfsbalance> {
    let place = Place::dir(ctx, path)?;
    let Some(found) = place.named(balance(&place))? else {
        return Ok(Btrfsbalance { btrfsbalance_status: "none".into(), ..Btrfsbalance::default() });
    };
    let running = found.state & BALANCE_RUNNING != 0;
    Ok(Btrfsbalance {
        btrfsbalance_status: if running { "running" } else { "paused" }.into(),
        btrfsbalance_total: found.expected,
        btrfsbalance_balanced: found.completed,
        btrfsbalance_considered: found.considered,
        btrfsbalance_left: left(found.expected, found.completed),
    })
}

/// Percent of the chunks that are left, rounded. One that was not taken up again since the file system was mounted has not
/// counted its chunks yet.
fn left(expected: u64, completed: u64) -> u64 {
    let (all, rest) = (u128::from(expected), u128::from(expected.saturating_sub(completed)));
    let percent = (rest * 100 + all / 2).checked_div(all);
    percent.and_then(|p| u64::try_from(p).ok()).unwrap_or(100)
}

/// Write a file, or the metadata of a directory, anew in few extents.
pub fn btrfs_filesystem_defragment(
    ctx: &mut Ctx,
    path: &GuestPath,
    opts: &BtrfsFilesystemDefragmentOpts,
) -> Result<()> {
    let mut tool = Tool::new("btrfs").args(["filesystem", "defragment"]);
    if opts.flush == Some(true) {
        tool = tool.arg("-f");
    }
    match opts.compress.as_ref().map(|c| c.as_bytes()) {
        None => {}
        Some(b"zlib") => tool = tool.arg("-czlib"),
        Some(b"lzo") => tool = tool.arg("-clzo"),
        Some(other) => return Err(Error::invalid(format!("'{}': compress must be 'zlib' or 'lzo'", other.as_bstr()))),
    }
    let place = Place::of(ctx, path)?;
    let tool = tool.arg("--").arg(place.path()).pulse();
    place.run(ctx, tool).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_a_scrub() {
        let text = b"UUID:             x\nStatus:           finished\n\tdata_extents_scrubbed: 3\n\tcsum_errors: 7\n\
            \tuncorrectable_errors: 1\n\tlast_physical: 18446744073709551615\n";
        let wanted = Btrfsscrub {
            btrfsscrub_data_extents_scrubbed: 3,
            btrfsscrub_csum_errors: 7,
            btrfsscrub_uncorrectable_errors: 1,
            btrfsscrub_last_physical: u64::MAX,
            ..Btrfsscrub::default()
        };
        assert_eq!(counts(text), wanted);
        assert_eq!(counts(b"UUID: x\n\tno stats available\n"), Btrfsscrub::default());
    }

    #[test]
    fn what_is_left() {
        for (expected, completed, percent) in [(10, 0, 100), (10, 10, 0), (3, 1, 67), (8, 9, 0), (0, 0, 100)] {
            assert_eq!(left(expected, completed), percent, "{expected} {completed}");
        }
        assert_eq!(left(u64::MAX, 1), 100);
    }
}
