//! A guest for unit tests: a temporary directory, and a channel whose other end a thread plays.
//!
//! In: a closure that makes a call. Out: what it returned and what went over the channel.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::rc::Rc;

use guestfs_protocol::message::{frame_chunk, Chunk, HEADER_SIZE, PROGRAM, PROGRESS_FLAG};

use crate::channel::Channel;
use crate::ctx::{Ctx, Role};
use crate::disks::Disks;
use crate::error::Result;
use crate::path::GuestPath;
use crate::transfer_io::{FileIn, FileOut};

/// See the module's description.
pub struct Guest {
    pub ctx: Ctx,
    dir: tempfile::TempDir,
    peer: UnixStream,
}

/// Data chunks as small as the protocol has them, so that tests cross their borders.
const CHUNK: usize = 8192;

impl Guest {
    /// An empty guest.
    pub fn new() -> Guest {
        let dir = tempfile::tempdir().unwrap();
        // Outside of the root there is something that must never be reached.
        std::fs::write(dir.path().join("secret"), "host").unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let (ours, peer) = UnixStream::pair().unwrap();
        let ctx = Ctx::new(Channel::new(ours.into()), Role::Directory, &root, Disks::live()).unwrap();
        Guest { ctx, dir, peer }
    }

    /// The other end of the channel.
    pub fn library(&self) -> UnixStream {
        self.peer.try_clone().unwrap()
    }

    /// A guest path.
    pub fn path(&self, path: &str) -> GuestPath {
        GuestPath::parse(&self.ctx, path.into()).unwrap()
    }

    /// Where a guest path lies on the host.
    pub fn host(&self, path: &str) -> PathBuf {
        self.dir.path().join("root").join(path.trim_start_matches('/'))
    }

    /// Make a file with contents, and the directories above it.
    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let host = self.host(path);
        std::fs::create_dir_all(host.parent().unwrap()).unwrap();
        std::fs::write(host, contents).unwrap();
    }

    /// Make a symbolic link.
    pub fn link(&self, target: &str, path: &str) {
        std::os::unix::fs::symlink(target, self.host(path)).unwrap();
    }

    /// The contents of a file.
    pub fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.host(path)).unwrap()
    }

    /// Fail when something outside of the root was changed.
    pub fn check_outside(&self) {
        let mut names: Vec<_> = std::fs::read_dir(self.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["root", "secret"]);
        assert_eq!(std::fs::read(self.dir.path().join("secret")).unwrap(), b"host");
    }

    /// Make a call that sends a file; the bytes it sent.
    pub fn download(&mut self, call: impl FnOnce(&mut Ctx, &mut FileOut) -> Result<()>) -> Result<Vec<u8>> {
        let mut peer = self.peer.try_clone().unwrap();
        let reader = std::thread::spawn(move || read_file(&mut peer));
        let channel = Rc::clone(self.ctx.channel());
        channel.begin(1, 1);
        let mut out = FileOut::new(channel);
        let result = call(&mut self.ctx, &mut out);
        match result {
            Ok(()) => out.finish().unwrap(),
            Err(e) => {
                // Whatever was sent: end it, so that the reader comes back.
                drop(out);
                let cancel = frame_chunk(&Chunk { cancel: true, data: &[] }, Vec::new()).unwrap();
                self.ctx.channel().write_all(&cancel).unwrap();
                reader.join().unwrap();
                return Err(e);
            }
        }
        Ok(reader.join().unwrap())
    }

    /// Make a call that is sent a file.
    pub fn upload(&mut self, data: &[u8], call: impl FnOnce(&mut Ctx, &mut FileIn) -> Result<()>) -> Result<()> {
        let mut peer = self.peer.try_clone().unwrap();
        let data = data.to_vec();
        let writer = std::thread::spawn(move || {
            for part in data.chunks(CHUNK) {
                let chunk = frame_chunk(&Chunk { cancel: false, data: part }, Vec::new()).unwrap();
                peer.write_all(&chunk).unwrap();
            }
            let end = frame_chunk(&Chunk { cancel: false, data: &[] }, Vec::new()).unwrap();
            peer.write_all(&end).unwrap();
        });
        let channel = Rc::clone(self.ctx.channel());
        channel.begin(1, 1);
        let mut file = FileIn::new(channel, 0);
        let result = call(&mut self.ctx, &mut file);
        // The runtime drains what a handler left.
        let mut rest = Vec::new();
        let _ = file.read_to_end(&mut rest);
        writer.join().unwrap();
        result
    }
}

/// Data of all chunks up to the end or a cancel.
fn read_file(peer: &mut UnixStream) -> Vec<u8> {
    let mut data = Vec::new();
    loop {
        let mut word = [0; 4];
        peer.read_exact(&mut word).unwrap();
        let length = u32::from_be_bytes(word);
        if length == PROGRESS_FLAG {
            peer.read_exact(&mut [0; 24]).unwrap();
            continue;
        }
        let mut message = vec![0; length as usize];
        peer.read_exact(&mut message).unwrap();
        if message.starts_with(&PROGRAM.to_be_bytes()) {
            assert_eq!(message.len(), HEADER_SIZE, "the OK reply of a FileOut is a header");
            continue;
        }
        let chunk = Chunk::decode(&message, usize::MAX).unwrap();
        if chunk.cancel || chunk.data.is_empty() {
            return data;
        }
        data.extend_from_slice(chunk.data);
    }
}
