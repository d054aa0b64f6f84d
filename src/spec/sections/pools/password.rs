//! `password` of a pool: the rule for passwords.

use crate::spec::field::{Flag, Number};
use crate::spec::reader::{Reader, Table};
use crate::spec::section::section;

section! {
    PASSWORD: PasswordKeys = "a password rule";
    minimum_length: Number = hardened(6, 99, 12, 14, "The minimum number of characters.");
    history: Number = hardened(
        0, 24, 0, 24, "How many earlier passwords a user cannot choose again. Needs the plan essentials or plus.",
    );
    lowercase: Flag = or(true, "At least one of a-z.");
    uppercase: Flag = or(true, "At least one of A-Z.");
    numbers: Flag = or(true, "At least one of 0-9.");
    symbols: Flag = or(true, "At least one of Cognito's symbols.");
}

#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "Cognito's own four flags")]
pub struct Password {
    /// 6 to 99.
    pub minimum_length: u8,
    /// At least one a-z.
    pub lowercase: bool,
    /// At least one A-Z.
    pub uppercase: bool,
    /// At least one 0-9.
    pub numbers: bool,
    /// At least one of Cognito's symbols.
    pub symbols: bool,
    /// How many earlier passwords cannot be chosen again, 0 to 24.
    pub history: u8,
}

pub(super) fn password(reader: &mut Reader, table: &Table) -> Password {
    let PasswordKeys { minimum_length, history, lowercase, uppercase, numbers, symbols } = &PASSWORD;
    Password {
        // The key's range ends at 99.
        minimum_length: u8::try_from(reader.number(table, minimum_length)).unwrap_or(u8::MAX),
        lowercase: reader.flag(table, lowercase),
        uppercase: reader.flag(table, uppercase),
        numbers: reader.flag(table, numbers),
        symbols: reader.flag(table, symbols),
        // The key's range ends at 24.
        history: u8::try_from(reader.number(table, history)).unwrap_or(u8::MAX),
    }
}
