//! From start to end: load, give up rights, serve.
//!
//! In: the library's entry. Out: when the daemon has closed the socket, or does not keep to the protocol.

use crate::confine;
use crate::library::{Entry, Fault, Library, Result, Rights};
use crate::wire::Wire;
use guestfs_protocol::worker::{Reply, Value};

/// See the module's description.
pub fn serve(entry: &Entry, memory: u64, appliance: bool) -> Result<()> {
    let mut wire = Wire::new(rustix::stdio::stdin());
    let mut library = match ready(entry, memory, appliance) {
        Ok(library) => library,
        // The daemon reads why, and closes the socket.
        Err(fault) => return wire.send(&failed(fault)),
    };
    wire.send(&Reply::Done(Value::Nothing))?;
    while let Some((function, args)) = wire.request()? {
        let reply = match library.call(&function, args, &mut wire) {
            Ok(value) => Reply::Done(value),
            Err(fault) => failed(fault),
        };
        wire.send(&reply)?;
    }
    Ok(())
}

fn ready(entry: &Entry, memory: u64, appliance: bool) -> Result<Box<dyn Library>> {
    confine::begin(memory, appliance, entry.rights == Rights::Disks)?;
    let library = (entry.load)()?;
    if entry.rights != Rights::Tree {
        confine::seal(confine::READ)?;
    }
    Ok(library)
}

fn failed(fault: Fault) -> Reply {
    Reply::Failed { errno: fault.errno, message: fault.message }
}
