//! Programs: machine clients of a pool, which get access tokens for themselves (client credentials).

use crate::aws::cognito::Users;
use crate::error::Error;
use crate::outputs::Outputs;
use crate::probe::{Client, ClientCredentials, Granted};
use crate::spec::{PoolClient, Stack};

use super::session::Session;

/// The pool of the machine client `name`: the given pool, or the only pool with such a client. Clients that users sign
/// in with do not count.
pub(super) fn pool_of(stack: &Stack, pool: Option<&str>, name: &str) -> Result<String, Error> {
    if let Some(pool) = pool.filter(|pool| !stack.pool_names().any(|known| known == pool)) {
        let known: Vec<&str> = stack.pool_names().map(String::as_str).collect();
        return Err(Error::unknown("pool", pool, &known));
    }
    let pools = stack.pools.iter().filter(|(known, _)| pool.is_none_or(|pool| pool == *known));
    let clients: Vec<(&String, &String, &PoolClient)> = pools
        .flat_map(|(pool, wanted)| wanted.clients.iter().map(move |(name, client)| (pool, name, client)))
        .collect();
    let named: Vec<_> = clients.iter().filter(|(_, known, _)| *known == name).collect();
    let programs: Vec<&str> =
        named.iter().filter(|(.., client)| client.is_machine()).map(|(pool, ..)| pool.as_str()).collect();
    match programs.as_slice() {
        [pool] => Ok((*pool).to_owned()),
        [] if named.is_empty() => {
            let known: Vec<&str> =
                clients.iter().filter(|(.., client)| client.is_machine()).map(|(_, name, _)| name.as_str()).collect();
            Err(Error::unknown("machine client", name, &known))
        }
        [] => Err(Error::usage(format!("the client {name} gets no tokens for itself, because users sign in with it"))
            .hint("only a client with `flows = [\"client-credentials\"]` gets tokens for itself")),
        several => Err(Error::usage(format!("several pools have a client {name}"))
            .hint(format!("choose one with --pool: {}", several.join(", ")))),
    }
}

/// Gets an access token with all scopes of the client. Its secret comes from Cognito, and is kept nowhere.
pub(super) async fn token(session: &Session, outputs: &Outputs, pool: &str, name: &str) -> Result<Granted, Error> {
    let missing = |what: String| Error::other(format!("{what} does not exist yet")).hint("run `securelambda up`");
    let known = outputs.pools.get(pool).ok_or_else(|| missing(format!("the pool {pool}")))?;
    let client = known.clients.get(name).ok_or_else(|| missing(format!("the client {name} of {pool}")))?;
    let url = known.token_url.as_deref().ok_or_else(|| missing(format!("the domain of {pool}")))?;
    let secret = Users::new(&session.clients).client_secret(&known.id, &client.client_id).await?;
    let credentials = ClientCredentials::new(&client.client_id, &secret);
    let answer = Client::new(&session.config.connection.proxies)?.send(&credentials.request(url)).await?;
    ClientCredentials::granted(&answer)
        .map_err(|why| Error::other(format!("{url} gave the client {name} no token: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    const POOL: &str = "scopes = { orders = [\"read\"] }\n";
    const PROGRAM: &str = "secret = true\nflows = [\"client-credentials\"]\nscopes = [\"orders/read\"]\n";

    #[test]
    fn a_program_is_found_by_its_name_alone_if_one_pool_has_it() {
        let text = format!(
            "[stack]\nname = \"s\"\n\
             [pools.A]\nlogin = {{ domain = \"s-a\" }}\n{POOL}[pools.A.clients.one]\n{PROGRAM}[pools.A.clients.both]\n{PROGRAM}\
             [pools.A.clients.app]\nflows = [\"password\"]\n\
             [pools.B]\nlogin = {{ domain = \"s-b\" }}\n{POOL}[pools.B.clients.both]\n{PROGRAM}"
        );
        let stack = parse(&text).expect("a sound file");
        let of = |pool, name| pool_of(&stack, pool, name).map_err(|error| error.to_string());
        assert_eq!(of(None, "one"), Ok("A".into()));
        assert_eq!(of(Some("B"), "both"), Ok("B".into()));
        for (pool, name, why) in [
            (None, "both", "several pools have a client both"),
            (None, "app", "the client app gets no tokens for itself, because users sign in with it"),
            (Some("B"), "one", "there is no machine client called one"),
            (Some("C"), "one", "there is no pool called C"),
        ] {
            let said = of(pool, name).expect_err("a mistake");
            assert!(said.contains(why), "{said}");
        }
    }
}
