//! Permissions to invoke a function: statements of its resource policy.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::access::qualifier_of;
use super::refusals::{FUNCTION_BUSY, FUNCTION_VISIBLE};
use super::{FUNCTIONS, Lambda};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::lambda::SERVICE;
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::engine::{Comparison, Effect, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;
use crate::policy::Policy;

const INVOKE: &str = "lambda:InvokeFunction";

/// The permission of a service to invoke a function for one source.
#[derive(Debug, Clone)]
pub struct Permission {
    pub function: String,
    /// The alias of the function that may be invoked; `None`: the function itself.
    pub alias: Option<String>,
    /// The statement's id: 1 to 100 of `a-z A-Z 0-9 - _`.
    pub sid: String,
    /// The service, as in `apigateway.amazonaws.com`.
    pub principal: String,
    /// The source: an ARN, in which `*` matches anything.
    pub source_arn: String,
    /// The source's account: twelve digits. Only for an ARN without one, because services need not send it otherwise
    /// (docs/aws.md, Invoke permissions).
    pub source_account: Option<String>,
}

/// The outputs are also the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PermissionOutputs {
    pub function: String,
    pub sid: String,
    /// The alias that may be invoked. State files of earlier versions do not have this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

impl Resource for Permission {
    const KIND: &'static str = "lambda.permission";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = false;
    const GUARDS: bool = true; // without it, the function is not triggered
    type Key = PermissionOutputs;
    type Outputs = PermissionOutputs;
    /// The statement, without its resource, which is the function.
    type Live = Policy;

    fn key(&self) -> PermissionOutputs {
        PermissionOutputs { function: self.function.clone(), sid: self.sid.clone(), alias: self.alias.clone() }
    }

    fn identity(outputs: &PermissionOutputs) -> String {
        format!("{}/{}", outputs.function, outputs.sid)
    }

    fn removal_command(_: &PermissionOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &Policy) -> Comparison {
        let mut want = json!({
            "Sid": self.sid,
            "Effect": "Allow",
            "Principal": { "Service": self.principal },
            "Action": INVOKE,
            "Condition": { "ArnLike": { "AWS:SourceArn": self.source_arn } },
        });
        if let Some(account) = &self.source_account {
            want["Condition"]["StringEquals"] = json!({ "AWS:SourceAccount": account });
        }
        let want = Policy::new([want]);
        let effect = if want.means_same(live) {
            Effect::Same
        } else if only_adds_conditions(&want, live) {
            Effect::Differs
        } else {
            Effect::Weakens
        };
        Comparison::default().judged("Statement", want, live, effect)
    }
}

impl Described for Permission {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "invoke permission",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Lambda,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: FUNCTIONS,
                rights: &[Permissions {
                    needs: &[Usage::Read],
                    actions: &["lambda:GetFunction", "lambda:ListTags", "lambda:GetPolicy"],
                }],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: FUNCTIONS,
                rights: &[Permissions {
                    needs: &[Usage::Update, Usage::Delete],
                    actions: &["lambda:RemovePermission"],
                }],
            },
            StatementTemplate {
                sid: Sid::LetServicesInvoke,
                on: FUNCTIONS,
                rights: &[Permissions { needs: &[Usage::Create, Usage::Update], actions: &["lambda:AddPermission"] }],
            },
        ],
        rates: &[Rate::per_second(15, Calls::Requests(&["GET"], "/*/functions/*/policy"))],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "{}",
            holds: "the permission to call the function is limited to its source",
            read: "GetPolicy",
        },
    };
}

/// The statements with this id on the function itself, or on this alias, without their resource. AddPermission refuses
/// a second statement with the same id, but PutResourcePolicy may accept it.
fn statement(policy: &Policy, sid: &str, alias: Option<&String>) -> Option<Policy> {
    let ours = policy.statements().filter(|statement| {
        let of = statement["Resource"].as_str().and_then(qualifier_of);
        statement["Sid"] == sid && of.as_ref() == alias
    });
    let bare = |statement: &Value| {
        let mut statement = statement.clone();
        if let Some(elements) = statement.as_object_mut() {
            elements.remove("Resource");
        }
        statement
    };
    let ours: Vec<Value> = ours.map(bare).collect();
    (!ours.is_empty()).then(|| Policy::new(ours))
}

/// Whether the live statements differ from the wanted one only by additional conditions. All conditions of a statement
/// must hold, so the live statements allow less.
fn only_adds_conditions(want: &Policy, live: &Policy) -> bool {
    let wanted: Vec<&Value> = want.statements().collect();
    let wants = |operator: &str, key: &str| {
        let has = |statement: &&Value| {
            let keys = statement["Condition"][operator].as_object();
            keys.is_some_and(|keys| keys.keys().any(|wanted| wanted.eq_ignore_ascii_case(key)))
        };
        wanted.iter().any(has)
    };
    let without = |statement: &Value| {
        let mut statement = statement.clone();
        if let Some(operators) = statement.get_mut("Condition").and_then(Value::as_object_mut) {
            for (operator, keys) in operators.iter_mut() {
                if let Some(keys) = keys.as_object_mut() {
                    keys.retain(|key, _| wants(operator, key));
                }
            }
            operators.retain(|_, keys| keys.as_object().is_none_or(|keys| !keys.is_empty()));
        }
        statement
    };
    want.means_same(&Policy::new(live.statements().map(without)))
}

impl Lambda {
    async fn allow(&self, want: &Permission, task: &Task) -> Result<(), Failure> {
        let doing = format!("let {} invoke the function {}", want.principal, want.function);
        let added = settled(task, &[&FUNCTION_BUSY, &FUNCTION_VISIBLE], || async {
            let call = self.once.add_permission().function_name(&want.function).statement_id(&want.sid);
            let call = call
                .set_qualifier(want.alias.clone())
                .action(INVOKE)
                .principal(&want.principal)
                .source_arn(&want.source_arn);
            call.set_source_account(want.source_account.clone()).send().await.or_fail(&doing)
        });
        added.await.map(drop)
    }

    /// Removes a statement of the resource policy of a function, or of its alias or version. The caller holds the
    /// function's lock.
    pub(super) async fn disallow(
        &self,
        function: &str,
        sid: &str,
        qualifier: Option<&String>,
        task: &Task,
    ) -> Result<(), Failure> {
        let doing = format!("remove the permission {sid} of the function {function}");
        let removed = settled(task, &[&FUNCTION_BUSY], || async {
            let call = self.client.remove_permission().function_name(function).statement_id(sid);
            call.set_qualifier(qualifier.cloned()).send().await.or_fail(&doing)
        });
        removed.await.or_absent().map(drop)
    }
}

impl Provider<Permission> for Lambda {
    async fn read(
        &self,
        key: &PermissionOutputs,
        _: Option<&PermissionOutputs>,
        _: &Task,
    ) -> Result<Option<Found<Permission>>, Failure> {
        // A permission has no tags: it is ours if the function is ours. The function is read, because somebody may have
        // replaced it.
        let (function, policy) = tokio::join!(self.read(&key.function), self.policy(&key.function, key.alias.clone()));
        let (Some(policy), Some(function)) = (policy?, function?) else { return Ok(None) };
        if !self.owns(&function)? {
            return Ok(None);
        }
        Ok(statement(&policy, &key.sid, key.alias.as_ref()).map(|live| Found { outputs: key.clone(), live }))
    }

    async fn create(&self, want: &Permission, task: &Task) -> Result<PermissionOutputs, Failure> {
        let lock = self.lock_of(&want.function);
        let _alone = lock.lock().await;
        self.allow(want, task).await?;
        Ok(want.key())
    }

    async fn update(
        &self,
        want: &Permission,
        found: &Found<Permission>,
        task: &Task,
    ) -> Result<PermissionOutputs, Failure> {
        let drift = want.drift(&found.live);
        if !drift.is_empty() {
            let lock = self.lock_of(&want.function);
            let _alone = lock.lock().await;
            self.disallow(&want.function, &want.sid, want.alias.as_ref(), task).await?;
            self.allow(want, task).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn vouch(&self, recorded: &PermissionOutputs, _: &Task) -> Result<bool, Failure> {
        self.vouched(&self.scope.arn("lambda", &format!("function:{}", recorded.function))).await
    }

    async fn delete(&self, gone: &PermissionOutputs, task: &Task) -> Result<(), Failure> {
        let lock = self.lock_of(&gone.function);
        let _alone = lock.lock().await;
        self.disallow(&gone.function, &gone.sid, gone.alias.as_ref(), task).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::aws::testing::{replay, requests};
    use crate::engine::Cause;

    const API: &str = "arn:aws:execute-api:eu-central-1:123456789012:a1/development/POST/lambda1";
    const ABSENT: &str = r#"{"__type":"ResourceNotFoundException","Message":"no policy"}"#;

    fn want() -> Permission {
        Permission {
            function: "demo-f".into(),
            alias: None,
            sid: "api".into(),
            principal: "apigateway.amazonaws.com".into(),
            source_arn: API.into(),
            source_account: None,
        }
    }

    fn aws_statement() -> Value {
        json!({
            "Sid": "api", "Effect": "Allow", "Principal": { "Service": "apigateway.amazonaws.com" },
            "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:eu-central-1:123456789012:function:demo-f",
            "Condition": { "ArnLike": { "AWS:SourceArn": API } },
        })
    }

    fn policy(statement: &Value) -> String {
        let others = json!({ "Sid": "other", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction" });
        let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": [others, statement] });
        json!({ "Policy": policy.to_string(), "RevisionId": "1" }).to_string()
    }

    const FUNCTION: &str = r#"{"Configuration":{"FunctionName":"demo-f"},"Tags":{"securelambda:stack":"demo"}}"#;

    fn task() -> Task {
        Task::detached("permission.f")
    }

    async fn read(answers: Vec<(u16, &str)>) -> Result<Option<Found<Permission>>, Failure> {
        let (clients, _) = replay(answers);
        Provider::<Permission>::read(&Lambda::new(&clients), &want().key(), None, &task()).await
    }

    #[test]
    fn a_permission_with_another_meaning_weakens() {
        let of = |statement: Value| {
            let policy = Policy::new([statement]);
            super::statement(&policy, "api", None).unwrap()
        };
        assert_eq!(want().drift(&of(aws_statement())), []);
        for (pointer, other) in [
            ("/Effect", json!("Deny")),
            ("/Principal", json!("*")),
            ("/Principal/Service", json!("events.amazonaws.com")),
            ("/Action", json!("lambda:*")),
            ("/Condition", json!({})),
            ("/Condition/ArnLike/AWS:SourceArn", json!("arn:aws:execute-api:eu-central-1:123456789012:a1/*")),
        ] {
            let mut statement = aws_statement();
            *statement.pointer_mut(pointer).unwrap() = other;
            let drift = want().drift(&of(statement));
            assert_eq!(drift.len(), 1, "{pointer}");
            assert!(drift[0].weakens && drift[0].field == "Statement");
        }
    }

    #[test]
    fn a_permission_with_further_conditions_differs_and_does_not_weaken() {
        for (condition, weakens) in [
            (
                json!({ "ArnLike": { "AWS:SourceArn": API }, "StringEquals": { "AWS:SourceAccount": "123456789012" } }),
                false,
            ),
            (json!({ "ArnLike": { "AWS:SourceArn": API, "aws:PrincipalArn": "arn:x" } }), false),
            (json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } }), true),
            (json!({ "ArnLike": { "AWS:SourceArn": "arn:aws:execute-api:*" }, "Bool": { "x": "true" } }), true),
        ] {
            let mut statement = aws_statement();
            statement["Condition"] = condition.clone();
            let drift = want().drift(&super::statement(&Policy::new([statement]), "api", None).unwrap());
            assert_eq!((drift.len(), drift[0].weakens), (1, weakens), "{condition}");
        }
    }

    #[test]
    fn a_second_statement_with_the_same_id_weakens() {
        let mut open = aws_statement();
        open["Principal"] = json!("*");
        let two = super::statement(&Policy::new([aws_statement(), open.clone()]), "api", None).unwrap();
        assert!(want().drift(&two)[0].weakens);
        // A statement on an alias is another resource, or a difference of the function.
        open["Resource"] = json!("arn:aws:lambda:eu-central-1:123456789012:function:demo-f:live");
        let both = Policy::new([open, aws_statement()]);
        let one = super::statement(&both, "api", None).unwrap();
        assert_eq!(want().drift(&one), []);
        let of_alias = super::statement(&both, "api", Some(&"live".to_owned())).unwrap();
        assert!(want().drift(&of_alias)[0].weakens);
    }

    #[test]
    fn the_account_of_a_source_without_one_is_demanded() {
        let want = Permission {
            principal: "s3.amazonaws.com".into(),
            source_arn: "arn:aws:s3:::photos".into(),
            source_account: Some("123456789012".into()),
            ..want()
        };
        let live = |condition: Value| {
            Policy::new([json!({ "Sid": "api", "Effect": "Allow", "Principal": { "Service": "s3.amazonaws.com" },
                "Action": INVOKE, "Condition": condition })])
        };
        let source = json!({ "AWS:SourceArn": "arn:aws:s3:::photos" });
        let account = json!({ "AWS:SourceAccount": "123456789012" });
        assert_eq!(want.drift(&live(json!({ "ArnLike": source, "StringEquals": account }))), []);
        assert!(want.drift(&live(json!({ "ArnLike": source })))[0].weakens, "a bucket of that name of anybody");
    }

    #[tokio::test]
    async fn an_unchanged_permission_costs_two_reads() {
        let found = read(vec![(200, FUNCTION), (200, &policy(&aws_statement()))]).await.unwrap().unwrap();
        assert_eq!(want().drift(&found.live), []);
        let (idle, _) = replay(vec![]);
        Provider::<Permission>::update(&Lambda::new(&idle), &want(), &found, &task()).await.unwrap();
    }

    #[tokio::test]
    async fn a_permission_is_absent_without_statement_policy_function_or_tag() {
        let (other, ours) = (policy(&json!({ "Sid": "x" })), policy(&aws_statement()));
        let theirs = FUNCTION.replace("demo\"}", "other\"}");
        for answers in [
            vec![(200, FUNCTION), (200, other.as_str())],
            vec![(200, FUNCTION), (404, ABSENT)],
            vec![(404, ABSENT), (404, ABSENT)],
            vec![(200, &theirs), (200, &ours)],
        ] {
            assert!(read(answers).await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn an_existing_permission_and_a_lost_answer_have_different_causes() {
        for (status, code, words, cause) in [
            (409, "ResourceConflictException", "The statement id (api) provided already exists.", Cause::Exists),
            (500, "ServiceException", "sorry", Cause::Unknown),
            (400, "PolicyLengthExceededException", "too long", Cause::Refused),
        ] {
            let body = json!({ "__type": code, "Message": words }).to_string();
            let (clients, _) = replay(vec![(status, &body)]);
            let failure = Provider::<Permission>::create(&Lambda::new(&clients), &want(), &task()).await.unwrap_err();
            assert_eq!(failure.cause, cause, "{code}");
        }
    }

    #[tokio::test]
    async fn create_waits_until_the_function_is_seen() {
        let (clients, http) = replay(vec![(404, ABSENT), (201, "{}")]);
        Provider::<Permission>::create(&Lambda::new(&clients), &want(), &task()).await.unwrap();
        let requests = requests(&http);
        assert!(requests[1].contains(r#""StatementId":"api""#) && requests[1].contains(API), "{requests:?}");
        assert!(!requests[1].contains("SourceAccount"));
    }

    #[tokio::test]
    async fn an_update_replaces_the_statement() {
        let mut wider = aws_statement();
        wider["Condition"] = json!({});
        let found = read(vec![(200, FUNCTION), (200, &policy(&wider))]).await.unwrap().unwrap();
        let (clients, http) = replay(vec![(204, ""), (201, "{}")]);
        Provider::<Permission>::update(&Lambda::new(&clients), &want(), &found, &task()).await.unwrap();
        let requests = requests(&http);
        assert!(requests[0].starts_with("DELETE") && requests[1].starts_with("POST"), "{requests:?}");
    }

    #[tokio::test]
    async fn permissions_of_one_function_are_changed_one_at_a_time() {
        let (clients, _) = replay(vec![]);
        let lambda = Lambda::new(&clients);
        let held = lambda.lock_of("demo-f");
        let _held = held.lock().await;
        assert!(lambda.clone().lock_of("demo-f").try_lock().is_err());
        assert!(lambda.lock_of("demo-g").try_lock().is_ok());
    }

    #[tokio::test]
    async fn a_permission_of_an_alias_is_written_and_removed_there() {
        let want = Permission { alias: Some("live".into()), ..want() };
        let (clients, http) = replay(vec![(201, "{}"), (204, "")]);
        let lambda = Lambda::new(&clients);
        Provider::<Permission>::create(&lambda, &want, &task()).await.unwrap();
        Provider::<Permission>::delete(&lambda, &want.key(), &task()).await.unwrap();
        for request in requests(&http) {
            assert!(request.contains("Qualifier=live"), "{request}");
        }
    }

    #[tokio::test]
    async fn deleting_a_missing_permission_succeeds() {
        let (clients, _) = replay(vec![(404, ABSENT)]);
        Provider::<Permission>::delete(&Lambda::new(&clients), &want().key(), &task()).await.unwrap();
    }
}
