//! Connections to NBD servers that are made here and handed to qemu, which then needs no network.
//!
//! In: a drive on a server. Out: a connected socket, or why there is none.

use crate::drive::{Protocol, Remote, Server};
use crate::machine::Reporter;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// For each address of a server.
const LIMIT: Duration = Duration::from_secs(20);
/// For a server with all its addresses.
const LIMIT_OF_ALL: Duration = Duration::from_secs(60);
/// How often a cancellation is looked for, and a full server asked again.
const TICK: Duration = Duration::from_millis(50);
const USUAL_PORT: u16 = 10809;

/// Connect to its first server; `None` for protocols of which a connection is not all.
pub fn to(remote: &Remote, reporter: &dyn Reporter) -> Option<io::Result<OwnedFd>> {
    let server = remote.servers.first().filter(|_| remote.protocol == Protocol::Nbd)?.clone();
    let (answer, answered) = mpsc::channel();
    // Names are looked up without an end that could be set: on a thread that is left to itself.
    let connect = move || drop(answer.send(connect(&server)));
    if let Err(e) = std::thread::Builder::new().name("guestfs-connect".into()).spawn(connect) {
        return Some(Err(e));
    }
    let deadline = Instant::now() + LIMIT_OF_ALL;
    Some(loop {
        match answered.recv_timeout(TICK) {
            Ok(result) => break result,
            Err(_) if reporter.cancelled() => break Err(io::Error::from_raw_os_error(libc::ECANCELED)),
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
            Err(_) => break Err(io::Error::from_raw_os_error(libc::ETIMEDOUT)),
        }
    })
}

fn connect(server: &Server) -> io::Result<OwnedFd> {
    match server {
        Server::Unix(path) => unix(Path::new(path), Instant::now() + LIMIT),
        Server::Tcp { host, port } => {
            let host = std::str::from_utf8(host).map_err(io::Error::other)?;
            let port = if *port == 0 { USUAL_PORT } else { *port };
            let mut last = io::Error::from_raw_os_error(libc::EHOSTUNREACH);
            for address in (host, port).to_socket_addrs()? {
                match TcpStream::connect_timeout(&address, LIMIT) {
                    Ok(stream) => {
                        // Requests are small, and waited for.
                        let _ = stream.set_nodelay(true);
                        return Ok(stream.into());
                    }
                    Err(e) => last = e,
                }
            }
            Err(last)
        }
    }
}

/// Connect to a socket of this host. Where the server's queue is full, connect(2) would wait for as long as it is.
fn unix(path: &Path, deadline: Instant) -> io::Result<OwnedFd> {
    let address = SocketAddrUnix::new(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    loop {
        match rustix::net::connect(&socket, &address) {
            Err(Errno::AGAIN) if Instant::now() < deadline => std::thread::sleep(TICK),
            Err(Errno::AGAIN) => return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT)),
            connected => break connected?,
        }
    }
    rustix::io::ioctl_fionbio(&socket, false)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_server_is_not_waited_for_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let full = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None);
        let server = full.unwrap();
        rustix::net::bind(&server, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        rustix::net::listen(&server, 0).unwrap();
        let soon = || Instant::now() + Duration::from_millis(200);
        let first = unix(&path, soon()).unwrap();
        assert!(!rustix::fs::fcntl_getfl(&first).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
        assert_eq!(unix(&path, soon()).unwrap_err().raw_os_error(), Some(libc::ETIMEDOUT));
        let taken = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            (rustix::net::accept(&server), server)
        });
        unix(&path, Instant::now() + LIMIT).unwrap();
        taken.join().unwrap().0.unwrap();
        let gone = unix(&dir.path().join("none"), soon()).unwrap_err();
        assert_eq!(gone.raw_os_error(), Some(libc::ENOENT));
    }
}
