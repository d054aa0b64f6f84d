//! The checks of Prowler 5.46 that apply to the resources of a stack, with Prowler's own severities. Checks of the
//! account as a whole (its root user, its password policy, its trails) are left out, and those of clusters of DynamoDB
//! Accelerator, which a stack cannot contain.

use super::controls;

controls! { Prowler;
    "apigateway_restapi_authorizers_enabled" Medium "REST APIs have an authorizer": RestRoutesAuthorized;
    "apigateway_restapi_cache_encrypted" Medium "Cached data of REST APIs is encrypted": RestCacheEncrypted;
    "apigateway_restapi_client_certificate_enabled" Medium "REST APIs authenticate to their backends":
        RestBackendCertificate;
    "apigateway_restapi_logging_enabled" Medium "Stages of REST APIs write logs": RestExecutionLogs;
    "apigateway_restapi_no_secrets_in_stage_variables" High "Stage variables contain no secrets":
        RestVariablesWithoutSecrets;
    "apigateway_restapi_public" Medium "REST APIs are reachable from a VPC only": RestPrivate;
    "apigateway_restapi_public_with_authorizer" Medium "Public REST APIs have an authorizer":
        RestRoutesAuthorized;
    "apigateway_restapi_tracing_enabled" Low "Stages of REST APIs are traced by X-Ray": RestTracing;
    "apigateway_restapi_waf_acl_attached" Medium "Stages of REST APIs have a web ACL": RestFirewall;
    "apigateway_domain_name_pqc_tls_enabled" Low "Custom domain names use post-quantum TLS": CustomDomains;
    "apigatewayv2_api_access_logging_enabled" Medium "Stages of HTTP APIs write access logs": HttpAccessLogs;
    "apigatewayv2_api_authorizers_enabled" Medium "HTTP APIs have an authorizer": HttpRoutesAuthorized;
    "awslambda_function_env_vars_not_encrypted_with_cmk" Medium "Environments of functions are encrypted with a key":
        FunctionKey;
    "awslambda_function_inside_vpc" Low "Functions run in a VPC (Prowler)": FunctionVpc;
    "awslambda_function_invoke_api_operations_cloudtrail_logging_enabled" Low "CloudTrail records function calls":
        Unknowable("trails belong to the account");
    "awslambda_function_no_dead_letter_queue" Medium "Functions have a dead-letter queue": FunctionDeadLetters;
    "awslambda_function_no_secrets_in_code" Critical "The code of functions contains no secrets":
        Unknowable("the program does not search the functions' code for secrets");
    "awslambda_function_no_secrets_in_variables" Critical "Environment variables contain no secrets":
        FunctionNoSecretsInEnvironment;
    "awslambda_function_not_publicly_accessible" Critical "Resource policies of functions are not public":
        FunctionNotPublic;
    "awslambda_function_url_cors_policy" Medium "Function URLs do not admit every origin": FunctionNoUrl;
    "awslambda_function_url_public" High "Function URLs are not public": FunctionNoUrl;
    "awslambda_function_using_cross_account_layers" High "Functions use no layers of other accounts":
        FunctionNoForeignLayers;
    "awslambda_function_using_supported_runtimes" Medium "Functions use supported runtimes": FunctionRuntime;
    "awslambda_function_vpc_multi_az" Medium "Functions in a VPC use at least two zones": FunctionVpcZones;
    "awslambda_layer_no_secrets_in_content" High "Layers contain no secrets": FunctionLayersWithoutSecrets;
    "cloudwatch_alarm_actions_alarm_state_configured" High "Alarms have actions": AlarmTells;
    "cloudwatch_alarm_actions_enabled" High "Actions of alarms are enabled": AlarmEnabled;
    "cloudwatch_log_group_kms_encryption_enabled" Medium "Log groups are encrypted with a KMS key": LogsKey;
    "cloudwatch_log_group_no_secrets_in_logs" Medium "Log events contain no secrets":
        Unknowable("the program does not search log events for secrets");
    "cloudwatch_log_group_not_publicly_accessible" High "Log groups are not public":
        Unknowable("resource policies of CloudWatch Logs belong to the account");
    "cloudwatch_log_group_retention_policy_specific_days_enabled" Medium "Log groups keep events for a year":
        LogsKeptForAYear;
    "cognito_identity_pool_guest_access_disabled" Medium "Identity pools admit no guests (Prowler)":
        IdentityPoolNoGuests;
    "cognito_user_pool_account_recovery_sms_not_preferred" Medium "Accounts are not recovered by SMS":
        PoolRecoveryWithoutSms;
    "cognito_user_pool_advanced_security_enabled" Medium "User pools enforce threat protection": PoolThreatProtection;
    "cognito_user_pool_blocks_compromised_credentials_sign_in_attempts" Medium "User pools block leaked passwords":
        PoolBlocksCompromisedPasswords;
    "cognito_user_pool_blocks_potential_malicious_sign_in_attempts" Medium "User pools block suspicious sign-ins":
        PoolBlocksTakeovers;
    "cognito_user_pool_client_prevent_user_existence_errors" Medium "App clients hide whether a user exists":
        ClientHidesUsers;
    "cognito_user_pool_client_token_revocation_enabled" Medium "App clients can revoke tokens": ClientRevokesTokens;
    "cognito_user_pool_deletion_protection_enabled" Medium "User pools have deletion protection":
        PoolDeletionProtection;
    "cognito_user_pool_mfa_enabled" Medium "User pools require multi-factor authentication": PoolMfa;
    "cognito_user_pool_password_policy_lowercase" Medium "Passwords have a lowercase letter": PoolPasswordLowercase;
    "cognito_user_pool_password_policy_minimum_length_14" Medium "Passwords have at least 14 characters":
        PoolPasswordLength14;
    "cognito_user_pool_password_policy_number" Medium "Passwords have at least one number": PoolPasswordNumber;
    "cognito_user_pool_password_policy_symbol" Medium "Passwords have at least one symbol": PoolPasswordSymbol;
    "cognito_user_pool_password_policy_uppercase" Medium "Passwords have an uppercase letter": PoolPasswordUppercase;
    "cognito_user_pool_self_registration_disabled" Medium "Only administrators add users": PoolNoSelfSignUp;
    "cognito_user_pool_temporary_password_expiration" Medium "Temporary passwords expire within 7 days":
        PoolTemporaryPassword;
    "cognito_user_pool_waf_acl_attached" Medium "User pools have a web ACL": PoolFirewall;
    "dynamodb_table_autoscaling_enabled" Medium "Tables scale with the demand (Prowler)": TableOnDemand;
    "dynamodb_table_cross_account_access" Medium "No other account may use a table": TableNotShared;
    "dynamodb_table_deletion_protection_enabled" Medium "Tables have deletion protection": TableDeletionProtection;
    "dynamodb_table_protected_by_backup_plan" Medium "Tables are protected by a backup plan": TableBackupPlan;
    "dynamodb_tables_kms_cmk_encryption_enabled" Medium "Tables are encrypted with a KMS key": TableKey;
    "dynamodb_tables_pitr_enabled" Medium "Tables have point-in-time recovery": TableRecovery;
    "iam_inline_policy_allows_privilege_escalation" High "Inline policies allow no escalation of privileges":
        RolePermissionsDerived;
    "iam_inline_policy_no_administrative_privileges" Critical "Inline policies do not allow everything":
        RolePermissionsDerived;
    "iam_inline_policy_no_full_access_to_cloudtrail" High "Inline policies do not allow all of CloudTrail":
        RolePermissionsDerived;
    "iam_inline_policy_no_full_access_to_kms" Medium "Inline policies do not allow all of KMS": RolePermissionsDerived;
    "iam_policy_cloudshell_admin_not_attached" Medium "No role has full access to CloudShell": RoleOwnPoliciesOnly;
    "iam_role_administratoraccess_policy" High "No role has administrator access": RoleOwnPoliciesOnly;
    "iam_role_cross_account_readonlyaccess_policy" High "No role gives another account read access":
        RoleOwnPoliciesOnly;
    "iam_role_cross_service_confused_deputy_prevention" High "Services assume roles only on behalf of this account":
        RoleSourceAccount;
    "iam_role_service_trust_restricts_source_to_account" Medium "Trust policies name the source account":
        RoleSourceAccount;
    "kms_cmk_not_deleted_unintentionally" Critical "Keys are not about to be deleted": KeyInUse;
    "kms_cmk_rotation_enabled" High "Keys are rotated every year": KeyRotated;
    "secretsmanager_automatic_rotation_enabled" High "Secrets have automatic rotation": SecretRotation;
    "secretsmanager_has_restrictive_resource_policy" High "Secrets have a restrictive resource policy": SecretPolicy;
    "secretsmanager_not_publicly_accessible" High "Resource policies of secrets are not public": SecretNotPublic;
    "secretsmanager_secret_rotated_periodically" Medium "Secrets are rotated at least every 90 days":
        SecretRotatedInTime;
    "secretsmanager_secret_unused" Medium "Secrets were used within 90 days":
        Unknowable("the program does not read when a secret was last used");
    "sns_subscription_not_using_http_endpoints" High "Subscriptions do not use plain HTTP": SubscriptionsWithoutHttp;
    "sns_topics_kms_encryption_at_rest_enabled" High "Topics are encrypted at rest": TopicKey;
    "sns_topics_not_publicly_accessible" High "Topics are not publicly accessible": TopicNotPublic;
    "sqs_queues_not_publicly_accessible" Critical "Queues are not publicly accessible": QueueNotPublic;
    "sqs_queues_server_side_encryption_enabled" Medium "Queues are encrypted (Prowler)": QueueEncrypted;
    "wafv2_webacl_logging_enabled" Medium "Web ACLs have logging": WebAclLogs;
    "wafv2_webacl_managed_rule_groups_enabled" Medium "Web ACLs use managed rule groups": WebAclManagedRules;
    "wafv2_webacl_rule_logging_enabled" Medium "Rules have CloudWatch metrics": WebAclMetrics;
    "wafv2_webacl_with_rules" High "Web ACLs have rules": WebAclHasRules;
}
