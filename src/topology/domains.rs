//! Custom domains of APIs of both kinds: the domain name, its mapping to the stage, and its DNS record.

use super::id::IdOf;
use crate::aws::apigatewayv2::{ApiMapping, DomainName};
use crate::aws::route53::Record;
use crate::engine::{Deferred, Graph, Handle, Resource};
use crate::spec::Api;

/// The ids of the resources that this file adds. They contain the domain's name, so that a domain stays the same
/// resource when it moves to another API.
pub(crate) mod ids {
    use crate::aws::apigatewayv2::{ApiMapping, DomainName};
    use crate::aws::route53::Record;
    use crate::topology::id::IdOf;

    pub(crate) fn custom_domain(name: &str) -> IdOf<DomainName> {
        IdOf::new("domain", name)
    }

    pub(super) fn mapping(name: &str) -> IdOf<ApiMapping> {
        IdOf::new("api-mapping", name)
    }

    pub(crate) fn record(name: &str) -> IdOf<Record> {
        IdOf::new("dns", name)
    }
}

/// The resources by which requests to a domain reach an API.
pub(super) struct Leads {
    mapping: Handle<ApiMapping>,
    record: Option<Handle<Record>>,
}

impl Leads {
    /// Changes a resource only after the domain leads to the API.
    pub(super) fn comes_before<R: Resource>(self, graph: &mut Graph, then: Handle<R>) {
        graph.order_after(then, self.mapping);
        if let Some(record) = self.record {
            graph.order_after(then, record);
        }
    }
}

/// The domain of an API, if it has one. `at` returns the API's id and the stage's name from the stage's outputs.
pub(super) fn domain<S: Resource>(
    graph: &mut Graph,
    wanted: &Api,
    stage: Handle<S>,
    at: fn(S::Outputs) -> (String, String),
) -> Option<Leads> {
    let wanted = wanted.domain.as_ref()?;
    let id: IdOf<DomainName> = ids::custom_domain(&wanted.name);
    let name = wanted.name.clone();
    let described = DomainName { id: id.to_string(), name: name.clone(), certificate_arn: wanted.certificate.clone() };
    let domain = id.add(graph, (), move |()| described.clone());
    let mapping = ids::mapping(&name).add_under(graph, domain, (domain, stage), move |(domain, stage)| {
        let (api_id, stage) = at(stage);
        ApiMapping { domain: domain.name, api_id, stage }
    });
    let record = wanted.zone.clone().map(|zone| {
        // The record is read before the domain exists, so that somebody else's record is found in time. It is changed
        // only after the mapping, because it has no use before.
        let record = ids::record(&name).add(graph, Deferred(domain), move |domain| {
            let (target, target_zone) = domain.map(|domain| (domain.target, domain.target_zone)).unwrap_or_default();
            Record { zone: zone.clone(), name: name.clone(), target, target_zone }
        });
        graph.order_after(record, mapping);
        record
    });
    Some(Leads { mapping, record })
}

#[cfg(test)]
mod tests {
    use crate::bundle::Bundles;
    use crate::engine::Id;
    use crate::scope::Scope;
    use crate::spec::parse;
    use crate::topology::{SecretValues, desired};

    #[test]
    fn a_domain_is_there_before_its_own_host_name_is_closed() {
        let text = |kind: &str, zone: &str| {
            format!(
                "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n[api]\nkind = \"{kind}\"\ndefault_endpoint = false\n\
                 domain = {{ name = \"api.example.com\", certificate = \
                 \"arn:aws:acm:eu-central-1:123456789012:certificate/a\"{zone} }}\n\
                 [[api.routes]]\nroute = \"GET /x\"\nfunction = \"F\"\nauth = \"none\"\n"
            )
        };
        let scope = Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            stack: "demo".into(),
            ..Scope::default()
        };
        let graph = |text: &str| {
            let stack = parse(text).expect("a sound file");
            desired(&stack, &scope, None, &Bundles::default(), &SecretValues::default(), None)
        };
        let ids = |text: &str| -> Vec<String> { graph(text).ids().map(|(id, _)| id.to_string()).collect() };
        let zoned = text("http", ", zone = \"example.com\"");
        for id in ["domain.api.example.com", "api-mapping.api.example.com", "dns.api.example.com"] {
            assert!(ids(&zoned).contains(&id.to_owned()), "{:?}", ids(&zoned));
        }
        assert!(!ids(&text("http", "")).contains(&"dns.api.example.com".to_owned()));
        let after = |text: &str, then: Id| -> Vec<String> {
            graph(text).ordered_after(&then).into_iter().map(ToString::to_string).collect()
        };
        for (kind, closes) in [("rest", "release"), ("http", "http-default-endpoint")] {
            let zoned = text(kind, ", zone = \"example.com\"");
            let closes = Id::new("api", closes);
            let domain: Vec<String> = ids(&zoned)
                .into_iter()
                .filter(|id| id.ends_with("api.example.com") && !id.starts_with("domain"))
                .collect();
            assert_eq!((after(&zoned, closes.clone()), domain.len()), (domain, 2));
            assert_eq!(after(&text(kind, ""), closes).len(), 1);
        }
        let open = zoned.replace("default_endpoint = false\n", "");
        assert!(!ids(&open).contains(&"api.http-default-endpoint".to_owned()), "{:?}", ids(&open));
        let rest = graph(&text("rest", ""));
        let mapping = Id::new("api-mapping", "api.example.com");
        assert!(rest.needs(&mapping).contains(&&Id::new("stage", "development")));
        // A function and its queue may be called like a domain.
        let queue =
            "[queues.work]\n[functions.orders]\nsource = \"f\"\n[[functions.orders.triggers]]\nqueue = \"work\"\n";
        let named = text("http", "").replace("api.example.com", "orders.work") + queue;
        for id in ["api-mapping.orders.work", "mapping.orders.work"] {
            assert!(ids(&named).contains(&id.to_owned()), "{:?}", ids(&named));
        }
    }
}
