//! The name that a system gives itself.
//!
//! In: files of the mounted guest. Out: the name.

use super::guest;
use crate::ctx::Ctx;
use bstr::{BString, ByteSlice};

/// Longest name the kernel takes, `HOST_NAME_MAX`, and some for a domain behind it.
const NAME_MAX: usize = 255;

/// The name of a Linux system: SUSE's file, everybody's file, Red Hat's and Gentoo's of old.
pub fn of_linux(ctx: &Ctx) -> Option<BString> {
    line(ctx, "/etc/HOSTNAME")
        .or_else(|| line(ctx, "/etc/hostname"))
        .or_else(|| assigned(ctx, "/etc/sysconfig/network", "HOSTNAME"))
        .or_else(|| assigned(ctx, "/etc/conf.d/hostname", "hostname"))
        .or_else(|| assigned(ctx, "/etc/conf.d/hostname", "HOSTNAME"))
        .filter(|name| name.len() <= NAME_MAX)
}

/// The name of a BSD system: a setting of FreeBSD and NetBSD, a file of OpenBSD.
pub fn of_bsd(ctx: &Ctx) -> Option<BString> {
    assigned(ctx, "/etc/rc.conf", "hostname").or_else(|| line(ctx, "/etc/myname")).filter(|name| name.len() <= NAME_MAX)
}

/// The name of a Minix system.
pub fn of_minix(ctx: &Ctx) -> Option<BString> {
    line(ctx, "/etc/hostname.file").filter(|name| name.len() <= NAME_MAX)
}

fn line(ctx: &Ctx, file: &str) -> Option<BString> {
    guest::text(ctx, file).and_then(|text| first_line(&text))
}

fn assigned(ctx: &Ctx, file: &str, key: &str) -> Option<BString> {
    guest::text(ctx, file).and_then(|text| guest::assigned(&text, key))
}

/// The first line that is neither blank nor a comment.
fn first_line(text: &[u8]) -> Option<BString> {
    text.lines().map(ByteSlice::trim).find(|line| !line.is_empty() && !line.starts_with(b"#")).and_then(guest::shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    #[test]
    fn names() {
        let check = |files: &[(&str, &str)], want: Option<&str>| {
            let g = Guest::new();
            files.iter().for_each(|(path, text)| g.write(path, text));
            assert_eq!(of_linux(&g.ctx), want.map(BString::from), "{files:?}");
        };
        check(&[("/etc/hostname", "debian.example\n")], Some("debian.example"));
        check(&[("/etc/hostname", "# made by hand\n\n  box  \nother\n")], Some("box"));
        check(&[("/etc/hostname", "\n"), ("/etc/sysconfig/network", "NETWORKING=yes\nHOSTNAME=\"rh\"\n")], Some("rh"));
        check(&[("/etc/HOSTNAME", "suse\n"), ("/etc/hostname", "x\n")], Some("suse"));
        check(&[("/etc/conf.d/hostname", "hostname=\"gentoo\"\n")], Some("gentoo"));
        check(&[("/etc/hostname", "a\x01b\n")], None);
        check(&[("/etc/hostname", &"x".repeat(300))], None);
        check(&[], None);
    }

    #[test]
    fn names_of_other_systems() {
        let g = Guest::new();
        g.write("/etc/myname", "puffy.example\n");
        g.write("/etc/hostname.file", "minix\n");
        assert_eq!((of_bsd(&g.ctx), of_minix(&g.ctx)), (Some("puffy.example".into()), Some("minix".into())));
        g.write("/etc/rc.conf", "sshd_enable=\"YES\"\nhostname=\"bsd.example\"\n");
        assert_eq!(of_bsd(&g.ctx), Some("bsd.example".into()));
    }
}
