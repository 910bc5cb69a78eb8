//! A program on a pseudo-terminal, typed at and watched.

use super::environment::clean;
use rustix::pty::{grantpt, openpt, ptsname, unlockpt, OpenptFlags};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::time::{Duration, Instant};

/// The usual prompt.
pub const PROMPT: &str = "><fs> ";

/// Longest wait for something to appear.
const PATIENCE: Duration = Duration::from_secs(60);

/// guestfish with its terminal.
pub struct Terminal {
    pub child: Child,
    /// The other side of the terminal.
    pub keys: File,
    output: Receiver<Vec<u8>>,
    seen: String,
    dir: tempfile::TempDir,
}

impl Terminal {
    /// Start it.
    pub fn open(args: &[&str], env: &[(&str, &str)]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = PathBuf::from(ptsname(&master, Vec::new()).unwrap().into_string().unwrap());
        let side = || Stdio::from(OwnedFd::from(File::options().read(true).write(true).open(&name).unwrap()));
        let dir = tempfile::tempdir().unwrap();
        // Whatever started the tests may have had signals ignored, as nohup does; guestfish would leave it at
        // that. setsid makes the terminal the controlling one, so that Ctrl-C becomes SIGINT.
        let mut command = Command::new("env");
        command
            .args(["--default-signal", "setsid", "--ctty"])
            .arg("--wait")
            .arg(env!("CARGO_BIN_EXE_guestfish"))
            .args(args);
        clean(&mut command, dir.path());
        command.env("TERM", "xterm").envs(env.iter().copied());
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
        let (sender, output) = channel();
        let mut reader = File::from(master.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal { child, keys: File::from(master), output, seen: String::new(), dir }
    }

    /// Type.
    pub fn keys(&mut self, text: impl AsRef<[u8]>) {
        self.keys.write_all(text.as_ref()).unwrap();
    }

    /// Wait until `text` appears; what was seen up to and with it is returned and forgotten.
    #[track_caller]
    pub fn wait(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.seen += &String::from_utf8_lossy(&bytes),
                Err(e) => {
                    let from = self.seen.char_indices().rev().nth(2000).map_or(0, |(at, _)| at);
                    panic!("{text:?} did not appear ({e}); seen at last: {:?}", &self.seen[from..])
                }
            }
        }
    }

    /// Wait for the end; its exit status.
    #[track_caller]
    pub fn end(&mut self) -> i32 {
        self.status().code().unwrap()
    }

    /// Wait for the end, whatever ends it.
    #[track_caller]
    pub fn status(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "guestfish does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A file in its directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Already gone when the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
