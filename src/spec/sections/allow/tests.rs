use crate::scope::Scope;
use crate::spec::{Allowed, parse};

/// The mistakes and their help in an entry.
fn mistakes(entry: &str) -> Vec<(String, String)> {
    let text = format!("[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\nallow = [{{ {entry} }}]");
    let flaws = parse(&text).err().unwrap_or_default();
    flaws.into_iter().map(|flaw| (flaw.message, flaw.help.unwrap_or_default())).collect()
}

/// An entry with these actions on these resources, and more keys.
fn entry(actions: &str, resources: &str, more: &str) -> String {
    let list = |texts: &str| texts.split(' ').map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ");
    format!("actions = [{}], resources = [{}]{more}", list(actions), list(resources))
}

fn one(actions: &str, resources: &str, more: &str) -> (String, String) {
    let mistakes = mistakes(&entry(actions, resources, more));
    let [one] = mistakes.as_slice() else { panic!("{mistakes:?}") };
    one.clone()
}

const TABLE: &str = "arn:{partition}:dynamodb:{region}:{account}:table/notes";
const REASON: &str = ", because = \"it looks after all of them\"";

#[test]
fn exact_actions_on_named_resources_are_taken() {
    for (actions, resources, more) in [
        ("s3:GetObject", "arn:{partition}:s3:::photos/*", ""),
        ("s3:GetObject s3:ListBucket", "arn:aws:s3:::photos arn:aws:s3:::photos/*", ""),
        ("s3:getobject", "arn:{partition}:s3:::photos/${aws:PrincipalTag/team}/*", ""),
        ("dynamodb:GetItem dynamodb:Query", &format!("{TABLE} {TABLE}/index/*"), ""),
        ("ses:SendEmail", "arn:{partition}:ses:{region}:{account}:identity/example.com", ""),
        ("xray:PutTraceSegments s3:ListAllMyBuckets", "*", ""),
        ("cognito-idp:AdminGetUser", "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a", ""),
        (
            "s3:ListBucket",
            "arn:aws:s3:::photos",
            ", conditions = { StringLike = { \"s3:prefix\" = [\"a/*\", \"b\"] } }",
        ),
        (
            "s3:GetObject",
            "arn:aws:s3:::photos/*",
            ", conditions = { \"ForAllValues:StringEqualsIfExists\" = { \"aws:TagKeys\" = \"a\" }, Bool = { \"aws:SecureTransport\" = true } }",
        ),
        ("s3:Get*", "arn:aws:s3:::photos/*", REASON),
        ("dynamodb:*", "*", REASON),
        ("sts:AssumeRole", "arn:aws:iam::123456789012:role/reader", ""),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/reader", REASON),
        ("sqs:SendMessage", "arn:aws:sqs:*:*:work", REASON),
    ] {
        assert_eq!(mistakes(&entry(actions, resources, more)), [], "{actions} {resources}");
    }
}

#[test]
fn an_action_that_does_not_exist_is_a_mistake_and_the_nearest_is_named() {
    let photos = "arn:aws:s3:::photos/*";
    let expected = ("AWS has no service with the prefix \"dynamo\"".into(), "did you mean `dynamodb`?".into());
    assert_eq!(one("dynamo:GetItem", photos, ""), expected);
    let expected = ("AWS has no action \"s3:GetObjct\"".into(), "did you mean `s3:GetObject`?".into());
    assert_eq!(one("s3:GetObjct", photos, ""), expected);
    for wrong in ["GetObject", "*", "*:*"] {
        assert_eq!(one(wrong, photos, REASON).0, format!("{wrong:?} is not an action"));
    }
}

#[test]
fn a_wildcard_and_an_action_that_escalates_need_a_reason() {
    let (why, help) = one("s3:Get*", "arn:aws:s3:::photos/*", "");
    assert!(why.starts_with("\"s3:Get*\" stands for ") && help.ends_with("`because`"), "{why} {help}");
    let (why, _) = one("iam:PassRole", "arn:aws:iam::123456789012:role/reader", "");
    assert_eq!(why, "a role with iam:PassRole could gain or grant further permissions");
    let own = "arn:{partition}:lambda:{region}:{account}:function:demo-F";
    assert!(one("lambda:UpdateFunctionCode", own, "").0.starts_with("a role with lambda:UpdateFunctionCode"));
    let (why, help) = one("dynamodb:GetItem", "*", "");
    assert_eq!(why, "\"*\" allows dynamodb:GetItem on everything");
    assert!(help.contains("arn:{partition}:dynamodb:{region}:{account}:table/NAME"), "{help}");
    for all in ["arn:aws:dynamodb:{region}:{account}:table/*", "arn:aws:dynamodb:{region}:{account}:*"] {
        assert_eq!(one("dynamodb:GetItem", all, "").0, format!("{all:?} stands for all resources of its kind"));
    }
    let (why, help) = one("sts:AssumeRole", "arn:aws:iam::*:role/reader", "");
    assert!(why.ends_with("stands for resources in any region or account") && help.contains("{account}"), "{why}");
}

#[test]
fn a_resource_must_be_one_that_the_actions_take() {
    let (why, help) = one("s3:GetObject", "photos", "");
    assert!(why == "\"photos\" is not an ARN" && help.contains("arn:{partition}"), "{why} {help}");
    let (why, help) = one("s3:GetObject s3:ListAllMyBuckets", "arn:aws:s3:::photos/*", "");
    assert_eq!(why, "AWS allows s3:ListAllMyBuckets on \"*\" alone");
    assert!(help.contains("no `because`"), "{help}");
    assert_eq!(one("dynamodb:GetItem", "arn:{stack}:dynamodb:::table/a", "").0, "`{stack}` is not filled in");
    assert!(one("dynamodb:GetItem", "arn:aws-eu:dynamodb:eu-west-1:1:table/a", "").0.ends_with("no partition of AWS"));
    assert!(one("dynamodb:GetItem", "arn:aws:*:eu-west-1:1:table/a", REASON).0.ends_with("of one service"));
}

#[test]
fn an_arn_of_another_type_is_one_mistake_and_the_nearest_type_is_shown() {
    let own = "{region}:{account}";
    for (actions, resources, expected) in [
        ("s3:GetObject", "arn:aws:s3:::photos", "s3:GetObject takes \"arn:{partition}:s3:::photos/*\"".to_owned()),
        (
            "s3:GetObject s3:PutObject",
            "arn:aws:s3:::photos",
            "s3:GetObject takes \"arn:{partition}:s3:::photos/*\"".into(),
        ),
        ("s3:ListBucket", "arn:aws:s3:::photos/*", "s3:ListBucket takes \"arn:{partition}:s3:::photos\"".into()),
        ("s3:GetObject", "photos", "s3:GetObject takes \"arn:{partition}:s3:::photos/*\"".into()),
        ("kms:Decrypt", "alias/notes", format!("kms:Decrypt takes \"arn:{{partition}}:kms:{own}:key/NAME\"")),
        (
            "kms:Decrypt",
            "arn:aws:kms:{region}:{account}:alias/notes",
            format!("kms:Decrypt takes \"arn:{{partition}}:kms:{own}:key/NAME\""),
        ),
        (
            "dynamodb:GetItem",
            "arn:aws:sqs:{region}:{account}:work",
            format!("dynamodb:GetItem takes \"arn:{{partition}}:dynamodb:{own}:table/NAME\""),
        ),
        (
            "s3:GetObject sqs:SendMessage",
            "arn:aws:s3:::photos/*",
            format!("sqs:SendMessage takes \"arn:{{partition}}:sqs:{own}:NAME\""),
        ),
    ] {
        assert_eq!(one(actions, resources, "").1, expected, "{actions} {resources}");
    }
    // Two slips are two mistakes.
    let two = mistakes(&entry("s3:GetObject sqs:SendMessage", "arn:aws:s3:::photos", ""));
    assert_eq!(two.len(), 2, "{two:?}");
}

#[test]
fn an_account_has_twelve_digits() {
    for wrong in ["1", "1234567890123", "12345678901a", "ACCOUNT", "1234-5678-9012"] {
        let (why, help) = one("sqs:SendMessage", &format!("arn:aws:sqs:eu-west-1:{wrong}:work"), "");
        assert!(why.contains("not 12 digits") && help.contains("{account}"), "{why}");
    }
    for right in ["123456789012", "{account}", "${aws:PrincipalAccount}"] {
        assert_eq!(mistakes(&entry("sqs:SendMessage", &format!("arn:aws:sqs:eu-west-1:{right}:work"), "")), []);
    }
    assert_eq!(mistakes(&entry("iam:GetPolicy", "arn:aws:iam::aws:policy/ReadOnlyAccess", "")), []);
}

#[test]
fn a_condition_must_be_one_that_iam_has() {
    let with = |conditions: &str| one("s3:ListBucket", "arn:aws:s3:::photos", &format!(", conditions = {conditions}"));
    let (why, help) = with("{ StringEqual = { \"s3:prefix\" = \"a\" } }");
    assert_eq!(
        (why.as_str(), help.as_str()),
        ("IAM has no condition operator \"StringEqual\"", "did you mean `StringEquals`?")
    );
    let (why, help) = with("{ StringEquals = { \"s3:prefixx\" = \"a\" } }");
    assert!(
        why.starts_with("neither s3 nor the global condition keys of IAM include \"s3:prefixx\"")
            && help.contains("s3:prefix"),
        "{why} {help}"
    );
    assert!(with("{ StringEquals = { \"s3:prefix\" = [] } }").0.contains("text, or a list of text"));
    assert!(with("{ StringEquals = \"s3:prefix\" }").0.contains("`StringEquals` must be a table"));
}

#[test]
fn an_entry_needs_actions_and_resources() {
    assert_eq!(mistakes("resources = [\"*\"]")[0].0, "an entry of allow lacks `actions`");
    assert_eq!(mistakes("actions = [\"s3:ListAllMyBuckets\"], resources = []")[0].0, "`resources` is empty");
}

#[test]
fn placeholders_are_filled_in_and_iams_variables_stay() {
    let allowed = Allowed {
        actions: vec!["s3:GetObject".into()],
        resources: vec!["arn:{partition}:s3:::{account}-{region}/${aws:username}/*".into()],
        conditions: [(
            "StringEquals".to_owned(),
            [("aws:PrincipalAccount".to_owned(), vec!["{account}".to_owned()])].into(),
        )]
        .into(),
        because: None,
    };
    let scope = Scope {
        partition: "aws-cn".into(),
        account: "123456789012".into(),
        region: "cn-north-1".into(),
        stack: "demo".into(),
        ..Scope::default()
    };
    let Ok(stack) = parse(WITH_THINGS) else { panic!("a sound file") };
    assert_eq!(allowed.resources(&stack, &scope), ["arn:aws-cn:s3:::123456789012-cn-north-1/${aws:username}/*"]);
    assert_eq!(allowed.conditions(&scope)["StringEquals"]["aws:PrincipalAccount"], ["123456789012"]);
    assert_eq!(allowed.other_partition("aws"), None);
    let named = Allowed { resources: vec!["*".into(), "arn:aws:s3:::photos/*".into()], ..allowed };
    assert_eq!((named.other_partition("aws"), named.other_partition("aws-cn")), (None, Some("aws")));
}

const WITH_THINGS: &str = "[stack]\nname = \"demo\"\n[topics.news]\n[queues.work]\nfifo = true\n[tables.notes]\nkey = \"id\"\n[pools.People]\n[functions.F]\nsource = \"f\"\n";

#[test]
fn what_the_stack_has_is_named_by_a_placeholder() {
    let filled = |action: &str, resource: &str| {
        let text = format!("{WITH_THINGS}allow = [{{ {} }}]", entry(action, resource, ""));
        let stack = parse(&text).unwrap_or_else(|flaws| panic!("{flaws:?}"));
        let scope = Scope {
            partition: "aws".into(),
            account: "1".into(),
            region: "r".into(),
            stack: "demo".into(),
            ..Scope::default()
        };
        stack.functions["F"].rights.allow[0].resources(&stack, &scope).join(" ")
    };
    for (action, resource, arn) in [
        ("dynamodb:DeleteTable", "{table.notes}", "arn:aws:dynamodb:r:1:table/demo-notes"),
        ("dynamodb:Query", "{table.notes}/index/byDate", "arn:aws:dynamodb:r:1:table/demo-notes/index/byDate"),
        ("sqs:GetQueueAttributes", "{queue.work}", "arn:aws:sqs:r:1:demo-work.fifo"),
        ("sns:GetTopicAttributes", "{topic.news}", "arn:aws:sns:r:1:demo-news"),
        ("lambda:GetFunction", "{function.F}", "arn:aws:lambda:r:1:function:demo-F"),
        ("cognito-idp:AdminGetUser", "{pool.People}", "{pool.People}"),
    ] {
        assert_eq!(filled(action, resource), arn);
    }
    let wrong = |action: &str, resource: &str| {
        let text = format!("{WITH_THINGS}allow = [{{ {} }}]", entry(action, resource, ""));
        let flaws = parse(&text).err().unwrap_or_default();
        let [flaw] = flaws.as_slice() else { panic!("{resource}: {flaws:?}") };
        (flaw.message.clone(), flaw.help.clone().unwrap_or_default())
    };
    let (message, help) = wrong("cognito-idp:AdminGetUser", "{pool.Poeple}");
    assert_eq!((message.as_str(), help.as_str()), ("there is no pool called Poeple", "did you mean `People`?"));
    for rest in ["-archive", "*"] {
        let (message, _) = wrong("dynamodb:GetItem", &format!("{{table.notes}}{rest}"));
        assert!(message.contains("would name another resource than the table notes"), "{message}");
    }
    assert_eq!(wrong("sqs:SendMessage", "{queue.wrk}").1, "did you mean `work`?");
    let (message, help) = wrong("s3:GetObject", "{bucket.photos}/*");
    assert!(message.contains("`{bucket.photos}` is not filled in") && help.contains("{table.NAME}"), "{help}");
    let text = format!("{WITH_THINGS}allow = [{{ {} }}]", entry("dynamodb:GetItem", "{queue.work}", ""));
    let flaws = parse(&text).err().unwrap_or_default();
    assert_eq!(flaws.len(), 1, "{flaws:?}");
    assert_eq!(flaws[0].message, "no action of this entry is allowed on \"{queue.work}\"");
}
