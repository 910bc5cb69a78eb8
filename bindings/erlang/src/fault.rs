//! What goes wrong with a request.
//!
//! In: errors of the library, and of the request itself. Out: [`Fault`], which `reply` spells for Erlang.

/// Why a request has no result.
#[derive(Debug)]
pub enum Fault {
    /// The library's error, or one of ours in the same form.
    Failed { message: Vec<u8>, errno: i32 },
    /// No call has this name.
    UnknownCall(Vec<u8>),
    /// The call has no option of this name.
    UnknownOption(Vec<u8>),
}

pub type Result<T> = std::result::Result<T, Fault>;

const EINVAL: i32 = 22;
const EBUSY: i32 = 16;
const EFBIG: i32 = 27;

impl Fault {
    /// An argument that the call cannot take.
    pub fn argument(message: impl Into<Vec<u8>>) -> Self {
        Fault::Failed { message: message.into(), errno: EINVAL }
    }

    /// More than one request waits already.
    pub fn busy() -> Self {
        Fault::Failed { message: b"another call waits already".to_vec(), errno: EBUSY }
    }

    /// A result that no packet holds.
    pub fn too_big(bytes: usize) -> Self {
        let message = format!("the result of {bytes} bytes is more than one answer may have: read it in parts");
        Fault::Failed { message: message.into_bytes(), errno: EFBIG }
    }

    /// Something that must not happen.
    pub fn defect(message: &str) -> Self {
        Fault::Failed { message: message.into(), errno: 0 }
    }
}

impl From<guestfs::Error> for Fault {
    fn from(e: guestfs::Error) -> Self {
        Fault::Failed { message: e.message().to_vec(), errno: e.errno() }
    }
}
