//! libtsk: file systems as The Sleuth Kit reads them.
//!
//! In: one disk, as an open file. Out: its entries, deleted ones too, each a `tsk_dirent` in the encoding of
//! the API's wire, many in a piece. The kit's structures are those of tsk/fs/tsk_fs.h of version 4.11; each
//! begins with a number that tells what it is, which is looked at before anything else of it.

use crate::c::{self, functions};
use crate::library::{Fault, Library, Result};
use crate::wire::Wire;
use bstr::{BString, ByteSlice};
use guestfs_protocol::structs::TskDirent;
use guestfs_protocol::worker::{Incoming, Value};
use guestfs_protocol::xdr::{to_vec, Char};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::ffi::{c_char, c_int, c_uint, c_void, CStr};

/// Versions whose structures are those below.
const VERSIONS: [&str; 2] = ["4.11.", "4.12."];

const FS_TAG: c_int = 0x1010_1010;
const FILE_TAG: c_int = 0x1121_2212;
const NAME_TAG: c_int = 0x2314_7869;
const META_TAG: c_int = 0x1352_4635;

/// `TSK_IMG_TYPE_RAW`: a disk is a disk, whatever container a guest has written there.
const RAW: c_int = 1;
/// `TSK_FS_TYPE_DETECT`.
const ANY: c_int = 0;

/// `TSK_FS_DIR_WALK_FLAG_…`: names that are in use and that are not, in all directories, but not the
/// directory that the kit makes up for what has no name.
const WALK: c_int = 0x01 | 0x02 | 0x04 | 0x08;
const CONTINUE: c_int = 0;
const FAILED: c_int = 2;

/// `TSK_FS_NAME_FLAG_UNALLOC`, `TSK_FS_META_FLAG_ALLOC` and `…_COMP`.
const NAME_FREE: c_int = 0x02;
const META_IN_USE: c_int = 0x01;
const META_COMPRESSED: c_int = 0x10;

/// The API's flags.
const IN_USE: u32 = 0x01;
const REUSED: u32 = 0x02;
const COMPRESSED: u32 = 0x04;

/// Sent at once.
const PIECE: usize = 64 * 1024;

/// The head of `TSK_FS_INFO`.
#[repr(C)]
struct FsInfo {
    tag: c_int,
    image: *mut c_void,
    offset: i64,
    inum_count: u64,
    root_inum: u64,
}

/// `TSK_FS_FILE`.
#[repr(C)]
struct FsFile {
    tag: c_int,
    name: *const FsName,
    meta: *const FsMeta,
    fs_info: *const FsInfo,
}

/// `TSK_FS_NAME`.
#[repr(C)]
struct FsName {
    tag: c_int,
    name: *const c_char,
    name_size: usize,
    short_name: *const c_char,
    short_name_size: usize,
    meta_addr: u64,
    meta_seq: u32,
    par_addr: u64,
    par_seq: u32,
    date_added: u64,
    kind: c_int,
    flags: c_int,
}

/// `TSK_FS_META`.
#[repr(C)]
struct FsMeta {
    tag: c_int,
    flags: c_int,
    addr: u64,
    kind: c_int,
    mode: c_int,
    nlink: c_int,
    size: i64,
    uid: u32,
    gid: u32,
    mtime: i64,
    mtime_nano: u32,
    atime: i64,
    atime_nano: u32,
    ctime: i64,
    ctime_nano: u32,
    crtime: i64,
    crtime_nano: u32,
    /// A union, of which the times of NTFS are the largest.
    time2: [u64; 9],
    content_ptr: *const c_void,
    content_len: usize,
    content_type: c_int,
    reset_content: *const c_void,
    seq: u32,
    attr: *const c_void,
    attr_state: c_int,
    name2: *const c_void,
    link: *const c_char,
}

type OnEntry = unsafe extern "C" fn(*const FsFile, *const c_char, *mut c_void) -> c_int;

functions! {
    struct Tsk in [c"libtsk.so.19"] {
        tsk_version_get_str: fn() -> *const c_char,
        tsk_error_get: fn() -> *const c_char,
        tsk_img_open_sing: fn(*const c_char, c_int, c_uint) -> *mut c_void,
        tsk_img_close: fn(*mut c_void),
        tsk_fs_open_img: fn(*mut c_void, i64, c_int) -> *mut FsInfo,
        tsk_fs_close: fn(*mut FsInfo),
        tsk_fs_dir_walk: fn(*mut FsInfo, u64, c_int, OnEntry, *mut c_void) -> u8,
    }
}

/// Load the library.
pub fn load() -> Result<Box<dyn Library>> {
    let tsk = Tsk::load()?;
    // SAFETY: a string that is part of the library.
    let version = unsafe { text((tsk.tsk_version_get_str)()) };
    if !VERSIONS.iter().any(|known| version.starts_with(known.as_bytes())) {
        let text = format!("libtsk has the version {version}, only {}x can be used", VERSIONS.join("x and "));
        return Err(Fault::new(Errno::OPNOTSUPP, text));
    }
    Ok(Box::new(tsk))
}

impl Library for Tsk {
    fn call(&mut self, function: &str, args: Incoming, wire: &mut Wire) -> Result<Value> {
        match function {
            "walk" => {
                let (disk, inode): (OwnedFd, i64) = args.take()?;
                self.walk(&disk, u64::try_from(inode).ok(), wire)
            }
            _ => Err(Fault::unknown(function)),
        }
    }
}

/// What a walk has at hand.
struct Walk<'w> {
    wire: &'w mut Wire,
    /// Only entries of this inode.
    inode: Option<u64>,
    entries: Vec<u8>,
    fault: Option<Fault>,
}

impl Tsk {
    fn walk(&self, disk: &OwnedFd, inode: Option<u64>, wire: &mut Wire) -> Result<Value> {
        let path = c::path_of(disk);
        // SAFETY: a path that ends in NUL. What was opened is closed below, or else by the end of the process.
        let (image, fs) = unsafe {
            let image = (self.tsk_img_open_sing)(path.as_ptr(), RAW, 0);
            if image.is_null() {
                return Err(self.failure());
            }
            let fs = (self.tsk_fs_open_img)(image, 0, ANY);
            if fs.is_null() {
                return Err(self.failure());
            }
            (image, fs)
        };
        // SAFETY: it is not NULL, and begins with a number.
        if unsafe { (*fs).tag } != FS_TAG {
            return Err(strange("file system"));
        }
        let mut walk = Walk { wire, inode, entries: Vec::new(), fault: None };
        // SAFETY: the file system is open. `walk` lives longer than the call, which alone uses it, from this thread.
        let status = unsafe { (self.tsk_fs_dir_walk)(fs, (*fs).root_inum, WALK, on_entry, (&raw mut walk).cast()) };
        if let Some(fault) = walk.fault.take() {
            return Err(fault);
        }
        if status != 0 {
            return Err(self.failure());
        }
        walk.flush()?;
        // SAFETY: both are open, and not used again.
        unsafe {
            (self.tsk_fs_close)(fs);
            (self.tsk_img_close)(image);
        }
        Ok(Value::Nothing)
    }

    fn failure(&self) -> Fault {
        // SAFETY: NULL or a string that stays until the next call of the library.
        let said = unsafe { text((self.tsk_error_get)()) };
        match said.trim() {
            b"" => Fault::new(Errno::IO, "The Sleuth Kit failed and gave no reason"),
            said => Fault::new(Errno::INVAL, said),
        }
    }
}

/// Called by the library for every entry. `walk` is the [`Walk`] of the call.
unsafe extern "C" fn on_entry(file: *const FsFile, path: *const c_char, walk: *mut c_void) -> c_int {
    // SAFETY: it is what was given to the walk, see there.
    let walk = unsafe { &mut *walk.cast::<Walk<'_>>() };
    // SAFETY: the library's own file and path, which stay for the length of this call.
    match unsafe { walk.entry(file, path) } {
        Ok(()) => CONTINUE,
        Err(fault) => {
            walk.fault = Some(fault);
            FAILED
        }
    }
}

impl Walk<'_> {
    /// # Safety
    /// `file` is a file of the library's or NULL, `path` a string or NULL.
    unsafe fn entry(&mut self, file: *const FsFile, path: *const c_char) -> Result<()> {
        self.wire.alive()?;
        // SAFETY: by the contract, and each is looked at by its tag.
        let (name, meta) = unsafe {
            let file = file.as_ref().filter(|file| file.tag == FILE_TAG).ok_or_else(|| strange("file"))?;
            let Some(name) = file.name.as_ref() else { return Ok(()) };
            let meta = file.meta.as_ref();
            if name.tag != NAME_TAG || meta.is_some_and(|meta| meta.tag != META_TAG) {
                return Err(strange("name or inode"));
            }
            (name, meta)
        };
        if self.inode.is_some_and(|inode| inode != name.meta_addr) {
            return Ok(());
        }
        // SAFETY: a string or NULL.
        let last = unsafe { text(name.name) };
        if last == "." || last == ".." {
            return Ok(());
        }
        // SAFETY: a string or NULL.
        let mut whole = unsafe { text(path) };
        whole.extend_from_slice(&last);
        // SAFETY: the link is a string or NULL.
        let entry = unsafe { dirent(name, meta, whole) };
        self.entries.extend(to_vec(&entry)?);
        match self.entries.len() >= PIECE {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match std::mem::take(&mut self.entries) {
            entries if entries.is_empty() => Ok(()),
            entries => self.wire.piece(BString::from(entries)),
        }
    }
}

/// # Safety
/// The link of `meta` is a string or NULL.
unsafe fn dirent(name: &FsName, meta: Option<&FsMeta>, path: BString) -> TskDirent {
    let mut entry = TskDirent {
        tsk_inode: name.meta_addr,
        tsk_type: Char(letter(name, meta)),
        tsk_size: -1,
        tsk_name: path,
        tsk_flags: flags(name, meta),
        ..TskDirent::default()
    };
    if let Some(meta) = meta {
        entry.tsk_size = meta.size;
        entry.tsk_nlink = meta.nlink.into();
        (entry.tsk_atime_sec, entry.tsk_atime_nsec) = (meta.atime, meta.atime_nano.into());
        (entry.tsk_mtime_sec, entry.tsk_mtime_nsec) = (meta.mtime, meta.mtime_nano.into());
        (entry.tsk_ctime_sec, entry.tsk_ctime_nsec) = (meta.ctime, meta.ctime_nano.into());
        (entry.tsk_crtime_sec, entry.tsk_crtime_nsec) = (meta.crtime, meta.crtime_nano.into());
        // SAFETY: by the contract.
        entry.tsk_link = unsafe { text(meta.link) };
    }
    entry
}

/// `TSK_FS_NAME_TYPE_…`, or where that is not known `TSK_FS_META_TYPE_…`.
fn letter(name: &FsName, meta: Option<&FsMeta>) -> u8 {
    const OF_NAME: &[u8] = b"ufcdbrlshw";
    const OF_META: &[u8] = b"urdfcblhsw";
    let kind = |kinds: &[u8], kind: c_int| usize::try_from(kind).ok().and_then(|k| kinds.get(k).copied());
    match (name.kind, meta) {
        (0, Some(meta)) => kind(OF_META, meta.kind),
        (named, _) => kind(OF_NAME, named),
    }
    .unwrap_or(b'u')
}

fn flags(name: &FsName, meta: Option<&FsMeta>) -> u32 {
    let has = |flag| meta.is_some_and(|meta| meta.flags & flag != 0);
    let used = match name.flags & NAME_FREE != 0 {
        false => IN_USE,
        true if has(META_IN_USE) => REUSED,
        true => 0,
    };
    used | if has(META_COMPRESSED) { COMPRESSED } else { 0 }
}

fn strange(what: &str) -> Fault {
    Fault::new(Errno::PROTO, format!("libtsk gave a {what} in an unknown form"))
}

/// A copy of a string of the library's; empty for NULL.
///
/// # Safety
/// `text` is NULL or a string.
unsafe fn text(text: *const c_char) -> BString {
    match text.is_null() {
        true => BString::default(),
        // SAFETY: by the contract.
        false => unsafe { CStr::from_ptr(text) }.to_bytes().into(),
    }
}

// As the library has them: places of the last fields that are read.
const _: () = assert!(
    std::mem::offset_of!(FsInfo, root_inum) == 32
        && std::mem::offset_of!(FsName, flags) == 84
        && std::mem::offset_of!(FsMeta, crtime_nano) == 104
        && std::mem::offset_of!(FsMeta, link) == 248
);
