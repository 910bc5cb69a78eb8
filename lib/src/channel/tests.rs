//! The channel without a handle: somebody waits, a script plays the daemon.

use super::{Fault, Incoming, Want};
use crate::fake::{bounded, connection, machine, Waiting};
use guestfs_protocol::message::LAUNCH_FLAG;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

#[test]
fn words_come_in_and_the_console_goes_to_who_waits() {
    bounded(|| {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut machine = machine(|mut peer| {
            peer.raw(&LAUNCH_FLAG.to_be_bytes());
            // Until the library hangs up.
            peer.message();
        });
        machine.console = Some(ours);
        theirs.write_all(b"booting").unwrap();
        let (mut channel, by) = (connection(machine), Waiting::default());
        assert!(matches!(channel.incoming(&by, 0, false, None), Ok(Incoming::Launch)));
        while by.console.borrow().is_empty() {
            let deadline = Some(Instant::now() + Duration::from_millis(50));
            channel.wait(&by, &Want { deadline, ..Want::default() }).unwrap();
        }
        assert_eq!(*by.console.borrow(), b"booting");
        assert_eq!(channel.tail.total(), 7);
    });
}

#[test]
fn a_cancelled_wait_ends_at_once() {
    bounded(|| {
        let (mut channel, by) = (connection(machine(|mut peer| drop(peer.message()))), Waiting::default());
        by.cancel();
        assert!(matches!(channel.incoming(&by, 0, true, None), Ok(Incoming::UserCancelled)));
        // Who does not listen for it waits on.
        let soon = Some(Instant::now() + Duration::from_millis(20));
        assert!(matches!(channel.incoming(&by, 0, false, soon), Ok(Incoming::TimedOut)));
    });
}

#[test]
fn a_machine_that_goes_away_is_noticed() {
    bounded(|| {
        let (mut channel, by) = (connection(machine(drop)), Waiting::default());
        assert!(matches!(channel.incoming(&by, 0, true, None), Err(Fault::Died)));
    });
}
