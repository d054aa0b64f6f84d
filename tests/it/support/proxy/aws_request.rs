//! A request in AWS's terms: its service and operation, in any of AWS's protocols.

use super::cbor;
use hyper::Uri;
use hyper::body::Bytes;
use hyper::http::HeaderMap;
use hyper::http::request::Parts;

#[derive(Debug, Clone)]
pub struct AwsRequest {
    /// Counted from 1, in the order in which requests arrived.
    pub number: usize,
    /// The service's signing name: `iam`, `lambda`, `apigateway`. Empty for a request to no service, such as to a route.
    pub service: String,
    /// The operation, such as `CreateRole`. For a request to a route, its method and path.
    pub operation: String,
    pub method: String,
    /// The path with the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl AwsRequest {
    pub fn new(number: usize, parts: &Parts, body: Bytes) -> Self {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        // Credential=AKIA…/20261121/eu-central-1/iam/aws4_request
        let signed = header("authorization").and_then(|value| value.split("Credential=").nth(1));
        let mut service = signed.and_then(|scope| scope.split('/').nth(3)).unwrap_or_default().to_owned();
        let method = parts.method.to_string();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        // Both versions of API Gateway have one signing name.
        if service == "apigateway" && path.starts_with("/v2/") {
            "apigatewayv2".clone_into(&mut service);
        }
        let operation = if let Some(target) = header("x-amz-target") {
            // Sign-in calls are not signed.
            if service.is_empty() && target.starts_with("AWSCognitoIdentityProvider") {
                "cognito-idp".clone_into(&mut service);
            }
            target.rsplit('.').next().unwrap_or(target).to_owned()
        } else if let Some((_, operation)) = parts.uri.path().split_once("/operation/") {
            // CBOR protocols: `/service/GraniteServiceVersion20100801/operation/PutMetricAlarm`. CloudWatch's signing
            // name is that of its hosts.
            if service == "monitoring" {
                "cloudwatch".clone_into(&mut service);
            }
            operation.to_owned()
        } else if let Some((_, action)) = form(&body).find(|(name, _)| name == "Action") {
            action
        } else if service == "s3" {
            s3(&method, &parts.uri).map_or_else(|| format!("{method} {}", parts.uri.path()), str::to_owned)
        } else {
            let segments: Vec<&str> = parts.uri.path().trim_matches('/').split('/').collect();
            rest(&service, &method, &segments).map_or_else(|| format!("{method} {}", parts.uri.path()), str::to_owned)
        };
        Self { number, service, operation, method, path, headers: parts.headers.clone(), body }
    }

    /// `iam CreateRole`.
    pub fn name(&self) -> String {
        format!("{} {}", self.service, self.operation).trim_start().to_owned()
    }

    /// Whether the request may change something. Sign-in does not, and neither does a GET without a service, which
    /// checks for the emulator.
    pub fn writes(&self) -> bool {
        let reads = ["Get", "List", "Describe", "Check", "Filter", "Simulate", "InitiateAuth"];
        let asks = self.service.is_empty() && self.method == "GET";
        !asks && !reads.iter().any(|verb| self.operation.starts_with(verb))
    }

    /// Whether it is an AWS operation, not a client's call of a route.
    pub fn is_control_plane(&self) -> bool {
        !self.service.is_empty() && !self.path.contains("/_user_request_")
    }

    /// A top-level field of a JSON body, or a field of a form.
    pub fn field(&self, name: &str) -> Option<String> {
        let json = serde_json::from_slice::<serde_json::Value>(&self.body).ok().or_else(|| cbor::decode(&self.body));
        match json {
            Some(body) => match body.get(name)? {
                serde_json::Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            },
            None => self.form().find(|(known, _)| known == name).map(|(_, value)| value),
        }
    }

    /// The fields of a form.
    pub fn form(&self) -> impl Iterator<Item = (String, String)> {
        form(&self.body)
    }

    /// The path's segments, without the query.
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('?').next().unwrap_or_default().trim_matches('/').split('/').collect()
    }
}

/// The fields of a form-encoded body, unescaped.
fn form(body: &[u8]) -> impl Iterator<Item = (String, String)> {
    let pairs = std::str::from_utf8(body).unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter_map(|(name, value)| Some((unescaped(name)?, unescaped(value)?)))
}

fn unescaped(text: &str) -> Option<String> {
    let (mut escaped, mut bytes) = (text.bytes(), Vec::new());
    while let Some(byte) = escaped.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [escaped.next()?, escaped.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The operation of a call of S3 with the bucket in the path. The query tells apart calls with the same method and path.
fn s3(method: &str, uri: &Uri) -> Option<&'static str> {
    let is_object = uri.path().trim_matches('/').contains('/');
    let query = uri.query().unwrap_or_default();
    let has = |name: &str| query.split('&').any(|one| one.split('=').next() == Some(name));
    if is_object {
        return match method {
            "GET" => Some("GetObject"),
            "PUT" => Some("PutObject"),
            "DELETE" => Some("DeleteObject"),
            _ => None,
        };
    }
    let of_bucket = [
        ("GET", "list-type", "ListObjectsV2"),
        ("GET", "versioning", "GetBucketVersioning"),
        ("PUT", "versioning", "PutBucketVersioning"),
        ("PUT", "publicAccessBlock", "PutPublicAccessBlock"),
        ("PUT", "ownershipControls", "PutBucketOwnershipControls"),
        ("PUT", "encryption", "PutBucketEncryption"),
        ("PUT", "policy", "PutBucketPolicy"),
        ("PUT", "lifecycle", "PutBucketLifecycleConfiguration"),
    ];
    let found = of_bucket.iter().find(|(known, name, _)| *known == method && has(name));
    let created = (method == "PUT" && query.is_empty()).then_some("CreateBucket");
    found.map(|(_, _, operation)| *operation).or(created)
}

/// The operation of a method and path, for services whose protocol does not name the operation.
#[rustfmt::skip]
#[allow(clippy::match_same_arms, reason = "one line for each operation, sorted by service")]
fn rest(service: &str, method: &str, path: &[&str]) -> Option<&'static str> {
    Some(match (service, method, path) {
        ("lambda", "POST", [_, "functions"]) => "CreateFunction",
        ("lambda", "GET", [_, "functions"] | [_, "functions", ""]) => "ListFunctions",
        ("lambda", "GET", [_, "functions", _]) => "GetFunction",
        ("lambda", "DELETE", [_, "functions", _]) => "DeleteFunction",
        ("lambda", "GET", [_, "functions", _, "configuration"]) => "GetFunctionConfiguration",
        ("lambda", "PUT", [_, "functions", _, "configuration"]) => "UpdateFunctionConfiguration",
        ("lambda", "PUT", [_, "functions", _, "code"]) => "UpdateFunctionCode",
        ("lambda", "GET", [_, "functions", _, "policy"]) => "GetPolicy",
        ("lambda", "POST", [_, "functions", _, "policy"]) => "AddPermission",
        ("lambda", "DELETE", [_, "functions", _, "policy", _]) => "RemovePermission",
        ("lambda", "POST", [_, "functions", _, "invocations"]) => "Invoke",
        ("lambda", "GET", [_, "functions", _, "urls"]) => "ListFunctionUrlConfigs",
        ("lambda", "POST", [_, "functions", _, "url"]) => "CreateFunctionUrlConfig",
        ("lambda", "DELETE", [_, "functions", _, "url"]) => "DeleteFunctionUrlConfig",
        ("lambda", "GET", [_, "functions", _, "event-invoke-config", "list"]) => "ListFunctionEventInvokeConfigs",
        ("lambda", "PUT", [_, "functions", _, "event-invoke-config"]) => "PutFunctionEventInvokeConfig",
        ("lambda", "DELETE", [_, "functions", _, "event-invoke-config"]) => "DeleteFunctionEventInvokeConfig",
        ("lambda", "GET", [_, "event-source-mappings"] | [_, "event-source-mappings", ""]) => "ListEventSourceMappings",
        ("lambda", "POST", [_, "event-source-mappings"] | [_, "event-source-mappings", ""]) => "CreateEventSourceMapping",
        ("lambda", "GET", [_, "event-source-mappings", _]) => "GetEventSourceMapping",
        ("lambda", "PUT", [_, "event-source-mappings", _]) => "UpdateEventSourceMapping",
        ("lambda", "DELETE", [_, "event-source-mappings", _]) => "DeleteEventSourceMapping",
        ("lambda", "GET", [_, "functions", _, "aliases"]) => "ListAliases",
        ("lambda", "POST", [_, "functions", _, "aliases"]) => "CreateAlias",
        ("lambda", "GET", [_, "functions", _, "aliases", _]) => "GetAlias",
        ("lambda", "PUT", [_, "functions", _, "aliases", _]) => "UpdateAlias",
        ("lambda", "DELETE", [_, "functions", _, "aliases", _]) => "DeleteAlias",
        ("lambda", "GET", [_, "functions", _, "provisioned-concurrency"]) => "GetProvisionedConcurrencyConfig",
        ("lambda", "PUT", [_, "functions", _, "provisioned-concurrency"]) => "PutProvisionedConcurrencyConfig",
        ("lambda", "DELETE", [_, "functions", _, "provisioned-concurrency"]) => "DeleteProvisionedConcurrencyConfig",
        ("lambda", "GET", [_, "functions", _, "versions"]) => "ListVersionsByFunction",
        ("lambda", "POST", [_, "functions", _, "versions"]) => "PublishVersion",
        ("lambda", "GET", [_, "functions", _, "runtime-management-config"]) => "GetRuntimeManagementConfig",
        ("lambda", "PUT", [_, "functions", _, "runtime-management-config"]) => "PutRuntimeManagementConfig",
        ("lambda", "GET", [_, "functions", _, "recursion-config"]) => "GetFunctionRecursionConfig",
        ("lambda", "PUT", [_, "functions", _, "recursion-config"]) => "PutFunctionRecursionConfig",
        ("lambda", "PUT", [_, "functions", _, "concurrency"]) => "PutFunctionConcurrency",
        ("lambda", "DELETE", [_, "functions", _, "concurrency"]) => "DeleteFunctionConcurrency",
        ("lambda", "GET", [_, "account-settings"] | [_, "account-settings", ""]) => "GetAccountSettings",
        ("lambda", "GET", [_, "tags", _]) => "ListTags",
        ("lambda", "POST", [_, "tags", _]) => "TagResource",
        ("lambda", "DELETE", [_, "tags", _]) => "UntagResource",
        ("scheduler", "GET", ["schedule-groups"]) => "ListScheduleGroups",
        ("scheduler", "POST", ["schedule-groups", _]) => "CreateScheduleGroup",
        ("scheduler", "GET", ["schedule-groups", _]) => "GetScheduleGroup",
        ("scheduler", "DELETE", ["schedule-groups", _]) => "DeleteScheduleGroup",
        ("scheduler", "GET", ["schedules"]) => "ListSchedules",
        ("scheduler", "POST", ["schedules", _]) => "CreateSchedule",
        ("scheduler", "GET", ["schedules", _]) => "GetSchedule",
        ("scheduler", "PUT", ["schedules", _]) => "UpdateSchedule",
        ("scheduler", "DELETE", ["schedules", _]) => "DeleteSchedule",
        ("scheduler", "GET", ["tags", _]) => "ListTagsForResource",
        ("scheduler", "POST", ["tags", _]) => "TagResource",
        ("scheduler", "DELETE", ["tags", _]) => "UntagResource",
        ("apigateway", "POST", ["restapis"]) => "CreateRestApi",
        ("apigateway", "GET", ["restapis"]) => "GetRestApis",
        ("apigateway", "GET", ["restapis", _]) => "GetRestApi",
        ("apigateway", "PATCH", ["restapis", _]) => "UpdateRestApi",
        ("apigateway", "DELETE", ["restapis", _]) => "DeleteRestApi",
        ("apigateway", "GET", ["restapis", _, "resources"]) => "GetResources",
        ("apigateway", "POST", ["restapis", _, "resources", _]) => "CreateResource",
        ("apigateway", "GET", ["restapis", _, "resources", _]) => "GetResource",
        ("apigateway", "DELETE", ["restapis", _, "resources", _]) => "DeleteResource",
        ("apigateway", "PUT", ["restapis", _, "resources", _, "methods", _]) => "PutMethod",
        ("apigateway", "GET", ["restapis", _, "resources", _, "methods", _]) => "GetMethod",
        ("apigateway", "PATCH", ["restapis", _, "resources", _, "methods", _]) => "UpdateMethod",
        ("apigateway", "DELETE", ["restapis", _, "resources", _, "methods", _]) => "DeleteMethod",
        ("apigateway", "PUT", ["restapis", _, "resources", _, "methods", _, "integration"]) => "PutIntegration",
        ("apigateway", "GET", ["restapis", _, "resources", _, "methods", _, "integration"]) => "GetIntegration",
        ("apigateway", "PATCH", ["restapis", _, "resources", _, "methods", _, "integration"]) => "UpdateIntegration",
        ("apigateway", "DELETE", ["restapis", _, "resources", _, "methods", _, "integration"]) => "DeleteIntegration",
        ("apigateway", "PUT", ["restapis", _, "resources", _, "methods", _, "responses", _]) => "PutMethodResponse",
        ("apigateway", "PUT", ["restapis", _, "resources", _, "methods", _, "integration", "responses", _]) => "PutIntegrationResponse",
        ("apigateway", "PATCH", ["restapis", _, "resources", _, "methods", _, "integration", "responses", _]) => "UpdateIntegrationResponse",
        ("apigateway", "POST", ["restapis", _, "authorizers"]) => "CreateAuthorizer",
        ("apigateway", "GET", ["restapis", _, "authorizers"]) => "GetAuthorizers",
        ("apigateway", "GET", ["restapis", _, "authorizers", _]) => "GetAuthorizer",
        ("apigateway", "PATCH", ["restapis", _, "authorizers", _]) => "UpdateAuthorizer",
        ("apigateway", "DELETE", ["restapis", _, "authorizers", _]) => "DeleteAuthorizer",
        ("apigateway", "POST", ["restapis", _, "requestvalidators"]) => "CreateRequestValidator",
        ("apigateway", "GET", ["restapis", _, "requestvalidators"]) => "GetRequestValidators",
        ("apigateway", "PATCH", ["restapis", _, "requestvalidators", _]) => "UpdateRequestValidator",
        ("apigateway", "DELETE", ["restapis", _, "requestvalidators", _]) => "DeleteRequestValidator",
        ("apigateway", "POST", ["restapis", _, "models"]) => "CreateModel",
        ("apigateway", "GET", ["restapis", _, "models"]) => "GetModels",
        ("apigateway", "GET", ["restapis", _, "models", _]) => "GetModel",
        ("apigateway", "PATCH", ["restapis", _, "models", _]) => "UpdateModel",
        ("apigateway", "DELETE", ["restapis", _, "models", _]) => "DeleteModel",
        ("apigateway", "POST", ["restapis", _, "deployments"]) => "CreateDeployment",
        ("apigateway", "GET", ["restapis", _, "deployments"]) => "GetDeployments",
        ("apigateway", "GET", ["restapis", _, "deployments", _]) => "GetDeployment",
        ("apigateway", "DELETE", ["restapis", _, "deployments", _]) => "DeleteDeployment",
        ("apigateway", "POST", ["restapis", _, "stages"]) => "CreateStage",
        ("apigateway", "GET", ["restapis", _, "stages"]) => "GetStages",
        ("apigateway", "GET", ["restapis", _, "stages", _]) => "GetStage",
        ("apigateway", "PATCH", ["restapis", _, "stages", _]) => "UpdateStage",
        ("apigateway", "DELETE", ["restapis", _, "stages", _]) => "DeleteStage",
        ("apigateway", "POST", ["apikeys"]) => "CreateApiKey",
        ("apigateway", "GET", ["apikeys"]) => "GetApiKeys",
        ("apigateway", "GET", ["apikeys", _]) => "GetApiKey",
        ("apigateway", "PATCH", ["apikeys", _]) => "UpdateApiKey",
        ("apigateway", "DELETE", ["apikeys", _]) => "DeleteApiKey",
        ("apigateway", "POST", ["usageplans"]) => "CreateUsagePlan",
        ("apigateway", "GET", ["usageplans"]) => "GetUsagePlans",
        ("apigateway", "GET", ["usageplans", _]) => "GetUsagePlan",
        ("apigateway", "PATCH", ["usageplans", _]) => "UpdateUsagePlan",
        ("apigateway", "DELETE", ["usageplans", _]) => "DeleteUsagePlan",
        ("apigateway", "POST", ["usageplans", _, "keys"]) => "CreateUsagePlanKey",
        ("apigateway", "GET", ["usageplans", _, "keys"]) => "GetUsagePlanKeys",
        ("apigateway", "DELETE", ["usageplans", _, "keys", _]) => "DeleteUsagePlanKey",
        ("apigateway", "GET", ["tags", ..]) => "GetTags",
        ("apigateway", "PUT", ["tags", ..]) => "TagResource",
        ("apigateway", "DELETE", ["tags", ..]) => "UntagResource",
        ("apigateway", "GET", ["restapis", _, "gatewayresponses"]) => "GetGatewayResponses",
        ("apigateway", "PUT", ["restapis", _, "gatewayresponses", _]) => "PutGatewayResponse",
        ("apigateway", "DELETE", ["restapis", _, "gatewayresponses", _]) => "DeleteGatewayResponse",
        ("apigateway", "GET", ["account"]) => "GetAccount",
        ("apigateway", "PATCH", ["account"]) => "UpdateAccount",
        ("route53", "GET", [_, "hostedzonesbyname"]) => "ListHostedZonesByName",
        ("route53", "GET", [_, "hostedzone", _, "rrset"]) => "ListResourceRecordSets",
        ("route53", "POST", [_, "hostedzone", _, "rrset"]) => "ChangeResourceRecordSets",
        ("apigatewayv2", "POST", ["v2", "domainnames"]) => "CreateDomainName",
        ("apigatewayv2", "GET", ["v2", "domainnames"]) => "GetDomainNames",
        ("apigatewayv2", "GET", ["v2", "domainnames", _]) => "GetDomainName",
        ("apigatewayv2", "PATCH", ["v2", "domainnames", _]) => "UpdateDomainName",
        ("apigatewayv2", "DELETE", ["v2", "domainnames", _]) => "DeleteDomainName",
        ("apigatewayv2", "POST", ["v2", "domainnames", _, "apimappings"]) => "CreateApiMapping",
        ("apigatewayv2", "GET", ["v2", "domainnames", _, "apimappings"]) => "GetApiMappings",
        ("apigatewayv2", "PATCH", ["v2", "domainnames", _, "apimappings", _]) => "UpdateApiMapping",
        ("apigatewayv2", "DELETE", ["v2", "domainnames", _, "apimappings", _]) => "DeleteApiMapping",
        ("apigatewayv2", "GET", ["v2", "tags", ..]) => "GetTags",
        ("apigatewayv2", "POST", ["v2", "tags", ..]) => "TagResource",
        ("apigatewayv2", "DELETE", ["v2", "tags", ..]) => "UntagResource",
        ("apigatewayv2", "POST", ["v2", "apis"]) => "CreateApi",
        ("apigatewayv2", "GET", ["v2", "apis"]) => "GetApis",
        ("apigatewayv2", "GET", ["v2", "apis", _]) => "GetApi",
        ("apigatewayv2", "PATCH", ["v2", "apis", _]) => "UpdateApi",
        ("apigatewayv2", "DELETE", ["v2", "apis", _]) => "DeleteApi",
        ("apigatewayv2", "DELETE", ["v2", "apis", _, "cors"]) => "DeleteCorsConfiguration",
        ("apigatewayv2", "POST", ["v2", "apis", _, "authorizers"]) => "CreateAuthorizer",
        ("apigatewayv2", "GET", ["v2", "apis", _, "authorizers"]) => "GetAuthorizers",
        ("apigatewayv2", "PATCH", ["v2", "apis", _, "authorizers", _]) => "UpdateAuthorizer",
        ("apigatewayv2", "DELETE", ["v2", "apis", _, "authorizers", _]) => "DeleteAuthorizer",
        ("apigatewayv2", "POST", ["v2", "apis", _, "integrations"]) => "CreateIntegration",
        ("apigatewayv2", "GET", ["v2", "apis", _, "integrations"]) => "GetIntegrations",
        ("apigatewayv2", "DELETE", ["v2", "apis", _, "integrations", _]) => "DeleteIntegration",
        ("apigatewayv2", "POST", ["v2", "apis", _, "routes"]) => "CreateRoute",
        ("apigatewayv2", "GET", ["v2", "apis", _, "routes"]) => "GetRoutes",
        ("apigatewayv2", "PATCH", ["v2", "apis", _, "routes", _]) => "UpdateRoute",
        ("apigatewayv2", "DELETE", ["v2", "apis", _, "routes", _]) => "DeleteRoute",
        ("apigatewayv2", "POST", ["v2", "apis", _, "stages"]) => "CreateStage",
        ("apigatewayv2", "GET", ["v2", "apis", _, "stages"]) => "GetStages",
        ("apigatewayv2", "GET", ["v2", "apis", _, "stages", _]) => "GetStage",
        ("apigatewayv2", "PATCH", ["v2", "apis", _, "stages", _]) => "UpdateStage",
        ("apigatewayv2", "DELETE", ["v2", "apis", _, "stages", _]) => "DeleteStage",
        ("apigatewayv2", "DELETE", ["v2", "apis", _, "stages", _, "routesettings", _]) => "DeleteRouteSettings",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str, path: &str, headers: &[(&str, &str)], body: &'static str) -> AwsRequest {
        let mut request = hyper::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        AwsRequest::new(1, &request.body(()).unwrap().into_parts().0, Bytes::from(body))
    }

    fn signed(service: &str) -> String {
        format!("AWS4-HMAC-SHA256 Credential=AKIA/20261121/eu-central-1/{service}/aws4_request, SignedHeaders=host")
    }

    #[test]
    fn the_operation_of_a_request_is_recognized_in_every_protocol() {
        let query = asked("POST", "/", &[("authorization", &signed("iam"))], "Action=CreateRole&RoleName=a%2Fb+c");
        assert_eq!((query.name().as_str(), query.writes()), ("iam CreateRole", true));
        assert_eq!(query.field("RoleName").as_deref(), Some("a/b c"));
        let target = ("x-amz-target", "AWSWAF_20190729.GetWebACL");
        let json = asked("POST", "/", &[("authorization", &signed("wafv2")), target], r#"{"Name":"n"}"#);
        assert_eq!((json.name().as_str(), json.writes()), ("wafv2 GetWebACL", false));
        assert_eq!(json.field("Name").as_deref(), Some("n"));
        let path = "/restapis/a1/resources/r/methods/POST?x=y";
        let rest = asked("PUT", path, &[("authorization", &signed("apigateway"))], "{}");
        assert_eq!((rest.name().as_str(), rest.is_control_plane()), ("apigateway PutMethod", true));
        let route = asked("POST", "/restapis/a1/dev/_user_request_/lambda1", &[("authorization", "eyJ")], "{}");
        assert!(!route.is_control_plane());
        let path = "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm";
        let cbor = asked("POST", path, &[("authorization", &signed("monitoring"))], "");
        assert_eq!((cbor.name().as_str(), cbor.writes()), ("cloudwatch PutMetricAlarm", true));
        let target = ("x-amz-target", "AWSCognitoIdentityProviderService.InitiateAuth");
        assert_eq!(asked("POST", "/", &[target], "{}").name(), "cognito-idp InitiateAuth");
    }
}
