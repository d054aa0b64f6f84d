//! Sign-in at the pages of a pool's domain: what the pages may do, and the commands that use them.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use securelambda::probe::Body;
use serde_json::{Value, json};

use crate::support::botocore::{accepted, call};
use crate::support::default_account::default_account;
use crate::support::drift;
use crate::support::emulator::{account, endpoint};
use crate::support::inventory::inventory;
use crate::support::program::User;
use crate::support::routes::{ask, claims, passed};

const PASSWORD: &str = "Correct-Horse-7-Battery";

fn stack(callback: &str) -> String {
    format!(
        r#"
[stack]
name = "paged"
[functions.Orders]
source = "f"
[pools.Users]
scopes = {{ orders = ["read", "write"] }}
[pools.Users.login]
domain = "paged-login"
callbacks = ["{callback}"]
logouts = ["https://app.example.com/"]
scopes = ["openid", "email", "orders/read"]
[api]
kind = "http"
[[api.routes]]
route = "GET /orders"
function = "Orders"
pool = "Users"
scopes = ["orders/read"]
[[api.routes]]
route = "PUT /orders"
function = "Orders"
pool = "Users"
scopes = ["orders/write"]
"#
    )
}

fn built(account: &str, callback: &str) -> (User, Value) {
    let user = User::of(account, &endpoint());
    user.write("securelambda.toml", &stack(callback));
    user.write("f/index.mjs", "export const handler = async () => ({ statusCode: 200, body: \"{}\" });\n");
    let outputs = user.run(&["up", "--yes", "--json"]).ends(0).summary()["outputs"].clone();
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    assert_eq!(drift(&user, &[]), []);
    (user, outputs)
}

fn client(user: &User, outputs: &Value) -> Value {
    let pool = &outputs["pools"]["Users"];
    let key = json!({ "UserPoolId": pool["id"], "ClientId": pool["client_id"] });
    call(user, "cognito-idp", "describe_user_pool_client", &key)["UserPoolClient"].clone()
}

/// A port of this machine that no program uses.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Enters the password on the page with this address, as a browser would. Returns the address that the page sends it to.
fn sign_in_at(page: &str, name: &str) -> String {
    let (address, query) = page.split_once('?').unwrap();
    assert_eq!(ask("GET", page, None, None).status, 200);
    let form = format!("{query}&username={name}&password={PASSWORD}");
    let url = address.replace("/oauth2/authorize", "/login");
    let answer = ask("POST", &url, None, Some(Body::text("application/x-www-form-urlencoded", &form)));
    answer.headers.get("location").unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

#[test]
fn a_user_signs_in_at_the_pages_and_calls_what_their_scopes_open() {
    let _alone = default_account();
    let callback = format!("http://localhost:{}/callback", free_port());
    let (user, outputs) = built("test", &callback);
    let ada = ["ada@example.com", "--pool", "Users"];
    user.run_with(PASSWORD, &[&["add-user"], &ada[..], &["--password-stdin"]].concat()).ends(0);
    // Without a session, a password is needed.
    user.run(&[&["token"], &ada[..]].concat()).ends(2).says("a password is required");
    user.run(&["token", "--pool", "Users"]).ends(2).says("needs the name of a user");
    user.run(&["call", "GET /orders"]).ends(2).says("requires an access token").says("login --pool Users");
    user.run(&["logout"]).ends(0).says("Nobody is signed in to Users");
    user.run(&["login"]).ends(2).says("needs somebody who signs in");
    let mut login = user.start(&["login", "--no-browser"]);
    let mut said = BufReader::new(login.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let page = said.find_map(|line| Some(line.trim().to_owned()).filter(|line| line.starts_with("http"))).unwrap();
    let back = sign_in_at(&page, "ada%40example.com");
    assert!(back.starts_with(&callback), "{back}");
    // Neither a connection without a request, nor requests for other addresses, nor those of other sign-ins disturb.
    let port = callback.rsplit(':').next().unwrap().split('/').next().unwrap().parse::<u16>().unwrap();
    let _idle = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert_eq!(ask("GET", &callback.replace("/callback", "/favicon.ico"), None, None).status, 404);
    assert_eq!(ask("GET", &format!("{callback}?code=x&state=y"), None, None).status, 400);
    let answer = ask("GET", &back, None, None);
    assert!(answer.status == 200 && answer.text().contains("You are signed in"), "{answer:?}");
    let rest: Vec<String> = said.collect();
    assert_eq!(login.0.wait().unwrap().code(), Some(0), "{rest:?}");

    let token = user.run(&[&["token", "--access"], &ada[..]].concat()).ends(0).stdout;
    let access = claims(&token);
    assert!(access["scope"].as_str().unwrap().split(' ').any(|scope| scope == "orders/read"), "{access}");
    user.run(&["call", "GET /orders", "--as", "ada@example.com"]).ends(0);
    user.run(&["call", "PUT /orders", "--as", "ada@example.com"]).ends(1);
    // Whoever is signed in needs no name.
    user.run(&["call", "GET /orders"]).ends(0).says("Calling as ada@example.com");
    assert_eq!(claims(&user.run(&["token"]).ends(0).stdout)["email"], "ada@example.com");
    // The file is private, and neither the state nor any output has the session.
    let sessions = user.folder.path().join("home/.cache/securelambda/sessions");
    let file = std::fs::read_dir(&sessions).unwrap().next().unwrap().unwrap().path();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert!(!std::fs::read_to_string(user.state()).unwrap().contains(kept["refresh_token"].as_str().unwrap()));
    // A file that is damaged, or that others could have written, is not used.
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, "{").unwrap();
    user.run(&[&["token"], &ada[..]].concat()).ends(2).says("is damaged").says("a password is required");
    std::fs::write(&file, &whole).unwrap();
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    user.run(&[&["token"], &ada[..]].concat())
        .ends(2)
        .says("other users of this machine")
        .says("a password is required");
    mode(0o600);
    user.run(&[&["token"], &ada[..]].concat()).ends(0);
    let proof = user.run(&["verify", "--json"]).ends(0).stdout;
    assert_eq!(passed(&proof, "users are sent to no other address than a callback"), 1, "{proof}");
    user.run(&["logout"]).ends(0).says("has ended");
    user.run(&["logout"]).ends(0).says("Nobody is signed in");
    user.run(&[&["token"], &ada[..]].concat()).ends(2).says("a password is required");
    assert_eq!(outputs["pools"]["Users"]["sign_in_url"], format!("{}/oauth2/authorize", endpoint()));
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}

#[test]
fn a_further_callback_scope_or_flow_weakens_and_is_taken_back() {
    let (user, outputs) = built(&account(), "https://app.example.com/callback");
    let before = client(&user, &outputs);
    assert_eq!(before["AllowedOAuthFlows"], json!(["code"]));
    assert_eq!(before["SupportedIdentityProviders"], json!(["COGNITO"]));
    let with = |change: Value| {
        let mut all = json!({});
        for name in [
            "UserPoolId",
            "ClientId",
            "ClientName",
            "ExplicitAuthFlows",
            "ReadAttributes",
            "WriteAttributes",
            "AllowedOAuthFlows",
            "AllowedOAuthScopes",
            "AllowedOAuthFlowsUserPoolClient",
            "CallbackURLs",
            "LogoutURLs",
            "SupportedIdentityProviders",
            "PreventUserExistenceErrors",
            "EnableTokenRevocation",
            "AccessTokenValidity",
            "IdTokenValidity",
            "RefreshTokenValidity",
            "TokenValidityUnits",
            "AuthSessionValidity",
        ] {
            all[name] = before[name].clone();
        }
        all.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        all
    };
    for (change, field) in [
        (json!({ "CallbackURLs": ["https://app.example.com/callback", "https://thief.example.com/"] }), "CallbackURLs"),
        (json!({ "LogoutURLs": ["https://app.example.com/", "https://thief.example.com/"] }), "LogoutURLs"),
        (json!({ "AllowedOAuthScopes": ["openid", "email", "orders/read", "orders/write"] }), "AllowedOAuthScopes"),
        (json!({ "AllowedOAuthFlows": ["code", "implicit"] }), "AllowedOAuthFlows"),
    ] {
        accepted(&user, "cognito-idp", "update_user_pool_client", &with(change));
        assert_eq!(drift(&user, &[]), [("client.Users".to_owned(), field.to_owned(), true)]);
        user.run(&["up", "--yes"]).ends(0);
        assert_eq!(drift(&user, &[]), []);
    }
    // The pages go with the callbacks, and come back.
    let file = stack("https://app.example.com/callback");
    let start = file.find("callbacks").unwrap();
    let end = file.find("[api]").unwrap();
    user.write("securelambda.toml", &file.replace(&file[start..end], ""));
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    let bare = client(&user, &outputs);
    assert!(bare["CallbackURLs"].as_array().is_none_or(Vec::is_empty), "{bare}");
    user.run(&["login", "--no-browser"]).ends(2).says("has no sign-in pages");
    user.write("securelambda.toml", &file);
    user.run(&["up", "--yes"]).ends(0);
    assert_eq!(drift(&user, &[]), []);
    user.run(&["login", "--no-browser"]).ends(2).says("is an address of this machine");
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
}

const PROVIDERS: &str = r#"
[stack]
name = "federated"
[secrets.Google]
client_secret = { env = "GOOGLE_SECRET" }
[pools.Users]
attributes = { tenant = { writable = true } }
[pools.Users.login]
domain = "federated-login"
callbacks = ["https://app.example.com/callback"]
[pools.Users.providers.Google]
client_id = "our-app"
client_secret = { secret = "Google", key = "client_secret" }
attributes = { email = "email", tenant = "hd" }
[pools.Users.providers.Corp]
client_id = "our-app"
client_secret = { secret = "Google", key = "client_secret" }
issuer = "https://login.example.invalid"
scopes = ["openid", "email"]
[pools.Users.providers.Old]
metadata = "https://old.example.invalid/saml"
"#;

/// A secret that no output and no file of the program may contain.
const SENTINEL: &str = "GOCSPX-sentinel-of-the-tests";

#[test]
fn users_of_identity_providers_sign_in_and_nobody_elses() {
    // `verify` signs its users in.
    let _alone = default_account();
    let user = User::of("test", &endpoint()).with("GOOGLE_SECRET", SENTINEL);
    user.write("securelambda.toml", PROVIDERS);
    let built = user.run(&["up", "--yes", "--json"]).ends(0);
    let outputs = built.summary()["outputs"].clone();
    let pool = json!({ "UserPoolId": outputs["pools"]["Users"]["id"] });
    let of = |name: &str| json!({ "UserPoolId": pool["UserPoolId"], "ProviderName": name });
    let read =
        |name: &str| call(&user, "cognito-idp", "describe_identity_provider", &of(name))["IdentityProvider"].clone();
    let secret = |name: &str| read(name)["ProviderDetails"]["client_secret"].as_str().map(str::to_owned);
    assert_eq!((secret("Google"), secret("Corp")), (Some(SENTINEL.to_owned()), Some(SENTINEL.to_owned())));
    assert_eq!(
        read("Google")["AttributeMapping"],
        json!({ "custom:tenant": "hd", "email": "email", "username": "sub" })
    );
    assert_eq!(read("Corp")["ProviderDetails"]["oidc_issuer"], "https://login.example.invalid");
    assert_eq!(read("Old")["ProviderType"], "SAML");
    let named = client(&user, &outputs)["SupportedIdentityProviders"].clone();
    assert_eq!(named.as_array().unwrap().len(), 4, "{named}");
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    // No other file and no output has the secret.
    let state = std::fs::read_to_string(user.state()).unwrap();
    assert!(![&state, &built.stdout, &built.stderr].iter().any(|text| text.contains(SENTINEL)));
    let proof = user.run(&["verify", "--json"]).ends(0).stdout;
    assert!(!proof.contains(SENTINEL));
    assert_eq!(passed(&proof, "users of no other provider can sign in"), 1, "{proof}");
    assert_eq!(passed(&proof, "users of Old are sent to their provider"), 1, "{proof}");

    // Whatever decides who the users are is seen and taken back.
    let google = |name: &str, value: &str| {
        let mut change = of("Google");
        change["ProviderDetails"] = read("Google")["ProviderDetails"].clone();
        change["ProviderDetails"][name] = value.into();
        change
    };
    let mut mapped = of("Google");
    mapped["AttributeMapping"] = json!({ "custom:tenant": "theirs", "email": "email", "username": "sub" });
    for (operation, change, id, field) in [
        (
            "update_identity_provider",
            google("client_id", "theirs"),
            "identity-provider.Users/Google",
            "ProviderDetails.client_id",
        ),
        (
            "update_identity_provider",
            google("token_url", "https://t.example"),
            "identity-provider.Users/Google",
            "ProviderDetails of AWS",
        ),
        ("update_identity_provider", mapped, "identity-provider.Users/Google", "AttributeMapping"),
        (
            "create_identity_provider",
            json!({
                "UserPoolId": pool["UserPoolId"], "ProviderName": "Thief", "ProviderType": "SAML",
                "ProviderDetails": { "MetadataURL": "https://thief.example.invalid" },
            }),
            "pool.Users",
            "IdentityProviders",
        ),
    ] {
        accepted(&user, "cognito-idp", operation, &change);
        assert_eq!(drift(&user, &[]), [(id.to_owned(), field.to_owned(), true)]);
        user.run(&["up", "--yes"]).ends(0);
        assert_eq!(drift(&user, &[]), []);
        assert_eq!(secret("Google").as_deref(), Some(SENTINEL));
    }

    // A new value of the secret reaches Cognito.
    let user = user.with("GOOGLE_SECRET", "GOCSPX-another-sentinel");
    user.run(&["up", "--yes", "--rotate", "Google"]).ends(0);
    let read =
        |name: &str| call(&user, "cognito-idp", "describe_identity_provider", &of(name))["IdentityProvider"].clone();
    assert_eq!(read("Google")["ProviderDetails"]["client_secret"], "GOCSPX-another-sentinel");
    assert_eq!(read("Corp")["ProviderDetails"]["client_secret"], "GOCSPX-another-sentinel");
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");

    // With a lost state, nothing is made twice. A provider that the stack file no longer names goes.
    std::fs::remove_file(user.state()).unwrap();
    let at = PROVIDERS.find("[pools.Users.providers.Old]").unwrap();
    user.write("securelambda.toml", &PROVIDERS[..at]);
    user.run(&["up", "--yes", "--adopt"]).ends(0);
    user.run(&["up", "--yes"]).ends(0).says("Nothing to do");
    assert!(read("Old").is_null());
    assert_eq!(client(&user, &outputs)["SupportedIdentityProviders"].as_array().unwrap().len(), 3);
    user.run(&["down", "--yes", "--purge"]).ends(0).says("0 left");
    assert_eq!(inventory(&user), Vec::<String>::new());
}
