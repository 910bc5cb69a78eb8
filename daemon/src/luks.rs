//! Encrypted devices, by cryptsetup(8): LUKS, BitLocker and what else it opens.
//!
//! In: devices and keys. Out: headers, keys in them, and clear content at `/dev/mapper/NAME`. A key
//! reaches cryptsetup through its standard input, a second one through memory that has no name: never
//! on a command line, which logs show, and never in a file.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::CryptsetupOpenOpts;
use rustix::fs::MemfdFlags;

use crate::ctx::Ctx;
use crate::device::Device;
use crate::erase::clear;
use crate::error::{Context, Errno, Error, Result};
use crate::filesystems::probe::tag;
use crate::path::our_fd;
use crate::run::{Output, Tool};
use crate::transfer::decode_strict;

/// Where the clear content of an open device is.
const MAPPER: &str = "/dev/mapper";
/// Key slots of LUKS2; LUKS1 has fewer.
const SLOTS: i32 = 32;
/// cryptsetup(8), RETURN CODES: no permission, which means a wrong key.
const WRONG_KEY: i32 = 2;

/// Write a header with one key.
pub fn luks_format(ctx: &mut Ctx, device: &Device, key: &BStr, keyslot: i32) -> Result<()> {
    format(ctx, device, key, keyslot, None)
}

/// As [`luks_format`], with a cipher in the words of cryptsetup(8).
pub fn luks_format_cipher(ctx: &mut Ctx, device: &Device, key: &BStr, keyslot: i32, cipher: &BStr) -> Result<()> {
    format(ctx, device, key, keyslot, Some(cipher))
}

fn format(ctx: &Ctx, device: &Device, key: &BStr, keyslot: i32, cipher: Option<&BStr>) -> Result<()> {
    let slot = slot(keyslot)?;
    let mut tool = with_key("luksFormat", key)?.arg(slot);
    if let Some(cipher) = cipher {
        tool = tool.arg_bytes(option("--cipher=", cipher));
    }
    // cryptsetup would say so when the device is empty already.
    if plain(key)?.is_empty() {
        return Err(Error::invalid("an empty key would protect nothing").context(device.api_name(ctx)));
    }
    clear(ctx, device)?;
    run(ctx, device, tool.arg("--").arg(device)).map(drop)
}

/// Add a key.
pub fn luks_add_key(ctx: &mut Ctx, device: &Device, key: &BStr, newkey: &BStr, keyslot: i32) -> Result<()> {
    let new = Secret::new(newkey)?;
    let tool = with_key("luksAddKey", key)?.arg(slot(keyslot)?).arg("--").arg(device).arg(new.path());
    run(ctx, device, tool).map(drop)
}

/// Remove a key; another one has to be given.
pub fn luks_kill_slot(ctx: &mut Ctx, device: &Device, key: &BStr, keyslot: i32) -> Result<()> {
    // Here the number is a word of its own; only its check is wanted.
    slot(keyslot)?;
    let dump = run(ctx, device, Tool::new("cryptsetup").args(["luksDump", "--"]).arg(device))?;
    // The tool would remove it, and with it the last way to the data.
    if keys_in(&dump.stdout) <= 1 {
        return Err(
            Error::msg("the last key is not removed: nothing would open it any more").context(device.api_name(ctx))
        );
    }
    let tool = with_key("luksKillSlot", key)?.arg("--").arg(device).arg(keyslot.to_string());
    run(ctx, device, tool).map(drop)
}

/// How many key slots are in use, as `cryptsetup luksDump` shows them for LUKS1 and LUKS2.
fn keys_in(dump: &[u8]) -> usize {
    let is_key = |line: &&[u8]| match line.strip_prefix(b"Key Slot ") {
        Some(rest) => rest.ends_with(b": ENABLED"),
        None => line
            .strip_prefix(b"  ")
            .is_some_and(|l| l.first().is_some_and(u8::is_ascii_digit) && l.ends_with(b": luks2")),
    };
    dump.lines().filter(is_key).count()
}

/// The UUID in the header.
pub fn luks_uuid(ctx: &mut Ctx, device: &Device) -> Result<BString> {
    let output = run(ctx, device, Tool::new("cryptsetup").args(["luksUUID", "--"]).arg(device))?;
    Ok(output.stdout.trim().into())
}

/// Open a LUKS device.
pub fn luks_open(ctx: &mut Ctx, device: &Device, key: &BStr, mapname: &BStr) -> Result<()> {
    let opts = CryptsetupOpenOpts { crypttype: Some("luks".into()), ..Default::default() };
    cryptsetup_open(ctx, device, key, mapname, &opts)
}

/// Open a LUKS device so that nothing can be written to it.
pub fn luks_open_ro(ctx: &mut Ctx, device: &Device, key: &BStr, mapname: &BStr) -> Result<()> {
    let opts = CryptsetupOpenOpts { crypttype: Some("luks".into()), readonly: Some(true), ..Default::default() };
    cryptsetup_open(ctx, device, key, mapname, &opts)
}

/// Open an encrypted device; its kind is recognised when it is not given.
pub fn cryptsetup_open(
    ctx: &mut Ctx,
    device: &Device,
    key: &BStr,
    mapname: &BStr,
    opts: &CryptsetupOpenOpts,
) -> Result<()> {
    require_free(mapname)?;
    let kind = match &opts.crypttype {
        Some(kind) => kind.clone(),
        None => recognise(ctx, device)?.into(),
    };
    let mut tool = with_key("open", key)?.arg_bytes(option("--type=", &kind));
    if opts.readonly == Some(true) {
        tool = tool.arg("--readonly");
    }
    if let Some(cipher) = &opts.cipher {
        tool = tool.arg_bytes(option("--cipher=", cipher));
    }
    run(ctx, device, tool.arg("--").arg(device).arg_bytes(mapname)).map(drop)
}

/// Close what [`luks_open`] or [`luks_open_ro`] opened.
pub fn luks_close(ctx: &mut Ctx, device: &Device) -> Result<()> {
    cryptsetup_close(ctx, device)
}

/// Close what [`cryptsetup_open`] opened.
pub fn cryptsetup_close(ctx: &mut Ctx, device: &Device) -> Result<()> {
    let name = device.path().strip_prefix(MAPPER).map_err(|_| {
        let text = "not the name of an open device, /dev/mapper/NAME (list_dm_devices has them)";
        Error::invalid(text).context(device.api_name(ctx))
    })?;
    let tool = Tool::new("cryptsetup").args(["close", "--"]).arg(name);
    run(ctx, device, tool).map(drop)
}

/// Open a LUKS device by the policy that clevis has put into its header.
pub fn clevis_luks_unlock(ctx: &mut Ctx, device: &Device, mapname: &BStr) -> Result<()> {
    require_free(mapname)?;
    if mapname.starts_with(b"-") {
        // clevis hands it on as it is.
        return Err(Error::invalid("the name begins with a dash").context(format!("'{mapname}'")));
    }
    let name = || device.api_name(ctx);
    // clevis would say the same of every other device, and of one that has no policy.
    if recognise(ctx, device)? != "luks" {
        return Err(Error::invalid("is not a LUKS device").context(name()));
    }
    let tool = Tool::new("clevis").args(["luks", "unlock", "-d"]).arg(device).arg("-n").arg_bytes(mapname);
    tool.pulse()
        .run(ctx)
        .map(drop)
        .map_err(|e| e.reworded(e.message().replace(device.as_bstr(), name())))
        .with_context(name)
}

/// What cryptsetup calls the kind of encryption that is recognised on a device.
fn recognise(ctx: &Ctx, device: &Device) -> Result<&'static str> {
    let found = tag(ctx, device, "TYPE")?;
    let text = match found.as_slice() {
        b"crypto_LUKS" => return Ok("luks"),
        b"BitLocker" => return Ok("bitlk"),
        b"" => "no kind of encryption is recognised on it (the option 'crypttype' names one)".to_owned(),
        _ => format!("has {found}, which is no kind of encryption that is known (the option 'crypttype' names one)"),
    };
    Err(Error::invalid(text).context(device.api_name(ctx)))
}

/// Fail unless a device can be opened under this name. The tool does not see that `control` is the
/// device mapper's own.
fn require_free(mapname: &BStr) -> Result<()> {
    if mapname.is_empty() || mapname.contains(&b'/') || mapname == "." || mapname == ".." {
        let text = "no name for an open device: it must not be empty or contain a slash";
        return Err(Error::invalid(text).context(format!("'{mapname}'")));
    }
    let path = Path::new(MAPPER).join(OsStr::from_bytes(mapname));
    if std::fs::symlink_metadata(&path).is_ok() {
        return Err(
            Error::new(Errno::EXIST, "this name is in use, choose another one").context(path.as_os_str().as_bytes())
        );
    }
    Ok(())
}

/// A key slot as cryptsetup takes it, to which -1 means any. Seen before anything on the device changes.
fn slot(number: i32) -> Result<String> {
    if !(0..SLOTS).contains(&number) {
        return Err(Error::invalid(format!("key slots are 0 to {}, there is no slot {number}", SLOTS - 1)));
    }
    Ok(format!("--key-slot={number}"))
}

/// An option with its value in one word, so that the value cannot become an option.
fn option(name: &str, value: &[u8]) -> Vec<u8> {
    bstr::concat([name.as_bytes(), value])
}

/// cryptsetup, with a key byte for byte from its standard input and nothing to be asked.
fn with_key(action: &str, key: &BStr) -> Result<Tool> {
    let tool = Tool::new("cryptsetup").args([action, "--batch-mode", "--key-file=-"]);
    Ok(tool.stdin(plain(key)?))
}

/// What a key stands for: the bytes that `base64:TEXT` encodes, since the wire's strings have no NUL; TEXT of
/// `text:TEXT`; itself (release notes of libguestfs 1.60). What is wrong with it is said without showing it.
fn plain(key: &BStr) -> Result<Cow<'_, [u8]>> {
    if let Some(text) = key.strip_prefix(b"base64:") {
        return decode_strict(text).map(Cow::Owned).context("a key that begins with base64:");
    }
    Ok(Cow::Borrowed(key.strip_prefix(b"text:").unwrap_or(key)))
}

fn run(ctx: &Ctx, device: &Device, tool: Tool) -> Result<Output> {
    let name = || device.api_name(ctx);
    let output = tool.pulse().run_status(ctx).with_context(name)?;
    if output.status == 0 {
        return Ok(output);
    }
    let said = output.stderr.trim();
    // With --batch-mode some actions do not say so.
    let text = match said {
        b"" if output.status == WRONG_KEY => b"the key does not open any of its key slots",
        b"" => return Err(Error::msg(format!("cryptsetup failed with exit status {}", output.status)).context(name())),
        said => said,
    };
    Err(Error::msg(text).context("cryptsetup").context(name()))
}

/// A key in memory that other programs can open by a path for as long as this lives.
struct Secret(File);

impl Secret {
    fn new(key: &BStr) -> Result<Secret> {
        let mut file = File::from(rustix::fs::memfd_create("key", MemfdFlags::CLOEXEC)?);
        file.write_all(&plain(key)?)?;
        Ok(Secret(file))
    }

    fn path(&self) -> String {
        our_fd(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    #[test]
    fn a_secret_can_be_read_by_path() {
        let g = Guest::new();
        let secret = Secret::new("base64:YQpiAA==".into()).unwrap();
        let path = secret.path();
        let read = Tool::new("cat").arg(&path).run(&g.ctx).unwrap();
        assert_eq!(read.stdout, b"a\nb\0");
    }

    #[test]
    fn keys_as_they_are_written() {
        for (key, bytes) in [
            ("secret", &b"secret"[..]),
            ("text:secret", b"secret"),
            ("text:base64:YQ==", b"base64:YQ=="),
            ("text:", b""),
            ("base64:", b""),
            ("base64:AP8K", b"\0\xff\n"),
            ("Base64:AP8K", b"Base64:AP8K"),
        ] {
            assert_eq!(&*plain(key.into()).unwrap(), bytes, "{key}");
        }
        for bad in ["base64:AP8", "base64:AP8K\n", "base64:A P8K", "base64:=", "base64:\u{fc}"] {
            let e = plain(bad.into()).unwrap_err();
            assert_eq!(e.errno(), Some(Errno::INVAL), "{bad}");
            assert!(!e.message().contains_str("AP8"), "{e}");
        }
    }

    #[test]
    fn names() {
        for bad in ["", "a/b", "/dev/mapper/x", ".", ".."] {
            assert_eq!(require_free(bad.into()).unwrap_err().errno(), Some(Errno::INVAL), "{bad}");
        }
        require_free("no-such-name-here".into()).unwrap();
    }

    #[test]
    fn slots() {
        assert_eq!(slot(0).unwrap(), "--key-slot=0");
        for bad in [-1, 32, i32::MIN] {
            assert_eq!(slot(bad).unwrap_err().errno(), Some(Errno::INVAL), "{bad}");
        }
    }

    #[test]
    fn keys_of_both_versions() {
        let one = b"Version:       \t1\n\nKey Slot 0: ENABLED\n\tIterations: 1000\nKey Slot 1: DISABLED\nKey Slot 7: ENABLED\n";
        assert_eq!(keys_in(one), 2);
        let two =
            b"Version:       \t2\nLabel:  \t(no label)\nData segments:\n  0: crypt\n\toffset: 1 [bytes]\n\nKeyslots:\n\
            \x20 0: luks2\n\tKey:        512 bits\n  12: luks2\nTokens:\n  0: clevis\nDigests:\n  0: pbkdf2\n";
        assert_eq!(keys_in(two), 2);
        assert_eq!(keys_in(b"  : luks2\nKey Slot\n  0: luks3\n"), 0);
    }

    proptest::proptest! {
        #[test]
        fn any_dump(dump: Vec<u8>) {
            keys_in(&dump);
        }
    }
}
