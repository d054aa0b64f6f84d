//! The role with which API Gateway writes logs of REST APIs. An account has one in each region, for all of its APIs, so
//! it belongs to no stack: it is created if the account has none, never changed, and never removed (docs/aws.md, Logs of
//! REST APIs).

use aws_sdk_iam::types::Role;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::error::{OrAbsent, OrFail};
use super::super::iam::refusals::IAM_BUSY;
use super::super::retries::{client, once};
use super::super::settle::settled;
use super::refusals::API_LOG_ROLE;
use super::replace;
use crate::aws::Clients;
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::logs::{READ_GROUP, REPAIR_GROUP, retag_groups};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Cause, Comparison, Effect, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;
use crate::policy::Policy;
use crate::scope::Scope;

/// The name of the role that is created. It is outside of every stack's path.
pub const LOG_ROLE: &str = "securelambda-apigateway-logs";

/// The description by which a role that an interrupted run left is recognised.
const DESCRIPTION: &str = "Lets API Gateway write the logs of all REST APIs of this account (securelambda)";

const ACCOUNT: &[&str] = &["arn:{partition}:apigateway:{region}::/account"];

const ROLE: &[&str] = &["arn:{partition}:iam::{account}:role/securelambda-apigateway-logs"];

/// The groups of access logs.
const ACCESS_LOGS: &[&str] = &["{arn:logs}:log-group:/aws/vendedlogs/apis/{stack}-*"];

/// The groups of execution logs. AWS chooses their names, which contain the API's id but not the stack's name.
const EXECUTION_LOGS: &[&str] = &["{arn:logs}:log-group:API-Gateway-Execution-Logs_*"];

/// The role with which API Gateway writes logs.
#[derive(Debug, Clone)]
pub struct LogRole {
    /// The ARN of the role that is created if the account has none.
    pub role_arn: String,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
}

/// The role that the account has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogRoleOutputs {
    pub role_arn: String,
}

/// The key is the ARN of our role, but the account's role is found whatever its name is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogRoleKey {
    role_arn: String,
}

/// AWS's documentation of this role has no condition, and does not say whether API Gateway sends the account when it
/// assumes the role (docs/aws.md, Logs of REST APIs).
fn trust() -> Policy {
    let service = json!({ "Service": "apigateway.amazonaws.com" });
    Policy::new([json!({ "Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole" })])
}

impl Resource for LogRole {
    const KIND: &'static str = "apigateway.log_role";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    /// Without it nothing is logged.
    const GUARDS: bool = true;
    type Key = LogRoleKey;
    type Outputs = LogRoleOutputs;
    /// The ARN of the account's role.
    type Live = String;

    fn key(&self) -> LogRoleKey {
        LogRoleKey { role_arn: self.role_arn.clone() }
    }

    fn identity(outputs: &LogRoleOutputs) -> String {
        outputs.role_arn.clone()
    }

    fn removal_command(_: &LogRoleOutputs) -> Option<String> {
        None
    }

    /// Every role is accepted, so nothing differs.
    fn compare(&self, live: &String) -> Comparison {
        Comparison::default().judged("cloudwatchRoleArn", &self.role_arn, live, Effect::Same)
    }
}

impl Described for LogRole {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "the account's role for API Gateway's logs",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: ACCOUNT,
                rights: &[Permissions { needs: &[Usage::Read], actions: &["apigateway:GET"] }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: ROLE,
                rights: &[Permissions { needs: &[Usage::Read], actions: &["iam:GetRole"] }],
            },
            StatementTemplate {
                sid: Sid::SetApiLogRole,
                on: ACCOUNT,
                rights: &[Permissions { needs: &[Usage::Create], actions: &["apigateway:PATCH"] }],
            },
            StatementTemplate {
                sid: Sid::MakeLogRole,
                on: ROLE,
                rights: &[Permissions { needs: &[Usage::Create], actions: &["iam:CreateRole"] }],
            },
            StatementTemplate {
                sid: Sid::AllowApiLogs,
                on: ROLE,
                rights: &[Permissions { needs: &[Usage::Create], actions: &["iam:AttachRolePolicy"] }],
            },
            StatementTemplate {
                sid: Sid::PassRoleToApiGateway,
                on: ROLE,
                rights: &[Permissions { needs: &[Usage::Create], actions: &["iam:PassRole"] }],
            },
            // The groups of the logs. Only stacks with logs of REST APIs have them.
            StatementTemplate {
                sid: Sid::FindOwn,
                on: ACCESS_LOGS,
                rights: &[
                    READ_GROUP,
                    Permissions { needs: &[Usage::Read, Usage::Survivors], actions: &["logs:ListTagsForResource"] },
                ],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: ACCESS_LOGS,
                rights: &[
                    REPAIR_GROUP,
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &["logs:AssociateKmsKey", "logs:PutRetentionPolicy"],
                    },
                    Permissions { needs: &[Usage::Delete], actions: &["logs:DeleteLogGroup"] },
                ],
            },
            retag_groups(ACCESS_LOGS),
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: ACCESS_LOGS,
                rights: &[Permissions {
                    needs: &[Usage::Create],
                    actions: &["logs:CreateLogGroup", "logs:TagResource"],
                }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: EXECUTION_LOGS,
                rights: &[
                    READ_GROUP,
                    Permissions { needs: &[Usage::Read, Usage::Survivors], actions: &["logs:ListTagsForResource"] },
                ],
            },
            // These groups are recognised by tag alone, because the pattern matches the groups of every API.
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: EXECUTION_LOGS,
                rights: &[
                    REPAIR_GROUP,
                    Permissions {
                        needs: &[Usage::Create, Usage::Update],
                        actions: &["logs:AssociateKmsKey", "logs:PutRetentionPolicy"],
                    },
                    Permissions { needs: &[Usage::Delete], actions: &["logs:DeleteLogGroup"] },
                ],
            },
            retag_groups(EXECUTION_LOGS),
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: EXECUTION_LOGS,
                rights: &[Permissions {
                    needs: &[Usage::Create],
                    actions: &["logs:CreateLogGroup", "logs:TagResource"],
                }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "account",
            holds: "API Gateway has a role for writing logs",
            read: "GetAccount",
        },
    };
}

/// Manages the account's role for API Gateway's logs.
#[derive(Debug, Clone)]
pub struct LogRoles {
    gateway: aws_sdk_apigateway::Client,
    iam: aws_sdk_iam::Client,
    /// Without the SDK's retries, for the call that creates.
    once: aws_sdk_iam::Client,
    scope: Scope,
}

impl LogRoles {
    pub fn new(clients: &Clients) -> Self {
        Self {
            gateway: client!(aws_sdk_apigateway, &clients.sdk),
            iam: client!(aws_sdk_iam, &clients.sdk),
            once: once!(aws_sdk_iam, &clients.once),
            scope: clients.scope.clone(),
        }
    }

    /// The role with our name; `None` if there is none.
    async fn ours(&self) -> Result<Option<Role>, Failure> {
        let role = self.iam.get_role().role_name(LOG_ROLE).send().await;
        let role = role.or_fail(&format!("read the role {LOG_ROLE}")).or_absent()?;
        Ok(role.and_then(|answer| answer.role))
    }

    /// Creates the role, or takes the one that an interrupted run left.
    async fn make_role(&self, want: &LogRole, task: &Task) -> Result<(), Failure> {
        let made = settled(task, &[&IAM_BUSY], || async {
            let call = self.once.create_role().role_name(LOG_ROLE).description(DESCRIPTION);
            let call = call.assume_role_policy_document(trust().to_string());
            let call = call.set_permissions_boundary(want.boundary.clone());
            call.send().await.or_fail(&format!("create the role {LOG_ROLE}"))
        });
        match made.await {
            Err(failure) if failure.cause == Cause::Exists => {
                let is_ours = self.ours().await?.is_some_and(|role| role.description() == Some(DESCRIPTION));
                if is_ours { Ok(()) } else { Err(Failure::foreign("the role", &want.role_arn)) }
            }
            made => made.map(drop),
        }
    }
}

impl Provider<LogRole> for LogRoles {
    async fn read(
        &self,
        key: &LogRoleKey,
        _: Option<&LogRoleOutputs>,
        _: &Task,
    ) -> Result<Option<Found<LogRole>>, Failure> {
        let (account, ours) = tokio::join!(self.gateway.get_account().send(), self.ours());
        let account = account.or_fail("read API Gateway's settings of the account")?;
        let Some(live) = super::given(account.cloudwatch_role_arn()) else { return Ok(None) };
        // The account may still name our role after somebody deleted it.
        if live == key.role_arn && ours?.is_none() {
            return Ok(None);
        }
        Ok(Some(Found { outputs: LogRoleOutputs { role_arn: live.clone() }, live }))
    }

    async fn create(&self, want: &LogRole, task: &Task) -> Result<LogRoleOutputs, Failure> {
        self.make_role(want, task).await?;
        let partition = &self.scope.partition;
        let policy = format!("arn:{partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs");
        let attached = settled(task, &[&IAM_BUSY], || async {
            let call = self.iam.attach_role_policy().role_name(LOG_ROLE).policy_arn(&policy);
            call.send().await.or_fail(&format!("attach {policy} to the role {LOG_ROLE}"))
        });
        attached.await?;
        let named = settled(task, &[&API_LOG_ROLE], || async {
            let call = self.gateway.update_account();
            let call = call.patch_operations(replace("/cloudwatchRoleArn", &want.role_arn));
            call.send().await.or_fail(&format!("let API Gateway write logs with the role {LOG_ROLE}"))
        });
        named.await?;
        Ok(LogRoleOutputs { role_arn: want.role_arn.clone() })
    }

    /// There is nothing to change, because every role is accepted.
    async fn update(&self, _: &LogRole, found: &Found<LogRole>, _: &Task) -> Result<LogRoleOutputs, Failure> {
        Ok(found.outputs.clone())
    }

    /// Deletes nothing: other stacks and people may use the role. A stack's graph keeps it, so this is not called.
    async fn delete(&self, _: &LogRoleOutputs, _: &Task) -> Result<(), Failure> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    const ARN: &str = "arn:aws:iam::123456789012:role/securelambda-apigateway-logs";

    fn want() -> LogRole {
        LogRole { role_arn: ARN.into(), boundary: None }
    }

    fn role(description: &str) -> String {
        format!(
            "<GetRoleResponse><GetRoleResult><Role><Path>/</Path><RoleName>{LOG_ROLE}</RoleName><RoleId>AROA1</RoleId>\
             <Arn>{ARN}</Arn><CreateDate>2026-11-21T00:00:00Z</CreateDate><Description>{description}</Description>\
             </Role></GetRoleResult></GetRoleResponse>"
        )
    }

    const NO_ROLE: &str =
        "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>no</Message></Error></ErrorResponse>";
    const TAKEN: &str =
        "<ErrorResponse><Error><Code>EntityAlreadyExists</Code><Message>taken</Message></Error></ErrorResponse>";

    fn task() -> Task {
        Task::detached("account.api-logs")
    }

    #[tokio::test]
    async fn any_role_of_the_account_serves() {
        let theirs = r#"{"cloudwatchRoleArn":"arn:aws:iam::123456789012:role/theirs"}"#;
        let (clients, http) = replay(vec![(200, theirs), (404, NO_ROLE)]);
        let found = Provider::<LogRole>::read(&LogRoles::new(&clients), &want().key(), None, &task()).await;
        let found = found.expect("no failure").expect("found");
        assert_eq!(want().drift(&found.live), []);
        assert_eq!(found.outputs.role_arn, "arn:aws:iam::123456789012:role/theirs");
        assert_eq!(asked(&http).len(), 2);
    }

    #[tokio::test]
    async fn without_a_role_or_with_a_deleted_one_the_resource_is_absent() {
        let ours = format!(r#"{{"cloudwatchRoleArn":"{ARN}"}}"#);
        for account in ["{}", &ours] {
            let (clients, _) = replay(vec![(200, account), (404, NO_ROLE)]);
            let found = Provider::<LogRole>::read(&LogRoles::new(&clients), &want().key(), None, &task()).await;
            assert!(found.expect("no failure").is_none(), "{account}");
        }
    }

    #[tokio::test]
    async fn the_role_is_created_and_registered_with_api_gateway() {
        let made = role("d").replace("GetRole", "CreateRole");
        let (clients, http) = replay(vec![(200, &made), (200, "<x/>"), (200, "{}")]);
        let outputs = Provider::<LogRole>::create(&LogRoles::new(&clients), &want(), &task()).await;
        assert_eq!(outputs, Ok(LogRoleOutputs { role_arn: ARN.into() }));
        let asked = asked(&http);
        assert!(asked[0].1.contains("apigateway.amazonaws.com"), "{asked:?}");
        assert!(asked[1].1.contains("AmazonAPIGatewayPushToCloudWatchLogs"), "{asked:?}");
        let patch =
            format!(r#"{{"patchOperations":[{{"op":"replace","path":"/cloudwatchRoleArn","value":"{ARN}"}}]}}"#);
        assert_eq!(asked[2].1, patch);
    }

    #[tokio::test]
    async fn a_role_of_an_interrupted_run_is_used_and_a_strangers_is_not_touched() {
        let (clients, http) = replay(vec![(409, TAKEN), (200, &role(DESCRIPTION)), (200, "<x/>"), (200, "{}")]);
        Provider::<LogRole>::create(&LogRoles::new(&clients), &want(), &task()).await.expect("made");
        assert_eq!(asked(&http).len(), 4);
        let (clients, http) = replay(vec![(409, TAKEN), (200, &role("mine"))]);
        let made = Provider::<LogRole>::create(&LogRoles::new(&clients), &want(), &task()).await;
        assert_eq!(made.map_err(|failure| failure.cause), Err(Cause::Foreign));
        assert_eq!(asked(&http).len(), 2);
    }
}
