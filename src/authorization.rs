//! AWS's service authorization reference: the actions of every service, the resource types that each action accepts,
//! and the condition keys. [`scripts/authorization.py`](../scripts/authorization.py) generates the compact form that
//! the program contains, and describes its format. It is decompressed on first use.

mod examples;
mod pattern;

use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;

use self::examples::Distance;
use self::pattern::overlap;
use crate::spelling::nearest;

/// The reference, compressed.
const PACKED: &[u8] = include_bytes!("authorization/reference.gz");

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut text = String::new();
    // A file that cannot be unpacked does not pass the tests.
    let _ = GzDecoder::new(PACKED).read_to_string(&mut text);
    text
});

/// Actions with which the caller can get the permissions of another principal: it passes a role, signs in as another
/// user, or changes code that runs with another role (docs/aws.md, Permissions of functions). Actions that manage
/// permissions are not in this list.
const ESCALATING: [&str; 13] = [
    "cloudformation:CreateStack",
    "cloudformation:UpdateStack",
    "iam:AddUserToGroup",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:PassRole",
    "iam:UpdateLoginProfile",
    "lambda:CreateEventSourceMapping",
    "lambda:CreateFunction",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
    "ssm:SendCommand",
    "ssm:StartSession",
];

/// A service, as policies name it.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// Its condition keys, in which `*` stands for any characters.
    keys: Vec<&'static str>,
    /// The ARNs of each type of resource, as patterns.
    types: Vec<&'static str>,
    actions: Vec<Action>,
}

/// An action of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    /// Without its service, as in `GetObject`.
    pub name: &'static str,
    /// The resource types that it accepts, as ARN patterns: `*` stands for any characters and `%` for any characters
    /// but a slash. Empty for an action that can only be allowed on all resources.
    pub on: Vec<&'static str>,
    manages_permissions: bool,
}

impl Service {
    /// The service with this prefix, as in `s3`; `None` if AWS has none.
    pub(crate) fn of(prefix: &str) -> Option<Self> {
        let heading = format!("\n= {prefix}\n");
        let (_, rest) = TEXT.split_once(&heading)?;
        let section = rest.split_once("\n= ").map_or(rest, |(section, _)| section);
        let mut service = Self { keys: Vec::new(), types: Vec::new(), actions: Vec::new() };
        for line in section.lines() {
            match line.split_once(' ') {
                Some(("?", keys)) => service.keys.extend(keys.split(' ')),
                Some(("@", arn)) => service.types.push(arn),
                Some((types, names)) => service.take(types, names),
                None => {}
            }
        }
        Some(service)
    }

    /// Adds actions that take the same types of resources.
    fn take(&mut self, types: &str, names: &'static str) {
        let numbers = types.split(',').filter_map(|number| number.parse::<usize>().ok());
        let on: Vec<&'static str> = numbers.filter_map(|number| self.types.get(number).copied()).collect();
        let action = |name: &'static str| Action {
            name: name.trim_start_matches('!'),
            on: on.clone(),
            manages_permissions: name.starts_with('!'),
        };
        self.actions.extend(names.split(' ').map(action));
    }

    /// The actions that a name stands for, in which `*` and `?` are wildcards. The case of letters does not matter.
    pub(crate) fn actions<'a>(&'a self, name: &str) -> Vec<&'a Action> {
        let name = name.to_lowercase();
        self.actions.iter().filter(|action| overlap(&name, &action.name.to_lowercase())).collect()
    }

    /// The action that a mistyped name most probably stands for.
    pub(crate) fn nearest(&self, name: &str) -> Option<&'static str> {
        nearest(name, &self.actions.iter().map(|action| action.name).collect::<Vec<_>>())
    }

    /// Whether this is a condition key of the service or a global condition key.
    pub(crate) fn has_key(&self, key: &str) -> bool {
        has(&self.keys, key) || Self::of("aws").is_some_and(|all| has(&all.keys, key))
    }

    /// The key that a mistyped one most probably stands for.
    pub(crate) fn nearest_key(&self, key: &str) -> Option<&'static str> {
        let common = Self::of("aws").map(|all| all.keys).unwrap_or_default();
        nearest(key, &[self.keys.clone(), common].concat())
    }
}

impl Action {
    /// Whether a resource, which may have wildcards, is of a type that the action takes.
    pub(crate) fn takes(&self, arn: &str) -> bool {
        self.on.iter().any(|on| arn_fits(arn, on))
    }

    /// An example of an ARN of the type of resource that was probably meant by what is written: an ARN, only a name, or
    /// nothing. With it the distance of the two: a smaller one is a better guess. `None` if the action takes no ARN.
    pub(crate) fn example(&self, written: &str) -> Option<(Distance, String)> {
        let types = self.on.iter().map(|on| (examples::distance(on, written), on));
        types.min_by_key(|(distance, _)| *distance).map(|(distance, on)| (distance, examples::example(on, written)))
    }

    /// Whether a principal can get further permissions if this action is allowed to it on resources of others.
    pub(crate) fn escalates(&self, service: &str) -> bool {
        self.manages_permissions || ESCALATING.contains(&format!("{service}:{}", self.name).as_str())
    }
}

/// The prefix of the service that a mistyped one most probably stands for.
pub(crate) fn nearest_service(prefix: &str) -> Option<&'static str> {
    nearest(prefix, &TEXT.lines().filter_map(|line| line.strip_prefix("= ")).collect::<Vec<_>>())
}

fn has(keys: &[&str], key: &str) -> bool {
    keys.iter().any(|known| overlap(&known.to_lowercase(), &key.to_lowercase()))
}

/// Whether an ARN with wildcards can stand for a resource of this type. The parts between colons are compared one by
/// one.
fn arn_fits(arn: &str, on: &str) -> bool {
    let parts = |text: &str| text.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
    let (arn, on) = (parts(arn), parts(on));
    arn.len() == 6 && on.len() == 6 && arn.iter().zip(&on).all(|(one, other)| overlap(one, other))
}

/// Whether the last part of an ARN covers every resource of a type, with any name.
pub(crate) fn is_all_of(arn: &str, on: &str) -> bool {
    let name = |text: &str| text.splitn(6, ':').nth(5).map(|name| name.replace('%', "*"));
    name(arn).zip(name(on)).is_some_and(|(arn, on)| on.contains('*') && crate::policy::covers(&arn, &on))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(prefix: &str) -> Service {
        Service::of(prefix).expect("a service")
    }

    fn action(name: &str) -> Action {
        let (prefix, name) = name.split_once(':').expect("an action");
        service(prefix).actions(name).first().copied().cloned().expect("an action")
    }

    #[test]
    fn the_reference_can_be_unpacked_and_has_the_services_of_aws() {
        let services = TEXT.lines().filter(|line| line.starts_with("= ")).count();
        assert!(services > 400, "{services}");
        assert!(PACKED.len() < 400 * 1024, "{}", PACKED.len());
        assert!(Service::of("s4").is_none());
        assert_eq!(nearest_service("dynamo"), Some("dynamodb"));
    }

    #[test]
    fn an_action_takes_the_types_of_resources_that_aws_lists() {
        let get = action("s3:getobject");
        assert_eq!(get.name, "GetObject");
        assert!(get.takes("arn:aws:s3:::photos/*") && get.takes("arn:aws:s3:::*"));
        assert!(!get.takes("arn:aws:s3:::photos") && !get.takes("arn:aws:sqs:eu-west-1:123456789012:photos/*"));
        let list = action("s3:ListBucket");
        assert!(list.takes("arn:aws:s3:::photos") && !list.takes("arn:aws:s3:::photos/*"));
        assert!(action("s3:ListAllMyBuckets").on.is_empty());
        assert!(action("logs:PutLogEvents").takes("arn:aws:logs:eu-west-1:123456789012:log-group:/a/b:log-stream:c"));
    }

    #[test]
    fn names_with_wildcards_stand_for_several_actions() {
        let s3 = service("s3");
        assert!(s3.actions("Get*").len() > 20 && s3.actions("*").len() > s3.actions("Get*").len());
        assert_eq!(s3.actions("GetObjct"), Vec::<&Action>::new());
        assert_eq!(s3.nearest("GetObjct"), Some("GetObject"));
    }

    #[test]
    fn actions_that_escalate_are_known() {
        let escalates = |name: &str| action(name).escalates(name.split(':').next().unwrap_or_default());
        for name in ["iam:PassRole", "iam:PutRolePolicy", "lambda:UpdateFunctionCode", "kms:CreateGrant"] {
            assert!(escalates(name), "{name}");
        }
        assert!(!escalates("s3:GetObject") && !escalates("dynamodb:DeleteTable"));
        for name in ESCALATING {
            let (prefix, name) = name.split_once(':').expect("an action");
            assert_eq!(service(prefix).actions(name).len(), 1, "{name}");
        }
    }

    #[test]
    fn a_condition_can_have_the_keys_of_the_service_and_of_all_services() {
        let s3 = service("s3");
        for key in ["s3:prefix", "aws:SourceIp", "aws:ResourceTag/team", "AWS:sourceip"] {
            assert!(s3.has_key(key), "{key}");
        }
        assert!(!s3.has_key("dynamodb:LeadingKeys") && !s3.has_key("aws:Sourceip2"));
        assert_eq!(s3.nearest_key("s3:prefixx"), Some("s3:prefix"));
    }

    #[test]
    fn a_resource_is_all_of_a_type_if_only_the_name_is_open() {
        assert!(is_all_of("arn:aws:s3:::*", "arn:*:s3:::%"));
        assert!(is_all_of("arn:aws:dynamodb:r:1:table/*", "arn:*:dynamodb:*:*:table/*"));
        assert!(!is_all_of("arn:aws:s3:::photos/*", "arn:*:s3:::%/*"));
        assert!(!is_all_of("arn:aws:dynamodb:r:1:table/a*", "arn:*:dynamodb:*:*:table/*"));
        assert!(!is_all_of("arn:aws:s3:us-west-2:1:fixed", "arn:*:s3:*:*:fixed"));
    }
}
