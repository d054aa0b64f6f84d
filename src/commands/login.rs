//! `login` and `logout`: sign a user in at the pages of a pool's domain, in a browser, and end that session.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use reqwest::Url;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::Ending;
use super::add_user::pool_of;
use super::session::{Session, Sources};
use super::user_session::{UserSession, forget, token_url};
use crate::args;
use crate::choices::SignIn;
use crate::config::Config;
use crate::error::Error;
use crate::outputs::{Pool, SCHEMA_VERSION};
use crate::probe::authorization_code::{claims, granted, post};
use crate::probe::{Client, CodeGrant};
use crate::report::{answer, say};
use crate::secret::SecretValue;
use crate::spec::{Login, Pool as Wanted, Stack};

/// How long a user may take to sign in.
const PATIENCE: Duration = Duration::from_mins(5);

/// The longest first line of a request from the browser, in bytes.
const LONGEST_LINE: u64 = 16 * 1024;

/// An address of this machine to which a page sends the browser back.
#[derive(Debug, PartialEq, Eq)]
struct Loopback<'a> {
    address: &'a str,
    port: u16,
    /// As browsers send it, without the query.
    path: String,
}

impl<'a> Loopback<'a> {
    /// `None` if the address is not one of this machine.
    fn of(address: &'a str) -> Option<Self> {
        let url =
            Url::parse(address).ok().filter(|url| url.scheme() == "http" && url.host_str() == Some("localhost"))?;
        Some(Self { address, port: url.port_or_known_default()?, path: url.path().to_owned() })
    }

    /// The first callback of a pool that is an address of this machine.
    fn of_pool(stack: &'a Stack, name: &str) -> Result<(Self, &'a Login), Error> {
        let login = stack.pools.get(name).and_then(Wanted::pages);
        let login = login.ok_or_else(|| {
            let error = Error::usage(format!("the pool {name} has no sign-in pages"));
            if stack.existing_pools.contains_key(name) {
                return error.hint("the program only reads this pool; sign in with `securelambda token EMAIL`");
            }
            error.hint(format!(
                "add `callbacks` to `login` of [pools.{name}], or sign in with `securelambda token EMAIL`"
            ))
        })?;
        let own = login.callbacks.iter().find_map(|address| Self::of(address));
        let own = own.ok_or_else(|| {
            Error::usage(format!("no callback of the pool {name} is an address of this machine"))
                .hint("add one for tests, such as \"http://localhost:8976/callback\", and run `securelambda up`")
        })?;
        Ok((own, login))
    }
}

pub(super) async fn login(args: &args::Login, config: Config) -> Result<Ending, Error> {
    if !args.no_browser && !config.output.can_ask {
        return Err(Error::usage("`login` needs somebody who signs in, and there is no terminal (or CI is set)").hint(
            "use `securelambda token EMAIL` with --password-stdin; or pass --no-browser and open the printed address",
        ));
    }
    let session = Session::existing(config, Sources::Untouched).await?;
    let (name, pool) = pool_of(&session, args.pool.as_deref()).await?;
    let (loopback, login) = Loopback::of_pool(&session.config.stack, &name)?;
    let missing = || Error::other(format!("the domain of {name} does not exist yet")).hint("run `securelambda up`");
    let page = pool.sign_in_url.as_deref().ok_or_else(missing)?;
    let listener = TcpListener::bind(("127.0.0.1", loopback.port)).await.map_err(|error| {
        Error::other(format!("port {} of this machine cannot be used: {error}", loopback.port))
            .hint("end the program that uses it, or use another port in `callbacks`")
    })?;
    let grant = CodeGrant::new(&pool.client_id, loopback.address);
    let scopes: Vec<&str> = login.scopes.iter().map(String::as_str).collect();
    let page = grant.page(page, &scopes).map_err(Error::other)?;
    let minutes = PATIENCE.as_secs() / 60;
    say(&format!(
        "Sign in at\n  {page}\nwith a browser on this machine, which is sent back to port {}. Waiting for {minutes} minutes.",
        loopback.port
    ));
    if !args.no_browser {
        open(&page);
    }
    let waited = tokio::time::timeout(PATIENCE, answered(&listener, &loopback, &grant)).await;
    let (code, browser) =
        waited.map_err(|_| Error::other("nobody signed in within 5 minutes").hint("run the same command again"))?;
    let signed_in = async { keep(&session, &pool, &name, &grant, &code.map_err(Error::other)?).await };
    let signed_in = signed_in.await;
    let (status, words) = match &signed_in {
        Ok(_) => ("200 OK", "You are signed in. You can close this page."),
        Err(_) => ("400 Bad Request", "You are not signed in. The terminal shows the reason."),
    };
    reply(browser, status, words).await;
    let user = signed_in?;
    if session.config.output.json {
        answer(&super::pretty(&json!({ "schema_version": SCHEMA_VERSION, "pool": name, "user": user })));
    } else if !session.config.output.quiet {
        say(&format!("{user} is signed in to {name}. `token` and `call --as {user}` need no password now."));
    }
    Ok(Ending::Done)
}

pub(super) async fn logout(args: &args::Logout, config: Config) -> Result<Ending, Error> {
    let session = Session::existing(config, Sources::Untouched).await?;
    let (name, pool) = pool_of(&session, args.pool.as_deref()).await?;
    // A file that cannot be used must not stay.
    let found = UserSession::find(&session, &pool).or_else(|error| {
        forget(&session, &pool)?;
        Err(error.hint("the file is deleted now; a session in it stays valid until it expires"))
    })?;
    if let Some(user) = &found {
        user.end(&session, &pool).await?;
    }
    let user = found.as_ref().map(UserSession::name);
    if session.config.output.json {
        answer(&super::pretty(&json!({ "schema_version": SCHEMA_VERSION, "pool": name, "user": user })));
    } else if !session.config.output.quiet {
        say(&user.map_or_else(
            || format!("Nobody is signed in to {name} on this machine."),
            |user| format!("The session of {user} in {name} has ended."),
        ));
    }
    Ok(Ending::Done)
}

/// Exchanges a code for tokens, and keeps the session. Returns the user's name.
async fn keep(
    session: &Session,
    pool: &Pool,
    name: &str,
    grant: &CodeGrant,
    code: &SecretValue,
) -> Result<String, Error> {
    let body = grant.exchange(code);
    let answered = Client::new(&session.config.connection.proxies)?.send(&post(token_url(pool)?, &body)).await?;
    let tokens = granted(&answered).map_err(|refused| {
        Error::other(format!("Cognito gave no tokens for the code: {}", refused.why))
            .hint("run `securelambda login` again")
    })?;
    let names = names(&claims(&tokens.id), &session.config.stack.pools[name].sign_in);
    let user = names.first().cloned().ok_or_else(|| Error::other("the ID token names no user"))?;
    let refresh = tokens.refresh.as_ref().ok_or_else(|| Error::other("Cognito gave no refresh token"))?;
    UserSession::keep(session, pool, &names, refresh)?;
    Ok(user)
}

/// Waits for the request that the page makes the browser send. Returns the code, or what the page reports, and the
/// connection, which waits for an answer. Browsers open connections in advance, so several are read at the same time.
/// Requests that do not belong to this sign-in get an error.
async fn answered(
    listener: &TcpListener,
    loopback: &Loopback<'_>,
    grant: &CodeGrant,
) -> (Result<SecretValue, String>, TcpStream) {
    let mut reading = FuturesUnordered::new();
    loop {
        let (target, browser) = tokio::select! {
            accepted = listener.accept() => {
                // A connection that ends early says nothing about the sign-in.
                if let Ok((browser, _)) = accepted {
                    reading.push(target(browser));
                }
                continue;
            }
            Some(read) = reading.next() => read,
        };
        let Some(target) = target else { continue };
        if target.split('?').next() != Some(&*loopback.path) {
            reply(browser, "404 Not Found", "This is not the address of the sign-in.").await;
            continue;
        }
        match grant.code(&target) {
            Ok(Some(code)) => return (Ok(code), browser),
            Ok(None) => reply(browser, "400 Bad Request", "This request does not belong to the sign-in.").await,
            Err(why) => return (Err(why), browser),
        }
    }
}

/// The target of a request, as in `/callback?code=…`, and its connection; `None` if the request is none of a browser's.
async fn target(mut browser: TcpStream) -> (Option<String>, TcpStream) {
    let mut line = String::new();
    let mut reader = BufReader::new((&mut browser).take(LONGEST_LINE));
    let read = tokio::time::timeout(Duration::from_secs(10), reader.read_line(&mut line)).await;
    let mut words = line.split_ascii_whitespace();
    let is_get = matches!(read, Ok(Ok(_))) && words.next() == Some("GET");
    (words.next().filter(|_| is_get).map(str::to_owned), browser)
}

async fn reply(mut browser: TcpStream, status: &str, words: &str) {
    let page = format!("<!doctype html><meta charset=utf-8><title>securelambda</title><p>{words}</p>\n");
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Content-Security-Policy: default-src 'none'\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\n\
         Connection: close\r\n\r\n{page}",
        page.len()
    );
    // A browser that is gone needs no page.
    let _ = browser.write_all(text.as_bytes()).await;
    let _ = browser.shutdown().await;
}

/// Opens the page in a browser, if the machine has one. The user can open the page by hand.
fn open(page: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let quiet = std::process::Stdio::null;
    let _ = std::process::Command::new(program).arg(page).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
}

/// The names with which the user of an ID token signs in: at least one, unless the claims are of no ID token. Cognito's
/// token endpoint sent the token over TLS, so its signature need not be checked (OpenID Connect Core, section 3.1.3.7).
fn names(claims: &Value, sign_in: &[SignIn]) -> Vec<String> {
    const USERNAME: &str = "cognito:username";
    let claim = |way: &SignIn| match way {
        SignIn::Email => "email",
        SignIn::Phone => "phone_number",
        SignIn::Username => USERNAME,
    };
    let names = sign_in.iter().map(claim).filter_map(|claim| claims[claim].as_str());
    let names: Vec<String> = names.map(str::to_owned).collect();
    // Without the scope `email`, the token does not contain the address.
    if names.is_empty() { claims[USERNAME].as_str().map(str::to_owned).into_iter().collect() } else { names }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_can_get_the_code() {
        let own = |address, port, path: &str| Some(Loopback { address, port, path: path.to_owned() });
        assert_eq!(
            Loopback::of("http://localhost:8976/callback"),
            own("http://localhost:8976/callback", 8976, "/callback")
        );
        assert_eq!(Loopback::of("http://localhost"), own("http://localhost", 80, "/"));
        // Browsers encode the path, and the query comes before the code.
        assert_eq!(Loopback::of("http://localhost/ü?a=b"), own("http://localhost/ü?a=b", 80, "/%C3%BC"));
        for other in
            ["https://app.example.com", "http://localhost.example.com/", "http://localhost:x/", "myapp://callback"]
        {
            assert_eq!(Loopback::of(other), None, "{other}");
        }
    }

    #[test]
    fn a_user_has_the_names_with_which_the_pool_lets_users_sign_in() {
        let both = [SignIn::Email, SignIn::Phone];
        let claims = json!({ "email": "ada@example.com", "phone_number": "+49301", "cognito:username": "ada" });
        assert_eq!(names(&claims, &both), ["ada@example.com", "+49301"]);
        assert_eq!(names(&claims, &[SignIn::Username]), ["ada"]);
        assert_eq!(names(&json!({ "cognito:username": "4b-1" }), &both), ["4b-1"]);
        assert_eq!(names(&json!({}), &both), Vec::<String>::new());
    }
}
