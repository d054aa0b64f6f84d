//! AWS Security Hub's controls of the services that a stack uses. Source: the pages "Security Hub CSPM controls for …"
//! of the AWS Security Hub User Guide, as of November 2026. Controls for AWS WAF Classic and for clusters of DynamoDB
//! Accelerator are left out: a stack cannot contain such resources.
//!
//! Two controls are stricter here: Security Hub evaluates APIGateway.8 for HTTP APIs only, and SecretsManager.4 only
//! from the ninetieth day on.

use super::controls;

controls! { Fsbp;
    "APIGateway.1" Medium "REST API stages write execution logs": RestExecutionLogs;
    "APIGateway.2" Medium "REST API stages authenticate to their backends with a client certificate":
        RestBackendCertificate;
    "APIGateway.3" Low "REST API stages are traced by X-Ray": RestTracing;
    "APIGateway.4" Medium "REST API stages have a web ACL": RestFirewall;
    "APIGateway.5" Medium "Cached data of REST API stages is encrypted": RestCacheEncrypted;
    "APIGateway.8" Medium "Every route has an authorization type":
        RestRoutesAuthorized, HttpRoutesAuthorized;
    "APIGateway.9" Medium "HTTP API stages write access logs": HttpAccessLogs;
    "APIGateway.10" Medium "HTTP APIs reach private integrations through HTTPS": HttpPrivateIntegrations;
    "APIGateway.11" Medium "Custom domain names use a current TLS policy": CustomDomains;
    "CloudWatch.15" High "Alarms have an action": AlarmTells;
    "CloudWatch.16" Medium "Log groups keep events for at least a year": LogsKeptForAYear;
    "CloudWatch.17" High "The actions of alarms are enabled": AlarmEnabled;
    "Cognito.1" Medium "User pools enforce threat protection for standard sign-in": PoolThreatProtection;
    "Cognito.2" Medium "Identity pools admit no guests": IdentityPoolNoGuests;
    "Cognito.3" Medium "User pools have a strong password policy":
        PoolPasswordLength8, PoolPasswordLowercase, PoolPasswordUppercase, PoolPasswordNumber, PoolPasswordSymbol,
        PoolTemporaryPassword;
    "Cognito.4" Medium "User pools enforce threat protection for custom sign-in": PoolThreatProtectionForCustomFlows;
    "Cognito.5" Medium "User pools require a second factor": PoolMfa;
    "Cognito.6" Medium "User pools are protected from deletion": PoolDeletionProtection;
    "DynamoDB.1" Medium "Tables scale with the demand": TableOnDemand;
    "DynamoDB.2" Medium "Tables can be restored to a point in time": TableRecovery;
    "DynamoDB.4" Medium "Tables are in a backup plan": TableBackupPlan;
    "DynamoDB.5" Low "Tables are tagged": TableTagged;
    "DynamoDB.6" Medium "Tables are protected from deletion": TableDeletionProtection;
    "IAM.1" High "Policies of the stack do not allow every action on every resource": RolePermissionsDerived;
    "IAM.21" Low "Policies of the stack allow no wildcard actions of a service": RolePermissionsDerived;
    "IAM.24" Low "Roles are tagged": RoleTagged;
    "KMS.1" Medium "Managed policies do not allow decryption with every key": RoleOwnPoliciesOnly;
    "KMS.2" Medium "Inline policies do not allow decryption with every key": RolePermissionsDerived;
    "KMS.3" Critical "Keys of the stack are not about to be deleted": KeyInUse;
    "KMS.4" Medium "Keys of the stack are rotated": KeyRotated;
    "KMS.5" Critical "Keys of the stack are not public": KeyNotPublic;
    "Lambda.1" Critical "Functions are not public": FunctionNotPublic, FunctionNoUrl;
    "Lambda.2" Medium "Functions have a supported runtime": FunctionRuntime;
    "Lambda.3" Low "Functions run in a VPC": FunctionVpc;
    "Lambda.5" Medium "Functions in a VPC use several availability zones": FunctionVpcZones;
    "Lambda.6" Low "Functions are tagged": FunctionTagged;
    "Lambda.7" Low "Functions are traced by X-Ray": FunctionTracing;
    "SecretsManager.1" Medium "Secrets are rotated automatically": SecretRotation;
    "SecretsManager.2" Medium "The rotation of secrets succeeds": SecretRotationSucceeds;
    "SecretsManager.3" Medium "Secrets are used":
        Unknowable("the program does not read when a secret was last used");
    "SecretsManager.4" Medium "Secrets were rotated within 90 days": SecretRotatedInTime;
    "SecretsManager.5" Low "Secrets are tagged": SecretTagged;
    "SNS.1" Medium "Topics are encrypted with a KMS key": TopicKey;
    "SNS.3" Low "Topics are tagged": TopicTagged;
    "SNS.4" Critical "Topics are not public": TopicNotPublic;
    "SQS.1" Medium "Queues are encrypted": QueueEncrypted;
    "SQS.2" Low "Queues are tagged": QueueTagged;
    "SQS.3" Critical "Queues are not public": QueueNotPublic;
    "WAF.10" Medium "Web ACLs have at least one rule": WebAclHasRules;
    "WAF.11" Low "Web ACLs write logs": WebAclLogs;
    "WAF.12" Medium "Rules of web ACLs have metrics": WebAclMetrics;
}
