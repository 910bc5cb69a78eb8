//! FreeBSD, NetBSD and OpenBSD.
//!
//! In: the mounted file system. Out: what its files tell, when it is the root of one of them. None has a file
//! that gives its version and nothing else on all releases: several are asked, the surest first.

use super::{arch, guest, hostname, release, Os};
use crate::ctx::Ctx;
use bstr::{BString, ByteSlice};

/// The system whose root is mounted, all but its fstab.
pub fn root(ctx: &Ctx) -> Option<Os> {
    if !["/etc", "/bin"].iter().all(|dir| guest::is_dir(ctx, dir)) || !guest::is_file(ctx, "/etc/fstab") {
        return None;
    }
    let file = |name: &str| guest::is_file(ctx, name);
    let (kind, (product, version)) = if file("/etc/freebsd-update.conf") || file("/bin/freebsd-version") {
        ("freebsd", freebsd(ctx))
    } else if file("/netbsd") && file("/etc/release") {
        ("netbsd", named(ctx, "/etc/release", "NetBSD "))
    } else if file("/bsd") && file("/etc/motd") {
        ("openbsd", named(ctx, "/etc/motd", "OpenBSD "))
    } else {
        return None;
    };
    let (arch, hostname) = (arch::of_guest(ctx), hostname::of_bsd(ctx));
    let version = version.unwrap_or_default();
    Some(Os { kind: Some(kind), distro: Some(kind), product, version, arch, hostname, ..Os::default() })
}

type Named = (Option<BString>, Option<release::Version>);

/// The first line of a file, when it begins with the system's name. An OpenBSD whose message was never
/// written says `?.?`.
fn named(ctx: &Ctx, file: &str, head: &str) -> Named {
    let line = guest::text(ctx, file).and_then(|text| guest::shown(text.lines().next()?));
    let line = line.filter(|line| line.starts_with(head.as_bytes()));
    let version = line.as_ref().and_then(|line| release::version(line.fields().nth(1)?));
    (line, version)
}

/// The program that tells the version since 10.0 is a script with the version in it; the message of the
/// day, which anybody may have edited, begins with the version up to 12.
fn freebsd(ctx: &Ctx) -> Named {
    let (message, old) = named(ctx, "/etc/motd", "FreeBSD ");
    let script = guest::text(ctx, "/bin/freebsd-version");
    let userland = script.and_then(|text| guest::assigned(&text, "USERLAND_VERSION"));
    let version = userland.as_ref().and_then(|text| release::version(text)).or(old);
    let product = message.or_else(|| userland.map(|text| bstr::concat([b"FreeBSD ", text.as_slice()]).into()));
    (product, version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    #[test]
    fn versions() {
        let both = |product: &str, version| (Some(BString::from(product)), Some(version));
        let check = |files: &[(&str, &str)], find: fn(&Ctx) -> Named, want: Named| {
            let g = Guest::new();
            files.iter().for_each(|(path, text)| g.write(path, text));
            assert_eq!(find(&g.ctx), want, "{files:?}");
        };
        let motd = |text| ("/etc/motd", text);
        let script = ("/bin/freebsd-version", "#!/bin/sh\nset -e\nUSERLAND_VERSION=\"13.1-RELEASE-p2\"\n");
        check(&[motd("FreeBSD 9.1-RELEASE (GENERIC) #0\n")], freebsd, both("FreeBSD 9.1-RELEASE (GENERIC) #0", (9, 1)));
        check(&[motd("Our server\n"), script], freebsd, both("FreeBSD 13.1-RELEASE-p2", (13, 1)));
        check(&[motd("FreeBSD 12.4-RELEASE\n"), script], freebsd, both("FreeBSD 12.4-RELEASE", (13, 1)));
        check(&[motd("Our server\n")], freebsd, (None, None));
        let openbsd: fn(&Ctx) -> Named = |ctx| named(ctx, "/etc/motd", "OpenBSD ");
        check(&[motd("OpenBSD 6.8 (GENERIC.MP) #98\n")], openbsd, both("OpenBSD 6.8 (GENERIC.MP) #98", (6, 8)));
        check(&[motd("OpenBSD ?.? (UNKNOWN)\n")], openbsd, (Some("OpenBSD ?.? (UNKNOWN)".into()), None));
        check(&[motd("\nOpenBSD 6.8\n")], openbsd, (None, None));
        check(&[], openbsd, (None, None));
    }
}
