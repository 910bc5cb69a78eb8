//! libvirt's C library, loaded when it is first needed.
//!
//! In: names, URIs, a function that answers questions for credentials. Out: owned objects that free
//! themselves, texts, and libvirt's errors as [`Error`]. Everything unsafe about libvirt is in this folder.

#![allow(unsafe_code)]

mod ask;

pub use ask::{Asker, Question};

use crate::error::{Error, ErrorKind, Result};
use crate::pointer::Pointer;
use ask::{Asking, RawAuth};
use bstr::{BStr, BString};
use std::ffi::{c_char, c_int, c_uint, c_void, CStr, CString};
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

/// The name that has been the same since libvirt's first version.
const LIBRARY: &CStr = c"libvirt.so.0";

// Numbers of libvirt's headers that are used here.
const VIR_CONNECT_RO: c_uint = 1;
const VIR_DOMAIN_SHUTOFF: c_int = 5;
const VIR_DOMAIN_START_AUTODESTROY: c_uint = 2;
const VIR_DOMAIN_DESTROY_GRACEFUL: c_uint = 1;
const VIR_ERR_NO_SUPPORT: c_int = 3;
const VIR_ERR_NO_DOMAIN: c_int = 42;
const VIR_ERR_AUTH_FAILED: c_int = 45;
const VIR_ERR_AUTH_CANCELLED: c_int = 79;
const VIR_STORAGE_VOL_BLOCK: c_int = 1;

/// `virStorageVolInfo`.
#[repr(C)]
#[derive(Default)]
struct RawVolInfo {
    kind: c_int,
    capacity: u64,
    allocation: u64,
}

type Raw = *mut c_void;
type Text = *const c_char;

macro_rules! api {
    ($($name:ident: fn($($arg:ty),*) -> $ret:ty;)*) => {
        /// The functions of libvirt, by their own names.
        #[allow(non_snake_case)]
        struct Api {
            $($name: unsafe extern "C" fn($($arg),*) -> $ret,)*
            virConnectAuthPtrDefault: *mut *mut RawAuth,
        }

        impl Api {
            fn resolve(library: NonNull<c_void>) -> Result<Api> {
                Ok(Api {
                    $($name: {
                        let address = symbol(library, stringify!($name))?;
                        // SAFETY: libvirt's headers declare the function of this name with these types.
                        unsafe { std::mem::transmute::<Raw, unsafe extern "C" fn($($arg),*) -> $ret>(address.as_ptr()) }
                    },)*
                    virConnectAuthPtrDefault: symbol(library, "virConnectAuthPtrDefault")?.as_ptr().cast(),
                })
            }
        }
    };
}

api! {
    virConnectOpenAuth: fn(Text, *mut RawAuth, c_uint) -> Raw;
    virConnectClose: fn(Raw) -> c_int;
    virConnSetErrorFunc: fn(Raw, Raw, Option<unsafe extern "C" fn(Raw, Raw)>) -> ();
    virDomainAttachDevice: fn(Raw, Text) -> c_int;
    virDomainCreateXML: fn(Raw, Text, c_uint) -> Raw;
    virDomainDestroyFlags: fn(Raw, c_uint) -> c_int;
    virDomainDetachDevice: fn(Raw, Text) -> c_int;
    virDomainFree: fn(Raw) -> c_int;
    virDomainGetConnect: fn(Raw) -> Raw;
    virDomainGetState: fn(Raw, *mut c_int, *mut c_int, c_uint) -> c_int;
    virDomainGetXMLDesc: fn(Raw, c_uint) -> *mut c_char;
    virDomainLookupByName: fn(Raw, Text) -> Raw;
    virDomainLookupByUUIDString: fn(Raw, Text) -> Raw;
    virGetLastErrorCode: fn() -> c_int;
    virGetLastErrorDomain: fn() -> c_int;
    virGetLastErrorMessage: fn() -> Text;
    virSecretFree: fn(Raw) -> c_int;
    virSecretGetValue: fn(Raw, *mut usize, c_uint) -> *mut u8;
    virSecretLookupByUUIDString: fn(Raw, Text) -> Raw;
    virSecretLookupByUsage: fn(Raw, c_int, Text) -> Raw;
    virStoragePoolFree: fn(Raw) -> c_int;
    virStoragePoolLookupByName: fn(Raw, Text) -> Raw;
    virStorageVolFree: fn(Raw) -> c_int;
    virStorageVolGetInfo: fn(Raw, *mut RawVolInfo) -> c_int;
    virStorageVolGetPath: fn(Raw) -> *mut c_char;
    virStorageVolGetXMLDesc: fn(Raw, c_uint) -> *mut c_char;
    virStorageVolLookupByName: fn(Raw, Text) -> Raw;
}

// SAFETY: functions, and the address of a variable that libvirt never changes; libvirt may be used from
// any thread.
unsafe impl Send for Api {}
// SAFETY: as above.
unsafe impl Sync for Api {}

fn loader_error() -> String {
    // SAFETY: dlerror returns null or a string that lasts until this thread's next dl function.
    let text = unsafe { libc::dlerror().as_ref().map(|p| CStr::from_ptr(p).to_string_lossy().into_owned()) };
    text.unwrap_or_else(|| "unknown reason".to_owned())
}

fn absent(why: &str) -> Error {
    Error::new(ErrorKind::NotSupported, format!("libvirt cannot be used: {why}"))
        .with_errno(libc::ENOTSUP)
        .with_help("install libvirt's client library; its package is called libvirt0 in Debian")
}

fn symbol(library: NonNull<c_void>, name: &str) -> Result<NonNull<c_void>> {
    let name = CString::new(name).map_err(|_| absent("a symbol's name has a NUL byte"))?;
    // SAFETY: the library stays loaded; the name is a C string.
    let address = unsafe { libc::dlsym(library.as_ptr(), name.as_ptr()) };
    NonNull::new(address).ok_or_else(|| absent(&loader_error()))
}

/// libvirt, loaded. It is never unloaded: it has threads and handlers of its own. A failure is not
/// remembered: it may be installed meanwhile.
fn api() -> Result<&'static Api> {
    static API: OnceLock<Api> = OnceLock::new();
    if let Some(api) = API.get() {
        return Ok(api);
    }
    // SAFETY: loading runs libvirt's constructors, which ask nothing of their caller.
    let library = unsafe { libc::dlopen(LIBRARY.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    let library = NonNull::new(library).ok_or_else(|| absent(&loader_error()))?;
    let api = Api::resolve(library)?;
    Ok(API.get_or_init(|| api))
}

fn c_string(what: &str, text: &[u8]) -> Result<CString> {
    CString::new(text).map_err(|_| Error::usage(format!("{what} must not have a NUL byte in it")))
}

/// Bytes up to the NUL, copied; `None` for null.
///
/// # Safety
/// `p` is null or a C string.
unsafe fn bytes(p: Text) -> Option<BString> {
    // SAFETY: the caller's promise.
    (!p.is_null()).then(|| unsafe { CStr::from_ptr(p) }.to_bytes().into())
}

/// As [`bytes`], and free the original.
///
/// # Safety
/// `p` is null or a C string from malloc, which nobody else uses.
unsafe fn take(p: *mut c_char) -> Option<BString> {
    // SAFETY: the caller's promise; free takes null.
    unsafe {
        let text = bytes(p);
        libc::free(p.cast());
        text
    }
}

impl Api {
    /// This thread's last error of libvirt: `what: its text`.
    fn failed(&self, what: impl AsRef<[u8]>) -> Error {
        // SAFETY: they only look at the thread's own error; the text is a C string or null.
        let (code, domain, text) = unsafe {
            ((self.virGetLastErrorCode)(), (self.virGetLastErrorDomain)(), bytes((self.virGetLastErrorMessage)()))
        };
        let mut message = what.as_ref().to_vec();
        message.extend_from_slice(b": ");
        message.extend_from_slice(&text.unwrap_or_else(|| "unknown error".into()));
        message.extend_from_slice(format!(" (code {code}, domain {domain})").as_bytes());
        Error::new(ErrorKind::Tool, message).with_errno(match code {
            VIR_ERR_NO_DOMAIN => libc::ENOENT,
            VIR_ERR_NO_SUPPORT => libc::ENOTSUP,
            VIR_ERR_AUTH_FAILED | VIR_ERR_AUTH_CANCELLED => libc::EACCES,
            _ => 0,
        })
    }
}

/// An object of libvirt, and how it is freed when it is ours.
struct Object {
    api: &'static Api,
    raw: NonNull<c_void>,
    free: Option<unsafe extern "C" fn(Raw) -> c_int>,
}

// SAFETY: libvirt's objects may be used and freed from any thread.
unsafe impl Send for Object {}

impl Object {
    /// What a function of libvirt returned, or its error.
    fn new(
        api: &'static Api,
        raw: Raw,
        free: unsafe extern "C" fn(Raw) -> c_int,
        what: impl AsRef<[u8]>,
    ) -> Result<Object> {
        let raw = NonNull::new(raw).ok_or_else(|| api.failed(what))?;
        Ok(Object { api, raw, free: Some(free) })
    }

    fn raw(&self) -> Raw {
        self.raw.as_ptr()
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: the object is ours and this is its own function, called once. What it returns
            // only says whether others refer to the object too.
            unsafe { free(self.raw()) };
        }
    }
}

/// A connection.
pub struct Connection(Object);

impl Connection {
    /// Connect to `uri`, or to the default one. Without an asker libvirt asks on the terminal.
    pub fn open(uri: Option<&BStr>, readonly: bool, asker: Option<Asker<'_>>) -> Result<Connection> {
        let api = api()?;
        let c_uri = uri.map(|u| c_string("libvirturi", u)).transpose()?;
        let c_uri = c_uri.as_ref().map_or(ptr::null(), |u| u.as_ptr());
        let flags = if readonly { VIR_CONNECT_RO } else { 0 };
        let what = match uri {
            Some(uri) => format!("could not connect to libvirt at {uri}"),
            None => "could not connect to libvirt".to_owned(),
        };
        let Some(mut asker) = asker else {
            // SAFETY: the URI is null or a C string; the variable holds libvirt's own functions.
            let raw = unsafe { (api.virConnectOpenAuth)(c_uri, *api.virConnectAuthPtrDefault, flags) };
            return Ok(Connection(Object::new(api, raw, api.virConnectClose, what)?));
        };
        let mut asking = Asking::new(asker.ask);
        let mut auth = asking.auth(&mut asker.kinds);
        // SAFETY: all of it outlives the call, and libvirt asks only while it connects.
        let raw = unsafe { (api.virConnectOpenAuth)(c_uri, &mut auth, flags) };
        let opened = Object::new(api, raw, api.virConnectClose, what);
        asking.go_on_panicking();
        opened.map(Connection)
    }

    /// libvirt's errors are told by who called it: it need not print them, too.
    pub fn quiet(&self) {
        unsafe extern "C" fn nothing(_: Raw, _: Raw) {}
        // SAFETY: a connection, and a function that does nothing with what it is given.
        unsafe { (self.0.api.virConnSetErrorFunc)(self.0.raw(), ptr::null_mut(), Some(nothing)) };
    }

    /// Start a domain that is gone with its end; with `bound` it ends with this connection at the latest.
    pub fn create(&self, xml: &str, bound: bool) -> Result<Domain> {
        let (api, c_xml) = (self.0.api, c_string("xml", xml.as_bytes())?);
        let flags = if bound { VIR_DOMAIN_START_AUTODESTROY } else { 0 };
        // SAFETY: an open connection and a C string.
        let raw = unsafe { (api.virDomainCreateXML)(self.0.raw(), c_xml.as_ptr(), flags) };
        Object::new(api, raw, api.virDomainFree, "libvirt could not start the appliance").map(Domain)
    }

    /// The domain of this name.
    pub fn domain(&self, name: &BStr) -> Result<Domain> {
        let (api, c_name) = (self.0.api, c_string("dom", name)?);
        // SAFETY: an open connection and a C string.
        let raw = unsafe { (api.virDomainLookupByName)(self.0.raw(), c_name.as_ptr()) };
        Object::new(api, raw, api.virDomainFree, format!("no libvirt domain called '{name}'")).map(Domain)
    }

    /// The domain of this UUID.
    pub fn domain_by_uuid(&self, uuid: &BStr) -> Result<Domain> {
        let (api, c_uuid) = (self.0.api, c_string("dom", uuid)?);
        // SAFETY: an open connection and a C string.
        let raw = unsafe { (api.virDomainLookupByUUIDString)(self.0.raw(), c_uuid.as_ptr()) };
        Object::new(api, raw, api.virDomainFree, format!("no libvirt domain with the UUID '{uuid}'")).map(Domain)
    }

    /// Value of the secret with this UUID.
    pub fn secret_by_uuid(&self, uuid: &str) -> Result<Vec<u8>> {
        let (api, c_uuid) = (self.0.api, c_string("uuid", uuid.as_bytes())?);
        // SAFETY: an open connection and a C string.
        let raw = unsafe { (api.virSecretLookupByUUIDString)(self.0.raw(), c_uuid.as_ptr()) };
        secret_value(Object::new(api, raw, api.virSecretFree, format!("no secret with the UUID '{uuid}'"))?)
    }

    /// Value of the secret that is kept for `usage`, of a kind as libvirt numbers them.
    pub fn secret_by_usage(&self, kind: c_int, usage: &str) -> Result<Vec<u8>> {
        let (api, c_usage) = (self.0.api, c_string("usage", usage.as_bytes())?);
        // SAFETY: an open connection and a C string.
        let raw = unsafe { (api.virSecretLookupByUsage)(self.0.raw(), kind, c_usage.as_ptr()) };
        secret_value(Object::new(api, raw, api.virSecretFree, format!("no secret for the usage '{usage}'"))?)
    }

    /// The volume of a storage pool.
    pub fn volume(&self, pool: &str, name: &str) -> Result<Volume> {
        let (api, c_pool, c_name) =
            (self.0.api, c_string("pool", pool.as_bytes())?, c_string("volume", name.as_bytes())?);
        // SAFETY: an open connection and a C string.
        let raw = unsafe { (api.virStoragePoolLookupByName)(self.0.raw(), c_pool.as_ptr()) };
        let found = Object::new(api, raw, api.virStoragePoolFree, format!("no libvirt pool called '{pool}'"))?;
        // SAFETY: a pool and a C string.
        let raw = unsafe { (api.virStorageVolLookupByName)(found.raw(), c_name.as_ptr()) };
        let what = format!("no volume called '{name}' in the libvirt pool '{pool}'");
        Object::new(api, raw, api.virStorageVolFree, what).map(Volume)
    }
}

fn secret_value(secret: Object) -> Result<Vec<u8>> {
    let (api, mut size) = (secret.api, 0);
    // SAFETY: a secret, and where its size is to be put.
    let raw = unsafe { (api.virSecretGetValue)(secret.raw(), &mut size, 0) };
    let value = NonNull::new(raw).ok_or_else(|| api.failed("the value of a secret"))?;
    // SAFETY: libvirt returned that many bytes from malloc.
    unsafe {
        let copy = std::slice::from_raw_parts(value.as_ptr(), size).to_vec();
        libc::free(value.as_ptr().cast());
        Ok(copy)
    }
}

/// A virtual machine.
pub struct Domain(Object);

impl Domain {
    /// One that belongs to the program.
    pub fn borrowed(pointer: Pointer<'_>) -> Result<Domain> {
        let raw = pointer.address().ok_or_else(|| Error::usage("dom must not be NULL"))?;
        Ok(Domain(Object { api: api()?, raw, free: None }))
    }

    /// The connection that it belongs to.
    pub fn connection(&self) -> Result<Connection> {
        let api = self.0.api;
        // SAFETY: a domain (who made the Pointer promised it); the connection stays the domain's.
        let raw = NonNull::new(unsafe { (api.virDomainGetConnect)(self.0.raw()) });
        let raw = raw.ok_or_else(|| api.failed("the connection of a domain"))?;
        Ok(Connection(Object { api, raw, free: None }))
    }

    /// Whether it is anything but shut off.
    pub fn is_active(&self) -> Result<bool> {
        let (mut state, mut reason) = (0, 0);
        // SAFETY: a domain, and where the answer is to be put.
        let done = unsafe { (self.0.api.virDomainGetState)(self.0.raw(), &mut state, &mut reason, 0) };
        if done < 0 {
            return Err(self.0.api.failed("the state of a domain"));
        }
        Ok(state != VIR_DOMAIN_SHUTOFF)
    }

    /// Stop it; with `patience` the hypervisor may end in order, and it is an error when it does not.
    pub fn destroy(&self, patience: bool) -> Result<()> {
        let flags = if patience { VIR_DOMAIN_DESTROY_GRACEFUL } else { 0 };
        // SAFETY: a domain.
        match unsafe { (self.0.api.virDomainDestroyFlags)(self.0.raw(), flags) } {
            0 => Ok(()),
            _ => Err(self.0.api.failed("libvirt could not stop the appliance")),
        }
    }

    /// Add a device while it runs.
    pub fn attach(&self, xml: &str) -> Result<()> {
        let c_xml = c_string("xml", xml.as_bytes())?;
        // SAFETY: a domain and a C string.
        match unsafe { (self.0.api.virDomainAttachDevice)(self.0.raw(), c_xml.as_ptr()) } {
            0 => Ok(()),
            _ => Err(self.0.api.failed("libvirt could not add the disk")),
        }
    }

    /// Ask its guest to let a device go; it may take a moment until it is gone.
    pub fn detach(&self, xml: &str) -> Result<()> {
        let c_xml = c_string("xml", xml.as_bytes())?;
        // SAFETY: a domain and a C string.
        match unsafe { (self.0.api.virDomainDetachDevice)(self.0.raw(), c_xml.as_ptr()) } {
            0 => Ok(()),
            _ => Err(self.0.api.failed("libvirt could not remove the disk")),
        }
    }

    /// Its definition.
    pub fn xml(&self) -> Result<BString> {
        // SAFETY: a domain; the text is ours.
        let text = unsafe { take((self.0.api.virDomainGetXMLDesc)(self.0.raw(), 0)) };
        text.ok_or_else(|| self.0.api.failed("the definition of a domain"))
    }
}

/// A volume of a storage pool.
pub struct Volume(Object);

impl Volume {
    /// Whether it is a file or block device of a host.
    pub fn is_on_host(&self) -> Result<bool> {
        let mut info = RawVolInfo::default();
        // SAFETY: a volume, and where the answer is to be put.
        if unsafe { (self.0.api.virStorageVolGetInfo)(self.0.raw(), &mut info) } < 0 {
            return Err(self.0.api.failed("the type of a volume"));
        }
        Ok((0..=VIR_STORAGE_VOL_BLOCK).contains(&info.kind))
    }

    /// Its path.
    pub fn path(&self) -> Result<BString> {
        // SAFETY: a volume; the text is ours.
        unsafe { take((self.0.api.virStorageVolGetPath)(self.0.raw())) }
            .ok_or_else(|| self.0.api.failed("the path of a volume"))
    }

    /// Its definition.
    pub fn xml(&self) -> Result<BString> {
        // SAFETY: a volume; the text is ours.
        let text = unsafe { take((self.0.api.virStorageVolGetXMLDesc)(self.0.raw(), 0)) };
        text.ok_or_else(|| self.0.api.failed("the definition of a volume"))
    }
}
