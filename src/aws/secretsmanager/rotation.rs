//! The rotation of a secret by a function of the stack.

use aws_sdk_secretsmanager::primitives::{DateTime, DateTimeFormat};
use aws_sdk_secretsmanager::types::RotationRulesType;
use serde::{Deserialize, Serialize};

use super::SecretsManager;
use super::refusals::{ROTATION, SECRET_BACK};
use super::secret::SECRETS;
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::secretsmanager::SERVICE;
use crate::aws::settle::settled;
use crate::engine::{Comparison, Effect, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// Secrets Manager asks a function to replace the value of a secret regularly.
#[derive(Debug, Clone)]
pub struct Rotation {
    pub secret_arn: String,
    pub function_arn: String,
    /// 1 to 1000.
    pub days: i64,
}

/// The outputs are also the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RotationOutputs {
    pub secret_arn: String,
}

#[derive(Debug, Clone)]
pub struct RotationLive {
    /// The ARN of the function that is asked; empty if a service of AWS rotates the secret.
    pub function_arn: String,
    /// `None`: a schedule expression decides.
    pub days: Option<i64>,
    pub expression: Option<String>,
    /// The day of the last rotation, as in `2026-11-29`; before the first one, `never, created on 2026-11-29`.
    pub last: String,
}

impl Resource for Rotation {
    const KIND: &'static str = "secretsmanager.rotation";
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true; // without it, the value is never replaced
    const GOES_WITH_PARENT: bool = true;
    type Key = RotationOutputs;
    type Outputs = RotationOutputs;
    type Live = RotationLive;

    fn key(&self) -> RotationOutputs {
        RotationOutputs { secret_arn: self.secret_arn.clone() }
    }

    fn identity(outputs: &RotationOutputs) -> String {
        outputs.secret_arn.clone()
    }

    fn removal_command(outputs: &RotationOutputs) -> Option<String> {
        Some(format!("aws secretsmanager cancel-rotate-secret --secret-id {}", outputs.secret_arn))
    }

    fn compare(&self, live: &RotationLive) -> Comparison {
        let days = match (live.days, &live.expression) {
            (Some(days), _) => days.to_string(),
            (None, Some(expression)) => expression.clone(),
            (None, None) => "none".to_owned(),
        };
        let effect = match live.days {
            Some(days) if days == self.days => Effect::Same,
            Some(days) if days < self.days => Effect::Differs,
            _ => Effect::Weakens,
        };
        Comparison::default()
            .guard("RotationLambdaARN", &self.function_arn, &live.function_arn)
            .judged("RotationRules.AutomaticallyAfterDays", self.days, days, effect)
            .judged("LastRotatedDate", &live.last, &live.last, Effect::Same)
    }
}

impl Described for Rotation {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "rotation",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::SecretsManager,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: SECRETS,
                rights: &[Permissions { needs: &[Usage::Read], actions: &["secretsmanager:DescribeSecret"] }],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: SECRETS,
                rights: &[
                    Permissions { needs: &[Usage::Create, Usage::Update], actions: &["secretsmanager:RotateSecret"] },
                    Permissions { needs: &[Usage::Delete], actions: &["secretsmanager:CancelRotateSecret"] },
                ],
            },
            // Secrets Manager asks whether the caller may invoke the function too (docs/aws.md, Rotation).
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: &["{arn:lambda}:function:{stack}-*"],
                rights: &[Permissions { needs: &[Usage::Create, Usage::Update], actions: &["lambda:InvokeFunction"] }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Secrets,
            subject: "rotation of {}",
            holds: "the stack's function replaces the value as often as the stack file says",
            read: "DescribeSecret",
        },
    };
}

/// The UTC date, as in `2026-11-29`.
fn day(date: &DateTime) -> String {
    let text = date.fmt(DateTimeFormat::DateTime).unwrap_or_default();
    text.split('T').next().unwrap_or_default().to_owned()
}

impl Provider<Rotation> for SecretsManager {
    async fn read(
        &self,
        key: &RotationOutputs,
        _: Option<&RotationOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Rotation>>, Failure> {
        let Some(secret) = self.describe(&key.secret_arn).await? else { return Ok(None) };
        // A rotation has no tags. It is ours if the secret is.
        if !self.owns(&secret) || secret.deleted_date.is_some() || secret.rotation_enabled != Some(true) {
            return Ok(None);
        }
        let rules = secret.rotation_rules();
        let last = match secret.last_rotated_date() {
            Some(date) => day(date),
            None => format!("never, created on {}", secret.created_date().map_or_else(|| "?".to_owned(), day)),
        };
        let live = RotationLive {
            function_arn: secret.rotation_lambda_arn().unwrap_or_default().to_owned(),
            days: rules.and_then(RotationRulesType::automatically_after_days),
            expression: rules.and_then(|rules| rules.schedule_expression().map(str::to_owned)),
            last,
        };
        Ok(Some(Found { outputs: key.clone(), live }))
    }

    async fn create(&self, want: &Rotation, task: &Task) -> Result<RotationOutputs, Failure> {
        // This call can be repeated: it sets the rotation, and without an immediate rotation it does not replace the
        // value.
        let doing = format!("set {} as the rotation function of {}", want.function_arn, want.secret_arn);
        let rules = RotationRulesType::builder().automatically_after_days(want.days).build();
        let set = settled(task, &[&ROTATION, &SECRET_BACK], || async {
            let call = self.client.rotate_secret().secret_id(&want.secret_arn).rotate_immediately(false);
            let call = call.rotation_lambda_arn(&want.function_arn).rotation_rules(rules.clone());
            call.send().await.or_fail(&doing)
        });
        set.await?;
        Ok(want.key())
    }

    async fn update(&self, want: &Rotation, found: &Found<Rotation>, task: &Task) -> Result<RotationOutputs, Failure> {
        if want.drift(&found.live).is_empty() {
            return Ok(found.outputs.clone());
        }
        self.create(want, task).await
    }

    async fn delete(&self, gone: &RotationOutputs, task: &Task) -> Result<(), Failure> {
        match self.end_rotation(&gone.secret_arn, task).await.or_absent() {
            // The rotation ends with the secret.
            Err(failure) if super::SECRET_SCHEDULED.is(&failure) => Ok(()),
            answer => answer.map(drop),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{replay, requests};
    use crate::engine::Drift;

    const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:demo-s-AbCdEf";
    const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:demo-rotate";

    fn want() -> Rotation {
        Rotation { secret_arn: SECRET.into(), function_arn: FUNCTION.into(), days: 30 }
    }

    fn described(rotation: &str) -> String {
        format!(
            r#"{{"ARN":"{SECRET}","Name":"demo-s","Tags":[{{"Key":"securelambda:stack","Value":"demo"}}]{rotation}}}"#
        )
    }

    async fn read(rotation: &str) -> Option<Found<Rotation>> {
        let (clients, _) = replay(vec![(200, &described(rotation))]);
        let provider = SecretsManager::new(&clients);
        Provider::<Rotation>::read(&provider, &want().key(), None, &Task::detached("x")).await.unwrap()
    }

    fn by(function: &str, rules: &str) -> String {
        format!(r#","RotationEnabled":true,"RotationLambdaARN":"{function}","RotationRules":{{{rules}}}"#)
    }

    #[tokio::test]
    async fn a_foreign_function_and_a_longer_period_weaken() {
        let drift = async |rotation: &str| want().drift(&read(rotation).await.unwrap().live);
        assert_eq!(drift(&by(FUNCTION, r#""AutomaticallyAfterDays":30"#)).await, []);
        let theirs = "arn:aws:lambda:eu-central-1:999999999999:function:f";
        let days = "RotationRules.AutomaticallyAfterDays";
        assert_eq!(
            drift(&by(theirs, r#""AutomaticallyAfterDays":30"#)).await,
            [Drift::weakening("RotationLambdaARN", FUNCTION, theirs)]
        );
        for (rules, found) in [
            (r#""AutomaticallyAfterDays":7"#, Drift::new(days, 30, 7)),
            (r#""AutomaticallyAfterDays":365"#, Drift::weakening(days, 30, 365)),
            (r#""ScheduleExpression":"rate(300 days)""#, Drift::weakening(days, 30, "rate(300 days)")),
        ] {
            assert_eq!(drift(&by(FUNCTION, rules)).await, [found]);
        }
    }

    #[tokio::test]
    async fn the_day_of_the_last_rotation_is_shown() {
        let shown = async |dates: &str| {
            let live = read(&(by(FUNCTION, r#""AutomaticallyAfterDays":30"#) + dates)).await.unwrap().live;
            let compared = want().compare(&live);
            compared.settings().iter().find(|one| one.field == "LastRotatedDate").unwrap().live.clone()
        };
        let created = r#","CreatedDate":1795946315.5"#;
        assert_eq!(shown(created).await, "never, created on 2026-11-29");
        assert_eq!(shown(&format!(r#"{created},"LastRotatedDate":1796000000"#)).await, "2026-11-30");
        assert_eq!(shown("").await, "never, created on ?");
    }

    #[tokio::test]
    async fn a_secret_that_is_not_rotated_or_not_ours_has_no_rotation() {
        assert!(read("").await.is_none());
        assert!(read(r#","RotationEnabled":false,"RotationLambdaARN":"arn:f""#).await.is_none());
        let theirs = described(&by(FUNCTION, "")).replace("\"demo\"", "\"other\"");
        let (clients, _) = replay(vec![(200, &theirs)]);
        let provider = SecretsManager::new(&clients);
        let found = Provider::<Rotation>::read(&provider, &want().key(), None, &Task::detached("x")).await.unwrap();
        assert!(found.is_none());
    }

    #[tokio::test]
    async fn a_rotation_begins_without_replacing_the_value_and_waits_for_the_permission() {
        let denied = r#"{"__type":"AccessDeniedException","message":"Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com."}"#;
        let (clients, http) = replay(vec![(400, denied), (200, "{}"), (200, "{}")]);
        let provider = SecretsManager::new(&clients);
        let outputs = Provider::<Rotation>::create(&provider, &want(), &Task::detached("x")).await.unwrap();
        Provider::<Rotation>::delete(&provider, &outputs, &Task::detached("x")).await.unwrap();
        let requests = requests(&http);
        assert!(requests[1].contains("RotateSecret") && requests[1].contains(r#""RotateImmediately":false"#));
        assert!(requests[1].contains(r#""AutomaticallyAfterDays":30"#), "{requests:?}");
        assert!(requests[2].contains("CancelRotateSecret"), "{requests:?}");
    }
}
