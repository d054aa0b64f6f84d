//! `graph`: draws the stack, who may call what. Asks AWS nothing.

use serde_json::json;

use super::Ending;
use crate::args;
use crate::config::Config;
use crate::report::{Arrow, Diagram, NodeKind, SCHEMA_VERSION, answer, mermaid, svg};
use crate::stack::{Api, Auth, Firewall, Mode, Stack};

pub(super) fn run(args: &args::Graph, config: &Config) -> Ending {
    let diagram = diagram(&config.stack);
    if config.output.json {
        let arrow = |arrow: &Arrow| {
            let name = |index: usize| &diagram.boxes[index].name;
            json!({ "from": name(arrow.from), "to": name(arrow.to), "label": arrow.label })
        };
        let document = json!({
            "schema_version": SCHEMA_VERSION,
            "stack": diagram.title,
            "stage": diagram.frame,
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
    let frame = stack.api.as_ref().map(|api| frame(api, stack.firewall.as_ref()));
    let mut diagram = Diagram { title: stack.name.clone(), frame, boxes: Vec::new(), arrows: Vec::new() };
    for route in stack.api.iter().flat_map(|api| &api.routes) {
        let (caller, label) = match &route.auth {
            Auth::Pool(pool) => (format!("users of {pool}"), "ID token"),
            Auth::Iam => ("whom IAM allows to".to_owned(), "signature"),
            Auth::None => ("anyone".to_owned(), "no token"),
        };
        let name = route.name();
        diagram.arrow((NodeKind::Caller, &caller), (NodeKind::Route, &name), label);
        diagram.arrow((NodeKind::Route, &name), (NodeKind::Function, &route.function), "calls");
    }
    for (name, function) in &stack.functions {
        for secret in &function.secrets {
            diagram.arrow((NodeKind::Function, name), (NodeKind::Secret, secret), "reads");
        }
        for topic in &function.publishes {
            diagram.arrow((NodeKind::Function, name), (NodeKind::Topic, topic), "publishes");
        }
    }
    for (name, function) in &stack.functions {
        match &function.trigger {
            Some(topic) => diagram.arrow((NodeKind::Topic, topic), (NodeKind::Function, name), "calls"),
            None => {
                diagram.place(NodeKind::Function, name);
            }
        }
    }
    for topic in &stack.topics {
        diagram.place(NodeKind::Topic, topic);
    }
    for secret in stack.secrets.keys() {
        diagram.place(NodeKind::Secret, secret);
    }
    diagram
}

fn frame(api: &Api, firewall: Option<&Firewall>) -> String {
    let mut text = format!("stage {}, {} requests/s", api.stage, api.rate_limit);
    match firewall {
        None => text += ", no firewall",
        Some(firewall) => {
            let addresses = match firewall.addresses.len() {
                1 => "1 network".to_owned(),
                count => format!("{count} networks"),
            };
            text += &match firewall.mode {
                Mode::Count => format!(", firewall counts {addresses}"),
                Mode::Allow => format!(", firewall lets {addresses} pass"),
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
    use crate::stack::{BUILTIN, parse};

    #[test]
    fn everything_in_the_file_is_drawn_and_every_arrow_is_a_permission() {
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
    fn an_open_route_says_anyone_and_what_nothing_calls_stands_alone() {
        let text = "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[functions.Idle]\nsource = \"g\"\n[api]\n\
                    [[api.routes]]\nroute = \"GET /x\"\nfunction = \"F\"\nauth = \"none\"\n";
        let drawn = diagram(&parse(text).expect("sound"));
        assert_eq!(drawn.boxes[0], Node { kind: NodeKind::Caller, name: "anyone".into() });
        assert_eq!(drawn.boxes.last().map(|node| node.name.as_str()), Some("Idle"));
        assert!(drawn.frame.is_some_and(|frame| frame.ends_with("no firewall")));
    }

    #[test]
    fn the_built_in_stack_in_both_languages() {
        let drawn = diagram(&parse(BUILTIN).expect("sound"));
        insta::assert_snapshot!("mermaid", mermaid(&drawn));
        insta::assert_snapshot!("svg", svg(&drawn));
    }
}
