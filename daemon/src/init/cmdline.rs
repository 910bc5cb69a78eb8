//! The kernel's command line, which is how the library speaks to a machine that it starts.
//!
//! In: `/proc/cmdline`. Out: the options that matter to the daemon:
//!
//! | word | meaning |
//! |---|---|
//! | `root=/dev/vda`, `root=UUID=…` | the root file system |
//! | `rootfstype=ext4` | its type; found out when not given |
//! | `guestfs_verbose=1` | say more on the console |
//! | `guestfs_network=1` | bring the network up |
//! | `guestfs_channel=PATH` | device, or `/dev/virtio-ports/NAME`, instead of the usual port |
//! | `guestfs_rs=1` | our own library: it will say hello first |
//! | `guestfs_save=1` | the machine will be saved: worth warming up |
//! | `guestfs_rescue=1` | a shell on the console, see [`super::rescue`] |
//! | `guestfs_identifier=NAME` | shown on the console |

/// See the module's description.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cmdline {
    pub root: Option<String>,
    pub root_type: Option<String>,
    pub verbose: bool,
    pub network: bool,
    pub channel: Option<String>,
    pub own_library: bool,
    pub save: bool,
    pub rescue: bool,
    pub identifier: Option<String>,
}

impl Cmdline {
    /// Take what is known out of the text.
    pub fn parse(text: &str) -> Cmdline {
        let mut line = Cmdline::default();
        for word in words(text) {
            let (name, value) = word.split_once('=').unwrap_or((&word, ""));
            let some = || Some(value.to_owned());
            match name {
                "root" => line.root = some(),
                "rootfstype" => line.root_type = some(),
                "guestfs_verbose" => line.verbose = value == "1",
                "guestfs_network" => line.network = value == "1",
                "guestfs_channel" => line.channel = some(),
                "guestfs_rs" => line.own_library = value == "1",
                "guestfs_save" => line.save = value == "1",
                "guestfs_rescue" => line.rescue = value == "1",
                "guestfs_identifier" => line.identifier = some(),
                _ => {}
            }
        }
        line
    }
}

/// The kernel's rule (lib/cmdline.c): blanks separate, double quotes keep together and are dropped.
fn words(text: &str) -> Vec<String> {
    let (mut list, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_ascii_whitespace() && !quoted => list.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    list.push(word);
    list.retain(|w| !w.is_empty());
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_and_debians() {
        let line =
            Cmdline::parse("panic=1 quiet root=/dev/vda guestfs_rs=1 guestfs_verbose=1 guestfs_save=1 TERM=xterm\n");
        assert_eq!(
            line,
            Cmdline {
                root: Some("/dev/vda".into()),
                own_library: true,
                verbose: true,
                save: true,
                ..Cmdline::default()
            }
        );
        let line = Cmdline::parse(
            "panic=1 root=UUID=d4e3 selinux=0 quiet guestfs_network=1 guestfs_channel=\"/dev/x y\" guestfs_rs",
        );
        assert_eq!(line.root.as_deref(), Some("UUID=d4e3"));
        assert_eq!(line.channel.as_deref(), Some("/dev/x y"));
        assert!(line.network && !line.own_library && !line.verbose);
        assert_eq!(Cmdline::parse(""), Cmdline::default());
    }
}
