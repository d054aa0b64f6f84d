//! OWASP API Security Top 10, edition 2023. Facts that depend on a function's own code cannot be seen from outside.
//! They are `Unknowable`.

use super::controls;

controls! { Owasp;
    "API1" High "Nobody reads the objects of other users (broken object level authorization)":
        Unknowable("the functions' code decides which objects a caller may read");
    "API2" High "Callers are authenticated (broken authentication)":
        RestRoutesAuthorized, HttpRoutesAuthorized, PoolMfa, PoolPasswordLength8, PoolThreatProtection, ClientHidesUsers, ClientRevokesTokens,
        PoolNothingElse;
    "API3" High "Answers and requests have only permitted properties (broken object property level authorization)":
        RestBodiesValidated, Unknowable("the functions' code decides which properties an answer has");
    "API4" Medium "Callers cannot use unlimited resources (unrestricted resource consumption)":
        RoutesThrottled, FunctionTimeout, RestBodiesValidated;
    "API5" High "Callers reach only the functions that are meant for them (broken function level authorization)":
        RestRoutesAuthorized, HttpRoutesAuthorized, FunctionNotPublic, FunctionNoUrl;
    "API6" Medium "Sensitive flows cannot be automated (unrestricted access to sensitive business flows)":
        RoutesThrottled, PoolNoSelfSignUp, WebAclBlocks;
    "API7" High "Functions cannot be made to send requests elsewhere (server-side request forgery)":
        RolePermissionsDerived, Unknowable("the functions' code decides where requests go");
    "API8" Medium "Nothing is misconfigured (security misconfiguration)":
        RestTls, RestExecutionLogs, RestAccessLogs, HttpAccessLogs, RestFirewall, RoleSourceAccount, TopicNotPublic,
        SecretNotPublic;
    "API9" Medium "No other versions and hosts serve the API (improper inventory management)":
        RestNothingElse, HttpNothingElse, FunctionNoUrl;
    "API10" Medium "Answers of other APIs are checked (unsafe consumption of APIs)":
        Unknowable("the functions' code decides how it treats answers of other APIs");
}
