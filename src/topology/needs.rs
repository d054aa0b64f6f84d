//! The services that a stack needs in its region.

use super::{SecretValues, desired};
use crate::aws::{kind, sts};
use crate::bundle::Bundles;
use crate::regions::Needs;
use crate::scope::Scope;
use crate::spec::Stack;
use crate::spec::names::caller_role;

/// The requirements of `stack` on any region.
pub fn needs(stack: &Stack) -> Needs {
    // The kinds of its resources do not depend on the account, the region or the code.
    let anywhere = Scope {
        partition: "aws".into(),
        account: String::new(),
        region: String::new(),
        stack: stack.name.clone(),
        ..Scope::default()
    };
    let graph = desired(stack, &anywhere, None, &Bundles::default(), &SecretValues::default(), None);
    let callers = stack.identity_pools.keys().map(|pool| caller_role(pool));
    Needs {
        services: graph.ids().filter_map(|(_, kind)| kind::service(kind)).chain([sts::SERVICE]).collect(),
        assumed_by_pools: callers.chain(stack.member_roles()).map(|role| anywhere.physical(&role)).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::cognito::{COGNITO_IDENTITY, COGNITO_IDP};
    use crate::aws::{apigateway, lambda, wafv2};
    use crate::regions::check;
    use crate::spec::{blueprints, parse};

    #[test]
    fn every_blueprint_needs_user_pools_and_one_needs_identity_pools() {
        for blueprint in blueprints::ALL {
            let needs = needs(&parse(blueprint.text).unwrap());
            let has = |service| needs.services.contains(&service);
            assert!(has(COGNITO_IDP) && has(sts::SERVICE) && has(apigateway::SERVICE), "{}", blueprint.name);
            assert_eq!(has(COGNITO_IDENTITY), blueprint.name == "api-to-api", "{}", blueprint.name);
            assert_eq!(has(wafv2::SERVICE), blueprint.name != "http-jwt", "{}", blueprint.name);
            assert!(check("cn-north-1", &needs).is_err() && check("us-gov-west-1", &needs).is_ok());
        }
        let callers = needs(&parse(blueprints::Blueprint::of("api-to-api").unwrap().text).unwrap()).assumed_by_pools;
        assert!(callers.iter().all(|role| role == "api-to-api-CallersPool-caller"), "{callers:?}");
        assert_eq!(callers.len(), 1);
    }

    #[test]
    fn a_stack_without_pools_needs_nothing_that_china_lacks() {
        let stack = "[functions.Hello]\nsource = \"hello\"\n[[api.routes]]\nroute = \"GET /hello\"\nfunction = \"Hello\"\nauth = \"none\"\n";
        let needs = needs(&parse(stack).unwrap());
        assert!(needs.services.contains(&lambda::SERVICE) && !needs.services.contains(&COGNITO_IDP));
        for region in ["cn-north-1", "cn-northwest-1"] {
            assert_eq!(check(region, &needs), Ok(()), "{region}");
        }
    }
}
