//! The state file on a real disk: atomic replacement, locks, permissions and damaged files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use securelambda::state::{FileError, Folder, Holder, Record, StackState, State, StateFile, StateId, Status};
use serde_json::{Value, json};
use tempfile::TempDir;

const ACCOUNT: &str = "123456789012";

fn store(folder: &Path) -> StateFile {
    StateFile::new(folder, &id())
}

fn id() -> StateId {
    StateId { stack: "toy".into(), account: ACCOUNT.into(), region: "eu-central-1".into() }
}

/// A folder with this text as the state file.
fn holding(text: impl AsRef<[u8]>) -> (TempDir, StateFile) {
    let folder = TempDir::new().unwrap();
    let store = store(folder.path());
    fs::write(store.path(), text).unwrap();
    (folder, store)
}

/// A state with this many rows. The serial is the same number.
fn state(rows: u64) -> State {
    let mut state = State::new(&id(), None);
    state.serial = rows;
    for row in 0..rows {
        let record = Record {
            kind: "role".into(),
            status: Status::Ready,
            key: json!({ "name": row }),
            outputs: Some(json!({ "id": row })),
            parent: None,
            needs: vec!["role.first".into()],
        };
        state.resources.insert(format!("role.r{row}"), record);
    }
    state
}

/// The state file of `state(2)`, changed.
fn edited(edit: impl FnOnce(&mut Value)) -> String {
    let mut document = serde_json::to_value(state(2)).unwrap();
    edit(&mut document);
    document.to_string()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The error for a state file with this text, and the error with its hint as text. Locking must give the same error.
#[track_caller]
fn said_of(text: impl AsRef<[u8]>) -> (FileError, String) {
    let (folder, store) = holding(text.as_ref());
    let error = store.read().unwrap_err();
    let of_lock = store.lock("up").unwrap_err();
    assert_eq!(of_lock.to_string(), error.to_string(), "locking gives the same error");
    assert_eq!(fs::read(store.path()).unwrap(), text.as_ref(), "it is left as it was");
    assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    let said = format!("{error}; {}", error.hint());
    (error, said)
}

#[test]
fn a_saved_state_is_read_back() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder.path().join("made/on/demand"));
    assert_eq!(store.read().unwrap(), None);
    assert!(!folder.path().join("made").exists(), "reading makes nothing");
    let (blank, mut locked) = store.lock("up").unwrap();
    assert_eq!(blank, None);
    assert_eq!(store.read().unwrap(), None, "nor does locking");
    locked.write(&state(3)).unwrap();
    assert_eq!(store.read().unwrap(), Some(state(3)));
    drop(locked);
    assert_eq!(store.lock("up").unwrap().0, Some(state(3)));
}

#[tokio::test]
async fn a_locked_state_names_the_running_programs_version() {
    let (folder, _) = holding(edited(|it| it["tool"] = json!("securelambda 0.0.1")));
    let (state, _locked) = StackState::new(Arc::new(Folder::new(folder.path())), id(), None).lock("up").await.unwrap();
    assert_eq!(state.tool, concat!("securelambda ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_state_can_be_forgotten_twice() {
    let (_folder, store) = holding(edited(|_| {}));
    let (_, mut locked) = store.lock("down").unwrap();
    locked.remove().unwrap();
    assert_eq!(store.read().unwrap(), None);
    locked.remove().unwrap();
}

#[test]
fn readers_never_see_a_half_written_state() {
    let folder = TempDir::new().unwrap();
    let store = store(folder.path());
    let (_, mut locked) = store.lock("up").unwrap();
    locked.write(&state(1)).unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !over.load(Ordering::Relaxed) {
                let state = store.read().expect("whole").expect("there");
                assert_eq!(state.resources.len() as u64, state.serial, "old or new, never something between");
                seen += 1;
            }
            seen
        });
        for save in 0..200 {
            locked.write(&state(save * 37 % 100)).unwrap();
        }
        over.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 20, "it read while it was written");
    });
    assert_eq!(names(folder.path()), ["toy.123456789012.eu-central-1.json", "toy.123456789012.eu-central-1.lock"]);
}

#[test]
fn state_and_lock_files_are_readable_by_their_owner_only() {
    let folder = TempDir::new().unwrap();
    let store = store(folder.path());
    let (_, mut locked) = store.lock("up").unwrap();
    for _ in 0..2 {
        locked.write(&state(1)).unwrap();
        for name in names(folder.path()) {
            let mode = fs::metadata(folder.path().join(&name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
}

#[test]
fn a_save_restores_owner_only_permissions() {
    let (_folder, store) = holding(edited(|_| {}));
    fs::set_permissions(store.path(), fs::Permissions::from_mode(0o644)).unwrap();
    store.lock("up").unwrap().1.write(&state(1)).unwrap();
    assert_eq!(fs::metadata(store.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_second_lock_fails_and_names_the_holder() {
    let folder = TempDir::new().unwrap();
    let store = store(folder.path());
    let first = store.lock("up --yes").unwrap();
    let error = store.lock("down").unwrap_err();
    let FileError::Locked { holder, .. } = &error else { panic!("{error}") };
    assert_eq!((holder.command.as_str(), holder.pid), ("up --yes", std::process::id()));
    assert!(error.to_string().contains(&format!("`up --yes`, process {} of user ", std::process::id())), "{error}");
    assert!(error.hint().contains("wait"));
    assert_eq!(store.read().unwrap(), None, "reading needs no lock");
    drop(first);
    store.lock("down").unwrap();
}

#[test]
fn other_stacks_accounts_and_regions_have_separate_locks() {
    let folder = TempDir::new().unwrap();
    let _first = store(folder.path()).lock("up").unwrap();
    for (stack, account, region) in
        [("other", ACCOUNT, "eu-central-1"), ("toy", "210987654321", "eu-central-1"), ("toy", ACCOUNT, "us-east-1")]
    {
        let [stack, account, region] = [stack, account, region].map(str::to_owned);
        StateFile::new(folder.path(), &StateId { stack, account, region }).lock("up").unwrap();
    }
}

#[test]
fn the_lock_of_a_dead_holder_is_taken_over() {
    let folder = TempDir::new().unwrap();
    let store = store(folder.path());
    drop(store.lock("up").unwrap());
    let lock = folder.path().join("toy.123456789012.eu-central-1.lock");
    assert!(fs::read_to_string(&lock).unwrap().contains("\"up\""), "dropping the lock must leave the file's text");
    let (_, _held) = store.lock("x").unwrap();
    let holder: Holder = serde_json::from_str(&fs::read_to_string(&lock).unwrap())
        .expect("the new text must replace the longer old text completely");
    assert_eq!(holder.command, "x");
}

#[test]
fn a_lock_with_unreadable_contents_still_holds() {
    let folder = TempDir::new().unwrap();
    let store = store(folder.path());
    let _held = store.lock("up").unwrap();
    fs::write(folder.path().join("toy.123456789012.eu-central-1.lock"), "{").unwrap();
    assert!(matches!(store.lock("up"), Err(FileError::Locked { .. })));
}

#[test]
fn a_lock_holder_is_displayed_in_words() {
    let holder = Holder { owner: "1000".into(), pid: 7, host: "box".into(), since: u64::MAX, command: "up".into() };
    assert_eq!(holder.to_string(), "`up`, process 7 of user 1000 on box, for 0 s", "whatever its clock says");
}

#[test]
fn a_leftover_temporary_file_is_ignored() {
    let (folder, store) = holding(edited(|_| {}));
    fs::write(folder.path().join(".state-Ab3dE9.tmp"), "{\"version\": 1, \"to").unwrap();
    let (state, mut locked) = store.lock("up").unwrap();
    let state = state.unwrap();
    assert_eq!(state.resources.len(), 2);
    locked.write(&state).unwrap();
    assert_eq!(store.read().unwrap(), Some(state));
}

#[test]
fn a_damaged_state_file_is_an_error() {
    let whole = edited(|_| {});
    let damaged = [
        String::new(),
        "{}".into(),
        "null".into(),
        "[1]".into(),
        whole[..whole.len() / 2].to_owned(),
        format!("{whole}}}"),
        edited(|it| it["version"] = json!("1")),
        edited(|it| it["version"] = json!(-1)),
        edited(|it| it["version"] = Value::Null),
        edited(|it| it["resources"] = json!([])),
        edited(|it| it["resources"]["role.r0"]["status"] = json!("almost")),
        edited(|it| drop(it["resources"]["role.r0"].as_object_mut().unwrap().remove("outputs"))),
        edited(|it| drop(it.as_object_mut().unwrap().remove("resources"))),
    ];
    for text in damaged {
        let (error, said) = said_of(&text);
        assert!(matches!(error, FileError::Damaged { .. }), "{text}: {error}");
        assert!(said.contains("backup") && said.contains("run `up`"), "{said}");
    }
    assert!(matches!(said_of([0xff, 0xfe]).0, FileError::Damaged { .. }));
}

#[test]
fn every_truncated_state_file_is_damaged() {
    let whole = edited(|_| {});
    for end in 0..whole.len() {
        let (_folder, store) = holding(&whole[..end]);
        assert!(matches!(store.read(), Err(FileError::Damaged { .. })), "{}", &whole[..end]);
    }
}

#[test]
fn a_state_file_of_a_newer_version_is_refused() {
    for text in [edited(|it| it["version"] = json!(3)), r#"{"version": 99, "things": []}"#.into()] {
        let (error, said) = said_of(text);
        assert!(matches!(error, FileError::Newer { .. }), "{error}");
        assert!(said.contains("up to 2") && said.contains("newer securelambda"), "{said}");
    }
}

#[test]
fn a_state_file_of_another_stack_account_or_region_is_refused() {
    for (field, other) in [("stack", "other"), ("account", "210987654321"), ("region", "us-east-1")] {
        let (error, said) = said_of(edited(|it| it[field] = json!(other)));
        assert!(matches!(error, FileError::Foreign { .. }), "{error}");
        assert!(said.contains(other) && said.contains("toy in 123456789012 eu-central-1"), "{said}");
    }
}

#[test]
fn an_unreadable_state_file_is_an_error() {
    let folder = TempDir::new().unwrap();
    let store = store(folder.path());
    fs::create_dir(store.path()).unwrap();
    let error = store.read().unwrap_err();
    assert!(matches!(error, FileError::Io { what: "file", verb: "read", .. }), "{error}");
    assert!(error.hint().contains("--state"));
}

#[test]
fn a_state_file_without_read_permission_is_an_error() {
    let (_folder, store) = holding(edited(|_| {}));
    fs::set_permissions(store.path(), fs::Permissions::from_mode(0o000)).unwrap();
    // Root can read every file.
    if fs::read(store.path()).is_err() {
        assert!(matches!(store.read(), Err(FileError::Io { verb: "read", .. })));
    }
}

#[test]
fn locking_fails_if_the_state_folder_cannot_be_written() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = store(&path).lock("up").unwrap_err();
        assert!(matches!(error, FileError::Io { what: "folder", verb: "written", .. }), "{error}");
        assert!(error.hint().contains("--state"));
    }
}

#[test]
fn a_failed_save_leaves_no_temporary_file_and_can_be_repeated() {
    let folder = TempDir::new().unwrap();
    let store = store(folder.path());
    let (_, mut locked) = store.lock("up").unwrap();
    locked.write(&state(1)).unwrap();
    fs::remove_file(store.path()).unwrap();
    fs::create_dir_all(store.path().join("in the way")).unwrap();
    let error = locked.write(&state(2)).unwrap_err();
    assert!(matches!(error, FileError::Io { what: "file", verb: "written", .. }), "{error}");
    assert_eq!(names(folder.path()).len(), 2, "and no temporary file");
    fs::remove_dir_all(store.path()).unwrap();
    locked.write(&state(3)).unwrap();
    assert_eq!(store.read().unwrap(), Some(state(3)), "the write must succeed when the path is free again");
}
