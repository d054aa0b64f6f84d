//! A sample result of `verify` for the built-in stack with about 90 checks, to test reports with.

use securelambda::emulator::Emulator;
use securelambda::verify::{Check, Layer, Verdict, Verification};

/// 2026-11-28, 12:04:20 UTC.
const BEGAN: u64 = 1_795_867_460_000;

/// An answer that a browser would run as markup if the report did not escape it. One failure of [`broken`] contains it.
pub const HOSTILE: &str = "<script>console.error('escaped')</script><img src=x onerror=console.error(1)>\u{1b}[2J";

/// The claim of the first failure of [`broken`].
pub const FIRST_FAILURE: &str = "a wrong password and an unknown user get the same answer";

/// The claim of the first check of [`sound`] and [`broken`], which passes.
pub const FIRST_PASS: &str = "sign-in is by e-mail";

/// All checks pass, except a few that were not tried.
pub fn sound() -> Verification {
    let mut list = List::default();
    authentication(&mut list);
    firewall(&mut list);
    authorization(&mut list);
    secrets(&mut list);
    functions(&mut list);
    Verification {
        schema_version: 2,
        tool: "securelambda 0.1.0".to_owned(),
        stack: "securelambda".to_owned(),
        account: "123456789012".to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: Some("http://127.0.0.1:41873".to_owned()),
        emulator: Emulator::of(Some("http://127.0.0.1:41873")),
        notes: vec!["The firewall blocks nothing: its mode is count.".to_owned()],
        began_unix_ms: BEGAN,
        elapsed_ms: 11_240,
        checks: list.checks,
    }
}

/// The same stack with three failures.
pub fn broken() -> Verification {
    let mut proof = sound();
    fail(&mut proof, "MyUserPool1", FIRST_FAILURE, "unknown user: UserNotFoundException: User does not exist.");
    fail(&mut proof, "POST /lambda2", "garbage is refused", HOSTILE);
    let wide = "an inline policy securelambda-ExternalLambda1 and the managed policy \
                arn:aws:iam::aws:policy/service-role/AmazonSNSFullAccessToEverythingThereIsInThisAccountAndBeyond";
    fail(&mut proof, "role ExternalLambda1", "its policy equals the policy that the program derives", wide);
    proof
}

fn fail(proof: &mut Verification, subject: &str, claim: &str, received: &str) {
    let mut checks = proof.checks.iter_mut();
    let check = checks.find(|check| check.subject == subject && check.claim == claim).expect("a check of the sample");
    check.verdict = Verdict::Fail;
    received.clone_into(&mut check.received);
}

#[derive(Default)]
struct List {
    checks: Vec<Check>,
}

impl List {
    /// Adds a check that received what it expected.
    fn pass(&mut self, layer: Layer, subject: &str, claim: &str, sent: &str, expected: &str) {
        let nth = u64::try_from(self.checks.len()).unwrap();
        self.checks.push(Check {
            layer,
            subject: subject.to_owned(),
            claim: claim.to_owned(),
            verdict: Verdict::Pass,
            sent: sent.to_owned(),
            expected: expected.to_owned(),
            received: expected.to_owned(),
            at_unix_ms: BEGAN + 300 + nth * 117,
            elapsed_ms: 12 + nth * 37 % 290,
        });
    }

    fn not_tried(&mut self, layer: Layer, subject: &str, claim: &str, why: &str) {
        self.pass(layer, subject, claim, "", why);
        self.checks.last_mut().unwrap().verdict = Verdict::NotTried;
    }
}

fn authentication(list: &mut List) {
    for n in 1..=2 {
        let (pool, client) = (format!("MyUserPool{n}"), format!("app client of MyUserPool{n}"));
        let mut pass = |subject: &str, claim: &str, sent: &str, expected: &str| {
            list.pass(Layer::Authentication, subject, claim, sent, expected);
        };
        let user = "a throw-away user";
        pass(&pool, FIRST_PASS, "DescribeUserPool", "UsernameAttributes: email");
        pass(&pool, "an e-mail address is verified by a code", "DescribeUserPool", "AutoVerifiedAttributes: email");
        pass(
            &pool,
            "its password policy is as written",
            "DescribeUserPool",
            "12 characters, upper, lower, digits, symbols",
        );
        pass(&pool, "a user can sign in", &format!("InitiateAuth USER_PASSWORD_AUTH as {user}"), "an ID token");
        let both = "InitiateAuth with a wrong password, and for a user who does not exist";
        pass(&pool, FIRST_FAILURE, both, "NotAuthorizedException: Incorrect username or password. (both)");
        let issuer = format!("https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_k3JxQ8v{n}f");
        pass(&pool, "its tokens carry its issuer", "the ID token's claims", &format!("iss: {issuer}"));
        pass(&pool, "its tokens carry its client", "the ID token's claims", "aud: 5k2v0c8e0q8b7tq1u5d3h4n9rs");
        let flows =
            "ALLOW_ADMIN_USER_PASSWORD_AUTH, ALLOW_REFRESH_TOKEN_AUTH, ALLOW_USER_PASSWORD_AUTH, ALLOW_USER_SRP_AUTH";
        pass(&client, "sign-in flows match the stack file", "DescribeUserPoolClient", flows);
        pass(
            &client,
            "it does not tell whether a user exists",
            "DescribeUserPoolClient",
            "PreventUserExistenceErrors: ENABLED",
        );
        pass(&client, "refresh tokens can be revoked", "DescribeUserPoolClient", "EnableTokenRevocation: true");
        pass(&client, "it has no secret", "DescribeUserPoolClient", "no ClientSecret");
    }
}

fn firewall(list: &mut List) {
    let mut pass = |subject: &str, claim: &str, sent: &str, expected: &str| {
        list.pass(Layer::Firewall, subject, claim, sent, expected);
    };
    pass("IP set securelambda", "every address is a CIDR", "GetIPSet", "1 of 1 parse");
    pass("IP set securelambda", "addresses match the stack file", "GetIPSet", "203.0.113.7/32");
    pass("web ACL securelambda", "rules and actions match the stack file", "GetWebACL", "addresses: Count");
    pass("web ACL securelambda", "its default action is as written", "GetWebACL", "Allow");
    pass("web ACL securelambda", "its rules are counted", "GetWebACL", "CloudWatch metrics on, sampled requests on");
    pass("stage development", "the web ACL is attached to it", "GetWebACLForResource", "securelambda");
    let why = "the firewall only counts (mode = \"count\"): nothing is blocked";
    list.not_tried(Layer::Firewall, "stage development", "a blocked address is refused", why);
    let why = "this endpoint has no GetSampledRequests";
    list.not_tried(Layer::Firewall, "web ACL securelambda", "sampled requests show the traffic", why);
}

fn authorization(list: &mut List) {
    for (n, other) in [(1, 2), (2, 1)] {
        let route = format!("POST /lambda{n}");
        let mut pass = |claim: &str, sent: &str, expected: &str| {
            list.pass(Layer::Authorization, &route, claim, &format!("{route} {sent}"), expected);
        };
        pass("it asks for AGAuthorizer", "by GetMethod", &format!("COGNITO_USER_POOLS, AGAuthorizer{n}"));
        pass("a call without a token is refused", "without Authorization", "401 Unauthorized");
        pass("garbage is refused", "with Authorization: garbage", "401 Unauthorized");
        pass("a tampered signature is refused", "with a token whose last byte was changed", "401 Unauthorized");
        pass("a token with alg none is refused", "with an unsigned token", "401 Unauthorized");
        pass("an expired token is refused", "with a token that ended an hour ago", "401 Unauthorized");
        let claim = format!("a token of MyUserPool{other} is refused");
        pass(&claim, &format!("with an ID token of MyUserPool{other}"), "401 Unauthorized");
        let claim = format!("a token of MyUserPool{n} passes");
        pass(&claim, &format!("with an ID token of MyUserPool{n}"), "200");
    }
    let routes = "POST /lambda1, POST /lambda2";
    list.pass(
        Layer::Authorization,
        "API securelambda",
        "it has the routes of the file and no other",
        "GetResources",
        routes,
    );
    list.pass(
        Layer::Authorization,
        "API securelambda",
        "no route is open unless written so",
        "GetResources",
        "none open",
    );
    list.pass(
        Layer::Authorization,
        "stage development",
        "what is deployed is what the file asks",
        "GetStage",
        "deployment 9f2c41",
    );
}

fn secrets(list: &mut List) {
    let mut pass = |subject: &str, claim: &str, sent: &str, expected: &str| {
        list.pass(Layer::Secrets, subject, claim, sent, expected);
    };
    let topic = "TOPIC_ARN: arn:aws:sns:eu-central-1:123456789012:securelambda-greetings";
    pass("secret LambdaSNSTopicARN", "the topic's ARN is in it", "GetSecretValue, compared by digest", topic);
    for function in ["InternalLambda", "ExternalLambda1", "ExternalLambda2"] {
        let variables = "GetFunctionConfiguration, every value by pattern and entropy";
        pass(&format!("function {function}"), "no credential is in its environment", variables, "none");
        let role = format!("role {function}");
        let may = if function == "InternalLambda" { "denied" } else { "allowed" };
        pass(&role, "it may read just its own secrets", "SimulatePrincipalPolicy GetSecretValue on each", may);
        pass(&role, "it may publish just to its own topics", "SimulatePrincipalPolicy Publish on each", may);
        pass(&role, "it may read no secret of another name", "SimulatePrincipalPolicy GetSecretValue on *", "denied");
    }
    for n in 1..=2 {
        let (route, body) = (format!("POST /lambda{n}"), "{\"nom\":1}");
        pass(
            &route,
            "a body that breaks the model is refused",
            &format!("{route} with {body}"),
            "400 Invalid request body",
        );
        pass(&route, "a refused body reaches no function", "FilterLogEvents since then", "no event");
    }
    let why = "the built-in stack has one secret: there is none that is another's";
    list.not_tried(Layer::Secrets, "secret LambdaSNSTopicARN", "no role reads another's", why);
}

fn functions(list: &mut List) {
    let mut pass = |subject: &str, claim: &str, sent: &str, expected: &str| {
        list.pass(Layer::Functions, subject, claim, sent, expected);
    };
    for function in ["InternalLambda", "ExternalLambda1", "ExternalLambda2"] {
        let sent = "ListAttachedRolePolicies, ListRolePolicies, GetRolePolicy";
        pass(
            &format!("role {function}"),
            "its policy equals the policy that the program derives",
            sent,
            "one inline policy, 3 statements",
        );
        let role = format!("role {function}");
        pass(&role, "only Lambda may assume it", "GetRole", "lambda.amazonaws.com, from this account");
        let function = format!("function {function}");
        pass(&function, "its log group has retention", "DescribeLogGroups", "14 days");
        pass(&function, "the runtime is supported", "GetFunctionConfiguration", "nodejs24.x, until 2028-04-30");
        pass(&function, "its code is what the file packs", "GetFunctionConfiguration", "CodeSha256 q1bHk0…");
        pass(&function, "it is in the stack's region", "GetFunctionConfiguration", "eu-central-1");
    }
    pass("POST /lambda1", "the message of a call shows up in InternalLambda's log", "FilterLogEvents", "Hello x7f3.");
    pass("POST /lambda2", "the message of a call shows up in InternalLambda's log", "FilterLogEvents", "Hello x9a1.");
    pass("stage development", "throttling matches the stack file", "GetStage", "50 a second, burst 50");
    pass("stage development", "a burst above a route's limit is throttled", "150 requests at once", "429 for some");
    let why = "X-Ray is off in the stack file";
    list.not_tried(Layer::Functions, "stage development", "calls can be traced", why);
}
