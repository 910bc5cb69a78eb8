//! Handles.
//!
//! In: flags. Out: [`Handle`], whose methods for the calls are rows of `generated`; each hands its arguments to the
//! method of our own crate, and its result or error back.

use crate::error::Error;
use crate::{panic, value};
use guestfs_rs as native;
use std::marker::PhantomData;

/// A handle: one machine with the disks that are added to it. It is closed when it is dropped; errors of that go
/// unseen, so a program that writes calls [`Handle::shutdown`] first.
///
/// `'a` is how long callbacks live, and what they borrow.
#[derive(Debug)]
pub struct Handle<'a> {
    native: native::Handle,
    /// As if the callbacks were here. It is Send and Sync because callbacks that are not stay with their thread.
    callbacks: PhantomData<&'a ()>,
}

// It keeps what callbacks borrow from being dropped before it: it calls them when it is closed.
impl Drop for Handle<'_> {
    fn drop(&mut self) {
        panic::forget(|| self.native.close_in_place());
    }
}

impl<'a> Handle<'a> {
    /// A new handle, with properties from the environment.
    ///
    /// # Errors
    /// Descriptors or memory are used up.
    pub fn create() -> Result<Handle<'a>, Error> {
        Handle::create_flags(CreateFlags::new())
    }

    /// A new handle with flags.
    ///
    /// # Errors
    /// As [`Handle::create`].
    pub fn create_flags(flags: CreateFlags) -> Result<Handle<'a>, Error> {
        let native = native::Handle::create(flags.0).map_err(|e| Error::of("create", e))?;
        Ok(Handle { native, callbacks: PhantomData })
    }

    /// The same handle in the API of our own crate: strings are bytes, errors say what sort they are.
    pub fn native(&self) -> &native::Handle {
        &self.native
    }

    /// What ends the call that the handle is in, from any thread, as [`Handle::user_cancel`] does. It does not borrow
    /// the handle, and is of no effect when that is gone.
    pub fn canceller(&self) -> native::Canceller {
        self.native.canceller()
    }

    /// Make a call, and what this crate has of its result.
    pub(crate) fn call<N, T: value::Answer<N>>(
        &self,
        operation: &'static str,
        call: impl FnOnce(&native::Handle) -> native::Result<N>,
    ) -> Result<T, Error> {
        match panic::pass_on(|| call(&self.native)) {
            Ok(answer) => Ok(T::answer(answer)),
            Err(e) => Err(Error::of(operation, e)),
        }
    }
}

/// Flags of [`Handle::create_flags`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CreateFlags(native::CreateFlags);

impl CreateFlags {
    /// No flag.
    pub fn none() -> CreateFlags {
        CreateFlags::default()
    }

    /// No flag.
    pub fn new() -> CreateFlags {
        CreateFlags::default()
    }

    /// Do not read `LIBGUESTFS_*` and `TMPDIR`.
    #[must_use]
    pub fn create_no_environment(mut self, flag: bool) -> CreateFlags {
        self.0.no_environment = flag;
        self
    }

    /// Do not close the handle when the program ends. Nothing does in Rust: its machine ends with the program.
    #[must_use]
    pub fn create_no_close_on_exit_flag(mut self, flag: bool) -> CreateFlags {
        self.0.no_close_on_exit = flag;
        self
    }
}
