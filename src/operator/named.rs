//! The names and ARNs of a stack file in the operator's policies, and the placeholders of templates that stand for them.

use std::collections::BTreeSet;

use crate::scope::Scope;

/// Stands for the ARN of the stack file's key in templates.
pub(super) const KEY: &str = "{kms-key}";

/// Stands for the ARNs of the stack file's layers in templates.
const LAYERS: &str = "{layers}";

/// Stands for the ARNs of the repositories of the stack file's images in templates.
const IMAGES: &str = "{images}";

/// Stands for the ARNs of the user pools that the stack does not manage in templates.
const THEIR_POOLS: &str = "{their-pools}";

/// Stands for the ARNs of the user pools that the stack does not manage but in which it has an app client.
const WITH_OUR_CLIENTS: &str = "{pools-with-our-clients}";

/// Stands for all identity pools, if one of the stack file gives its sessions tags.
const SESSION_TAGS: &str = "{session-tags}";

/// Stands for the role with which Cognito sends e-mails, if a pool of the stack file has a sender of its own.
const MAIL_SENDER: &str = "{mail-sender}";

/// Stands for the ARNs of the stack file's secrets that identity providers need.
const PROVIDER_SECRETS: &str = "{provider-secrets}";

/// Stands for the ARNs of the roles of groups' members in templates.
const MEMBER_ROLES: &str = "{member-roles}";

/// Stand for the state of the stack, its bucket, and the prefix of all states there, if it is in a bucket.
const STATE_OBJECTS: &str = "{state-objects}";
const STATE_BUCKET: &str = "{state-bucket}";
pub(super) const STATE_PREFIX: &str = "{state-prefix}";

/// Stands for each custom domain of the stack file in templates.
pub(super) const DOMAIN: &str = "{domain}";
/// Stands for the ARNs of the stack file's topics with subscribed addresses, and of those with subscribed queues.
const TOLD_TOPICS: &str = "{told-topics}";
const QUEUED_TOPICS: &str = "{queued-topics}";

/// The names and ARNs in the stack file that the policies contain, and the settings that add permissions.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// The permissions boundary that every role must have.
    pub boundary: Option<String>,
    /// The ARN of the key that encrypts the stack's data.
    pub key: Option<String>,
    /// The services that call functions on behalf of resources that another tool made.
    pub outside_callers: BTreeSet<String>,
    /// The ARNs of the layers of its functions.
    pub layers: BTreeSet<String>,
    /// The ARNs of the repositories of its functions' images.
    pub images: BTreeSet<String>,
    /// The ARNs of the roles that identity pools give to the members of groups.
    pub member_roles: BTreeSet<String>,
    /// The ARNs of the user pools that the stack does not manage.
    pub their_pools: BTreeSet<String>,
    /// The ARNs of the user pools that the stack does not manage but in which it has an app client of its own.
    pub with_our_clients: BTreeSet<String>,
    /// The bucket of the stack's state.
    pub state: Option<StatePlace>,
    /// The names of its secrets that identity providers of its pools need.
    pub provider_secrets: BTreeSet<String>,
    /// The custom domains of its APIs.
    pub domains: BTreeSet<String>,
    /// The names of its topics with subscribed addresses.
    pub told_topics: BTreeSet<String>,
    /// The names of its topics with subscribed queues.
    pub queued_topics: BTreeSet<String>,
    /// Whether a pool sends e-mails with SES.
    pub mail: bool,
    /// Whether an identity pool gives its sessions tags.
    pub session_tags: bool,
    /// Whether a topic has a subscription with the protocol HTTPS.
    pub https: bool,
}

/// A place of states in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatePlace {
    pub bucket: String,
    /// Without slashes at its ends; may be empty.
    pub prefix: String,
}

impl StatePlace {
    /// The beginning of the names of all states.
    pub(super) fn folder(&self) -> String {
        if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) }
    }
}

impl Named {
    /// The ARNs of the stack file that a pattern stands for, if it does.
    pub(super) fn arns(&self, scope: &Scope, pattern: &str) -> Option<BTreeSet<String>> {
        let Named {
            layers,
            images,
            member_roles,
            their_pools,
            with_our_clients,
            provider_secrets,
            told_topics,
            queued_topics,
            mail,
            session_tags,
            state,
            ..
        } = self;
        let in_bucket =
            |state: &StatePlace, object: &str| format!("arn:{}:s3:::{}{object}", scope.partition, state.bucket);
        let topics =
            |names: &BTreeSet<String>| names.iter().map(|name| scope.arn("sns", &scope.physical(name))).collect();
        match pattern {
            LAYERS => Some(layers.clone()),
            IMAGES => Some(images.clone()),
            MEMBER_ROLES => Some(member_roles.clone()),
            THEIR_POOLS => Some(their_pools.clone()),
            WITH_OUR_CLIENTS => Some(with_our_clients.clone()),
            MAIL_SENDER => {
                let Scope { partition, account, .. } = scope;
                let role = "role/aws-service-role/email.cognito-idp.amazonaws.com/*";
                Some(mail.then(|| format!("arn:{partition}:iam::{account}:{role}")).into_iter().collect())
            }
            SESSION_TAGS => Some(session_tags.then(|| "*".to_owned()).into_iter().collect()),
            // Secrets Manager adds a hyphen and six characters to the name.
            PROVIDER_SECRETS => {
                let secret = |name: &String| format!("secret:{}-??????", scope.physical(name));
                Some(provider_secrets.iter().map(|name| scope.arn("secretsmanager", &secret(name))).collect())
            }
            STATE_OBJECTS => {
                let object = |state: &StatePlace| in_bucket(state, &format!("/{}{}.*", state.folder(), scope.stack));
                Some(state.iter().map(object).collect())
            }
            STATE_BUCKET => Some(state.iter().map(|state| in_bucket(state, "")).collect()),
            TOLD_TOPICS => Some(topics(told_topics)),
            QUEUED_TOPICS => Some(topics(queued_topics)),
            _ => None,
        }
    }
}
