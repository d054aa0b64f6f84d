//! `graph`: draws the stack as a diagram, without AWS calls.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::json;

use super::Ending;
use crate::args;
use crate::config::Config;
use crate::outputs::SCHEMA_VERSION;
use crate::report::{Arrow, Diagram, NodeKind, RouteGroup, answer, mermaid, svg};
use crate::spec::{
    Api, ApiKind, Auth, Firewall, Function, Invoke, Mode, Route, RouteTarget, Stack, StreamSource, Variable,
};
use crate::topology::ids::ApiIds;

pub(super) fn run(args: &args::Graph, config: &Config) -> Ending {
    let diagram = diagram(&config.stack);
    if config.output.json {
        let name = |index: usize| &diagram.boxes[index].name;
        let stage = |group: &RouteGroup| {
            let routes: Vec<&String> = group.routes.iter().map(|route| name(*route)).collect();
            json!({ "text": group.text, "routes": routes })
        };
        let arrow = |arrow: &Arrow| json!({ "from": name(arrow.from), "to": name(arrow.to), "label": arrow.label });
        let document = json!({
            "schema_version": SCHEMA_VERSION,
            "stack": diagram.title,
            "stages": diagram.groups.iter().map(stage).collect::<Vec<_>>(),
            "arrows": diagram.arrows.iter().map(arrow).collect::<Vec<_>>(),
        });
        answer(&super::pretty(&document));
    } else {
        answer(&if args.svg { svg(&diagram) } else { mermaid(&diagram) });
    }
    Ending::Done
}

/// The drawing of a stack.
fn diagram(stack: &Stack) -> Diagram {
    let mut diagram = Diagram { title: stack.name.clone(), groups: Vec::new(), boxes: Vec::new(), arrows: Vec::new() };
    for (name, api) in stack.all_apis() {
        let mut routes = Vec::new();
        for route in &api.routes {
            let drawn = ApiIds(name).within(&route.name());
            for (caller, label) in callers(stack, (name, api), route) {
                let label: Cow<'static, str> = if route.key { format!("{label} and API key").into() } else { label };
                diagram.arrow((NodeKind::Caller, &caller), (NodeKind::Route, &drawn), label);
            }
            let (kind, label) = match &route.target {
                RouteTarget::Function(_) => (NodeKind::Function, "calls"),
                RouteTarget::Http { .. } => (NodeKind::Server, "calls"),
                // Fixed answers with the same status share a box.
                RouteTarget::Mock { .. } => (NodeKind::Server, "is answered by"),
            };
            diagram.arrow((NodeKind::Route, &drawn), (kind, &route.target.label()), label);
            if let Some(authorizer) = route.authorizer()
                && let Some(asked) = stack.authorizers.get(&authorizer)
            {
                diagram.arrow((NodeKind::Route, &drawn), (NodeKind::Function, &asked.function), "asks");
            }
            routes.push(diagram.index_of(NodeKind::Route, &drawn));
        }
        diagram.groups.push(RouteGroup { text: frame((name, api), stack.firewall.as_ref()), routes });
    }
    for (name, function) in &stack.functions {
        for (api, called) in urls(function).into_iter().filter_map(|called| stack.api_called(called)) {
            for route in &called.routes {
                let route = ApiIds(api).within(&route.name());
                diagram.arrow((NodeKind::Function, name), (NodeKind::Route, &route), "calls");
            }
        }
        for secret in &function.secrets {
            diagram.arrow((NodeKind::Function, name), (NodeKind::Secret, secret), "reads");
        }
        for table in &function.rights.reads {
            diagram.arrow((NodeKind::Function, name), (NodeKind::Table, table), "reads");
        }
        for table in &function.rights.writes {
            diagram.arrow((NodeKind::Function, name), (NodeKind::Table, table), "writes");
        }
        for other in &function.rights.invokes {
            diagram.arrow((NodeKind::Function, name), (NodeKind::Function, other), "calls");
        }
        for topic in &function.publishes {
            diagram.arrow((NodeKind::Function, name), (NodeKind::Topic, topic), "publishes");
        }
        for queue in &function.sends {
            diagram.arrow((NodeKind::Function, name), (NodeKind::Queue, queue), "sends");
        }
    }
    for (name, function) in &stack.functions {
        for topic in function.topics() {
            diagram.arrow((NodeKind::Topic, topic), (NodeKind::Function, name), "calls");
        }
        for trigger in function.queues() {
            diagram.arrow((NodeKind::Queue, &trigger.queue), (NodeKind::Function, name), "calls");
        }
        for trigger in function.streams() {
            let stream = match &trigger.source {
                StreamSource::Table(table) => format!("changes of {table}"),
                StreamSource::Arn(arn) => arn.clone(),
            };
            diagram.arrow((NodeKind::Caller, &stream), (NodeKind::Function, name), "calls");
        }
        for schedule in function.schedules() {
            diagram.arrow((NodeKind::Caller, &schedule.expression), (NodeKind::Function, name), "calls");
        }
        for (pool, _) in stack.pools.iter().filter(|(_, pool)| pool.hooks.called().any(|called| called == name)) {
            diagram.arrow((NodeKind::Caller, &format!("pool {pool}")), (NodeKind::Function, name), "calls");
        }
        for caller in function.outside_callers() {
            diagram.arrow((NodeKind::Caller, &caller.source_arn), (NodeKind::Function, name), "calls");
        }
        diagram.index_of(NodeKind::Function, name);
    }
    for (topic, wanted) in &stack.topics {
        diagram.index_of(NodeKind::Topic, topic);
        for (queue, _) in wanted.queues() {
            diagram.arrow((NodeKind::Topic, topic), (NodeKind::Queue, queue), "sends");
        }
    }
    for (name, queue) in &stack.queues {
        diagram.index_of(NodeKind::Queue, name);
        if let Some(dead) = queue.dead_letters_of(name) {
            diagram.arrow((NodeKind::Queue, name), (NodeKind::Queue, &dead), "dead letters");
        }
    }
    for table in stack.tables.keys() {
        diagram.index_of(NodeKind::Table, table);
    }
    for secret in stack.secrets.keys().chain(stack.service_users.keys()) {
        diagram.index_of(NodeKind::Secret, secret);
    }
    diagram
}

/// The callers of a route, and how they authenticate.
pub(super) fn callers(
    stack: &Stack,
    (name, api): (Option<&str>, &Api),
    route: &Route,
) -> Vec<(String, Cow<'static, str>)> {
    match &route.auth {
        Auth::Pool(pool) => vec![(stack.holders(pool, route), route.token(api.kind).into())],
        Auth::Lambda(authorizer) => vec![(format!("callers that {authorizer} admits"), "identity".into())],
        Auth::None => vec![("anyone".to_owned(), "no token".into())],
        Auth::Iam => {
            let opens = |invoke: &Invoke| invoke.api.as_deref() == name && invoke.route == route.name();
            let pools = stack.identity_pools.iter().filter(|(_, pool)| pool.invokes.iter().any(opens));
            let users = pools.map(|(by, pool)| (format!("users of {} via {by}", pool.pool), "signature".into()));
            let users: Vec<_> = users.collect();
            if users.is_empty() { vec![("IAM principals".to_owned(), "signature".into())] } else { users }
        }
    }
}

/// The APIs whose URLs the function gets in its environment.
fn urls(function: &Function) -> BTreeSet<&str> {
    fn url(value: &Variable) -> Option<&str> {
        match value {
            Variable::Url(api) => Some(api),
            _ => None,
        }
    }
    function.environment.values().filter_map(url).collect()
}

fn frame((name, api): (Option<&str>, &Api), firewall: Option<&Firewall>) -> String {
    let name = name.map(|name| format!("API {name}, ")).unwrap_or_default();
    let mut text = format!("{name}stage {}, {} requests/s per route", api.stage, api.rate_limit);
    if api.limited_routes().next().is_some() {
        text += " without its own limit";
    }
    match firewall {
        _ if api.kind == ApiKind::Http => text += ", an HTTP API has no firewall",
        None => text += ", no firewall",
        Some(firewall) => {
            let addresses = match firewall.addresses.len() {
                1 => "1 network".to_owned(),
                count => format!("{count} networks"),
            };
            text += &match firewall.mode {
                Mode::Count => format!(", firewall counts {addresses}"),
                Mode::Allow => format!(", firewall allows {addresses}"),
                Mode::Block => format!(", firewall blocks {addresses}"),
            };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Node;
    use crate::spec::{BUILTIN, blueprints, parse};

    #[test]
    fn the_built_in_stack_is_drawn_completely() {
        let stack = parse(BUILTIN).expect("the built-in stack is sound");
        let drawn = diagram(&stack);
        let name = |index: usize| drawn.boxes[index].name.as_str();
        let arrows: Vec<String> =
            drawn.arrows.iter().map(|a| format!("{} {} {}", name(a.from), a.label, name(a.to))).collect();
        insta::assert_snapshot!(arrows.join("\n"), @"
        users of MyUserPool1 ID token POST /lambda1
        POST /lambda1 calls ExternalLambda1
        users of MyUserPool2 ID token POST /lambda2
        POST /lambda2 calls ExternalLambda2
        ExternalLambda1 reads LambdaSNSTopicARN
        ExternalLambda1 publishes greetings
        ExternalLambda2 reads LambdaSNSTopicARN
        ExternalLambda2 publishes greetings
        greetings calls InternalLambda
        ");
        assert_eq!(drawn.boxes.len(), 9);
    }

    #[test]
    fn anyone_calls_an_open_route_and_an_unused_function_has_no_arrow() {
        let text = "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[functions.Idle]\nsource = \"g\"\n[api]\n\
                    [[api.routes]]\nroute = \"GET /x\"\nfunction = \"F\"\nauth = \"none\"\n";
        let drawn = diagram(&parse(text).expect("sound"));
        assert_eq!(drawn.boxes[0], Node { kind: NodeKind::Caller, name: "anyone".into() });
        assert_eq!(drawn.boxes.last().map(|node| node.name.as_str()), Some("Idle"));
        assert!(drawn.groups[0].text.ends_with("no firewall"));
    }

    #[test]
    fn a_table_has_arrows_from_the_functions_that_read_and_write_it() {
        let text = "[stack]\nname = \"s\"\n[tables.notes]\nkey = \"id\"\n[tables.unused]\nkey = \"id\"\n[functions.F]\n\
                    source = \"f\"\nreads = [\"notes\"]\nwrites = [\"notes\"]\n";
        let drawn = diagram(&parse(text).expect("sound"));
        insta::assert_snapshot!(mermaid(&drawn), @r#"
        flowchart LR
          n0[["F"]]
          n1[/"notes"\]
          n2[/"unused"\]
          n0 -- reads --> n1
          n0 -- writes --> n1
        "#);
        assert!(svg(&drawn).contains("F writes notes"));
    }

    #[test]
    fn functions_that_are_invoked_and_asked_have_arrows() {
        let text = "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\ninvokes_functions = [\"G\"]\n[functions.G]\nsource = \"g\"\n\
                    [functions.Check]\nsource = \"c\"\n[authorizers.Partner]\nfunction = \"Check\"\nidentity = [\"header:X-Partner\"]\n\
                    [api]\n[[api.routes]]\nroute = \"GET /x\"\nfunction = \"F\"\nauthorizer = \"Partner\"\n";
        let words = svg(&diagram(&parse(text).expect("sound")));
        assert!(words.contains("F calls G") && words.contains("GET /x asks Check"), "{words}");
    }

    #[test]
    fn the_built_in_stack_as_mermaid_and_svg() {
        let drawn = diagram(&parse(BUILTIN).expect("sound"));
        insta::assert_snapshot!("mermaid", mermaid(&drawn));
        insta::assert_snapshot!("svg", svg(&drawn));
    }

    #[test]
    fn every_blueprint_is_drawn_completely() {
        // The first of them is the built-in stack.
        for blueprint in &blueprints::ALL[1..] {
            let stack = parse(blueprint.text).expect("sound");
            let drawn = diagram(&stack);
            let framed: usize = drawn.groups.iter().map(|group| group.routes.len()).sum();
            assert_eq!(framed, stack.all_routes().count(), "{}", blueprint.name);
            insta::assert_snapshot!(format!("mermaid-{}", blueprint.name), mermaid(&drawn));
            insta::assert_snapshot!(format!("svg-{}", blueprint.name), svg(&drawn));
        }
    }

    #[test]
    fn programs_call_a_route_with_scopes() {
        let text = "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[pools.P]\nscopes = { orders = [\"read\"] }\n\
                    [api]\n[[api.routes]]\nroute = \"GET /x\"\nfunction = \"F\"\npool = \"P\"\nscopes = [\"orders/read\"]\n";
        let words = svg(&diagram(&parse(text).expect("sound")));
        assert!(words.contains("programs of P access token with the scope orders/read GET /x"), "{words}");
    }

    #[test]
    fn callers_of_an_iam_route_are_pool_users_or_iam_principals() {
        let route = "[[apis.A.routes]]\nroute = \"GET /x\"\nfunction = \"F\"\nauth = \"iam\"\n";
        let text = format!("[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[pools.P]\n[apis.A]\n{route}");
        let first = |text: &str| diagram(&parse(text).expect("sound")).boxes[0].name.clone();
        assert_eq!(first(&text), "IAM principals");
        let pool = "[identity_pools.I]\npool = \"P\"\ninvokes = [\"A GET /x\"]\n";
        assert_eq!(first(&format!("{text}{pool}")), "users of P via I");
    }
}
