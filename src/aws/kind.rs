//! Facts about the kinds of resources, apart from how to read and change them. Each kind is described in the file that
//! defines it ([`Described`]). [`KINDS`](super::KINDS) in `mod.rs` is the only list of all kinds: the registry of
//! providers, the cleanup order, the operator's policies, the rates of calls, the region check, the checks of `verify`
//! and docs/kinds.md are derived from it.

use crate::aws::rights::StatementTemplate;
use crate::engine::Resource;
use crate::layer::Layer;
use crate::regions::Service;

/// A kind of resource that describes itself. The registry takes no others.
pub trait Described: Resource {
    const ABOUT: Kind;
}

/// The description of a kind.
#[derive(Debug)]
pub struct Kind {
    /// The service that its resources belong to.
    pub service: Service,
    /// The name of one such resource within a sentence, as in `app client`.
    pub label: &'static str,
    /// Whether AWS has a list of all resources of this kind. A test compares it with what the provider's `list` does.
    pub listed: Listed,
    /// When `down` removes it.
    pub cleanup: CleanupGroup,
    /// The kinds whose resources must be gone before AWS deletes one of this kind. The rest of the cleanup order is our
    /// choice: for example, AWS would delete a role before its function.
    pub gone_before: &'static [&'static str],
    /// The permissions that an operator needs for the calls of its provider.
    pub permissions: &'static [StatementTemplate],
    /// AWS's published rates of the calls of its provider (docs/aws.md, Published rates).
    pub rates: &'static [Rate],
    /// How `verify` reports the comparison of its settings with the stack file.
    pub check: SettingsCheck,
}

/// How resources without a record are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// The provider lists them.
    ByItself,
    /// They are listed with their parent, or disappear with it.
    WithParent,
}

/// The words of a check of `verify`.
#[derive(Debug, Clone, Copy)]
pub struct SettingsCheck {
    pub layer: Layer,
    /// The subject of the check; `{}` stands for the resource's name in the stack file.
    pub subject: &'static str,
    /// The statement that is true if no setting differs.
    pub holds: &'static str,
    /// The operations that read the settings.
    pub read: &'static str,
}

macro_rules! cleanup_groups {
    ($($group:ident = $title:literal,)+) => {
        /// A group of the cleanup order. `down` removes one group after the other. It removes the resources of one
        /// group at the same time, but dependents before their dependencies.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum CleanupGroup {
            $($group,)+
        }

        impl CleanupGroup {
            /// All groups, from the first to the last.
            pub const ALL: &[Self] = &[$(Self::$group),+];

            /// The group's name in docs/removal.md.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$group => $title,)+
                }
            }
        }
    };
}

// The cleanup order, from the first group to the last. The list in docs/removal.md is generated from it.
cleanup_groups! {
    SecretsManager = "Secrets Manager: the secrets",
    Cognito = "Cognito: identity pools, users and app clients, then user pools",
    Route53 = "Route 53: the DNS records of custom domains",
    ApiGateway = "API Gateway: custom domains, methods and resources, the stage, the API",
    Waf = "WAF: the association, the web ACL, the IP sets",
    Scheduler = "EventBridge Scheduler: the schedules and their group",
    Lambda = "Lambda: invoke permissions, event source mappings and functions",
    Iam = "IAM: role policies, then roles",
    Logs = "CloudWatch Logs: the log groups",
    CloudWatch = "CloudWatch: the alarms",
    Sns = "SNS: subscriptions and topics",
    Sqs = "SQS: the queues",
    DynamoDb = "DynamoDB: the tables that `--remove-table` names",
    Kms = "KMS: the key, whose deletion is scheduled",
}

/// A rate that AWS publishes for some calls of an account.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub calls: Calls,
    /// At most `count` calls in `seconds` seconds.
    pub count: u32,
    pub seconds: u64,
    /// How many calls may be sent at once after a pause.
    pub burst: u32,
}

/// The calls that share a rate. Where several operations are listed, AWS publishes a rate for each or for their sum;
/// the program always keeps to the sum, which is the more careful reading.
#[derive(Debug, Clone, Copy)]
pub enum Calls {
    /// Operations of a service whose requests name them. The first text identifies the service: the beginning of the
    /// header `x-amz-target`, the name in the path of a CBOR protocol or, with the query protocol, the version of the
    /// API.
    Operations(&'static str, &'static [&'static str]),
    /// Requests of a REST service with one of these methods and a path of this form, in which `*` is one segment.
    Requests(&'static [&'static str], &'static str),
}

impl Rate {
    /// A rate per second whose burst is one second's calls.
    pub const fn per_second(count: u32, calls: Calls) -> Self {
        Self { calls, count, seconds: 1, burst: count }
    }

    /// One call every `seconds` seconds.
    pub const fn one_in(seconds: u64, calls: Calls) -> Self {
        Self { calls, count: 1, seconds, burst: 1 }
    }
}

/// The description of a kind; `None` if this version does not know it.
pub fn about(kind: &str) -> Option<&'static Kind> {
    super::KINDS.iter().find(|(name, _)| *name == kind).map(|(_, about)| *about)
}

/// A kind's place in the cleanup order. Resources of an unknown kind, from the state file of another version, go last.
pub fn cleanup_position(kind: &str) -> usize {
    about(kind)
        .and_then(|about| CleanupGroup::ALL.iter().position(|group| *group == about.cleanup))
        .unwrap_or(CleanupGroup::ALL.len())
}

/// Whether AWS deletes a resource of the second kind only when those of the first kind are gone (docs/aws.md).
pub fn must_go_first(kind: &str, then: &str) -> bool {
    about(then).is_some_and(|about| about.gone_before.contains(&kind))
}

/// The service that resources of a kind belong to.
pub fn service(kind: &str) -> Option<Service> {
    about(kind).map(|about| about.service)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::aws::apigatewayv2::HttpDefaultEndpoint;
    use crate::aws::rights::Usage;
    use crate::aws::{Clients, KINDS, registry, testing};
    use crate::engine::{CancellationToken, list_all};
    use crate::scope::Whose;

    fn sources(folder: &Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                sources(&entry, all);
            } else {
                *all += &std::fs::read_to_string(entry).expect("a source file");
            }
        }
    }

    /// A resource outside the list has no provider, and `up` would refuse a stack that contains it.
    #[test]
    fn every_resource_is_in_the_list_of_kinds() {
        let mut text = String::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws"), &mut text);
        let begins = "    const KIND: &'static str = \"";
        let defined = text.lines().filter_map(|line| line.strip_prefix(begins)?.strip_suffix("\";"));
        let defined: BTreeSet<&str> = defined.collect();
        assert_eq!(defined, KINDS.iter().map(|(name, _)| *name).collect());
    }

    /// The kinds whose removal makes no call.
    const REMOVED_WITHOUT_A_CALL: [&str; 1] = [HttpDefaultEndpoint::KIND];

    #[test]
    fn every_kind_names_the_permissions_to_read_create_and_delete_it() {
        for (name, about) in KINDS {
            let usages = about.permissions.iter().flat_map(|template| template.rights).flat_map(|right| right.needs);
            let usages: Vec<&Usage> = usages.collect();
            for usage in [Usage::Read, Usage::Create, Usage::Delete] {
                let calls = usage != Usage::Delete || !REMOVED_WITHOUT_A_CALL.contains(name);
                assert_eq!(usages.contains(&&usage), calls, "the permissions of {name} for {usage:?}");
            }
        }
    }

    #[test]
    fn kinds_that_must_go_first_exist_and_do_not_go_later() {
        for (name, about) in KINDS {
            for first in about.gone_before {
                assert!(cleanup_position(first) <= cleanup_position(name), "{first} before {name}");
                assert!(must_go_first(first, name) && !must_go_first(name, first));
                assert!(super::about(first).is_some(), "{first}");
            }
        }
    }

    /// AWS refuses every list call, so the inventory shows for which kinds such a call was made.
    #[tokio::test]
    async fn kinds_are_listed_as_they_say() {
        let http = aws_smithy_http_client::test_util::infallible_client_fn(|_: hyper::Request<_>| {
            hyper::Response::builder().status(403).body("<ErrorResponse/>").expect("an answer")
        });
        let (clients, _) = testing::replay(vec![]);
        let clients = Clients::new(clients.sdk.into_builder().http_client(http).build(), clients.scope);
        let inventory =
            list_all(&registry(&clients), &Whose::Any, &CancellationToken::never()).await.expect("an inventory");
        let described = KINDS.iter().filter(|(_, about)| about.listed == Listed::ByItself).map(|(name, _)| *name);
        assert_eq!(inventory.by_list, described.collect());
    }

    fn page() -> String {
        let mut text = String::from(
            "# Kinds of resources\n\nThe resources that a stack can consist of. This page is generated from the code \
             (`src/aws/kind.rs`).\n\n\
             | Kind | In words | Service | Group of the [cleanup order](removal.md#the-cleanup-order) | Removed after | Found without the state file |\n\
             |---|---|---|---|---|---|\n",
        );
        for (name, about) in KINDS {
            let first: Vec<String> = about.gone_before.iter().map(|first| format!("`{first}`")).collect();
            let first = if first.is_empty() { "–".to_owned() } else { first.join(", ") };
            let Kind { label, service, cleanup, listed, .. } = about;
            let found = match listed {
                Listed::ByItself => "by its list",
                Listed::WithParent => "with its parent",
            };
            let group = cleanup_position(name) + 1;
            let title = cleanup.title().split(':').next().unwrap_or_default();
            text += &format!("| `{name}` | {label} | {service} | {group}. {title} | {first} | {found} |\n");
        }
        text + "\nAWS refuses to delete a resource while a resource of a kind in its column \"Removed after\" uses it.\n"
    }

    /// Compares a page with what it must be, or writes it.
    #[track_caller]
    fn assert_written(path: &str, page: &str) {
        if std::env::var_os("SECURELAMBDA_WRITE_DOCS").is_some() {
            std::fs::write(path, page).expect("the page can be written");
        }
        let there = std::fs::read_to_string(path).unwrap_or_default();
        assert!(there == page, "write {path}: SECURELAMBDA_WRITE_DOCS=1 cargo test --lib aws::kind");
    }

    #[test]
    fn the_page_lists_every_kind() {
        assert_written("docs/kinds.md", &page());
    }

    /// One section of the page is generated, between two comments.
    #[test]
    fn the_page_about_removal_lists_every_cleanup_group() {
        let (path, begins, ends) = ("docs/removal.md", "<!-- generated from src/aws/kind.rs -->\n", "<!-- end -->\n");
        let page = std::fs::read_to_string(path).expect("the page");
        let (before, rest) = page.split_once(begins).expect("the beginning of the list");
        let (_, after) = rest.split_once(ends).expect("the end of the list");
        let groups = (1..).zip(CleanupGroup::ALL).map(|(number, group)| format!("{number}. {}\n", group.title()));
        assert_written(path, &[before, begins, "\n", &groups.collect::<String>(), "\n", ends, after].concat());
    }

    #[test]
    fn every_cleanup_group_has_kinds() {
        for group in CleanupGroup::ALL {
            assert!(KINDS.iter().any(|(_, about)| about.cleanup == *group), "{group:?}");
        }
        assert_eq!(cleanup_position("a.kind_of_another_version"), CleanupGroup::ALL.len());
    }
}
