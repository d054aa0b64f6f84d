//! Where in a run a call is: what it asks for, about what, and the how manieth of these it is. Calls that run side by
//! side change places from run to run; their addresses stay.

use std::fmt;

use crate::support::proxy::Asked;

/// One call of a run: `iam CreateRole securelambda-ExternalLambda1 #1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// `iam CreateRole`.
    pub name: String,
    /// What it is about, as far as its name is ours and not AWS's.
    pub about: String,
    /// Counted from 1, among calls of the same name about the same thing.
    pub nth: usize,
}

impl Address {
    /// It changes nothing.
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

/// Fields of bodies that say what a call is about, the most telling first.
const FIELDS: [&str; 16] = [
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
];

/// What a call is about: named by its body, else by its path.
pub fn about(asked: &Asked) -> String {
    if let Some(named) = FIELDS.iter().find_map(|field| asked.field(field)) {
        // Of an ARN its end, of that what is not random.
        let end = if named.starts_with("arn:") { named.rsplit(':').next().unwrap_or_default() } else { &named };
        // A secret's ends in a hyphen and six letters of AWS's.
        let secret = asked.service == "secretsmanager" && named.starts_with("arn:");
        let end = end.rsplit_once('-').filter(|_| secret).map_or(end, |(name, _)| name);
        return end.split('/').filter(|part| !random(part)).collect::<Vec<_>>().join("/");
    }
    if asked.headers.contains_key("x-amz-target") || asked.path == "/" {
        return String::new();
    }
    let segments = asked.segments();
    let (mut kept, mut named) = (Vec::new(), false);
    for segment in segments {
        // What follows a collection is a member of it: with an id of AWS's, unless the name is ours to give.
        let id = named && random(segment);
        named = matches!(
            segment,
            "restapis"
                | "apis"
                | "routes"
                | "integrations"
                | "resources"
                | "authorizers"
                | "deployments"
                | "requestvalidators"
                | "tags"
        );
        kept.push(if id { "*" } else { segment });
    }
    kept.join("/")
}

/// Whether this is an id that AWS made up: hexadecimal, or longer than a word and with digits.
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
        let asked = Asked::new(1, &request.body(()).unwrap().into_parts().0, hyper::body::Bytes::from(body));
        format!("{}: {}", asked.name(), about(&asked))
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
