//! Twenty points that an API behind five layers of security must meet, four for each layer. The built-in stack is built
//! to meet them.

use super::controls;

controls! { Checklist;
    "auth-1" High "Every route asks for a token or a signature":
        RestRoutesAuthorized, HttpRoutesAuthorized;
    "auth-2" High "User pools ask for strong passwords":
        PoolPasswordLength8, PoolPasswordLowercase, PoolPasswordUppercase, PoolPasswordNumber, PoolPasswordSymbol;
    "auth-3" Medium "App clients do not reveal whether a user exists": ClientHidesUsers;
    "auth-4" Medium "Tokens are short-lived, and sign-out revokes them": ClientShortTokens, ClientRevokesTokens;
    "waf-1" Medium "A web ACL is in front of every REST API": RestFirewall;
    "waf-2" Medium "The web ACL blocks requests": WebAclBlocks;
    "waf-3" Medium "AWS's managed rules filter known attacks": WebAclManagedRules;
    "waf-4" Low "The web ACL writes logs and metrics": WebAclLogs, WebAclMetrics;
    "api-1" High "Nothing besides the routes of the stack file can be called": RestNothingElse, HttpNothingElse;
    "api-2" Medium "Every route is throttled": RoutesThrottled;
    "api-3" Medium "The API accepts TLS 1.2 or later only": RestTls;
    "api-4" Medium "Request bodies are validated before a function runs": RestBodiesValidated;
    "secrets-1" High "Credentials are in secrets, and not in environment variables": FunctionNoSecretsInEnvironment;
    "secrets-2" High "Nobody outside of the account may read a secret or a table": SecretNotPublic, TableNotShared;
    "secrets-3" Medium "Secrets are encrypted with a KMS key": SecretKey;
    "secrets-4" Medium "Secrets are rotated": SecretRotation;
    "functions-1" High "Each function has a role with exactly the permissions that it needs":
        RoleOwnPoliciesOnly, RoleExactPermissions;
    "functions-2" High "Only the API and the topics of the stack may call a function": FunctionNotPublic, FunctionNoUrl;
    "functions-3" High "Only publishers of the stack may use a topic": TopicNotPublic;
    "functions-4" Low "Logs are kept for a limited time, and stay in the account": LogsKept, LogsNotForwarded;
}
