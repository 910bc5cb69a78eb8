//! What the rows of `generated` become.
//!
//! In: names, types and docs. Out: methods, structs, options, and the classes of events.

/// `name(argument: type, …) -> type;` is a call.
macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty;)*) => {
        impl crate::handle::Handle<'_> {$(
            $(#[$doc])*
            #[allow(non_snake_case, clippy::too_many_arguments)]
            pub fn $name(&self, $($arg: $ty),*) -> Result<$ret, crate::error::Error> {
                $(let $arg = crate::value::Argument::native($arg)?;)*
                self.call(stringify!($name), |g_handle| g_handle.$name($($arg),*))
            }
        )*}
    };
}
pub(crate) use calls;

/// `Name<'a>: OwnName { option: type => own_name, … }` are the optional arguments of a call.
macro_rules! options {
    ($(
        $(#[$doc:meta])*
        $name:ident $(<$life:lifetime>)?: $own:ident {
            $($(#[$field_doc:meta])* $field:ident: $ty:ty => $native:ident,)*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name $(<$life>)? {
            $($(#[$field_doc])* pub $field: Option<$ty>,)*
        }

        impl $(<$life>)? crate::value::Argument for $name $(<$life>)? {
            type Native = guestfs_rs::opts::$own;
            fn native(self) -> Result<Self::Native, crate::error::Error> {
                Ok(guestfs_rs::opts::$own {
                    $($native: self.$field.map(crate::value::Given::native).transpose()?,)*
                })
            }
        }
    )*};
}
pub(crate) use options;

/// `Name: OwnName { field: type => own_name, … }` is a struct that calls return.
macro_rules! records {
    ($(
        $(#[$doc:meta])*
        $name:ident: $own:ident { $($field:ident: $ty:ty => $native:ident,)* }
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $(#[allow(missing_docs)] pub $field: $ty,)*
        }

        impl crate::value::Answer<guestfs_rs::structs::$own> for $name {
            fn answer(native: guestfs_rs::structs::$own) -> Self {
                $name { $($field: crate::value::Answer::answer(native.$native),)* }
            }
        }

        impl crate::value::IsList for Vec<$name> {}
    )*};
}
pub(crate) use records;

/// `Name = value;` is a class of events.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        /// A class of events.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Event {
            $($(#[$doc])* $name,)*
        }

        /// Every class.
        pub const EVENT_ALL: [Event; [$($value),*].len()] = [$(Event::$name),*];

        impl Event {
            /// Its bit in a mask.
            pub fn to_u64(&self) -> u64 {
                match self {
                    $(Event::$name => $value,)*
                }
            }

            /// The class that is the only one in a mask.
            pub fn from_bitmask(bitmask: u64) -> Option<Event> {
                match bitmask {
                    $($value => Some(Event::$name),)*
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use events;
