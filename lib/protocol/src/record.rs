//! What the rows of `generated` become: wire records with their encoding, options with their setters.
//!
//! In: names, types and docs of fields. Out: structs; for records [`Xdr`](crate::xdr::Xdr), field by field.

/// `Name { field: type, … }` is a record on the wire.
macro_rules! records {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $ty,)*
        }

        impl $crate::xdr::Xdr for $name {
            const MIN_SIZE: usize = 0 $(+ <$ty as $crate::xdr::Xdr>::MIN_SIZE)*;

            fn encode(&self, e: &mut $crate::xdr::Encoder) -> Result<(), $crate::xdr::XdrError> {
                $(e.put(&self.$field)?;)*
                Ok(())
            }

            fn decode(d: &mut $crate::xdr::Decoder<'_>) -> Result<Self, $crate::xdr::XdrError> {
                Ok(Self { $($field: d.get()?,)* })
            }
        }
    )*};
}
pub(crate) use records;

/// `Name { option: Kind, … }` are the optional arguments of a call, in the order of their bits.
macro_rules! options {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ident),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: Option<$crate::record::option!(type $kind)>,)*
        }

        impl $name {
            /// No option given.
            pub fn new() -> Self {
                Self::default()
            }

            $($crate::record::option! { setter $kind $(#[$field_doc])* $field })*

            /// Bit N is set when option N, counted in this struct's order, is given.
            pub fn mask(&self) -> u64 {
                let given = [$(self.$field.is_some()),*];
                given.iter().rev().fold(0, |mask, given| mask << 1 | u64::from(*given))
            }
        }
    )*};
}
pub(crate) use options;

/// The type of an option of some kind, and its setter.
macro_rules! option {
    (type Bool) => { bool };
    (type Int) => { i32 };
    (type Int64) => { i64 };
    (type Str) => { bstr::BString };
    (type StrList) => { Vec<bstr::BString> };
    (setter Str $(#[$doc:meta])* $field:ident) => {
        $(#[$doc])*
        #[must_use]
        pub fn $field(mut self, value: impl AsRef<[u8]>) -> Self {
            self.$field = Some(bstr::BString::from(value.as_ref()));
            self
        }
    };
    (setter StrList $(#[$doc:meta])* $field:ident) => {
        $(#[$doc])*
        #[must_use]
        pub fn $field(mut self, value: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
            self.$field = Some(value.into_iter().map(|item| bstr::BString::from(item.as_ref())).collect());
            self
        }
    };
    (setter $kind:ident $(#[$doc:meta])* $field:ident) => {
        $(#[$doc])*
        #[must_use]
        pub fn $field(mut self, value: $crate::record::option!(type $kind)) -> Self {
            self.$field = Some(value);
            self
        }
    };
}
pub(crate) use option;

/// `NAME = number "name";` is a call of the daemon.
macro_rules! procedures {
    ($($constant:ident = $number:literal $name:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`.")]
            pub const $constant: i32 = $number;
        )*

        /// The call that has a number, or `None` when no call of this API has it.
        pub fn name(proc: i32) -> Option<&'static str> {
            Some(match proc {
                $($constant => $name,)*
                _ => return None,
            })
        }
    };
}
pub(crate) use procedures;
