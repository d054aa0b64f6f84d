//! Commands with `--local` while no emulator runs.

use crate::support::program::User;

/// Reading changes nothing: neither an emulator is started nor anything installed.
#[test]
fn commands_that_need_a_stack_do_not_start_the_emulator() {
    let cache = tempfile::tempdir().unwrap();
    let user = User::bare().with("SECURELAMBDA_CACHE_DIR", cache.path().to_str().unwrap());
    for command in [&["status"][..], &["verify"], &["users"], &["logs"], &["audit"], &["traffic"]] {
        let ran = user.run(&[command, &["--local"]].concat()).ends(6).says("the emulator is not running");
        assert!(ran.stderr.contains("up --local"), "{}", ran.stderr);
    }
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0, "nothing was installed");
}
