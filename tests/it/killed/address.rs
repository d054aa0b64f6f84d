//! The address of a call in a run: its operation, its subject, and a counter. The order of parallel calls differs from run
//! to run; their addresses do not.

use std::fmt;

use crate::support::proxy::AwsRequest;

/// One call of a run: `iam CreateRole securelambda-ExternalLambda1 #1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// `iam CreateRole`.
    pub name: String,
    /// The subject: the resource that the call is about, without ids from AWS.
    pub about: String,
    /// The call's number, from 1, among calls with the same name and subject.
    pub nth: usize,
}

impl Address {
    pub fn reads(&self) -> bool {
        let operation = self.name.split(' ').nth(1).unwrap_or_default();
        ["Get", "List", "Describe"].iter().any(|verb| operation.starts_with(verb))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, about, nth } = self;
        if about.is_empty() { write!(f, "{name} #{nth}") } else { write!(f, "{name} {about} #{nth}") }
    }
}

/// Fields of request bodies that name the subject, the most specific first.
const FIELDS: [&str; 20] = [
    "RoleName",
    "FunctionName",
    "PoolName",
    "ClientName",
    "IdentityPoolName",
    "Username",
    "Name",
    "name",
    "logGroupName",
    "logGroupNamePrefix",
    "SecretId",
    "TopicArn",
    "ResourceArn",
    "ResourceARN",
    "resourceArn",
    "pathPart",
    "AliasName",
    "AlarmName",
    "AlarmNames",
    "AlarmNamePrefix",
];

/// The subject of a call, from its body or else from its path.
pub fn about(asked: &AwsRequest) -> String {
    // Objects of the bucket with the state. Their names contain the account.
    if asked.service == "s3" {
        let about =
            [(".lock", "the lock"), (".json", "the state")].into_iter().find(|(end, _)| asked.path.contains(end));
        return about.map_or("the check of conditions", |(_, about)| about).to_owned();
    }
    if let Some(named) = FIELDS.iter().find_map(|field| asked.field(field)) {
        // The ARN of a table's stream ends in the time at which it was made.
        let named = named.split("/stream/").next().unwrap_or_default().to_owned();
        // Keep only the last part of an ARN, without random ids.
        let end = if named.starts_with("arn:") { named.rsplit(':').next().unwrap_or_default() } else { &named };
        // The ARN of a secret ends in a hyphen and six random characters.
        let secret = asked.service == "secretsmanager" && named.starts_with("arn:");
        let end = end.rsplit_once('-').filter(|_| secret).map_or(end, |(name, _)| name);
        return end.split('/').filter(|part| !random(part)).collect::<Vec<_>>().join("/");
    }
    if asked.headers.contains_key("x-amz-target") || asked.path == "/" {
        return String::new();
    }
    let (mut kept, mut ids) = (Vec::new(), None);
    for segment in asked.segments() {
        let is_id = match ids {
            Some(Ids::Every) => true,
            Some(Ids::Random) => random(segment),
            None => false,
        };
        ids = COLLECTIONS.iter().find(|(name, _)| *name == segment).map(|(_, ids)| *ids);
        // Keep only the last part of an encoded ARN, without the account.
        let end = segment.rsplit_once("%3A").map_or(segment, |(_, end)| end);
        kept.push(if is_id { "*" } else { end });
    }
    kept.join("/")
}

/// The segments after the name of a collection that are ids from AWS.
#[derive(Clone, Copy)]
enum Ids {
    /// Every segment.
    Every,
    /// Segments that look like an id: see [`random`]. The others are names that we give.
    Random,
}

const COLLECTIONS: [(&str, Ids); 15] = [
    // The ids of API mappings are too short for `random`.
    ("apimappings", Ids::Every),
    ("apikeys", Ids::Random),
    ("apis", Ids::Random),
    ("authorizers", Ids::Random),
    ("deployments", Ids::Random),
    ("event-source-mappings", Ids::Random),
    // Some ids of zones have no digit.
    ("hostedzone", Ids::Every),
    ("integrations", Ids::Random),
    ("keys", Ids::Random),
    ("requestvalidators", Ids::Random),
    ("resources", Ids::Random),
    ("restapis", Ids::Random),
    ("routes", Ids::Random),
    ("tags", Ids::Random),
    ("usageplans", Ids::Random),
];

/// Whether this looks like an id from AWS: hexadecimal, or long and with digits.
fn random(text: &str) -> bool {
    let text = text.rsplit_once("%3A").map_or(text, |(_, end)| end);
    text.len() >= 8 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
        || text.len() >= 10
            && text.chars().all(|c| c.is_ascii_alphanumeric())
            && text.chars().any(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(service: &str, method: &str, path: &str, target: Option<&str>, body: &'static str) -> String {
        let scope =
            format!("AWS4-HMAC-SHA256 Credential=AKIA/20261121/eu-central-1/{service}/aws4_request, Signature=0");
        let mut request = hyper::Request::builder().method(method).uri(path).header("authorization", scope);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        let asked = AwsRequest::new(1, &request.body(()).unwrap().into_parts().0, hyper::body::Bytes::from(body));
        format!("{}: {}", asked.name(), about(&asked))
    }

    #[test]
    fn ids_of_plans_keys_zones_and_mappings_are_left_out() {
        let of = |service, path| of(service, "GET", path, None, "");
        assert!(of("apigateway", "/usageplans/1814807d/keys/5c19c1c9").ends_with(": usageplans/*/keys/*"));
        assert!(of("apigateway", "/apikeys/5c19c1c9").ends_with(": apikeys/*"));
        assert!(
            of("apigateway", "/v2/domainnames/api.example.com/apimappings/abcdef")
                .ends_with(": v2/domainnames/api.example.com/apimappings/*")
        );
        assert!(of("route53", "/2013-04-01/hostedzone/ZSIVKETZZQF6B0/rrset").ends_with("hostedzone/*/rrset"));
        assert!(of("route53", "/2013-04-01/hostedzone/ZHTSTNKPYGYKOW/rrset").ends_with("hostedzone/*/rrset"));
    }

    #[test]
    fn addresses_contain_our_names_and_never_ids_from_aws() {
        let methods = "/restapis/af437db8/resources/5daf1096/methods/POST";
        assert_eq!(
            of("apigateway", "PUT", methods, None, "{}"),
            "apigateway PutMethod: restapis/*/resources/*/methods/POST"
        );
        let stage = "/restapis/af437db8/stages/development";
        assert_eq!(of("apigateway", "GET", stage, None, ""), "apigateway GetStage: restapis/*/stages/development");
        assert_eq!(of("iam", "POST", "/", None, "Action=GetRole&RoleName=demo-greet"), "iam GetRole: demo-greet");
        let secret = r#"{"SecretId":"arn:aws:secretsmanager:eu-central-1:123456789012:secret:demo-key-aB3dE9"}"#;
        let target = Some("secretsmanager.DescribeSecret");
        assert_eq!(of("secretsmanager", "POST", "/", target, secret), "secretsmanager DescribeSecret: demo-key");
        let acl = r#"{"ResourceARN":"arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/demo/be4e5600-0a10-4a24-9d6b-b3168f0c2270"}"#;
        let target = Some("AWSWAF_20190729.ListTagsForResource");
        assert_eq!(of("wafv2", "POST", "/", target, acl), "wafv2 ListTagsForResource: regional/webacl/demo");
        let pool = r#"{"UserPoolId":"eu-central-1_XZrowjCMA"}"#;
        let target = Some("AWSCognitoIdentityProviderService.DeleteUserPool");
        assert_eq!(of("cognito-idp", "POST", "/", target, pool), "cognito-idp DeleteUserPool: ");
    }
}
