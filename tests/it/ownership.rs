//! Two folders with the same stack name in one account: neither changes the stack of the other unless the user says so.

use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::User;

const STACK: &str = "[stack]\nname = \"shared\"\n[topics.news]\n[queues.work]\n[pools.Users]\n";

#[test]
fn no_command_touches_the_stack_of_another_folder_without_adopt() {
    let first = User::of(&account(), &endpoint());
    first.write("securelambda.toml", STACK);
    first.run(&["up", "--yes"]).ends(0);
    let there = inventory(&first);
    let other = first.on_another_machine(&endpoint());
    // The other folder would remove the queue.
    other.write("securelambda.toml", &STACK.replace("[queues.work]\n", ""));
    for command in [&["plan"][..], &["up", "--yes"], &["down", "--yes"], &["down", "--yes", "--purge"]] {
        let ran = other.run(command).ends(10).says("of the stack shared exist in account").says("--adopt");
        assert_eq!(ran.stdout, "", "{command:?}");
        assert_eq!(inventory(&first), there, "{command:?}");
    }
    assert!(!other.state().exists(), "there is no state that would make the next run forget");
    first.run(&["status", "--detailed-exitcode"]).ends(0);
    first.run(&["up", "--yes"]).ends(0).says("Nothing to do");

    // Whoever says so takes the stack over, with everything that carries its tag.
    other.run(&["plan", "--adopt"]).ends(0);
    other.run(&["up", "--yes", "--adopt"]).ends(0);
    other.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    other.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&first), Vec::<String>::new());
}

#[test]
fn a_first_run_a_killed_run_and_a_removed_stack_need_no_flag() {
    let user = User::of(&account(), &endpoint());
    user.write("securelambda.toml", STACK);
    user.run(&["plan"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("Nothing to remove");
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}
