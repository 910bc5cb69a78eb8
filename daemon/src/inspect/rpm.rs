//! The packages of a guest with RPM, which librpm reads in a worker.
//!
//! In: the guest's tree. Out: packages; what is in the database is the guest's word.

use crate::ctx::Ctx;
use crate::error::{Errno, Error, Result};
use crate::worker::{tree, Library, Worker};
use bstr::BString;
use guestfs_protocol::structs::Application2;
use rustix::fd::AsFd;

static RPM: Library = Library { name: "rpm", thing: "RPM database", opener: "inspect_list_applications2" };

/// More are on no system.
const PACKAGES_MAX: usize = 50_000;
/// Texts of all packages, of which the longest are left out when they do not fit a message.
const TEXTS_MAX: usize = 64 << 20;
/// What fits a message of 4 MiB for sure.
const MESSAGE_MAX: usize = 3 << 20;

/// The packages in the RPM database of the mounted guest.
pub fn internal_list_rpm_applications(ctx: &mut Ctx) -> Result<Vec<Application2>> {
    let tree = tree::copy(ctx)?;
    let mut worker = Worker::start(ctx, &RPM, "the RPM database of the guest".into())?;
    let (mut all, mut size) = (Vec::new(), 0_usize);
    let add = |(name, epoch, texts): (BString, i32, Vec<BString>)| {
        let package = package(name, epoch, texts)?;
        size = size.saturating_add(text_size(&package));
        if all.len() >= PACKAGES_MAX || size > TEXTS_MAX {
            return Err(Error::new(Errno::TOOBIG, "more packages than on any system"));
        }
        all.try_reserve(1).map_err(|_| Errno::NOMEM)?;
        all.push(package);
        Ok(())
    };
    let left_out: i64 = worker.stream(ctx, "packages", (tree.as_fd(),), add)?;
    if left_out > 0 {
        eprintln!("guestfsd: the RPM database of the guest: {left_out} packages are damaged, and left out");
    }
    if size > MESSAGE_MAX {
        all.iter_mut().for_each(|package| package.app2_description.clear());
    }
    Ok(all)
}

fn package(name: BString, epoch: i32, texts: Vec<BString>) -> Result<Application2> {
    let texts: [BString; 6] =
        texts.try_into().map_err(|_| Error::new(Errno::PROTO, "a package without all of its texts"))?;
    let [version, release, arch, url, summary, description] = texts;
    Ok(Application2 {
        app2_name: name,
        app2_epoch: epoch,
        app2_version: version,
        app2_release: release,
        app2_arch: arch,
        app2_url: url,
        app2_summary: summary,
        app2_description: description,
        ..Application2::default()
    })
}

/// Bytes in a message.
fn text_size(package: &Application2) -> usize {
    let texts = [
        &package.app2_name,
        &package.app2_version,
        &package.app2_release,
        &package.app2_arch,
        &package.app2_url,
        &package.app2_summary,
        &package.app2_description,
    ];
    // Thirteen fields have a length or value of four bytes, and up to three to fill up.
    texts.iter().fold(13 * 7, |sum, text| sum.saturating_add(text.len()))
}
