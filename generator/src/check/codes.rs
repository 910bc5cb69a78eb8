//! The stable codes of diagnostics.
//!
//! A code is never given a new meaning. `tests/errors/` has one small description for each.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// What kind of mistake a diagnostic is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name = $number,)*
        }

        impl Code {
            /// Every code, by number.
            pub const ALL: &[Code] = &[$(Code::$name),*];
        }
    };
}

codes! {
    /// The file is not TOML.
    Syntax = 1,
    /// A key or section that means nothing.
    UnknownKey = 2,
    /// A key has a value of the wrong TOML type.
    WrongToml = 3,
    /// A key that must be there is not.
    MissingKey = 4,
    /// Not of the form `name: Type`.
    Signature = 5,
    /// A name with other characters than lower-case letters, digits and underscores.
    BadName = 6,
    /// A type that does not exist in this place.
    UnknownType = 7,
    /// A result names a struct that is not described.
    UnknownStruct = 8,
    /// A call names an option group that is not described.
    UnknownGroup = 9,
    /// A call names another call that is not described.
    UnknownCall = 10,
    /// A word that is not one of those allowed (flags, visibility, scenario, output).
    UnknownWord = 11,
    /// Two calls have the same wire number.
    DuplicateProc = 12,
    /// A wire number outside 1 to 65535.
    ProcRange = 13,
    /// A daemon call without a wire number, or a library call with one.
    ProcPresence = 14,
    /// A call is on no side, or on both.
    Side = 15,
    /// A call is not in alphabetical order within its section.
    Order = 16,
    /// A call stands under another section's banner.
    Banner = 17,
    /// The same name twice among arguments, options or fields.
    DuplicateName = 18,
    /// More optional arguments than the mask has bits.
    TooManyOpts = 19,
    /// A type that exists but cannot stand here.
    Position = 20,
    /// A name that generated code or the shell needs for itself.
    Reserved = 21,
    /// A name that no language's respelling can save.
    Keyword = 22,
    /// The summary is missing or not one plain line.
    Summary = 23,
    /// Documentation is missing.
    MissingDoc = 24,
    /// A call has neither tests nor a reason for having none.
    Untested = 25,
    /// Not a version of the form 1.2.3.
    Version = 26,
    /// Two shell commands have the same name.
    ShellClash = 27,
    /// The API no longer has what an earlier version had.
    AbiDrift = 28,
    /// The doc markup is not well-formed.
    Markup = 29,
    /// Documentation links to a call that is not described.
    DocLink = 30,
    /// A test step is not well-formed or has the wrong types.
    Step = 31,
    /// Event bits are not 0, 1, 2, … without gaps.
    EventBits = 32,
    /// Two different names have the same spelling in some language.
    SpellingClash = 33,
    /// Two statements about a call contradict each other.
    Contradiction = 34,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E{:04}", *self as u16)
    }
}
