//! How fast the daemon is without a machine around it: calls a second and MiB a second over a socket
//! pair, serving a temporary directory. `cargo run --release -p guestfsd --example throughput`

use guestfs_protocol::args::{DebugArgs, DownloadArgs, IsFileArgs, StatnsArgs, UploadArgs};
use guestfs_protocol::message::{frame, frame_chunk, Chunk, Header, BIG_CHUNK_SIZE, MAX_CHUNK_SIZE};
use guestfs_protocol::procs;
use guestfs_protocol::xdr::{Xdr, XdrError};
use guestfsd::channel::Channel;
use guestfsd::ctx::{Ctx, Role};
use guestfsd::disks::Disks;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

struct Client(UnixStream);

impl Client {
    fn send<T: Xdr>(&mut self, proc: i32, args: &T) -> Fallible<()> {
        let bytes = frame(&Header::call(proc, 1, 0, 0), |e| -> Result<(), XdrError> { e.put(args) })?;
        Ok(self.0.write_all(&bytes)?)
    }
    fn receive(&mut self, buf: &mut Vec<u8>) -> Fallible<()> {
        let mut word = [0; 4];
        self.0.read_exact(&mut word)?;
        buf.resize(u32::from_be_bytes(word) as usize, 0);
        Ok(self.0.read_exact(buf)?)
    }
}

fn main() -> Fallible<()> {
    let dir = tempfile::tempdir()?;
    let (ours, theirs) = UnixStream::pair()?;
    let guest = dir.path().to_owned();
    std::thread::spawn(move || {
        let ctx = Ctx::new(Channel::new(theirs.into()), Role::Directory, &guest, Disks::live());
        ctx.and_then(|mut ctx| guestfsd::rpc::serve(&mut ctx, guestfsd::dispatch::dispatch))
    });
    let mut client = Client(ours);
    let mut buf = Vec::new();
    let mut rate = |name: &str, run: &mut dyn FnMut(&mut Client, &mut Vec<u8>) -> Fallible<()>| -> Fallible<()> {
        let (start, n) = (Instant::now(), 20_000);
        for _ in 0..n {
            run(&mut client, &mut buf)?;
        }
        println!("{name:14} {:>9.0} calls/s", f64::from(n) / start.elapsed().as_secs_f64());
        Ok(())
    };
    std::fs::write(dir.path().join("f"), b"x")?;
    rate("ping_daemon", &mut |c, b| {
        c.send(procs::PING_DAEMON, &())?;
        c.receive(b)
    })?;
    rate("is_file", &mut |c, b| {
        c.send(procs::IS_FILE, &IsFileArgs { path: "/f".into(), followsymlinks: false })?;
        c.receive(b)
    })?;
    rate("statns", &mut |c, b| {
        c.send(procs::STATNS, &StatnsArgs { path: "/f".into() })?;
        c.receive(b)
    })?;
    let total = 512 << 20;
    for chunk in [MAX_CHUNK_SIZE, BIG_CHUNK_SIZE] {
        if chunk > MAX_CHUNK_SIZE {
            let words = vec!["v=1".into(), format!("chunk={chunk}").into()];
            client.send(procs::DEBUG, &DebugArgs { subcmd: "guestfs-rs".into(), extraargs: words })?;
            client.receive(&mut buf)?;
        }
        let data = vec![7; chunk];
        let start = Instant::now();
        client.send(procs::UPLOAD, &UploadArgs { remotefilename: "/big".into() })?;
        for _ in 0..total / chunk {
            client.0.write_all(&frame_chunk(&Chunk { cancel: false, data: &data }, Vec::new())?)?;
        }
        client.0.write_all(&frame_chunk(&Chunk { cancel: false, data: b"" }, Vec::new())?)?;
        client.receive(&mut buf)?;
        let up = start.elapsed().as_secs_f64();
        let start = Instant::now();
        client.send(procs::DOWNLOAD, &DownloadArgs { remotefilename: "/big".into() })?;
        client.receive(&mut buf)?;
        while {
            client.receive(&mut buf)?;
            buf.len() > 8
        } {}
        let down = start.elapsed().as_secs_f64();
        println!("chunks of {chunk:6} upload {:>6.0} MiB/s, download {:>6.0} MiB/s", 512.0 / up, 512.0 / down);
    }
    Ok(())
}
