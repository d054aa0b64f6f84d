//! The declaration of a table of the stack file: its keys, once, as a struct with a field for each.

use super::field::Key;

/// The keys of one table of the stack file. [`section!`] implements it.
pub(super) trait Section: Sync + 'static {
    /// Its name in messages, as in `a function`.
    fn what(&self) -> &'static str;

    /// Its keys, in the order in which they are best read.
    fn keys(&'static self) -> Vec<&'static Key>;

    /// The keys that exclude each other.
    fn choice(&self) -> Choice {
        Choice::Free
    }
}

/// The keys of a table that exclude each other.
#[derive(Clone, Copy)]
pub(super) enum Choice {
    /// No keys exclude each other.
    Free,
    /// The table has exactly one key.
    OneKey,
    /// The table has exactly one key of each of these groups, beside others.
    OneOf(&'static [&'static [&'static str]]),
}

/// The name of a key from the name of its field, which is written as `r#type` if the name is a keyword of Rust.
pub(super) const fn key_name(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}

/// Declares a table. The first line has the constant, its type, the table's name in messages and, if some keys exclude
/// each other, a [`Choice`]. Each further line has a key with its kind, the constructor of that kind and the
/// constructor's arguments.
macro_rules! section {
    (
        $constant:ident: $section:ident = $what:literal $(, $choice:expr)?;
        $($name:ident: $kind:ty = $make:ident($($value:expr),* $(,)?);)*
    ) => {
        #[allow(clippy::struct_field_names, reason = "a field has the name of its key")]
        pub(in crate::spec) struct $section {
            $(pub $name: $kind,)*
        }

        pub(in crate::spec) static $constant: $section = $section {
            $($name: <$kind>::$make($crate::spec::section::key_name(stringify!($name)), $($value),*),)*
        };

        impl $crate::spec::section::Section for $section {
            fn what(&self) -> &'static str {
                $what
            }

            fn keys(&'static self) -> Vec<&'static $crate::spec::field::Key> {
                vec![$(&self.$name.key),*]
            }

            $(fn choice(&self) -> $crate::spec::section::Choice {
                $choice
            })?
        }
    };
}

pub(super) use section;
