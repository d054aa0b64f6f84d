//! Programs that get tokens for themselves (client credentials): checks that they get tokens for exactly their scopes,
//! and chooses the tokens that routes with scopes must admit or refuse.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::Value;

use super::check_spec::{CheckResult, CheckSpec};
use super::context::{CheckFuture, Expired, Subject, VerifyContext};
use super::prober::Prober;
use super::tokens::Parts;
use super::{Check, Layer};
use crate::aws::cognito::{Users, issuer};
use crate::probe::ClientCredentials;
use crate::secret::SecretValue;
use crate::spec::{PoolClient, Stack};

/// The access token of each program, by pool and client, or the result of checks that need it.
pub(super) type ProgramTokens = BTreeMap<(String, String), Result<SecretValue, CheckResult>>;

/// The programs of a stack: pool, name and client.
fn programs<'a>(subject: &'a Subject<'a>) -> impl Iterator<Item = (&'a String, &'a String, &'a PoolClient)> {
    let pools = subject.stack.pools.iter();
    pools.flat_map(|(pool, wanted)| {
        let machines = wanted.clients.iter().filter(|(_, client)| client.is_machine());
        machines.map(move |(name, client)| (pool, name, client))
    })
}

/// Gets the tokens of all programs. Their secrets come from Cognito, and are kept nowhere.
pub(super) async fn tokens(subject: &Subject<'_>, prober: &Prober, expired: &Expired) -> ProgramTokens {
    let each = programs(subject).map(|(pool, name, _)| async move {
        ((pool.clone(), name.clone()), token(subject, prober, expired, pool, name).await)
    });
    join_all(each).await.into_iter().collect()
}

async fn token(
    subject: &Subject<'_>,
    prober: &Prober,
    expired: &Expired,
    pool: &str,
    name: &str,
) -> Result<SecretValue, CheckResult> {
    let known = subject.outputs.pools.get(pool);
    let client = known.and_then(|known| Some((known, known.clients.get(name)?)));
    let missing = || CheckResult::not_tried(format!("because the client {name} of {pool} does not exist"));
    let (known, client) = client.ok_or_else(missing)?;
    let no_domain = || CheckResult::not_tried(format!("because the domain of {pool} does not exist"));
    let url = known.token_url.as_ref().ok_or_else(no_domain)?;
    let secret = Users::new(subject.clients).client_secret(&known.id, &client.client_id).await.map_err(|failure| {
        expired.notice(&failure);
        CheckResult::fail(failure.to_string())
    })?;
    let credentials = ClientCredentials::new(&client.client_id, &secret);
    let answer = prober.ask_once(&credentials.request(url), &[]).await?;
    ClientCredentials::granted(&answer).map(|granted| granted.token).map_err(CheckResult::fail)
}

impl VerifyContext<'_> {
    /// The token of a program that a route with these scopes admits.
    pub(super) fn admitted(&self, pool: &str, scopes: &BTreeSet<String>) -> Result<&SecretValue, CheckResult> {
        let of_pool = programs(self.subject).filter(|(of, ..)| *of == pool);
        let may = of_pool.filter(|(.., client)| !client.scopes.is_disjoint(scopes)).map(|(_, name, _)| name).next();
        let Some(name) = may else { return self.admitted_user(pool, scopes) };
        match self.programs.get(&(pool.to_owned(), name.clone())) {
            Some(Ok(token)) => Ok(token),
            Some(Err(result)) if result.failed() => {
                Err(CheckResult::because_failed(&of(self.subject.stack, pool, name).name()))
            }
            Some(Err(result)) => Err(result.clone()),
            None => Err(CheckResult::not_tried(format!("because the client {name} of {pool} does not exist"))),
        }
    }

    /// The token of a user, if a function gave it one of these scopes.
    fn admitted_user(&self, pool: &str, scopes: &BTreeSet<String>) -> Result<&SecretValue, CheckResult> {
        let none = format!("no client of {pool} with client-credentials may ask for such a scope");
        let Some(function) = self.subject.stack.gives_scopes(pool) else {
            return Err(CheckResult::not_tried(format!(
                "{none}, and tokens of users who sign in with a password have none"
            )));
        };
        let token = self.access_token(pool)?;
        if has_scope(token, scopes) {
            return Ok(token);
        }
        Err(CheckResult::not_tried(format!("{none}, and {function} gives this user none")))
    }

    /// Tokens of programs that a route with these scopes must refuse: those of all programs that may ask for none of
    /// the scopes.
    pub(super) fn refused_programs(
        &self,
        pool: &str,
        scopes: &BTreeSet<String>,
    ) -> Vec<(String, Result<SecretValue, CheckResult>)> {
        let without = programs(self.subject).filter(|(of, _, client)| *of == pool && client.scopes.is_disjoint(scopes));
        let function = changes(self.subject.stack, pool);
        let token = |name: &String| {
            let token = self.programs.get(&(pool.to_owned(), name.clone())).cloned()?;
            Some(token.and_then(|token| lacks_scopes(token, scopes, function)))
        };
        without.filter_map(|(_, name, _)| Some((name.clone(), token(name)?))).collect()
    }
}

/// The scopes that a token names.
fn scopes_of(parts: &Parts) -> BTreeSet<String> {
    let scope = parts.claims.get("scope").and_then(Value::as_str).unwrap_or_default();
    scope.split_whitespace().map(str::to_owned).collect()
}

fn has_scope(token: &SecretValue, scopes: &BTreeSet<String>) -> bool {
    Parts::of(token).is_some_and(|parts| !scopes_of(&parts).is_disjoint(scopes))
}

/// The token, if it has none of the scopes. `function` may add them.
pub(super) fn lacks_scopes(
    token: SecretValue,
    scopes: &BTreeSet<String>,
    function: Option<&String>,
) -> Result<SecretValue, CheckResult> {
    match function {
        Some(function) if has_scope(&token, scopes) => {
            Err(CheckResult::not_tried(format!("{function} gives this token a scope of the route")))
        }
        _ => Ok(token),
    }
}

/// The check that a program gets its token.
fn of(stack: &Stack, pool: &str, name: &str) -> CheckSpec {
    let which = if changes(stack, pool).is_some() { "a token" } else { "a token for exactly its scopes" };
    CheckSpec::new(Layer::Authentication, pool, format!("the client {name} gets {which}"))
}

/// The function that can change the scopes of the pool's programs.
fn changes<'a>(stack: &'a Stack, pool: &str) -> Option<&'a String> {
    stack.pools.get(pool)?.hooks.changes_programs()
}

pub(super) fn units<'a>(context: &'a VerifyContext<'a>) -> Vec<CheckFuture<'a>> {
    let each = programs(context.subject).map(|(pool, name, client)| -> CheckFuture<'a> {
        async move { vec![gets_a_token(context, pool, name, client)] }.boxed()
    });
    each.collect()
}

fn gets_a_token(context: &VerifyContext<'_>, pool: &str, name: &str, client: &PoolClient) -> Check {
    let known = context.subject.outputs.pools.get(pool);
    let url = known.and_then(|known| known.token_url.clone()).unwrap_or_else(|| "the pool's domain".to_owned());
    let issuer = known.map(|known| issuer(&context.subject.clients.scope, &known.id)).unwrap_or_default();
    let id = known.and_then(|known| known.clients.get(name)).map(|client| client.client_id.clone()).unwrap_or_default();
    let stack = context.subject.stack;
    let scopes = match changes(stack, pool) {
        Some(function) => format!("which {function} may change"),
        None => client.scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
    };
    let spec = of(stack, pool, name)
        .sent(format!("POST {url}, grant_type=client_credentials, with the client's id and secret"))
        .expects(format!(
            "an access token: iss {issuer}, client_id {id}, token_use access, scope {scopes}; signed by the pool"
        ));
    let token = match context.programs.get(&(pool.to_owned(), name.to_owned())) {
        Some(Ok(token)) => token,
        Some(Err(result)) => return spec.known(result.clone()),
        None => return spec.known(CheckResult::not_tried("because the client does not exist")),
    };
    let Some(parts) = Parts::of(token) else {
        return spec.known(CheckResult::fail("the token is not a JSON Web Token"));
    };
    let claims = claims(&parts, &issuer, &id, changes(stack, pool).is_none().then_some(&client.scopes));
    // Whether the keys are published is a check of its own.
    let signed = context.keys(pool).ok().map(|keys| parts.check_signature(keys));
    let forged = signed.filter(|signed| signed.failed() && !claims.failed());
    spec.known(forged.unwrap_or(claims))
}

/// Whether the claims are those of a program's access token with exactly these scopes, unless a function changes them.
fn claims(parts: &Parts, issuer: &str, client_id: &str, scopes: Option<&BTreeSet<String>>) -> CheckResult {
    let word = |name: &str| parts.claims.get(name).and_then(Value::as_str).unwrap_or("nothing");
    let said = [("iss", issuer), ("client_id", client_id), ("token_use", "access")];
    let holds = said.iter().all(|(name, wanted)| word(name) == *wanted);
    let holds = holds && scopes.is_none_or(|scopes| scopes_of(parts) == *scopes);
    let names = ["iss", "client_id", "token_use", "scope"];
    CheckResult::pass_if(holds, names.map(|name| format!("{name} {}", word(name))).join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tokens::{tests::parts, write};
    use super::*;
    use crate::verify::Verdict::{Fail, Pass};

    fn token(change: (&str, Value)) -> Parts {
        let mut claims = json!({
            "iss": "https://issuer", "client_id": "c1", "token_use": "access", "scope": "orders/write orders/read",
        });
        claims[change.0] = change.1;
        parts(&SecretValue::new(format!("{}.{}.c2ln", write(&json!({ "alg": "RS256" })), write(&claims))))
    }

    #[test]
    fn a_programs_token_has_exactly_its_scopes() {
        let scopes: BTreeSet<String> = ["orders/read", "orders/write"].map(str::to_owned).into();
        let verdict = |change| claims(&token(change), "https://issuer", "c1", Some(&scopes)).verdict;
        assert_eq!(verdict(("sub", json!("c1"))), Pass);
        for change in [
            ("scope", json!("orders/read")),
            ("scope", json!("orders/read orders/write orders/all")),
            ("token_use", json!("id")),
            ("client_id", json!("c2")),
            ("iss", json!("https://other")),
        ] {
            let words = change.1.to_string();
            assert_eq!(verdict(change), Fail, "{words}");
        }
        let changed = |change| claims(&token(change), "https://issuer", "c1", None).verdict;
        assert_eq!(changed(("scope", json!("orders/all"))), Pass, "a function changes them");
        assert_eq!(changed(("client_id", json!("c2"))), Fail);
    }
}
