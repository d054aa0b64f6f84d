//! `export-users` and `import-users` copy the users of a pool to another pool.

use crate::support::default_account::default_account;
use crate::support::emulator::endpoint;
use crate::support::program::User;

const PASSWORD: &str = "Correct-Horse-7-Battery\n";

const STACK: &str = r#"
[stack]
name = "people"
[pools.Old]
groups = ["staff", "admins"]
attributes = { tenant = {}, family_name = { required = true } }
[pools.New]
groups = ["staff", "admins"]
attributes = { tenant = {}, family_name = { required = true } }
[pools.Others]
sign_in = ["username"]
"#;

fn rows(csv: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// The values of some columns, by the user's name.
fn values(csv: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let rows = rows(csv);
    let at = |name: &&str| rows[0].iter().position(|column| column == name).unwrap();
    let mut found: Vec<Vec<String>> =
        rows[1..].iter().map(|row| columns.iter().map(|name| row[at(name)].clone()).collect()).collect();
    found.sort();
    found
}

#[test]
fn users_move_from_one_pool_to_another_with_attributes_and_groups() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    user.write("securelambda.toml", STACK);
    user.run(&["up", "--yes"]).ends(0);
    for (name, family, more) in [
        ("ada@example.com", "family_name=Lovelace", &["--attribute", "tenant=acme", "--group", "staff,admins"][..]),
        ("grace@example.com", "family_name=Hopper, née Murray", &[][..]),
    ] {
        let line = ["add-user", name, "--pool", "Old", "--password-stdin", "--attribute", family];
        user.run_with(PASSWORD, &[&line[..], more].concat()).ends(0);
    }
    let exported = user.run(&["export-users", "--pool", "Old"]).ends(0).stdout;
    assert!(!exported.contains(PASSWORD.trim()));
    let columns = ["user", "family_name", "custom:tenant", "groups", "enabled"];
    assert_eq!(
        values(&exported, &columns),
        [
            ["ada@example.com", "Lovelace", "acme", "admins;staff", "true"],
            ["grace@example.com", "Hopper, née Murray", "", "", "true"],
        ]
    );

    user.write("users.csv", &exported);
    let imported = user.run(&["import-users", "users.csv", "--pool", "New"]).ends(0);
    imported.says("2 users were added to New.").says("sub");
    let again = user.run(&["export-users", "--pool", "New"]).ends(0).stdout;
    assert_eq!(values(&again, &columns), values(&exported, &columns));
    // The imported users do not have their old passwords, and their ids are new.
    let token = ["token", "ada@example.com", "--pool", "New", "--password-stdin"];
    user.run_with(PASSWORD, &token).ends(1).says("Incorrect username or password");
    assert_ne!(values(&again, &["sub"]), values(&exported, &["sub"]));

    user.run(&["import-users", "users.csv", "--pool", "New"]).ends(0).says("2 users already existed");
    let counts = user.run(&["import-users", "users.csv", "--pool", "New", "--json"]).ends(0).json();
    assert_eq!((counts["added"].as_u64(), counts["existed"].as_u64()), (Some(0), Some(2)));

    // A mistake anywhere in the file leaves the pool as it is.
    user.write("wrong.csv", "user,family_name,groups\nann@example.com,Ann,staff\nbob@example.com,Bob,staf\n");
    user.run(&["import-users", "wrong.csv", "--pool", "New"]).ends(2).says("there is no group called staf");
    user.write("wrong.csv", "user,family_name\nann@example.com,Ann\nbob,Bob\n");
    user.run(&["import-users", "wrong.csv", "--pool", "New"]).ends(2).says("line 3");
    user.run(&["import-users", "none.csv", "--pool", "New"]).ends(2).says("none.csv cannot be read");
    user.run(&["import-users", "users.csv"]).ends(2).says("choose one with --pool");
    assert_eq!(values(&user.run(&["export-users", "--pool", "New"]).ends(0).stdout, &["user"]).len(), 2);

    let named = "username,email\nann,ann@example.com\n";
    user.run_with(named, &["import-users", "-", "--pool", "Others"]).ends(0).says("1 user was added to Others.");
    let others = user.run(&["export-users", "--pool", "Others"]).ends(0).stdout;
    assert_eq!(values(&others, &["user", "email"]), [["ann", "ann@example.com"]]);
    user.run(&["down", "--yes"]).ends(0);
}
