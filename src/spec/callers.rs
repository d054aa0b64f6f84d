//! Who may call a route and what a caller must show, in the words that every command and every document uses.

use super::{Api, ApiKind, Auth, Mode, PoolClient, Route, Stack};

impl Route {
    /// The tokens of its pool that it accepts, as a noun and what follows it: `access token` and ` with the scope a/b`.
    /// All begin with a vowel.
    fn tokens(&self, kind: ApiKind) -> (&'static str, String) {
        let scopes: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
        match (scopes.as_slice(), kind) {
            ([], ApiKind::Rest) => ("ID token", String::new()),
            ([], ApiKind::Http) => ("ID or access token", String::new()),
            ([one], _) => ("access token", format!(" with the scope {one}")),
            (several, _) => ("access token", format!(" with one of the scopes {}", several.join(", "))),
        }
    }

    /// The token that it accepts, as in `access token with the scope orders/read`.
    pub fn token(&self, kind: ApiKind) -> String {
        let (noun, with) = self.tokens(kind);
        format!("{noun}{with}")
    }

    /// The same with the pool, as in `access token of Users with the scope orders/read`.
    pub fn token_of(&self, pool: &str, kind: ApiKind) -> String {
        let (noun, with) = self.tokens(kind);
        format!("{noun} of {pool}{with}")
    }

    /// Whose tokens of the pool it accepts: those of users who sign in have no scopes.
    pub fn holders(&self, pool: &str) -> String {
        format!("{} of {pool}", if self.scopes.is_empty() { "users" } else { "programs" })
    }
}

impl Stack {
    /// The machine clients that may ask for a token that the route accepts.
    pub fn programs<'a>(&'a self, pool: &str, route: &'a Route) -> impl Iterator<Item = &'a str> {
        let clients = self.pools.get(pool).into_iter().flat_map(|pool| &pool.clients);
        let may = |client: &PoolClient| client.is_machine() && !client.scopes.is_disjoint(&route.scopes);
        clients.filter(move |(_, client)| may(client)).map(|(name, _)| name.as_str())
    }

    /// How a caller gets the token that a route with scopes demands, as advice for `call`.
    pub fn token_source(&self, pool: &str, route: &Route) -> String {
        let programs: Vec<&str> = self.programs(pool, route).collect();
        match programs.as_slice() {
            [] => {
                format!("no program may ask for one: name the scope in `scopes` of an entry of [pools.{pool}.clients]")
            }
            some => format!("pass --client {}, or a token with --token-stdin", some.join(" or ")),
        }
    }

    /// Who may call a route of this API, as in `for users of Users, with an API key`.
    pub fn callers(&self, api: &Api, route: &Route) -> String {
        let mut callers = match &route.auth {
            Auth::Pool(pool) if route.scopes.is_empty() => format!("for {}", route.holders(pool)),
            Auth::Pool(pool) => format!("for {} with an {}", route.holders(pool), route.token(api.kind)),
            Auth::Lambda(name) => format!("for whom {name} admits"),
            Auth::Iam => "for IAM-signed requests".to_owned(),
            Auth::None => "OPEN to anyone".to_owned(),
        };
        if route.key {
            callers += ", with an API key";
        }
        let named = api.allow_from.as_ref().map_or(&[][..], |from| from.addresses.as_slice());
        callers += &match named {
            [] => String::new(),
            [one] => format!(", from {one}"),
            [one, other] => format!(", from {one} and {other}"),
            several => format!(", from {} networks", several.len()),
        };
        let firewall = self.firewall.as_ref().filter(|_| api.kind == ApiKind::Rest);
        if firewall.is_some_and(|firewall| firewall.mode == Mode::Allow) {
            callers += ", from addresses that the firewall allows";
        }
        callers
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::parse;

    const POOL: &str = "[pools.Users]\nscopes = { orders = [\"read\", \"write\"] }\nlogin = { domain = \"demo\" }\n\
        [pools.Users.clients.partner]\nsecret = true\nflows = [\"client-credentials\"]\nscopes = [\"orders/read\"]\n";

    #[test]
    fn everything_that_a_route_demands_of_its_caller_is_said() {
        let said = |api: &str, route: &str| {
            let plan = if route.contains("key") { "[plans.p]\nkeys = [\"acme\"]\n" } else { "" };
            let file = format!(
                "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n{POOL}{plan}[api]\n{api}\n\
                 [[api.routes]]\nroute = \"GET /a\"\nfunction = \"F\"\n{route}\n"
            );
            let stack = parse(&file).expect("a sound file");
            let api = stack.api.as_ref().expect("an API");
            let token = api.routes[0].token_of("Users", api.kind);
            (stack.callers(api, &api.routes[0]), token, stack.token_source("Users", &api.routes[0]))
        };
        for (api, route, expected) in [
            ("", "pool = \"Users\"", "for users of Users"),
            ("", "pool = \"Users\"\nkey = true", "for users of Users, with an API key"),
            ("", "auth = \"none\"\nkey = true", "OPEN to anyone, with an API key"),
            ("allow_from = { addresses = [\"192.0.2.0/24\"] }", "auth = \"none\"", "OPEN to anyone, from 192.0.2.0/24"),
            (
                "",
                "pool = \"Users\"\nscopes = [\"orders/read\"]",
                "for programs of Users with an access token with the scope orders/read",
            ),
        ] {
            assert_eq!(said(api, route).0, expected, "{api} {route}");
        }
        assert_eq!(said("", "pool = \"Users\"").1, "ID token of Users");
        assert_eq!(said("kind = \"http\"", "pool = \"Users\"").1, "ID or access token of Users");
        let (_, token, source) = said("", "pool = \"Users\"\nscopes = [\"orders/read\", \"orders/write\"]");
        assert_eq!(token, "access token of Users with one of the scopes orders/read, orders/write");
        assert_eq!(source, "pass --client partner, or a token with --token-stdin");
        let (.., source) = said("", "pool = \"Users\"\nscopes = [\"orders/write\"]");
        assert!(source.starts_with("no program may ask for one"), "{source}");
    }
}
