//! The words of the hello.
//!
//! In: the drives of a machine whose SCSI disks have target = index, LUN 0. Out: what its daemon is told
//! first: the time, fresh random bytes, the size of chunks, that it may hear cancel words in any call, which disk
//! is which drive.

use crate::drive::Drives;
use bstr::BString;
use guestfs_protocol::message::BIG_CHUNK_SIZE;
use std::time::SystemTime;

/// The arguments; `verbose`: the daemon is to say more.
pub fn words(drives: &Drives, verbose: bool) -> Vec<BString> {
    let mut words = vec![BString::from("v=1")];
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    words.push(format!("time={}.{:09}", now.as_secs(), now.subsec_nanos()).into());
    // Without fresh bytes the daemon refuses the hello, which is right: a restored machine would
    // hand out the same "random" numbers every time (snapshot-lab).
    if let Ok(entropy) = crate::appliance::random_bytes::<64>() {
        let hex: String = entropy.iter().map(|b| format!("{b:02x}")).collect();
        words.push(format!("entropy={hex}").into());
    }
    words.push(format!("chunk={BIG_CHUNK_SIZE}").into());
    words.push("cancel=1".into());
    if verbose {
        words.push("verbose=1".into());
    }
    for (index, drive) in drives.iter() {
        let mut word = format!("disk={index}:scsi:{index}:0").into_bytes();
        if let Some(label) = &drive.label {
            word.push(b':');
            word.extend_from_slice(label);
        }
        words.push(word.into());
    }
    words
}
