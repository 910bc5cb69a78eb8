//! Machines that cannot take drives after launch.

use crate::fake::{bounded, handle, machine, Fleet};
use crate::handle::{Handle, State};
use crate::launch::launch_on;
use guestfs_protocol::message::LAUNCH_FLAG;
use guestfs_protocol::opts::AddDriveScratchOpts;
use guestfs_protocol::rets::DebugRet;

fn refused(g: &Handle, why: &str) {
    let label = || AddDriveScratchOpts::new().label("new");
    for e in [g.add_drive_scratch(1 << 20, label()).unwrap_err(), g.remove_drive("old").unwrap_err()] {
        assert_eq!(e.errno(), libc::ENOTSUP, "{e}");
        assert!(e.message().to_string().contains(why), "{e}");
        assert_eq!(g.state(), State::Ready);
        g.ping_daemon().unwrap();
    }
    assert_eq!(g.remove_drive("new").unwrap_err().errno(), libc::ENOENT);
    assert_eq!(g.drives().len(), 1);
}

#[test]
fn a_daemon_that_knows_no_hello() {
    bounded(|| {
        let g = handle();
        g.add_drive_scratch(1 << 20, AddDriveScratchOpts::new().label("old")).unwrap();
        let m = machine(|mut peer| {
            peer.raw(&LAUNCH_FLAG.to_be_bytes());
            peer.serve();
        });
        launch_on(&g, &mut Fleet(vec![m])).unwrap();
        refused(&g, "with this appliance");
    });
}

#[test]
fn a_backend_that_cannot_and_a_daemon_that_does_not() {
    bounded(|| {
        let g = handle();
        g.add_drive_scratch(1 << 20, AddDriveScratchOpts::new().label("old")).unwrap();
        let mut m = machine(|mut peer| {
            peer.raw(&LAUNCH_FLAG.to_be_bytes());
            // An old daemon: it skips the words that it does not know.
            while let Some((h, _)) = peer.request() {
                let sent = match h.proc {
                    guestfs_protocol::procs::DEBUG => {
                        peer.ok(&h, &DebugRet { result: "v=1 chunk=8192 version=0".into() })
                    }
                    _ => peer.ok(&h, &()),
                };
                assert!(sent);
            }
        });
        m.hello = Some(vec!["v=1".into()]);
        launch_on(&g, &mut Fleet(vec![m])).unwrap();
        refused(&g, "before launch");
    });
}
