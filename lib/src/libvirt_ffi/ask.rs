//! Questions for credentials, while libvirt connects.
//!
//! In: libvirt's C structs, given to its callback. Out: the answers of a Rust function, in memory that
//! libvirt frees. A panic does not cross C: it goes on when libvirt has returned.

use super::bytes;
use bstr::BString;
use std::any::Any;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::ptr::{self, NonNull};

/// `virConnectCredential`.
#[repr(C)]
struct RawCredential {
    kind: c_int,
    prompt: *const c_char,
    challenge: *const c_char,
    defresult: *const c_char,
    result: *mut c_char,
    resultlen: c_uint,
}

/// `virConnectAuth`.
#[repr(C)]
pub(super) struct RawAuth {
    credtype: *mut c_int,
    ncredtype: c_uint,
    cb: Option<unsafe extern "C" fn(*mut RawCredential, c_uint, *mut c_void) -> c_int>,
    cbdata: *mut c_void,
}

/// One question for a credential.
#[derive(Debug, Clone, Default)]
pub struct Question {
    pub kind: c_int,
    pub prompt: BString,
    pub challenge: BString,
    pub default: BString,
}

/// Questions in, as many answers out.
pub type Ask<'a> = &'a mut dyn FnMut(Vec<Question>) -> Vec<Option<Vec<u8>>>;

/// Who answers questions for credentials.
pub struct Asker<'a> {
    /// The kinds that can be answered, as libvirt numbers them.
    pub kinds: Vec<c_int>,
    /// The program.
    pub ask: Ask<'a>,
}

/// What the callback gets from us through libvirt.
pub(super) struct Asking<'a> {
    ask: Ask<'a>,
    panic: Option<Box<dyn Any + Send>>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(ask: Ask<'a>) -> Self {
        Asking { ask, panic: None }
    }

    /// What libvirt is given: it may ask as long as this and `kinds` live.
    pub(super) fn auth(&mut self, kinds: &mut [c_int]) -> RawAuth {
        let data: *mut Asking<'_> = self;
        RawAuth {
            ncredtype: c_uint::try_from(kinds.len()).unwrap_or_default(),
            credtype: kinds.as_mut_ptr(),
            cb: Some(answer),
            cbdata: data.cast(),
        }
    }

    /// A panic of the program's callback was held back while C was below it.
    pub(super) fn go_on_panicking(self) {
        if let Some(payload) = self.panic {
            resume_unwind(payload);
        }
    }
}

/// libvirt's callback: 0, or -1 when nothing can be answered.
///
/// # Safety
/// Called by libvirt, with `count` questions and the `Asking` of [`Asking::auth`].
unsafe extern "C" fn answer(questions: *mut RawCredential, count: c_uint, data: *mut c_void) -> c_int {
    // SAFETY: `Connection::open` keeps the Asking alive, and does not touch it, while libvirt may call.
    let asking = unsafe { &mut *data.cast::<Asking<'_>>() };
    if questions.is_null() {
        return -1;
    }
    let run = || {
        // SAFETY: libvirt's promise to its callbacks.
        let raw = unsafe { std::slice::from_raw_parts_mut(questions, count as usize) };
        let read = |q: &RawCredential| {
            // SAFETY: its texts are null or C strings.
            let text = |p| unsafe { bytes(p) }.unwrap_or_default();
            Question { kind: q.kind, prompt: text(q.prompt), challenge: text(q.challenge), default: text(q.defresult) }
        };
        let answers = (asking.ask)(raw.iter().map(read).collect());
        for (q, answer) in raw.iter_mut().zip(answers) {
            (q.result, q.resultlen) = match answer {
                Some(answer) => give(&answer)?,
                None => (ptr::null_mut(), 0),
            };
        }
        Some(())
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Some(())) => 0,
        Ok(None) => -1,
        Err(payload) => {
            asking.panic = Some(payload);
            -1
        }
    }
}

/// A copy that libvirt frees, with a NUL behind it that does not count.
fn give(answer: &[u8]) -> Option<(*mut c_char, c_uint)> {
    let length = c_uint::try_from(answer.len()).ok()?;
    // SAFETY: one byte more than the answer has is reserved, zeroed, and filled up to the last.
    unsafe {
        let copy = NonNull::new(libc::calloc(answer.len().checked_add(1)?, 1))?.cast::<u8>();
        ptr::copy_nonoverlapping(answer.as_ptr(), copy.as_ptr(), answer.len());
        Some((copy.as_ptr().cast(), length))
    }
}
