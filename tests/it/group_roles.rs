//! Roles of groups: who is in one may do more with the credentials of an identity pool, and nobody else.

use serde_json::{Value, json};

use crate::support::botocore::{accepted, call};
use crate::support::drift;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::User;

const PASSWORD: &str = "Correct-Horse-7-Battery\n";

const STACK: &str = r#"
[stack]
name = "ranked"
[functions.Notes]
source = "f"
[pools.Users]
groups = ["staff", "cooks", "guests"]
[identity_pools.Files]
pool = "Users"
invokes = ["GET /notes"]
[[identity_pools.Files.groups.staff]]
actions = ["s3:PutObject"]
resources = ["arn:{partition}:s3:::photos/*"]
[[identity_pools.Files.groups.cooks]]
actions = ["s3:GetObject"]
resources = ["arn:{partition}:s3:::recipes/*"]
[[api.routes]]
route = "GET /notes"
function = "Notes"
auth = "iam"
"#;

fn built() -> (User, Value) {
    let user = User::of(&account(), &endpoint());
    user.write("securelambda.toml", STACK);
    user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200, body: \"{}\" });\n");
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    assert_eq!(drift(&user, &[]), []);
    (user, outputs)
}

fn group(user: &User, outputs: &Value, name: &str) -> Value {
    let key = json!({ "UserPoolId": outputs["pools"]["Users"]["id"], "GroupName": name });
    call(user, "cognito-idp", "get_group", &key)["Group"].clone()
}

fn roles(user: &User, outputs: &Value) -> Value {
    let key = json!({ "IdentityPoolId": outputs["identity_pools"]["Files"]["id"] });
    call(user, "cognito-identity", "get_identity_pool_roles", &key)
}

/// The policy of a role, by the ARN of the role.
fn policy(user: &User, role: &Value) -> Value {
    let name = role.as_str().unwrap().rsplit('/').next().unwrap();
    let key = json!({ "RoleName": name, "PolicyName": "securelambda" });
    call(user, "iam", "get_role_policy", &key)["PolicyDocument"].clone()
}

#[test]
fn members_of_a_group_get_its_role_with_all_permissions_of_the_others() {
    let (user, outputs) = built();
    let identities = &outputs["identity_pools"]["Files"];
    let of_group = |name: &str| identities["groups"][name]["role_arn"].clone();
    for (rank, name) in [(0, "staff"), (1, "cooks")] {
        let live = group(&user, &outputs, name);
        assert_eq!((&live["RoleArn"], &live["Precedence"]), (&of_group(name), &json!(rank)), "{live}");
    }
    assert!(group(&user, &outputs, "guests")["RoleArn"].as_str().is_none_or(str::is_empty));
    let live = roles(&user, &outputs);
    assert_eq!(live["Roles"], json!({ "authenticated": identities["role_arn"] }));
    let pool = &outputs["pools"]["Users"];
    let provider = format!(
        "cognito-idp.eu-central-1.amazonaws.com/{}:{}",
        pool["id"].as_str().unwrap(),
        pool["client_id"].as_str().unwrap()
    );
    let by_token = json!({ "Type": "Token", "AmbiguousRoleResolution": "AuthenticatedRole" });
    assert_eq!(live["RoleMappings"], json!({ provider: by_token }));
    let sids = |role: &Value| -> Vec<String> {
        let policy = policy(&user, role);
        let statements = policy["Statement"].as_array().unwrap().iter();
        statements.map(|statement| statement["Sid"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(sids(&identities["role_arn"]), ["CallOwnRoutes"]);
    assert_eq!(sids(&of_group("staff")), ["CallOwnRoutes", "Allow1"]);
    assert_eq!(policy(&user, &of_group("cooks"))["Statement"][1]["Action"], json!(["s3:GetObject"]));
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn another_role_or_another_way_to_choose_one_weakens_and_members_stay() {
    let (user, outputs) = built();
    let ada = ["ada@example.com", "--pool", "Users", "--password-stdin", "--group", "staff"];
    user.run_with(PASSWORD, &[&["add-user"], &ada[..]].concat()).ends(0);
    let members = || user.run(&["users", "--group", "staff"]).ends(0).stdout.contains("ada@example.com");
    let trust = json!({ "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole" }] });
    let theirs = json!({ "RoleName": "somebodys", "AssumeRolePolicyDocument": trust.to_string() });
    let theirs = accepted(&user, "iam", "create_role", &theirs)["Role"]["Arn"].clone();
    // The emulator has no UpdateGroup.
    let key = json!({ "UserPoolId": outputs["pools"]["Users"]["id"], "GroupName": "cooks" });
    accepted(&user, "cognito-idp", "delete_group", &key);
    let mut with_role = key;
    with_role["RoleArn"] = theirs.clone();
    accepted(&user, "cognito-idp", "create_group", &with_role);
    let seen = drift(&user, &[]);
    assert!(seen.contains(&("group.Users/cooks".to_owned(), "RoleArn".to_owned(), true)), "{seen:?}");
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    assert_eq!(
        group(&user, &outputs, "cooks")["RoleArn"],
        outputs["identity_pools"]["Files"]["groups"]["cooks"]["role_arn"]
    );
    // A rule chooses the role.
    let live = roles(&user, &outputs);
    let (provider, _) = live["RoleMappings"].as_object().unwrap().iter().next().unwrap();
    let rule = json!({ "Claim": "email_verified", "MatchType": "Equals", "Value": "true", "RoleARN": theirs });
    let rules =
        json!({ "Type": "Rules", "AmbiguousRoleResolution": "Deny", "RulesConfiguration": { "Rules": [rule] } });
    let change = json!({
        "IdentityPoolId": outputs["identity_pools"]["Files"]["id"],
        "Roles": live["Roles"],
        "RoleMappings": { provider: rules },
    });
    accepted(&user, "cognito-identity", "set_identity_pool_roles", &change);
    let changed = ("identity-pool-roles.Files".to_owned(), "RoleMappings.Type".to_owned(), true);
    assert_eq!(drift(&user, &[]), [changed]);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    assert_eq!(roles(&user, &outputs), live);
    // The role of a group goes, another one comes, and their order changes. The members stay.
    let start = STACK.find("[[identity_pools.Files.groups.staff]]").unwrap();
    let end = STACK.find("[[identity_pools.Files.groups.cooks]]").unwrap();
    let moved = STACK.replace(&STACK[start..end], "");
    let moved = format!(
        "{moved}[[identity_pools.Files.groups.guests]]\nactions = [\"s3:GetObject\"]\n\
         resources = [\"arn:{{partition}}:s3:::open/*\"]\n"
    );
    user.write("securelambda.toml", &moved);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    assert!(members() && group(&user, &outputs, "staff")["RoleArn"].as_str().is_none_or(str::is_empty));
    assert_eq!(group(&user, &outputs, "cooks")["Precedence"], 0);
    // Back again: a group that has members gets a role.
    user.write("securelambda.toml", STACK);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    assert!(members() && group(&user, &outputs, "staff")["RoleArn"].as_str().is_some_and(|role| !role.is_empty()));
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), ["iam.role role/somebodys"]);
}

/// A pool with an attribute that users cannot set, and an identity pool whose sessions carry it as a tag.
const TAGGED: &str = r#"
[stack]
name = "tagged"
[pools.Users]
attributes = { tenant = {} }
[identity_pools.Files]
pool = "Users"
allow = [{ actions = ["s3:GetObject"], resources = ["arn:{partition}:s3:::photos/${aws:PrincipalTag/tenant}/*"] }]
tags = { tenant = "custom:tenant" }
"#;

#[test]
fn sessions_carry_the_tags_of_the_stack_file_and_no_others() {
    let user = User::of(&account(), &endpoint());
    user.write("securelambda.toml", TAGGED);
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    let files = &outputs["identity_pools"]["Files"];
    let provider =
        format!("cognito-idp.eu-central-1.amazonaws.com/{}", outputs["pools"]["Users"]["id"].as_str().unwrap());
    let key = json!({ "IdentityPoolId": files["id"], "IdentityProviderName": provider });
    let tags = || call(&user, "cognito-identity", "get_principal_tag_attribute_map", &key)["PrincipalTags"].clone();
    assert_eq!(tags(), json!({ "tenant": "custom:tenant" }));
    let role = files["role_arn"].as_str().unwrap().rsplit('/').next().unwrap();
    let trust =
        call(&user, "iam", "get_role", &json!({ "RoleName": role }))["Role"]["AssumeRolePolicyDocument"].clone();
    let actions = json!(["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]);
    assert_eq!(trust["Statement"][0]["Action"], actions, "{trust}");
    for (theirs, weakens) in [
        (json!({ "tenant": "email" }), true),
        (json!({ "tenant": "custom:tenant", "role": "custom:role" }), true),
        (json!({}), false),
    ] {
        let mut change = key.clone();
        change["PrincipalTags"] = theirs;
        accepted(&user, "cognito-identity", "set_principal_tag_attribute_map", &change);
        let expected = ("identity-pool-roles.Files".to_owned(), "PrincipalTags".to_owned(), weakens);
        assert_eq!(drift(&user, &[]), [expected]);
        user.run(&["up", "--yes"]).ends(0);
        assert_eq!((drift(&user, &[]), tags()), (vec![], json!({ "tenant": "custom:tenant" })));
    }
    // Without tags, sessions have none, and the role is not trusted for them.
    let bare =
        TAGGED.replace("tags = { tenant = \"custom:tenant\" }\n", "").replace("${aws:PrincipalTag/tenant}", "open");
    user.write("securelambda.toml", &bare);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!((drift(&user, &[]), tags()), (vec![], json!({})));
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}
