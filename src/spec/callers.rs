//! Descriptions of a route's callers and of the credentials that it demands. Every command and every document uses
//! them.

use super::{Api, ApiKind, Auth, Mode, PoolClient, Route, Stack};

impl Route {
    /// The tokens of its pool that the route accepts: a noun such as `access token`, which begins with a vowel, and the
    /// text after it.
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

    /// The token that the route accepts and its pool, as in `access token of Users with the scope orders/read`.
    pub fn token_of(&self, pool: &str, kind: ApiKind) -> String {
        let (noun, with) = self.tokens(kind);
        format!("{noun} of {pool}{with}")
    }

    /// The groups that a caller must be in, as in ` in the group staff`; empty if the route demands no group.
    pub fn membership(&self) -> String {
        let groups: Vec<&str> = self.groups.iter().map(String::as_str).collect();
        match groups.as_slice() {
            [] => String::new(),
            [one] => format!(" in the group {one}"),
            several => format!(" in one of the groups {}", several.join(", ")),
        }
    }
}

impl Stack {
    /// The callers from the pool whose tokens a route accepts. Tokens of users have scopes only if a function adds them
    /// or the users sign in at the pool's domain, and programs are in no group.
    pub fn holders(&self, pool: &str, route: &Route) -> String {
        let users = self.gives_scopes(pool).is_some() || self.pages_give_scopes(pool, route);
        let who = match users {
            _ if route.scopes.is_empty() || !route.groups.is_empty() => "users",
            false => "programs",
            true => "users and programs",
        };
        format!("{who} of {pool}{}", route.membership())
    }

    /// The function that can give users of the pool scopes.
    pub fn gives_scopes(&self, pool: &str) -> Option<&String> {
        self.pools.get(pool)?.hooks.gives_scopes()
    }

    /// Whether users who sign in at the pool's domain can get a token with a scope of the route.
    pub fn pages_give_scopes(&self, pool: &str, route: &Route) -> bool {
        let login = self.pools.get(pool).and_then(|pool| pool.login.as_ref());
        login.is_some_and(|login| !login.scopes.is_disjoint(&route.scopes))
    }

    /// The machine clients that may ask for a token that the route accepts.
    pub fn programs<'a>(&'a self, pool: &str, route: &'a Route) -> impl Iterator<Item = &'a str> {
        let clients = self.pools.get(pool).into_iter().flat_map(|pool| &pool.clients);
        let may = |client: &PoolClient| client.is_machine() && !client.scopes.is_disjoint(&route.scopes);
        clients.filter(move |(_, client)| may(client)).map(|(name, _)| name.as_str())
    }

    /// How a caller gets the token that a route with scopes demands, as advice for `call`.
    pub fn token_source(&self, pool: &str, route: &Route) -> String {
        let user = self.gives_scopes(pool);
        let user = user.map(|function| format!("--as EMAIL of a user to whom {function} gives the scope"));
        let programs: Vec<&str> = self.programs(pool, route).filter(|_| route.groups.is_empty()).collect();
        let program = (!programs.is_empty()).then(|| format!("--client {}", programs.join(" or ")));
        let ways: Vec<String> = user.into_iter().chain(program).collect();
        let pages = self.pages_give_scopes(pool, route);
        match (ways.as_slice(), route.groups.is_empty()) {
            ([], _) if pages => {
                "pass --token-stdin with the access token of a user who signed in at the pool's domain".to_owned()
            }
            (ways @ [_, ..], _) if pages => {
                format!(
                    "pass {}, or --token-stdin with the token of a user who signed in at the pool's domain",
                    ways.join(", ")
                )
            }
            ([], true) => {
                format!(
                    "no app client may request such a token: name the scope in `scopes` of an entry of [pools.{pool}.clients]"
                )
            }
            ([], false) => {
                "a user gets such a token by signing in at the pool's domain, or from a function that adds the scope"
                    .to_owned()
            }
            (ways, _) => format!("pass {}, or a token with --token-stdin", ways.join(", ")),
        }
    }

    /// The callers that a route of this API admits, as in `for users of Users, with an API key`.
    pub fn callers(&self, api: &Api, route: &Route) -> String {
        let mut callers = match &route.auth {
            Auth::Pool(pool) if !route.groups.is_empty() => {
                let with =
                    if route.scopes.is_empty() { String::new() } else { format!(" with an {}", route.token(api.kind)) };
                let checker = route.authorizer().unwrap_or_default();
                format!("for {}{with}, whom the function {checker} checks", self.holders(pool, route))
            }
            Auth::Pool(pool) if route.scopes.is_empty() => format!("for {}", self.holders(pool, route)),
            Auth::Pool(pool) => format!("for {} with an {}", self.holders(pool, route), route.token(api.kind)),
            Auth::Lambda(name) => format!("for callers that {name} admits"),
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

    const POOL: &str = "[pools.Users]\ngroups = [\"staff\", \"cooks\"]\nscopes = { orders = [\"read\", \"write\"] }\nlogin = { domain = \"demo\" }\n\
        [pools.Users.clients.partner]\nsecret = true\nflows = [\"client-credentials\"]\nscopes = [\"orders/read\"]\n";

    #[test]
    fn users_who_sign_in_at_the_domain_can_get_its_scopes() {
        let file = |scopes: &str, clients: &str| {
            let text = format!(
                "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[pools.Users]\n\
                 scopes = {{ orders = [\"read\", \"write\"] }}\n\
                 login = {{ domain = \"d\", callbacks = [\"https://a.example\"], scopes = [{scopes}] }}\n{clients}\n\
                 [[api.routes]]\nroute = \"GET /o\"\nfunction = \"F\"\npool = \"Users\"\nscopes = [\"orders/read\"]\n"
            );
            let stack = parse(&text).expect("sound");
            let route = stack.api.as_ref().expect("an API").routes[0].clone();
            (stack.holders("Users", &route), stack.token_source("Users", &route))
        };
        let (holders, source) = file("\"openid\", \"orders/read\"", "");
        assert_eq!(holders, "users and programs of Users");
        assert!(source.starts_with("pass --token-stdin with the access token of a user"), "{source}");
        let partner = "[pools.Users.clients.partner]\nsecret = true\nflows = [\"client-credentials\"]\n\
                       scopes = [\"orders/read\"]\n";
        let (_, source) = file("\"openid\", \"orders/read\"", partner);
        assert!(source.starts_with("pass --client partner, or --token-stdin"), "{source}");
        let (holders, _) = file("\"openid\", \"orders/write\"", "");
        assert_eq!(holders, "programs of Users");
    }

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
                "pool = \"Users\"\ngroups = [\"staff\"]\nkey = true",
                "for users of Users in the group staff, whom the function UsersGroups checks, with an API key",
            ),
            (
                "",
                "pool = \"Users\"\nscopes = [\"orders/read\"]\ngroups = [\"staff\", \"cooks\"]",
                "for users of Users in one of the groups cooks, staff with an access token with the scope orders/read, whom \
                 the function UsersGroups checks",
            ),
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
        assert!(source.starts_with("no app client may request such a token"), "{source}");
    }

    #[test]
    fn a_function_that_can_add_scopes_opens_routes_to_users() {
        let said = |version: u8| {
            let file = format!(
                "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n{POOL}[pools.Users.hooks]\npre_token = \"F\"\n\
                 pre_token_version = {version}\n[api]\n[[api.routes]]\nroute = \"GET /a\"\nfunction = \"F\"\n\
                 pool = \"Users\"\nscopes = [\"orders/read\"]\n"
            );
            let stack = parse(&file).expect("a sound file");
            let route = &stack.api.as_ref().expect("an API").routes[0];
            (stack.holders("Users", route), stack.token_source("Users", route))
        };
        let program = "--client partner, or a token with --token-stdin";
        assert_eq!(said(1), ("programs of Users".into(), format!("pass {program}")), "it changes ID tokens only");
        let both = format!("pass --as EMAIL of a user to whom F gives the scope, {program}");
        assert_eq!(said(2), ("users and programs of Users".into(), both));
    }
}
