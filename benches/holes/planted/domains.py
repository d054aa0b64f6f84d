"""Holes in custom domains, in disabled default endpoints, and in the resource policy of an API that has a domain."""

import json

from ..hole import Hole
from .rest import patch

API, SMALL = "api.example.com", "small.example.com"
ON_DOMAIN, ON_MAPPING = [f"domain.{SMALL}"], [f"api-mapping.{API}"]


def configuration(s, name=SMALL):
    return s.http.get_domain_name(DomainName=name)["DomainNameConfigurations"][0]


def of_domain(member):
    return lambda s: configuration(s).get(member)


def update_domain(**change):
    def plant(s):
        now = configuration(s)
        kept = {name: now[name] for name in ("CertificateArn", "EndpointType", "SecurityPolicy")}
        changed = {name: value(s) if callable(value) else value for name, value in change.items()}
        s.http.update_domain_name(DomainName=SMALL, DomainNameConfigurations=[{**kept, **changed}])
    return plant


def other_certificate(s):
    return s.client("acm").request_certificate(DomainName="stranger.example.org", ValidationMethod="DNS")["CertificateArn"]


def mappings(s):
    found = s.http.get_api_mappings(DomainName=API)["Items"]
    return sorted((one.get("ApiMappingKey", ""), one["ApiId"], one["Stage"]) for one in found)


def to_another_api(s):
    [one] = s.http.get_api_mappings(DomainName=API)["Items"]
    s.http.update_api_mapping(DomainName=API, ApiMappingId=one["ApiMappingId"], ApiId=s.api("Small"), Stage="$default")


def another_path(s):
    s.http.create_api_mapping(DomainName=API, ApiMappingKey="more", ApiId=s.api("Small"), Stage="$default")


def open_rest(s):
    s.rest.update_rest_api(restApiId=s.api(), patchOperations=patch("/disableExecuteApiEndpoint", "false"))
    s.rest.create_deployment(restApiId=s.api(), stageName="live")


def policy(s):
    return s.rest.get_rest_api(restApiId=s.api()).get("policy")


def set_policy(text):
    def plant(s):
        s.rest.update_rest_api(restApiId=s.api(), patchOperations=patch("/policy", text))
        s.rest.create_deployment(restApiId=s.api(), stageName="live")
    return plant


ANYBODY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]})

UPDATE = "apigatewayv2 UpdateDomainName DomainNameConfigurations[]."

HOLES = [
    Hole("a domain accepts TLS 1.0", "domains", [UPDATE + "SecurityPolicy"], ON_DOMAIN,
         update_domain(SecurityPolicy="TLS_1_0"), of_domain("SecurityPolicy")),
    Hole("a domain has a stranger's certificate", "domains", [UPDATE + "CertificateArn"], ON_DOMAIN,
         update_domain(CertificateArn=other_certificate), of_domain("CertificateArn")),
    Hole("rules decide where the requests of a domain go", "domains", ["apigatewayv2 UpdateDomainName RoutingMode"], ON_DOMAIN,
         lambda s: s.http.update_domain_name(DomainName=SMALL, RoutingMode="ROUTING_RULE_ONLY"),
         lambda s: s.http.get_domain_name(DomainName=SMALL).get("RoutingMode")),
    Hole("a domain leads to another API", "domains", ["apigatewayv2 UpdateApiMapping ApiId|Stage"], ON_MAPPING,
         to_another_api, mappings),
    Hole("another path of a domain leads to another API", "domains",
         ["apigatewayv2 CreateApiMapping ApiId|ApiMappingKey|Stage|DomainName"], ON_MAPPING, another_path, mappings),
    Hole("the disabled default endpoint of a REST API is enabled", "domains", ["apigateway UpdateRestApi <disableExecuteApiEndpoint>"],
         ["api.rest", "api.release"], open_rest,
         lambda s: s.rest.get_rest_api(restApiId=s.api()).get("disableExecuteApiEndpoint"),
         emulator="it then answers with text in place of a boolean, which AWS's SDKs cannot read"),
    Hole("the disabled default endpoint of an HTTP API is open", "domains", ["apigatewayv2 UpdateApi DisableExecuteApiEndpoint"],
         ["api.Small.http-default-endpoint"], lambda s: s.http.update_api(ApiId=s.api("Small"), DisableExecuteApiEndpoint=False),
         lambda s: s.http.get_api(ApiId=s.api("Small")).get("DisableExecuteApiEndpoint")),
    Hole("the resource policy admits everybody", "domains", ["apigateway UpdateRestApi <policy>"],
         ["api.rest", "api.release"], set_policy(ANYBODY), policy),
    Hole("the resource policy is gone", "domains", ["apigateway UpdateRestApi <policy>"],
         ["api.rest", "api.release"], set_policy(""), policy),
]
