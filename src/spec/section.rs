//! The declaration of a table of the stack file: its keys, once, as a struct with a field for each.

use super::field::Key;

/// The keys of one table of the stack file. [`section!`] implements it.
pub(super) trait Section: Sync + 'static {
    /// Its name in messages, as in `a function`.
    fn what(&self) -> &'static str;

    /// Its keys, in the order in which they are best read.
    fn keys(&'static self) -> Vec<&'static Key>;

    /// Which of its keys exclude each other.
    fn choice(&self) -> Choice {
        Choice::Free
    }
}

/// Which keys of a table exclude each other.
#[derive(Clone, Copy)]
pub(super) enum Choice {
    /// None of them.
    Free,
    /// The table has exactly one key.
    OneKey,
    /// The table has exactly one key of each of these groups, beside others.
    OneOf(&'static [&'static [&'static str]]),
}

/// The name of a key from the name of its field, which is written as `r#type` if Rust has the word itself.
pub(super) const fn key_name(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}

/// Declares a table: a constant with its keys, the type of the constant, its name in messages and, if some do, which
/// keys exclude each other; then each key with its kind, the constructor of that kind and the constructor's arguments.
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
