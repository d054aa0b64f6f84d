//! Groups of user pools: an edit of the stack file never loses members, and a group has no role.

use serde_json::{Value, json};

use crate::support::botocore::{accepted, call};
use crate::support::default_account::default_account;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::User;
use crate::support::routes::claims;

const PASSWORD: &str = "Correct-Horse-7-Battery\n";

const STACK: &str = "[stack]\nname = \"grouped\"\n[pools.Users]\ngroups = [\"staff\", \"guests\"]\n[pools.Others]\n";

fn built(account: &str) -> (User, Value) {
    let user = User::of(account, &endpoint());
    user.write("securelambda.toml", STACK);
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    let pool = outputs["pools"]["Users"]["id"].clone();
    (user, pool)
}

fn members(user: &User, pool: &Value, group: &str) -> Vec<String> {
    let asked = json!({ "UserPoolId": pool, "GroupName": group });
    let listed = call(user, "cognito-idp", "list_users_in_group", &asked);
    let email = |one: &Value| {
        let attributes = one["Attributes"].as_array().unwrap();
        attributes.iter().find(|one| one["Name"] == "email").unwrap()["Value"].as_str().unwrap().to_owned()
    };
    listed["Users"].as_array().unwrap().iter().map(email).collect()
}

#[test]
fn people_are_added_to_groups_listed_and_named_in_their_tokens() {
    // Signing in works in the emulator's default account alone.
    let _alone = default_account();
    let (user, pool) = built("test");
    let ada = ["ada@example.com", "--pool", "Users", "--password-stdin"];
    let add = |groups: &[&str]| user.run_with(PASSWORD, &[&["add-user"], &ada[..], groups].concat());
    add(&["--group", "staf"]).ends(2).says("there is no group called staf").says("did you mean staff?");
    assert!(!user.run(&["users"]).ends(0).stdout.contains("ada"), "a mistyped group adds nobody");
    add(&["--group", "staff,guests"]).ends(0);
    add(&["--group", "staff", "--reset-password"]).ends(0).says("already existed");
    user.run_with(PASSWORD, &["add-user", "bob@example.com", "--pool", "Others", "--password-stdin"]).ends(0);
    assert_eq!(members(&user, &pool, "staff"), ["ada@example.com"]);

    let staff = user.run(&["users", "--group", "staff", "--json"]).ends(0).json();
    let emails: Vec<&Value> = staff["users"].as_array().unwrap().iter().map(|one| &one["email"]).collect();
    assert_eq!(emails, ["ada@example.com"]);
    user.run(&["users", "--group", "nobody"]).ends(2).says("there is no group called nobody");

    let token = user.run_with(PASSWORD, &[&["token"], &ada[..]].concat()).ends(0).stdout;
    let mut named = claims(&token)["cognito:groups"].clone();
    named.as_array_mut().unwrap().sort_by_key(Value::to_string);
    assert_eq!(named, json!(["guests", "staff"]));

    // A group that somebody else made is listed, and is no drift.
    accepted(&user, "cognito-idp", "create_group", &json!({ "UserPoolId": pool, "GroupName": "theirs" }));
    let listed = user.run(&["groups", "--json"]).ends(0).json();
    let rows: Vec<Value> = listed["groups"].as_array().unwrap().clone();
    let row = |group: &str, members: usize, ours: bool| {
        json!({ "pool": "Users", "group": group, "members": members, "more_members": false,
                "in_stack_file": ours, "role_arn": null })
    };
    assert_eq!(rows, [row("guests", 1, true), row("staff", 1, true), row("theirs", 0, false)]);
    let table = user.run(&["groups", "--pool", "Users"]).ends(0).stdout;
    assert!(table.contains("theirs") && table.contains("another tool"), "{table}");
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    user.run(&["down", "--yes"]).ends(0);
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn a_group_with_members_is_removed_only_if_it_is_named() {
    let (user, pool) = built(&account());
    let ada = ["ada@example.com", "--pool", "Users", "--password-stdin", "--group", "staff"];
    user.run_with(PASSWORD, &[&["add-user"], &ada[..]].concat()).ends(0);
    user.run(&["up", "--yes", "--remove-group", "staff"]).ends(2).says("it is in the stack file");

    user.write("securelambda.toml", &STACK.replace("\"staff\", \"guests\"", ""));
    let before = std::fs::read(user.state()).unwrap();
    let plan = user.run(&["plan"]).ends(4).stdout;
    assert!(plan.contains("- group.Users/staff") && plan.contains("--remove-group Users/staff"), "{plan}");
    // The printed command has the same flags, so it acts on the same stack.
    let flags = ["--region", "eu-central-1"];
    let plan = user.run(&[&["plan"], &flags[..]].concat()).ends(4).stdout;
    let document = user.run(&[&["plan", "--json"], &flags[..]].concat()).ends(4).stdout;
    for told in [plan, document] {
        assert!(told.contains("`securelambda up --remove-group Users/staff --region eu-central-1`"), "{told}");
    }
    let refused = user.run(&["up", "--yes"]).ends(4);
    refused.says("the group Users/staff has 1 member").says("nothing was changed");
    user.run(&["up", "--yes", "--remove-group", "guests"]).ends(4);
    assert_eq!(std::fs::read(user.state()).unwrap(), before, "nothing was changed");
    assert_eq!(members(&user, &pool, "staff"), ["ada@example.com"]);

    let removed = user.run(&["up", "--yes", "--remove-group", "Users/staff"]).ends(0);
    removed.says("The group Users/staff has 1 member, who will belong to it no longer.");
    assert_eq!(user.run(&["groups", "--json"]).ends(0).json()["groups"], json!([]));
    assert!(user.run(&["users"]).ends(0).stdout.contains("ada@example.com"), "the members stay users");
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn a_role_is_taken_from_a_group_without_losing_members_and_a_deleted_group_is_made_again() {
    let (user, pool) = built(&account());
    let ada = ["ada@example.com", "--pool", "Users", "--password-stdin", "--group", "staff"];
    user.run_with(PASSWORD, &[&["add-user"], &ada[..]].concat()).ends(0);
    let group = |name: &str, more: Value| {
        let mut arguments = json!({ "UserPoolId": pool, "GroupName": name });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    let trust = json!({ "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole" }] });
    let role = json!({ "RoleName": "somebodys", "AssumeRolePolicyDocument": trust.to_string() });
    let role = accepted(&user, "iam", "create_role", &role)["Role"]["Arn"].clone();
    // The emulator knows no UpdateGroup.
    accepted(&user, "cognito-idp", "delete_group", &group("staff", json!({})));
    accepted(&user, "cognito-idp", "create_group", &group("staff", json!({ "RoleArn": role, "Precedence": 4 })));
    let ada = group("staff", json!({ "Username": "ada@example.com" }));
    accepted(&user, "cognito-idp", "admin_add_user_to_group", &ada);
    accepted(&user, "cognito-idp", "create_group", &group("theirs", json!({ "RoleArn": role })));
    accepted(&user, "cognito-idp", "delete_group", &group("guests", json!({})));
    let status = user.run(&["status", "--json", "--detailed-exitcode"]).ends(7).json();
    let row = |id: &str| status["resources"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap();
    assert_eq!(row("group.Users/staff")["drift"][0]["field"], "RoleArn");
    assert_eq!(row("group.Users/staff")["drift"][0]["weakens"], true);
    assert_eq!(row("pool.Users")["drift"][0]["field"], "Groups.RoleArn");
    assert_eq!(row("pool.Users")["drift"].as_array().unwrap().len(), 1);

    user.run(&["up", "--yes"]).ends(0);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    assert_eq!(members(&user, &pool, "staff"), ["ada@example.com"]);
    for name in ["staff", "theirs", "guests"] {
        let read = call(&user, "cognito-idp", "get_group", &group(name, json!({})));
        assert!(read["Group"].get("RoleArn").is_none_or(|role| role == ""), "{read}");
    }
    user.run(&["down", "--yes"]).ends(0);
}

/// AWS keeps a group's role if an update leaves the role out. So the program creates the group again, from a copy.
#[test]
fn a_run_that_was_killed_while_it_took_a_role_keeps_the_members() {
    let (user, pool) = built(&account());
    let ada = ["ada@example.com", "--pool", "Users", "--password-stdin", "--group", "staff"];
    user.run_with(PASSWORD, &[&["add-user"], &ada[..]].concat()).ends(0);
    // The state after a killed run: the copy has the members, and the group itself is deleted.
    let group = |name: &str| json!({ "UserPoolId": pool, "GroupName": name });
    let copy = "securelambda-copy-of-staff";
    accepted(&user, "cognito-idp", "create_group", &group(copy));
    let mut join = group(copy);
    join["Username"] = "ada@example.com".into();
    accepted(&user, "cognito-idp", "admin_add_user_to_group", &join);
    accepted(&user, "cognito-idp", "delete_group", &group("staff"));
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    assert_eq!(members(&user, &pool, "staff"), ["ada@example.com"]);
    let names: Vec<Value> = user.run(&["groups", "--json"]).ends(0).json()["groups"].as_array().unwrap().clone();
    assert_eq!(names.len(), 2, "{names:#?}");
    user.run(&["down", "--yes"]).ends(0);
}
