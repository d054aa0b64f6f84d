//! `scopes` of routes: a caller's access token needs one of them.

use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::sections::Pool;

use super::{Api, Auth, Route};

/// Reports scopes that the pool of a route does not name, and scopes of a route without a pool. Places begin with
/// `within`.
pub(super) fn check(within: &str, api: &Api, checks: &mut Checks) {
    for (index, route) in api.routes.iter().enumerate().filter(|(_, route)| !route.scopes.is_empty()) {
        let place = format!("{within}routes.{index}.scopes");
        let Auth::Pool(pool) = &route.auth else {
            if checks.is_unread(&format!("{within}routes.{index}"), "pool") {
                continue;
            }
            let help = "remove `scopes`, or name a `pool`, whose access tokens contain scopes";
            checks.report([Diagnostic::new(place, "only a route with a pool can demand scopes").help(help)]);
            continue;
        };
        // An unknown pool is reported elsewhere.
        let Some(wanted) = checks.stack.pools.get(pool) else { continue };
        let known: Vec<String> = wanted.scope_names().collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        for scope in &route.scopes {
            let from = format!("pools.{pool}");
            checks.one_of_key(format!("{place}.{scope}"), "scope", scope, &known, (&from, "scopes"));
        }
    }
}

/// Whether an HTTP API needs a second authorizer for this pool: programs that get tokens for themselves may call routes
/// that demand scopes, and no others.
pub fn has_programs(api: &Api, name: &str, pool: &Pool) -> bool {
    let demands = |route: &Route| route.pool_of_gateway().is_some_and(|of| of == name);
    pool.clients.values().any(super::super::PoolClient::is_machine)
        && api.routes.iter().any(|route| demands(route) && !route.scopes.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::spec::parse;

    const POOL: &str = "[pools.P]\nscopes = { orders = [\"read\", \"write\"] }\n";

    fn mistakes(route: &str) -> Vec<String> {
        let file = format!(
            "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n{POOL}[[api.routes]]\nroute = \"GET /\"\n\
             function = \"F\"\n{route}\n"
        );
        parse(&file).err().unwrap_or_default().into_iter().map(|mistake| mistake.message).collect()
    }

    #[test]
    fn a_route_demands_scopes_of_its_pool_alone() {
        assert_eq!(mistakes("pool = \"P\"\nscopes = [\"orders/read\", \"orders/write\"]"), Vec::<String>::new());
        let unknown = mistakes("pool = \"P\"\nscopes = [\"orders/raed\"]");
        assert_eq!(unknown, ["there is no scope called orders/raed"]);
        let open = mistakes("auth = \"none\"\nscopes = [\"orders/read\"]");
        assert_eq!(open, ["only a route with a pool can demand scopes"]);
    }
}
