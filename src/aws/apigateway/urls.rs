//! URLs and ARNs of an API's routes. Nothing here calls AWS.

use crate::scope::Scope;

/// A stage's URL, without a slash at the end. A route's URL is this, followed by its path.
///
/// `endpoint` is the endpoint in use if it is not AWS's: an emulator has its own address.
pub fn stage_url(endpoint: Option<&str>, scope: &Scope, api_id: &str, stage: &str) -> String {
    if let Some(endpoint) = endpoint {
        return format!("{}/restapis/{api_id}/{stage}/_user_request_", endpoint.trim_end_matches('/'));
    }
    format!("https://{api_id}.{}/{stage}", scope.host("execute-api"))
}

/// The URI by which an integration calls this function.
pub fn integration_uri(scope: &Scope, function_arn: &str) -> String {
    let Scope { partition, region, .. } = scope;
    format!("arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/{function_arn}/invocations")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(partition: &str, region: &str) -> Scope {
        Scope {
            partition: partition.into(),
            account: "123456789012".into(),
            region: region.into(),
            stack: "demo".into(),
            ..Scope::default()
        }
    }

    #[test]
    fn a_stage_answers_where_its_region_is() {
        let at = |endpoint, partition, region| stage_url(endpoint, &scope(partition, region), "abc", "dev");
        assert_eq!(at(None, "aws", "eu-central-1"), "https://abc.execute-api.eu-central-1.amazonaws.com/dev");
        assert_eq!(at(None, "aws-cn", "cn-north-1"), "https://abc.execute-api.cn-north-1.amazonaws.com.cn/dev");
        let local = at(Some("http://127.0.0.1:4566/"), "aws", "eu-central-1");
        assert_eq!(local, "http://127.0.0.1:4566/restapis/abc/dev/_user_request_");
    }

    #[test]
    fn a_permission_names_method_and_path_and_nothing_wider() {
        let scope = scope("aws", "eu-central-1");
        let arn = |method, path| scope.execute_api_arn("abc", "dev", method, path);
        let prefix = "arn:aws:execute-api:eu-central-1:123456789012:abc/dev";
        assert_eq!(arn("POST", "/lambda1"), format!("{prefix}/POST/lambda1"));
        assert_eq!(arn("GET", "/items/{id}/parts"), format!("{prefix}/GET/items/*/parts"));
        assert_eq!(arn("ANY", "/files/{proxy+}"), format!("{prefix}/*/files/*"));
        assert_eq!(arn("GET", "/"), format!("{prefix}/GET/"));
    }

    #[test]
    fn an_integration_names_the_function() {
        let uri = integration_uri(&scope("aws-us-gov", "us-gov-west-1"), "arn:aws-us-gov:lambda:x:1:function:f");
        let want = "arn:aws-us-gov:apigateway:us-gov-west-1:lambda:path/2015-03-31/functions/\
                    arn:aws-us-gov:lambda:x:1:function:f/invocations";
        assert_eq!(uri, want);
    }
}
