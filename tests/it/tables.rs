//! Tables: created from the stack file, repaired, changed in place, and kept with their data until `--remove-table`
//! names them.

use serde_json::{Value, json};

use crate::support::botocore::{accepted, call};
use crate::support::emulator::{account, endpoint};
use crate::support::program::User;

const TABLE: &str = r#"
[tables.notes]
key = "userId"
sort = "noteId:N"
ttl = "expires"
stream = "new-and-old"
indexes = { byDate = { key = "userId", sort = "date", projection = "keys", include = ["title"] } }
recovery = true
deletion_protection = true
"#;

const FUNCTION: &str = r#"
[functions.Notes]
source = "f"
reads = ["notes"]
writes = ["notes"]
environment = { TABLE = { table = "notes" } }
"#;

fn fresh(key: &str) -> User {
    let user = User::of(&account(), &endpoint()).with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.write("f/index.mjs", "export const handler = async () => ({});\n");
    written(&user, &format!("{key}{TABLE}{FUNCTION}"));
    user
}

fn written(user: &User, rest: &str) {
    user.write("securelambda.toml", &format!("[stack]\nname = \"shop\"\n{rest}"));
}

fn table(user: &User) -> Value {
    accepted(user, "dynamodb", "describe_table", &json!({ "TableName": "shop-notes" }))["Table"].take()
}

fn tables(user: &User) -> Value {
    accepted(user, "dynamodb", "list_tables", &json!({}))["TableNames"].take()
}

/// The items of the table.
fn items(user: &User) -> Value {
    accepted(user, "dynamodb", "scan", &json!({ "TableName": "shop-notes" }))["Count"].take()
}

fn with_an_item(user: &User) {
    let item = json!({ "userId": { "S": "ada" }, "noteId": { "N": "1" } });
    accepted(user, "dynamodb", "put_item", &json!({ "TableName": "shop-notes", "Item": item }));
}

#[test]
fn a_table_is_made_repaired_and_changed_in_place() {
    let user = fresh("");
    user.run(&["up", "--yes"]).ends(0);
    let made = table(&user);
    assert_eq!(made["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(made["DeletionProtectionEnabled"], true);
    assert_eq!(made["StreamSpecification"]["StreamViewType"], "NEW_AND_OLD_IMAGES");
    let index = &made["GlobalSecondaryIndexes"][0];
    assert_eq!((&index["IndexName"], &index["Projection"]["NonKeyAttributes"]), (&json!("byDate"), &json!(["title"])));
    let function = accepted(&user, "lambda", "get_function_configuration", &json!({ "FunctionName": "shop-Notes" }));
    assert_eq!(function["Environment"]["Variables"]["TABLE"], "shop-notes");
    user.run(&["status", "--detailed-exitcode"]).ends(0);
    let proof = user.run(&["verify", "--json"]).stdout;
    let checks: Vec<Value> = proof.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |subject: &str| checks.iter().filter(|check| check["subject"] == subject).collect::<Vec<_>>();
    assert!(of("table notes").iter().all(|check| check["verdict"] == "pass"), "{checks:#?}");
    assert!(of("table notes").len() == 1 && of("role Notes").len() > 4, "{checks:#?}");

    with_an_item(&user);
    let named = json!({ "TableName": "shop-notes" });
    let off = json!({ "TableName": "shop-notes", "DeletionProtectionEnabled": false });
    accepted(&user, "dynamodb", "update_table", &off);
    let point = json!({ "PointInTimeRecoveryEnabled": false });
    let backups = json!({ "TableName": "shop-notes", "PointInTimeRecoverySpecification": point });
    accepted(&user, "dynamodb", "update_continuous_backups", &backups);
    // Somebody gives another account access, and sends every change to a Kinesis stream.
    let stranger = json!({ "AWS": "arn:aws:iam::999999999999:root" });
    let open = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": stranger, "Action": "dynamodb:Scan", "Resource": made["TableArn"] },
    ] });
    let policy = json!({ "ResourceArn": made["TableArn"], "Policy": open.to_string() });
    accepted(&user, "dynamodb", "put_resource_policy", &policy);
    accepted(&user, "kinesis", "create_stream", &json!({ "StreamName": "elsewhere", "ShardCount": 1 }));
    let stream = made["TableArn"]
        .as_str()
        .unwrap()
        .replace(":dynamodb:", ":kinesis:")
        .replace("table/shop-notes", "stream/elsewhere");
    let to = json!({ "TableName": "shop-notes", "StreamArn": stream });
    accepted(&user, "dynamodb", "enable_kinesis_streaming_destination", &to);
    let status = user.run(&["status"]).ends(0).stdout;
    for said in [
        "DeletionProtectionEnabled is false, wanted true",
        "PointInTimeRecovery is false, wanted true",
        "ResourcePolicy is {",
        "KinesisDataStreamDestinations is arn:aws:kinesis:",
    ] {
        assert!(status.contains(&format!("! table.notes: {said}")), "{said} in {status}");
    }
    let changed = TABLE.replace("sort = \"date\"", "sort = \"day\"").replace("\"new-and-old\"", "\"keys\"");
    written(&user, &format!("{changed}{FUNCTION}"));
    user.run(&["up", "--yes"]).ends(0);
    let now = table(&user);
    assert_eq!(now["DeletionProtectionEnabled"], true);
    assert_eq!(now["StreamSpecification"]["StreamViewType"], "KEYS_ONLY");
    assert_eq!(now["GlobalSecondaryIndexes"][0]["KeySchema"][1]["AttributeName"], "day");
    assert_eq!((&now["TableId"], items(&user)), (&made["TableId"], json!(1)), "the same table with its items");
    let policy = call(&user, "dynamodb", "get_resource_policy", &json!({ "ResourceArn": made["TableArn"] }));
    assert!(policy["Error"].as_str().unwrap().contains("PolicyNotFoundException"), "{policy}");
    let streaming = accepted(&user, "dynamodb", "describe_kinesis_streaming_destination", &named);
    assert_ne!(streaming["KinesisDataStreamDestinations"][0]["DestinationStatus"], "ACTIVE");
    let backups = accepted(&user, "dynamodb", "describe_continuous_backups", &named);
    let point = &backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
    assert_eq!(point["PointInTimeRecoveryStatus"], "ENABLED");

    let other = changed.replace("key = \"userId\"\nsort", "key = \"owner\"\nsort");
    written(&user, &format!("{other}{FUNCTION}"));
    user.run(&["up", "--yes"]).ends(4).says("AWS cannot change the keys of a table").says("nothing was changed");
    user.run(&["down", "--yes", "--remove-table", "notes"]).ends(0).says("All items of the table notes").says("0 left");
    assert_eq!(tables(&user), json!([]));
    assert!(!user.records_resources());
}

#[test]
fn a_table_is_kept_with_its_key_until_it_is_named_and_taken_back() {
    let user = fresh("kms_key = \"create\"\n");
    user.run(&["up", "--yes"]).ends(0);
    with_an_item(&user);
    let key = table(&user)["SSEDescription"]["KMSMasterKeyArn"].as_str().unwrap_or_default().to_owned();
    for command in [&["down", "--yes"][..], &["down", "--yes"], &["sweep", "--yes", "--stack", "shop"]] {
        let ran = user.run(command).ends(0);
        assert!(ran.stderr.contains("Kept:\n  key.stack  arn:"), "{}", ran.stderr);
        ran.says("with its data").says("--remove-table notes` deletes both");
        assert!(user.state().exists(), "the state file stays with the table");
    }
    assert_eq!(items(&user), json!(1));
    user.run(&["up", "--yes"]).ends(0);
    let again = table(&user)["SSEDescription"]["KMSMasterKeyArn"].as_str().unwrap_or_default().to_owned();
    assert_eq!((items(&user), again), (json!(1), key));

    user.run(&["up", "--yes", "--remove-table", "notes"]).ends(2).says("it is in the stack file");
    user.run(&["down", "--yes", "--remove-table", "nots"]).ends(2).says("the stack has no table nots");
    written(&user, "kms_key = \"create\"\n[functions.Notes]\nsource = \"f\"\n");
    let said = user.run(&["plan"]).ends(0).stdout;
    assert!(said.contains("`securelambda up --remove-table notes` deletes both"), "{said}");
    user.run(&["up", "--yes"]).ends(0);
    let status = user.run(&["status", "--detailed-exitcode"]).ends(0).stdout;
    assert!(status.contains("kept"), "{status}");
    assert_eq!(items(&user), json!(1));
    user.run(&["up", "--yes", "--remove-table", "notes"]).ends(0).says("All items of the table notes");
    assert_eq!(tables(&user), json!([]));
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
}
