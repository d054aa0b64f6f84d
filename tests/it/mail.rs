//! The sender and the texts of a pool's e-mails.

use serde_json::{Value, json};

use crate::support::botocore::{accepted, call};
use crate::support::drift;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::User;

const MAIL: &str = r#"
[pools.Users.mail]
ses = "SES"
from = "Orders <no-reply@example.com>"
verification = { subject = "Your code", text = "Your code is {####}." }
invitation = { subject = "Welcome", text = "You are {username}, your password is {####}." }
"#;

fn file(mail: &str) -> String {
    format!("[stack]\nname = \"mailed\"\n[pools.Users]\n{mail}")
}

fn pool(user: &User, id: &Value) -> Value {
    call(user, "cognito-idp", "describe_user_pool", &json!({ "UserPoolId": id }))["UserPool"].clone()
}

/// Changes the settings of a pool as another tool does: it sends all others again.
fn change(user: &User, id: &Value, change: &Value) {
    let live = pool(user, id);
    let mut all = json!({ "UserPoolId": id });
    for kept in [
        "Policies",
        "AutoVerifiedAttributes",
        "EmailConfiguration",
        "VerificationMessageTemplate",
        "AdminCreateUserConfig",
        "AccountRecoverySetting",
        "UserAttributeUpdateSettings",
        "UserPoolTags",
    ] {
        all[kept] = live[kept].clone();
    }
    all["AdminCreateUserConfig"].as_object_mut().unwrap().remove("UnusedAccountValidityDays");
    all.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    accepted(user, "cognito-idp", "update_user_pool", &all);
}

#[test]
fn a_pool_sends_with_the_sender_and_the_texts_of_the_stack_file() {
    let account = account();
    let ses = format!("arn:aws:ses:eu-central-1:{account}:identity/example.com");
    let mail = MAIL.replace("SES", &ses);
    let user = User::of(&account, &endpoint());
    user.write("securelambda.toml", &file(&mail));
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    let id = outputs["pools"]["Users"]["id"].clone();
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    let live = pool(&user, &id);
    assert_eq!(live["EmailConfiguration"]["SourceArn"], ses.as_str());
    assert_eq!(live["EmailConfiguration"]["EmailSendingAccount"], "DEVELOPER");
    assert_eq!(live["EmailConfiguration"]["From"], "Orders <no-reply@example.com>");
    assert_eq!(live["VerificationMessageTemplate"]["EmailMessage"], "Your code is {####}.");
    assert_eq!(live["AdminCreateUserConfig"]["InviteMessageTemplate"]["EmailSubject"], "Welcome");
    // Another sender weakens; other texts do not. Both are taken back.
    let mut sender = live["EmailConfiguration"].clone();
    sender["SourceArn"] = "arn:aws:ses:eu-central-1:999999999999:identity/example.org".into();
    let mut template = live["VerificationMessageTemplate"].clone();
    template["EmailMessage"] = "Tell {####} to nobody.".into();
    for (settings, field, weakens) in [
        (json!({ "EmailConfiguration": sender }), "EmailConfiguration.SourceArn", true),
        (json!({ "VerificationMessageTemplate": template }), "VerificationMessageTemplate.EmailMessage", false),
    ] {
        change(&user, &id, &settings);
        assert_eq!(drift(&user, &[]), [("pool.Users".to_owned(), field.to_owned(), weakens)]);
        user.run(&["up", "--yes"]).ends(0);
        assert_eq!(drift(&user, &[]), []);
    }
    // The texts change in place. Without the keys, what is there is kept.
    user.write("securelambda.toml", &file(&mail.replace("Your code is", "It is")));
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(pool(&user, &id)["VerificationMessageTemplate"]["EmailMessage"], "It is {####}.");
    user.write("securelambda.toml", &file(""));
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    assert_eq!(pool(&user, &id)["EmailConfiguration"]["SourceArn"], ses.as_str());
    user.run(&["down", "--yes"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}
