//! The IAM permissions that an operator needs for the calls of this module. Each kind lists its own
//! ([`Kind::permissions`](crate::aws::kind::Kind::permissions)); the few that belong to no kind are in [`ACCOUNT`].
//!
//! IAM's names for permissions are not always the names of the calls. API Gateway's permissions are HTTP methods on
//! ARNs without an account; tags in a create call need a permission of their own; some calls can only be allowed on
//! everything.
//!
//! The names of the stack `orders-prod` begin like those of `orders`, so no permission may depend on a name alone
//! (docs/aws.md, Permissions). If a permission demands our tag, IAM denies calls on a deleted resource, so the service
//! cannot answer "not found". Reading and deleting therefore demand only that the resource has no other stack's tag
//! ([`Condition::NotAnothers`]).

mod account;

use self::account::ACCOUNT;
use super::KINDS;

/// The condition key of our tag in a request.
const GIVEN: &str = "aws:RequestTag/securelambda:stack";

/// Some permissions on the same resources, for one statement.
#[derive(Debug)]
pub struct StatementTemplate {
    /// The statement that they go into.
    pub sid: Sid,
    /// ARNs with placeholders. `{arn:sns}` stands for `arn:<partition>:sns:<region>:<account>`. `{partition}`,
    /// `{region}`, `{account}` and `{stack}` stand for these values, and `{domain}` for each custom domain of the stack
    /// file. `{kms-key}` stands for the ARN of the stack file's key; without that key the template is left out. `${*}`
    /// is IAM's escape for an asterisk that matches only an asterisk.
    pub on: &'static [&'static str],
    pub rights: &'static [Permissions],
}

/// Some permissions, and their uses.
#[derive(Debug)]
pub struct Permissions {
    /// The uses that need these permissions.
    pub needs: &'static [Usage],
    /// The actions, by IAM's names.
    pub actions: &'static [&'static str],
}

/// A use of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// To find a resource of this kind and read it.
    Read,
    Create,
    Update,
    Delete,
    /// To list resources without a record, kind by kind.
    Survivors,
    /// To add a user to a pool and set a password.
    AddUser,
    /// To list the users of a pool.
    ListUsers,
    RemoveUser,
    /// To create and delete an app client whose tokens expire soon.
    ShortLivedClient,
    /// To read the logs of functions.
    ReadLogs,
    /// To read the requests that the firewall sampled.
    ReadTraffic,
    /// To simulate the permissions of a role.
    Simulate,
    /// To call a function without the gateway, in stacks that contain this kind.
    Invoke(&'static str),
    /// To ask for the account's quotas and the caller's permissions.
    Doctor,
    /// To read the state of the stack, if it is in a bucket.
    ReadState,
    /// To write the state of the stack, if it is in a bucket.
    WriteState,
}

/// A condition on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The call gives the new resource our tag.
    TagGiven,
    /// The resource carries our tag.
    TagCarried,
    /// The resource carries no other stack's tag. It may carry none: because it does not exist, because its kind has no
    /// tags, or because it lost them.
    NotAnothers,
    /// If the call gives a stack's tag, it is ours.
    NoOthersTagGiven,
    /// The key has one of these values; `{identity-pools}` stands for the principals of identity pools in the region,
    /// `{outside-callers}` for the services of the stack file that call functions, and `{https}` for the protocol if a
    /// topic of the stack file uses it.
    Is(&'static str, &'static [&'static str]),
    /// Each of the key's values is one of these; `{domain}` stands for the custom domains of the stack file.
    Each(&'static str, &'static [&'static str]),
    /// The key, which holds an ARN as text, fits this pattern.
    IsLike(&'static str, &'static str),
    /// The key, of the type ARN, fits this pattern.
    IsArnLike(&'static str, &'static str),
    /// The request does not have this key.
    Absent(&'static str),
    /// The role has the permissions boundary, if one is demanded.
    Bounded,
    /// The call neither sets nor removes a tag that names the owner of a resource.
    KeepsOurTags,
}

/// A statement of the operator's policies. Templates of all services share the statements, because IAM limits the size
/// of policies. All templates of a statement have the same conditions and a permission names its service, so no
/// permission reaches another service's resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sid {
    AskWhatIsAllowed,
    OnAnything,
    FindOwn,
    OwnByName,
    MakeOwn,
    SubscribeFunctions,
    SubscribeAddresses,
    SubscribeQueues,
    OwnByTag,
    MakeRoles,
    LetServicesInvoke,
    OwnFunctionsEvents,
    /// A mapping has no id yet when IAM checks its creation, so the condition is on its function.
    MakeEventSourceMappings,
    PassRolesToLambda,
    PassRolesToScheduler,
    MakeUserPools,
    /// For resources that are being created and have no id yet. Tagging an existing pool or API is never allowed: it
    /// would make anybody's resource ours.
    TagWhatIsMade,
    PassRolesToIdentityPools,
    PassRolesToGroups,
    /// The tags of sessions. AWS cannot limit this permission to an identity pool.
    TagSessions,
    RequestValidators,
    FirstApi,
    OwnHttpApis,
    OwnApiKeys,
    /// Includes the keys of the usage plans, which inherit the plans' tags.
    OwnUsagePlans,
    HttpApiParts,
    TagHttpStages,
    DeliverAccessLogs,
    /// Separate from [`Sid::MakeRoles`], because any policy may be attached to the stack's roles but not to this role.
    MakeLogRole,
    AllowApiLogs,
    SetApiLogRole,
    /// Cognito creates a role of its own with an account's first pool that sends e-mails with SES.
    FirstMailSender,
    PassRoleToApiGateway,
    /// `cognito-idp:AssociateWebACL` on web ACLs. The resources of this statement include no user pools.
    PutBeforePools,
    /// The KMS key that the stack file names. It is not a resource of any stack.
    UseKey,
    /// The layers of the stack file, which may be somebody else's.
    UseLayers,
    /// The repositories of the stack file's images, which may be somebody else's.
    UseImages,
    /// The user pools of the stack file that the stack does not manage. They carry no tag of the stack.
    UseTheirPools,
    /// The user pools that the stack does not manage but in which it has an app client.
    ClientsInTheirPools,
    /// The secrets of the stack file that identity providers of its pools need.
    ReadProvidersSecrets,
    /// A key has no id yet when IAM checks its creation.
    MakeKeys,
    /// A key's ARN contains only its id, which says nothing about the stack. A key with an alias is already in use.
    TagNewKeys,
    /// The key that the stack made.
    UseOwnKey,
    OwnDomains,
    /// Parts of domain names, which have no tags.
    DomainParts,
    /// A record has no tags, so the conditions are on its name and type, and on actions that do not overwrite it.
    OwnRecords,
    /// The state of the stack and its lock in a bucket.
    UseState,
    /// The list of the states in a bucket. Without it, S3 denies access to a state that does not exist yet.
    FindStates,
    /// Changes of the user's tags on resources that carry our tag.
    RetagOwn,
    /// Changes of the user's tags on resources whose tags IAM may not know.
    Retag,
}

impl Sid {
    /// Its id in the policy.
    pub fn name(self) -> &'static str {
        match self {
            Self::AskWhatIsAllowed => "AskWhatIsAllowed",
            Self::OnAnything => "OnAnything",
            Self::FindOwn => "FindOwn",
            Self::OwnByName => "OwnByName",
            Self::MakeOwn => "MakeOwn",
            Self::SubscribeFunctions => "SubscribeFunctions",
            Self::SubscribeAddresses => "SubscribeAddresses",
            Self::SubscribeQueues => "SubscribeQueues",
            Self::OwnByTag => "OwnByTag",
            Self::MakeRoles => "MakeRoles",
            Self::LetServicesInvoke => "LetServicesInvoke",
            Self::OwnFunctionsEvents => "OwnFunctionsEvents",
            Self::MakeEventSourceMappings => "MakeEventSourceMappings",
            Self::PassRolesToLambda => "PassRolesToLambda",
            Self::PassRolesToScheduler => "PassRolesToScheduler",
            Self::MakeUserPools => "MakeUserPools",
            Self::TagWhatIsMade => "TagWhatIsMade",
            Self::PassRolesToIdentityPools => "PassRolesToIdentityPools",
            Self::PassRolesToGroups => "PassRolesToGroups",
            Self::TagSessions => "TagSessions",
            Self::RequestValidators => "RequestValidators",
            Self::FirstApi => "FirstApi",
            Self::OwnHttpApis => "OwnHttpApis",
            Self::OwnApiKeys => "OwnApiKeys",
            Self::OwnUsagePlans => "OwnUsagePlans",
            Self::HttpApiParts => "HttpApiParts",
            Self::TagHttpStages => "TagHttpStages",
            Self::DeliverAccessLogs => "DeliverAccessLogs",
            Self::MakeLogRole => "MakeLogRole",
            Self::AllowApiLogs => "AllowApiLogs",
            Self::SetApiLogRole => "SetApiLogRole",
            Self::FirstMailSender => "FirstMailSender",
            Self::PassRoleToApiGateway => "PassRoleToApiGateway",
            Self::PutBeforePools => "PutBeforePools",
            Self::UseKey => "UseKey",
            Self::UseLayers => "UseLayers",
            Self::UseImages => "UseImages",
            Self::UseTheirPools => "UseTheirPools",
            Self::ClientsInTheirPools => "ClientsInTheirPools",
            Self::ReadProvidersSecrets => "ReadProvidersSecrets",
            Self::MakeKeys => "MakeKeys",
            Self::TagNewKeys => "TagNewKeys",
            Self::UseOwnKey => "UseOwnKey",
            Self::OwnDomains => "OwnDomains",
            Self::DomainParts => "DomainParts",
            Self::OwnRecords => "OwnRecords",
            Self::UseState => "UseState",
            Self::FindStates => "FindStates",
            Self::RetagOwn => "RetagOwn",
            Self::Retag => "Retag",
        }
    }

    /// The conditions of the statement, which must all hold.
    pub fn conditions(self) -> &'static [Condition] {
        use Condition::{
            Absent, Bounded, Each, Is, IsArnLike, IsLike, KeepsOurTags, NoOthersTagGiven, NotAnothers, TagCarried,
            TagGiven,
        };
        match self {
            Self::AskWhatIsAllowed
            | Self::FindOwn
            | Self::OwnByName
            // Parts of APIs that carry no tag and inherit none.
            | Self::RequestValidators
            | Self::HttpApiParts
            | Self::DomainParts
            | Self::PutBeforePools => &[NotAnothers],
            Self::OnAnything
            | Self::FirstApi
            | Self::DeliverAccessLogs
            | Self::SetApiLogRole
            | Self::FirstMailSender
            | Self::UseLayers
            | Self::UseImages
            | Self::UseTheirPools
            | Self::TagSessions
            | Self::UseState
            | Self::ClientsInTheirPools
            // The service that AWS would name here is not documented. The roles trust identity pools alone.
            | Self::PassRolesToGroups => &[],
            Self::FindStates => &[IsLike("s3:prefix", "{state-prefix}*")],
            Self::MakeOwn => &[TagGiven, NotAnothers],
            Self::OwnByTag
            | Self::OwnHttpApis
            | Self::OwnApiKeys
            | Self::OwnUsagePlans
            | Self::OwnDomains
            | Self::ReadProvidersSecrets => &[TagCarried],
            Self::MakeUserPools | Self::MakeKeys => &[TagGiven],
            Self::TagNewKeys => &[TagGiven, NotAnothers, Absent("kms:ResourceAliases")],
            Self::UseOwnKey => &[TagCarried, IsLike("kms:ViaService", "*.{region}.amazonaws.com*")],
            Self::RetagOwn => &[TagCarried, Absent(GIVEN), KeepsOurTags],
            Self::Retag => &[NotAnothers, Absent(GIVEN), KeepsOurTags],
            Self::TagWhatIsMade | Self::TagHttpStages => &[NoOthersTagGiven],
            Self::OwnRecords => &[
                Each("route53:ChangeResourceRecordSetsNormalizedRecordNames", &["{domain}"]),
                Each("route53:ChangeResourceRecordSetsRecordTypes", &["A"]),
                Each("route53:ChangeResourceRecordSetsActions", &["CREATE", "DELETE"]),
            ],
            Self::SubscribeFunctions => &[
                Is("sns:Protocol", &["lambda"]),
                IsLike("sns:Endpoint", "{arn:lambda}:function:{stack}-*"),
                NotAnothers,
            ],
            Self::SubscribeAddresses => &[Is("sns:Protocol", &["email", "{https}"]), NotAnothers],
            Self::SubscribeQueues => {
                &[Is("sns:Protocol", &["sqs"]), IsLike("sns:Endpoint", "{arn:sqs}:{stack}-*"), NotAnothers]
            }
            // Anyone who can create roles and pass them on can escalate their own privileges, unless a permissions
            // boundary is demanded. The operator can set one and never remove it.
            Self::MakeRoles | Self::MakeLogRole => &[Bounded],
            Self::LetServicesInvoke => {
                &[
                    Is(
                        "lambda:Principal",
                        &[
                            "apigateway.amazonaws.com",
                            "cognito-idp.amazonaws.com",
                            "secretsmanager.amazonaws.com",
                            "sns.amazonaws.com",
                            "{outside-callers}",
                        ],
                    ),
                    NotAnothers,
                ]
            }
            // Mappings that somebody added by hand carry no tag.
            Self::OwnFunctionsEvents => {
                &[IsArnLike("lambda:FunctionArn", "{arn:lambda}:function:{stack}-*"), NotAnothers]
            }
            Self::MakeEventSourceMappings => {
                &[IsArnLike("lambda:FunctionArn", "{arn:lambda}:function:{stack}-*"), TagGiven]
            }
            Self::PassRolesToLambda => &[Is("iam:PassedToService", &["lambda.amazonaws.com"])],
            Self::PassRolesToScheduler => &[Is("iam:PassedToService", &["scheduler.amazonaws.com"])],
            Self::AllowApiLogs => &[IsLike(
                "iam:PolicyARN",
                "arn:{partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
            )],
            Self::PassRoleToApiGateway => &[Is("iam:PassedToService", &["apigateway.amazonaws.com"])],
            // The key may be used only through AWS's services, such as Secrets Manager, Lambda and SNS.
            Self::UseKey => &[IsLike("kms:ViaService", "*.{region}.amazonaws.com*")],
            Self::PassRolesToIdentityPools => &[Is("iam:PassedToService", &["{identity-pools}"])],
        }
    }
}

/// A template, and the kind that lists it.
#[derive(Debug, Clone, Copy)]
pub struct Grant {
    /// `None`: it belongs to no kind.
    pub kind: Option<&'static str>,
    pub template: &'static StatementTemplate,
}

/// All templates.
pub fn grants() -> impl Iterator<Item = Grant> + Clone {
    let account = ACCOUNT.iter().map(|template| Grant { kind: None, template });
    let of_kinds = KINDS
        .iter()
        .flat_map(|(kind, about)| about.permissions.iter().map(move |template| Grant { kind: Some(kind), template }));
    account.chain(of_kinds)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn templates() -> impl Iterator<Item = &'static StatementTemplate> + Clone {
        grants().map(|grant| grant.template)
    }

    /// The statement that contains a permission also names the resources of other templates. The permission must not
    /// apply to those: they belong to another service or kind, or another template allows the same on them.
    #[test]
    fn no_permission_reaches_more_for_sharing_a_statement() {
        let verbs = |template: &StatementTemplate| -> BTreeSet<&str> {
            template.rights.iter().flat_map(|right| right.actions).filter(|action| is_verb(action)).copied().collect()
        };
        for (template, other) in templates().flat_map(|template| templates().map(move |other| (template, other))) {
            if template.sid != other.sid {
                continue;
            }
            let sid = template.sid;
            assert!(template.on == other.on || !other.on.contains(&"*"), "{sid:?} would be allowed on everything");
            // A pattern that contains `${*}` matches no existing resource.
            let at_gateway = |pattern: &&&str| pattern.contains(":apigateway:") && !pattern.contains("${*}");
            for (verb, pattern) in
                verbs(template).into_iter().flat_map(|v| other.on.iter().filter(at_gateway).map(move |p| (v, p)))
            {
                let covers = |own: &&str| {
                    *own == *pattern || own.ends_with('*') && pattern.starts_with(own.trim_end_matches('*'))
                };
                let mut same = templates().filter(|one| one.sid == sid && verbs(one).contains(verb));
                assert!(same.any(|one| one.on.iter().any(covers)), "{verb} of {sid:?} reaches {pattern} too");
            }
        }
    }

    /// API Gateway's permissions are the same for all its resources.
    fn is_verb(action: &str) -> bool {
        action.strip_prefix("apigateway:").is_some_and(|verb| verb.chars().all(|c| c.is_ascii_uppercase()))
    }

    #[test]
    fn no_action_contains_a_wildcard() {
        for action in templates().flat_map(|template| template.rights).flat_map(|right| right.actions) {
            let (service, name) = action.split_once(':').expect("a service and a name");
            assert!(!name.contains('*') && !service.contains('*'), "{action}");
        }
    }
}
