//! Checks of the sign-in pages that Cognito hosts at a pool's domain: they send users, with a code or a token, to no other
//! address than a callback of the stack file, and to no other identity provider than those of the stack file.

use futures_util::FutureExt;
use reqwest::Url;

use super::check_spec::{CheckResult, CheckSpec};
use super::context::{CheckFuture, VerifyContext};
use super::prober::Patience;
use super::{Check, Layer};
use crate::choices::ProviderKind;
use crate::probe::{Answer, HeaderNames, Request};
use crate::spec::LoginProvider;

/// An address that nobody can have (RFC 2606).
const ELSEWHERE: &str = "https://securelambda-verify.invalid/callback";

/// A name that no stack file can give an identity provider.
const STRANGER: &str = "securelambda_verify";

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let pools = context.subject.stack.pools.iter();
    let with_pages = pools.filter(|(_, pool)| pool.pages().is_some());
    let pages = with_pages.map(|(name, _)| -> CheckFuture<'a> { pages(context, name).boxed() });
    let pools = context.subject.stack.pools.iter();
    let providers = pools.flat_map(|(name, pool)| pool.providers.iter().map(move |provider| (name.as_str(), provider)));
    let providers = providers.map(|of| -> CheckFuture<'a> { leads_to(context, of).boxed() });
    pages.chain(providers).collect()
}

/// The page of a pool, if its domain exists.
struct Page<'a> {
    client_id: &'a str,
    url: &'a str,
    callback: &'a str,
}

impl<'a> Page<'a> {
    fn of(context: &'a VerifyContext<'_>, pool: &str) -> Option<Self> {
        let login = context.subject.stack.pools.get(pool)?.login.as_ref()?;
        let known = context.subject.outputs.pools.get(pool)?;
        let callback = login.callbacks.first()?;
        Some(Self { client_id: &known.client_id, url: known.sign_in_url.as_deref()?, callback })
    }

    /// A request for a code or a token, after which the page sends the user to this address.
    fn asked(&self, kind: &str, callback: &str, more: &[(&str, &str)]) -> String {
        let query =
            [("client_id", self.client_id), ("response_type", kind), ("redirect_uri", callback), ("scope", "openid")];
        Url::parse_with_params(self.url, query.iter().chain(more)).map(String::from).unwrap_or_default()
    }
}

/// Checks that the pages send the users of an identity provider to that provider.
async fn leads_to(
    context: &VerifyContext<'_>,
    (pool, (name, provider)): (&str, (&String, &LoginProvider)),
) -> Vec<Check> {
    let claim = format!("users of {name} are sent to their provider");
    let claim = CheckSpec::new(Layer::Authentication, format!("sign-in pages of {pool}"), claim);
    let Some(page) = Page::of(context, pool) else { return vec![claim.known(absent(pool))] };
    let url = page.asked("code", page.callback, &[("identity_provider", name)]);
    let claim = claim.sent(format!("GET {url}")).expects("a redirect to the provider");
    let at_aws = context.at_aws();
    let judge = |answer: &Answer| match is_sent_to(answer, page.callback, provider) {
        result if result.failed() && !at_aws => {
            CheckResult::not_tried("this endpoint does not look up the addresses of providers, unlike AWS")
        }
        result => result,
    };
    vec![claim.by(ask(context, &url, judge)).await]
}

fn absent(pool: &str) -> CheckResult {
    CheckResult::not_tried(format!("because the pool {pool} or its domain does not exist"))
}

async fn pages(context: &VerifyContext<'_>, name: &str) -> Vec<Check> {
    let claim = |words: &str| CheckSpec::new(Layer::Authentication, format!("sign-in pages of {name}"), words);
    let elsewhere = claim("users are sent to no other address than a callback");
    let implicit = claim("a browser gets a code and no token");
    let stranger = claim("users of no other provider can sign in");
    let Some(page) = Page::of(context, name) else {
        return [elsewhere, implicit, stranger].map(|claim| claim.known(absent(name))).into();
    };
    let callback = page.callback;
    let (code, token) = (page.asked("code", ELSEWHERE, &[]), page.asked("token", callback, &[]));
    let elsewhere = elsewhere.sent(format!("GET {code}")).expects("no page, and no redirect to this address");
    let elsewhere = elsewhere.by(ask(context, &code, |answer| refused(answer, ELSEWHERE))).await;
    let implicit = implicit.sent(format!("GET {token}")).expects("no page, and an error for the application");
    let at_aws = context.at_aws();
    let judge = |answer: &Answer| match refused_flow(answer, callback) {
        result if result.failed() && !at_aws => {
            CheckResult::not_tried("this endpoint shows its page for every flow, unlike AWS")
        }
        result => result,
    };
    let implicit = implicit.by(ask(context, &token, judge)).await;
    let other = page.asked("code", callback, &[("identity_provider", STRANGER)]);
    let stranger = stranger.sent(format!("GET {other}")).expects("an error, and no redirect to a provider");
    vec![elsewhere, implicit, stranger.by(ask(context, &other, |answer| refused_flow(answer, callback))).await]
}

async fn ask(context: &VerifyContext<'_>, url: &str, judge: impl Fn(&Answer) -> CheckResult) -> CheckResult {
    let request = Request { method: "GET", url, token: None, body: None };
    match context.prober.ask_with(&request, &[], HeaderNames::LowerCase, Patience::None).await {
        Ok(answer) => judge(&answer),
        Err(result) => result,
    }
}

fn location(answer: &Answer) -> &str {
    answer.headers.get("location").unwrap_or_default()
}

fn shown(answer: &Answer) -> String {
    match location(answer) {
        "" => format!("status {}", answer.status),
        to => format!("status {}, location {to}", answer.status),
    }
}

/// The result for an address that no client has. Cognito shows its own error page, or answers with a status above 399.
fn refused(answer: &Answer, address: &str) -> CheckResult {
    let to = location(answer);
    let shows_error = answer.status >= 400 || (300..400).contains(&answer.status) && to.contains("/error");
    CheckResult::pass_if(shows_error && !to.starts_with(address), shown(answer))
}

/// The result for a page that should send users to their provider: it shows neither an error nor sends them back.
fn is_sent_to(answer: &Answer, callback: &str, provider: &LoginProvider) -> CheckResult {
    let to = Url::parse(location(answer)).ok().filter(|to| to.scheme() == "https");
    let host = to.as_ref().and_then(Url::host_str);
    // The endpoints of other providers may have any host.
    let is_theirs = match provider.kind {
        ProviderKind::Google => host == Some("accounts.google.com"),
        ProviderKind::Oidc { .. } | ProviderKind::Saml { .. } => host.is_some(),
    };
    let is_error = to.is_some_and(|to| to.path() == "/error") || location(answer).starts_with(callback);
    CheckResult::pass_if((300..400).contains(&answer.status) && is_theirs && !is_error, shown(answer))
}

/// The result for the flow that would put tokens into a browser's address: an error page, or the callback with an error.
fn refused_flow(answer: &Answer, callback: &str) -> CheckResult {
    let to = location(answer);
    let told = to.starts_with(callback) && to.contains("error=");
    let shows_error = answer.status >= 400 || (300..400).contains(&answer.status) && to.contains("/error");
    CheckResult::pass_if((told || shows_error) && !to.contains("access_token="), shown(answer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Verdict::{Fail, Pass};

    fn answer(status: u16, location: &str) -> Answer {
        let headers = (!location.is_empty()).then(|| ("location".to_owned(), location.to_owned()));
        Answer { status, headers: headers.into_iter().collect(), body: Vec::new() }
    }

    #[test]
    fn a_user_must_not_be_sent_to_an_address_that_is_no_callback() {
        for (status, location, verdict) in [
            (302, "https://d.auth.eu-central-1.amazoncognito.com/error?error=redirect_mismatch&client_id=c", Pass),
            (400, "", Pass),
            (302, "https://d.auth.eu-central-1.amazoncognito.com/login?client_id=c", Fail),
            (302, "https://securelambda-verify.invalid/callback?error=invalid_request", Fail),
            (200, "", Fail),
        ] {
            assert_eq!(refused(&answer(status, location), ELSEWHERE).verdict, verdict, "{status} {location}");
        }
    }

    #[test]
    fn a_browser_must_get_no_token() {
        const CALLBACK: &str = "https://app.example.com/cb";
        for (status, location, verdict) in [
            (302, "https://app.example.com/cb?error=unauthorized_client", Pass),
            (400, "", Pass),
            (302, "https://d.auth.eu-central-1.amazoncognito.com/login?response_type=token", Fail),
            (302, "https://app.example.com/cb#access_token=x&error=", Fail),
            (200, "", Fail),
        ] {
            assert_eq!(refused_flow(&answer(status, location), CALLBACK).verdict, verdict, "{status} {location}");
        }
    }

    #[test]
    fn users_must_be_sent_to_their_own_provider() {
        const CALLBACK: &str = "https://app.example.com/cb";
        let of = |kind| LoginProvider { kind, client: None, attributes: std::collections::BTreeMap::new() };
        let google = of(ProviderKind::Google);
        let corp = of(ProviderKind::Saml { metadata: "https://corp.example.com/saml".into() });
        for (provider, status, location, verdict) in [
            (&google, 302, "https://accounts.google.com/o/oauth2/v2/auth?client_id=app", Pass),
            (&google, 302, "https://accounts.example.com/o/oauth2/v2/auth?client_id=app", Fail),
            (&corp, 302, "https://corp.example.com/sso?SAMLRequest=x", Pass),
            (&corp, 302, "http://corp.example.com/sso?SAMLRequest=x", Fail),
            (&corp, 302, "https://d.auth.eu-central-1.amazoncognito.com/error?error=x", Fail),
            (&corp, 302, "https://app.example.com/cb?error=invalid_request", Fail),
            (&corp, 200, "", Fail),
        ] {
            let result = is_sent_to(&answer(status, location), CALLBACK, provider);
            assert_eq!(result.verdict, verdict, "{status} {location}");
        }
    }
}
