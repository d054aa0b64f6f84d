//! The emulator's default account, which receives all requests without a signature: sign-in and calls of routes.

use std::sync::{Mutex, MutexGuard};

use super::emulator::{endpoint, without_proxy};
use super::inventory::everything;
use super::program::User;

/// The access key of the default account.
pub const DEFAULT_ACCOUNT: &str = "test";

/// Reserves the default account. One test at a time has it, as long as it keeps the returned guard.
pub fn default_account() -> DefaultAccount {
    static TAKEN: Mutex<()> = Mutex::new(());
    DefaultAccount { _taken: TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner) }
}

/// The default account is reserved while this exists.
pub struct DefaultAccount {
    _taken: MutexGuard<'static, ()>,
}

/// What failed tests left in the default account.
static LEFT_BEHIND: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl DefaultAccount {
    /// What failed tests left there. The tests after them do not fail for it too, so the report names the cause alone.
    pub fn left_behind() -> Vec<String> {
        LEFT_BEHIND.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl Drop for DefaultAccount {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let found =
                std::panic::catch_unwind(|| everything(&User::of(DEFAULT_ACCOUNT, &without_proxy(&endpoint()))));
            *LEFT_BEHIND.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = found.unwrap_or_default();
        }
    }
}
