//! The emulator's default account, which receives all requests without a signature: sign-in and calls of routes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::emulator::{endpoint, without_proxy};
use super::inventory::everything;
use super::program::User;

/// The access key of the default account.
pub const DEFAULT_ACCOUNT: &str = "test";

/// Reserves the default account. One test at a time has it, as long as it keeps the returned guard. Every stack that is
/// still there at the end is removed. A test that passed otherwise fails for it.
pub fn default_account() -> DefaultAccount {
    static TAKEN: Mutex<()> = Mutex::new(());
    DefaultAccount { _taken: TAKEN.lock().unwrap_or_else(PoisonError::into_inner) }
}

/// The default account is reserved while this exists.
pub struct DefaultAccount {
    _taken: MutexGuard<'static, ()>,
}

/// What failed tests left in the default account and could not be removed.
static LEFT_BEHIND: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl DefaultAccount {
    /// What failed tests left there. The tests after them do not fail for it too, so the report names the cause alone.
    pub fn left_behind() -> Vec<String> {
        LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for DefaultAccount {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        let user = User::of(DEFAULT_ACCOUNT, &without_proxy(&endpoint()));
        let left = remove_stacks(&user);
        if failed {
            let found = std::panic::catch_unwind(|| everything(&user));
            *LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner) = found.unwrap_or_default();
        } else {
            assert!(left.is_empty(), "the test left these stacks in the default account: {left:?}");
        }
    }
}

/// Removes all stacks of the account with their tables. Returns their names and resources. Secrets and keys that wait for
/// their deletion do not count.
fn remove_stacks(user: &User) -> Vec<String> {
    let listed: Value = serde_json::from_str(&user.run(&["sweep", "--json"]).stdout).unwrap_or_default();
    let mut left = Vec::new();
    for stack in listed["stacks"].as_array().into_iter().flatten() {
        let name = stack["stack"].as_str().unwrap_or_default();
        let resources = stack["resources"].as_array().into_iter().flatten();
        let there = resources.filter(|one| one["recoverable_until_unix"].is_null());
        let ids: Vec<&str> = there.filter_map(|one| one["id"].as_str()).collect();
        if ids.is_empty() {
            continue;
        }
        let tables = ids.iter().filter_map(|id| id.strip_prefix("table."));
        let named: Vec<&str> = tables.flat_map(|table| ["--remove-table", table]).collect();
        user.run(&[&["sweep", "--stack", name, "--yes", "--adopt", "--purge"], named.as_slice()].concat());
        left.push(format!("{name}: {}", ids.join(", ")));
    }
    left
}
