//! Reads, creates, changes and deletes functions.

use aws_sdk_lambda::types::{Architecture, TracingConfig};

use super::configure::{BUDGET, PACE, image_denied};
use super::live::state_of;
use super::refusals::{FUNCTION_BUSY, ROLE};
use super::settings::{
    ALIASES, CONCURRENCY, EPHEMERAL_MB, IMAGE, INVOKE_CONFIGS, MAPPINGS, RECURSION, RUNTIME_UPDATES, STATEMENTS, URLS,
    VERSIONS,
};
use super::{Access, Function, FunctionKey, FunctionLive, FunctionOutputs, Lambda, State};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::settle::{confirmed, settled, until};
use crate::aws::tags::tag_map;
use crate::engine::{Drift, Failure, Found, Listing, Provider, Resource as _, Retag, Tags, Task};
use crate::scope::Whose;

#[derive(PartialEq)]
enum Remedy {
    Wait,
    Code,
    Configuration,
    /// Remove the parts of the function that are not in the stack file.
    Access,
    Concurrency,
    RuntimeUpdates,
    Recursion,
}

impl Remedy {
    fn of(setting: &Drift) -> Self {
        match setting.field.as_str() {
            "State" => Self::Wait,
            "CodeSha256" | IMAGE | "Architectures" => Self::Code,
            STATEMENTS | URLS | INVOKE_CONFIGS | MAPPINGS | ALIASES | VERSIONS => Self::Access,
            CONCURRENCY => Self::Concurrency,
            RUNTIME_UPDATES => Self::RuntimeUpdates,
            RECURSION => Self::Recursion,
            _ => Self::Configuration,
        }
    }
}

impl Lambda {
    fn function(&self, name: &str, arn: Option<String>) -> FunctionOutputs {
        let arn = arn.unwrap_or_else(|| self.scope.arn("lambda", &format!("function:{name}")));
        FunctionOutputs { name: name.to_owned(), arn }
    }
}

impl Provider<Function> for Lambda {
    async fn read(
        &self,
        key: &FunctionKey,
        known: Option<&FunctionOutputs>,
        task: &Task,
    ) -> Result<Option<Found<Function>>, Failure> {
        // A function that the state does not have usually does not exist. Reading its parts would use up calls of the
        // rate limit that its creation needs.
        let (read, access) = match known {
            _ if task.only_finds() => (self.read(&key.name).await?, Some(Ok(Access::unread()))),
            Some(_) => {
                let (read, access) = tokio::join!(self.read(&key.name), self.access(&key.name, task));
                (read?, Some(access))
            }
            None => (self.read(&key.name).await?, None),
        };
        let Some(read) = read else { return Ok(None) };
        let ours = self.owns(&read)?;
        let Some(config) = read.configuration else { return Ok(None) };
        let outputs = self.function(&key.name, config.function_arn.clone());
        if !ours {
            return Err(Failure::foreign("the function", &outputs.arn));
        }
        let access = match access {
            Some(access) => access?,
            None => self.access(&key.name, task).await?,
        };
        let reserved = read.concurrency.and_then(|concurrency| concurrency.reserved_concurrent_executions);
        let live = FunctionLive::new((&config, read.code.as_ref()), reserved, access, &self.today);
        Ok((live.state != State::Going).then_some(Found { outputs, live }))
    }

    async fn create(&self, want: &Function, task: &Task) -> Result<FunctionOutputs, Failure> {
        let doing = format!("create the function {}", want.name);
        let tags = tag_map(&self.scope, &want.id);
        let made = settled(task, &[&ROLE, &FUNCTION_BUSY], || async {
            let call = self.once.create_function().function_name(&want.name).code(want.code.sent()).publish(false);
            // AWS's default is Zip.
            let call = call.set_package_type(want.code.is_image().then(|| want.code.package()));
            let call = call.description(&want.description).set_handler(want.handler()).role(&want.role_arn);
            let call = call.set_runtime(want.runtime());
            let call = call.architectures(Architecture::from(want.architecture.as_str()));
            let call = call.memory_size(want.memory_mb).timeout(want.timeout_s);
            let call = call.environment(want.variables()).logging_config(want.logging());
            let tracing = TracingConfig::builder().mode(want.tracing_mode()).build();
            let call = if want.tracing { call.tracing_config(tracing) } else { call };
            let dead_letters = want.dead_letters.is_some().then(|| want.dead_letter_config());
            let vpc = (!want.vpc.is_none()).then(|| want.vpc.config());
            let call = call.set_vpc_config(vpc).set_dead_letter_config(dead_letters);
            let layers = Some(want.layers.clone()).filter(|layers| !layers.is_empty());
            let call = call.set_layers(layers);
            let call = call.set_ephemeral_storage(want.storage().filter(|_| want.ephemeral_mb != EPHEMERAL_MB));
            let call = call.set_kms_key_arn(want.kms_key.key().cloned());
            call.set_tags(Some(tags.clone())).send().await.or_fail(&doing)
        });
        let made = made.await.map_err(image_denied)?;
        self.ready(&want.name, state_of!(made), task).await?;
        if want.reserved_concurrency.is_some() {
            self.reserve(want, true, task).await?;
        }
        Ok(self.function(&want.name, made.function_arn))
    }

    async fn update(&self, want: &Function, found: &Found<Function>, task: &Task) -> Result<FunctionOutputs, Failure> {
        let drift = want.drift(&found.live);
        // After a failed change, configuration and code are both sent again.
        let all = matches!(found.live.state, State::Failed(_));
        let needs = |remedy: Remedy| all || drift.iter().any(|setting| Remedy::of(setting) == remedy);
        let (configure, upload) = (needs(Remedy::Configuration), needs(Remedy::Code));
        let differs = |remedy: Remedy| drift.iter().any(|setting| Remedy::of(setting) == remedy);
        if differs(Remedy::Access) {
            self.remove_foreign(want, &found.live, task).await?;
        }
        if differs(Remedy::Concurrency) {
            self.reserve(want, false, task).await?;
        }
        if differs(Remedy::Recursion) {
            self.stop_recursion(want, task).await?;
        }
        if configure {
            self.configure(want, &drift, task).await?;
        }
        if upload {
            self.upload(want, task).await?;
        }
        if !configure && !upload {
            self.ready(&want.name, found.live.state.clone(), task).await?;
        }
        if differs(Remedy::RuntimeUpdates) {
            self.update_runtime(want, task).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn tags(&self, of: &FunctionOutputs, _: &Task) -> Result<Option<Tags>, Failure> {
        self.tags_at(&of.arn).await
    }

    async fn retag(&self, of: &FunctionOutputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&of.arn, change, task).await
    }

    async fn vouch(&self, recorded: &FunctionOutputs, _: &Task) -> Result<bool, Failure> {
        self.vouched(&recorded.arn).await
    }

    async fn delete(&self, gone: &FunctionOutputs, task: &Task) -> Result<(), Failure> {
        let doing = format!("delete the function {}", gone.name);
        let deleted = settled(task, &[&FUNCTION_BUSY], || async {
            self.client.delete_function().function_name(&gone.name).send().await.or_fail(&doing)
        });
        if deleted.await.or_absent()?.is_none() {
            return Ok(());
        }
        let seen_gone = until(task, "the function is not gone yet", PACE, BUDGET, || async {
            Ok(self.read(&gone.name).await?.is_none().then_some(()))
        });
        confirmed(seen_gone.await)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        self.list_functions(whose).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde_json::json;

    use super::super::Code;
    use super::super::Vpc;
    use super::super::sample::{
        ABSENT, ARN, SHA256, config, conflict, found, found_by, outputs, read, reads, said, task, want,
    };
    use super::*;
    use crate::aws::testing::{replay, requests};
    use crate::engine::Cause;

    /// The JSON in a request.
    fn body(request: &str) -> serde_json::Value {
        let (_, body) = request.split_once('{').unwrap();
        serde_json::from_str(&format!("{{{body}")).unwrap()
    }

    #[tokio::test]
    async fn an_unchanged_function_costs_reads_alone() {
        let (lambda, asked) = reads(&[]);
        let found = found_by(&lambda, &task()).await.unwrap();
        assert_eq!(want().drift(&found.live), []);
        assert_eq!(found.outputs, outputs());
        let mut asked = asked.lock().unwrap().clone();
        asked.sort();
        let expected = [
            "GET event-source-mappings?FunctionName=demo-f",
            "GET functions/demo-f",
            "GET functions/demo-f/aliases",
            "GET functions/demo-f/event-invoke-config/list",
            "GET functions/demo-f/policy",
            "GET functions/demo-f/recursion-config",
            "GET functions/demo-f/runtime-management-config",
            "GET functions/demo-f/urls",
            "GET functions/demo-f/versions",
        ];
        assert_eq!(asked, expected);
        let (idle, _) = replay(vec![]);
        let outputs = Provider::<Function>::update(&Lambda::new(&idle), &want(), &found, &task()).await;
        assert_eq!(outputs.unwrap(), found.outputs);
    }

    #[tokio::test]
    async fn what_hangs_under_a_function_without_a_record_is_read_only_if_it_exists() {
        let (lambda, asked) = reads(&[("functions/demo-f", 404, ABSENT)]);
        assert!(Provider::<Function>::read(&lambda, &want().key(), None, &task()).await.unwrap().is_none());
        assert_eq!(*asked.lock().unwrap(), ["GET functions/demo-f"]);
        let (lambda, asked) = reads(&[]);
        let found = Provider::<Function>::read(&lambda, &want().key(), None, &task()).await.unwrap().unwrap();
        assert_eq!(want().drift(&found.live), []);
        assert_eq!(asked.lock().unwrap().len(), 9);
    }

    #[tokio::test]
    async fn a_function_that_is_to_be_removed_costs_one_read() {
        let (lambda, asked) = reads(&[]);
        let task = task().only_finding();
        for known in [None, Some(&outputs())] {
            let found = Provider::<Function>::read(&lambda, &want().key(), known, &task).await.unwrap();
            assert_eq!(found.unwrap().outputs, outputs());
        }
        assert_eq!(*asked.lock().unwrap(), ["GET functions/demo-f"; 2]);
    }

    #[tokio::test]
    async fn a_refused_read_of_what_hangs_under_a_function_is_a_failure() {
        let denied = r#"{"__type":"AccessDeniedException","Message":"not allowed"}"#;
        for path in [
            "functions/demo-f/policy",
            "functions/demo-f/urls",
            "functions/demo-f/event-invoke-config/list",
            "event-source-mappings?FunctionName=demo-f",
            "functions/demo-f/aliases",
            "functions/demo-f/versions",
            "functions/demo-f/runtime-management-config",
            "functions/demo-f/recursion-config",
        ] {
            let (lambda, _) = reads(&[(path, 403, denied)]);
            assert_eq!(found_by(&lambda, &task()).await.unwrap_err().cause, Cause::Refused, "{path}");
        }
    }

    #[test]
    fn code_is_compared_by_its_hash_and_never_printed() {
        let code = Code::Zip { bytes: Arc::new(b"zip".to_vec()), sha256: SHA256.into() };
        assert_eq!(format!("{code:?}"), "Code(3 bytes, SnD+mqZDbgLC3qNA+9HjUuTvLYzmylKtJdS5VHH8i/I=)");
    }

    #[tokio::test]
    async fn a_function_without_our_tag_is_foreign_unless_tags_are_unreadable() {
        let theirs = read("Active", "Successful").replace(r#""demo"}"#, r#""other"}"#);
        let unread = json!({
            "Configuration": config("Active", "Successful"),
            "TagsError": { "ErrorCode": "AccessDeniedException", "Message": "not allowed" },
        });
        for (answer, cause) in [(theirs, Cause::Foreign), (unread.to_string(), Cause::Refused)] {
            let (lambda, _) = reads(&[("functions/demo-f", 200, &answer)]);
            assert_eq!(found_by(&lambda, &task()).await.unwrap_err().cause, cause);
        }
    }

    #[tokio::test]
    async fn a_deleting_function_is_absent_and_a_pending_one_exists() {
        for (status, answer, there) in [
            (200, read("Deleting", "Successful"), false),
            (404, ABSENT.to_owned(), false),
            (200, read("Pending", "InProgress"), true),
        ] {
            let (lambda, _) = reads(&[("functions/demo-f", status, &answer)]);
            let found = Provider::<Function>::read(&lambda, &want().key(), Some(&outputs()), &task()).await.unwrap();
            assert_eq!(found.is_some(), there);
        }
    }

    #[tokio::test]
    async fn a_create_that_answers_active_needs_no_read() {
        let (clients, http) = replay(vec![(201, &said("Active", "Successful"))]);
        let outputs = Provider::<Function>::create(&Lambda::new(&clients), &want(), &task()).await.unwrap();
        assert_eq!(outputs.arn, ARN);
        let requests = requests(&http);
        for part in [r#""securelambda:stack":"demo""#, r#""LogFormat":"Text""#, r#""Publish":false"#, r#"["arm64"]"#] {
            assert!(requests[0].contains(part), "{part} in {requests:?}");
        }
    }

    #[tokio::test]
    async fn create_waits_for_its_role_and_until_it_is_active() {
        let role = json!({
            "__type": "InvalidParameterValueException",
            "Message": "The role defined for the function cannot be assumed by Lambda.",
        });
        let (clients, http) = replay(vec![
            (400, &role.to_string()),
            (201, &said("Pending", "InProgress")),
            (200, &read("Pending", "InProgress")),
            (200, &read("Active", "Successful")),
        ]);
        Provider::<Function>::create(&Lambda::new(&clients), &want(), &task()).await.unwrap();
        assert_eq!(requests(&http).len(), 4);
    }

    #[tokio::test]
    async fn a_function_that_fails_says_why() {
        let (clients, _) = replay(vec![(201, &said("Pending", "InProgress")), (200, &read("Failed", "Failed"))]);
        let failure = Provider::<Function>::create(&Lambda::new(&clients), &want(), &task()).await.unwrap_err();
        assert_eq!(
            (failure.cause, failure.to_string().as_str()),
            (Cause::Refused, "the function demo-f failed: the reason")
        );
    }

    #[tokio::test]
    async fn an_existing_function_and_a_lost_answer_have_different_causes() {
        for (status, body, cause) in [
            (409, conflict("Function already exist: demo-f"), Cause::Exists),
            (500, json!({ "__type": "ServiceException", "Message": "sorry" }).to_string(), Cause::Unknown),
            (400, json!({ "__type": "InvalidParameterValueException", "Message": "no" }).to_string(), Cause::Refused),
        ] {
            let (clients, http) = replay(vec![(status, &body)]);
            let failure = Provider::<Function>::create(&Lambda::new(&clients), &want(), &task()).await.unwrap_err();
            assert_eq!((failure.cause, requests(&http).len()), (cause, 1));
        }
    }

    #[tokio::test]
    async fn an_update_configures_then_uploads_and_waits_between() {
        let mut found = found().await;
        found.live.timeout_s = 3;
        found.live.code_sha256 = "x".into();
        let (clients, http) = replay(vec![
            (409, &conflict("The operation cannot be performed at this time. An update is in progress for resource")),
            (200, &said("Active", "InProgress")),
            (200, &read("Active", "Successful")),
            (200, &said("Active", "Successful")),
        ]);
        Provider::<Function>::update(&Lambda::new(&clients), &want(), &found, &task()).await.unwrap();
        let requests = requests(&http);
        assert!(requests[1].contains("PUT") && requests[1].contains("/configuration"), "{requests:?}");
        assert!(
            requests[1].contains(r#""Variables":{"SECRET_ID":"demo-s"}"#) && requests[1].contains(r#""Layers":[]"#)
        );
        assert!(requests[3].contains("PUT") && requests[3].contains("/code"), "{requests:?}");
    }

    #[tokio::test]
    async fn an_update_sends_an_empty_map_of_variables() {
        let want = Function { environment: BTreeMap::new(), ..want() };
        let found = found().await;
        let (clients, http) = replay(vec![(200, &said("Active", "Successful"))]);
        Provider::<Function>::update(&Lambda::new(&clients), &want, &found, &task()).await.unwrap();
        assert!(requests(&http)[0].contains(r#""Environment":{"Variables":{}}"#));
    }

    #[tokio::test]
    async fn an_update_of_a_pending_function_only_waits() {
        let mut found = found().await;
        found.live.state = State::Settling;
        let (clients, http) = replay(vec![(200, &read("Active", "Successful"))]);
        Provider::<Function>::update(&Lambda::new(&clients), &want(), &found, &task()).await.unwrap();
        assert_eq!(requests(&http).len(), 1);
    }

    #[tokio::test]
    async fn delete_returns_once_it_is_gone() {
        let gone = FunctionOutputs { name: "demo-f".into(), arn: ARN.into() };
        let (clients, http) = replay(vec![
            (409, &conflict("The function is currently in the following state: Pending")),
            (200, ""),
            (200, &read("Deleting", "Successful")),
            (404, ABSENT),
            (404, ABSENT),
        ]);
        let lambda = Lambda::new(&clients);
        Provider::<Function>::delete(&lambda, &gone, &task()).await.unwrap();
        assert_eq!(requests(&http).len(), 4);
        Provider::<Function>::delete(&lambda, &gone, &task()).await.unwrap();
    }

    #[tokio::test]
    async fn tracing_and_reserved_concurrency_are_set_when_it_is_created() {
        let want = Function { tracing: true, reserved_concurrency: Some(5), ..want() };
        let (clients, http) = replay(vec![(201, &said("Active", "Successful")), (200, "{}")]);
        Provider::<Function>::create(&Lambda::new(&clients), &want, &task()).await.unwrap();
        let requests = requests(&http);
        assert!(requests[0].contains(r#""TracingConfig":{"Mode":"Active"}"#), "{requests:?}");
        assert!(requests[1].starts_with("PUT /2017-10-31/functions/demo-f/concurrency"), "{requests:?}");
        assert!(requests[1].contains(r#"{"ReservedConcurrentExecutions":5}"#), "{requests:?}");
    }

    #[tokio::test]
    async fn layers_and_the_size_of_tmp_are_sent_with_every_change() {
        let layers = ["tools:3", "base:1"].map(|name| format!("arn:aws:lambda:eu-central-1:123456789012:layer:{name}"));
        let want = Function { layers: layers.to_vec(), ephemeral_mb: 2048, ..want() };
        let (clients, http) = replay(vec![(201, &said("Active", "Successful")), (200, &said("Active", "Successful"))]);
        let lambda = Lambda::new(&clients);
        Provider::<Function>::create(&lambda, &want, &task()).await.unwrap();
        Provider::<Function>::update(&lambda, &want, &found().await, &task()).await.unwrap();
        for request in requests(&http) {
            let sent = body(&request);
            assert_eq!(sent["Layers"], json!(layers), "in the order of the stack file");
            assert_eq!(sent["EphemeralStorage"], json!({ "Size": 2048 }));
        }
    }

    #[tokio::test]
    async fn an_image_is_sent_without_what_it_has_itself() {
        let uri = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/resize@sha256:0";
        let want = Function { code: Code::Image(uri.into()), ..want() };
        let (clients, http) = replay(vec![
            (201, &said("Active", "Successful")),
            (200, &said("Active", "Successful")),
            (200, &said("Active", "Successful")),
        ]);
        let lambda = Lambda::new(&clients);
        Provider::<Function>::create(&lambda, &want, &task()).await.unwrap();
        let mut found = found().await;
        found.live.timeout_s = 3;
        Provider::<Function>::update(&lambda, &want, &found, &task()).await.unwrap();
        let sent: Vec<_> = requests(&http).iter().map(|request| body(request)).collect();
        assert_eq!((&sent[0]["PackageType"], &sent[0]["Code"]), (&json!("Image"), &json!({ "ImageUri": uri })));
        for request in &sent {
            let own = ["Runtime", "Handler", "Layers", "ZipFile"];
            assert!(own.iter().all(|field| request.get(field).is_none()), "{request}");
        }
        assert_eq!((&sent[1]["Timeout"], &sent[2]["ImageUri"]), (&json!(10), &json!(uri)));
    }

    #[tokio::test]
    async fn an_image_that_lambda_may_not_read_leads_to_the_policy_of_its_repository() {
        let words = "Lambda does not have permission to access the ECR image. Check the ECR permissions.";
        let denied = json!({ "__type": "AccessDeniedException", "Message": words }).to_string();
        let (clients, _) = replay(vec![(403, &denied)]);
        let failure = Provider::<Function>::create(&Lambda::new(&clients), &want(), &task()).await.unwrap_err();
        assert!(failure.hint.unwrap().contains("in the policy of the image's repository"));
    }

    #[tokio::test]
    async fn only_settings_that_differ_are_reset() {
        let mut found = found().await;
        found.live.dead_letters = "arn:aws:sqs:eu-central-1:123456789012:q".into();
        found.live.ephemeral_mb = 1024;
        found.live.file_systems = vec!["arn:fs at /mnt/x".into()];
        found.live.snap_start = "PublishedVersions".into();
        found.live.tracing = "Active".into();
        let (clients, http) = replay(vec![(200, &said("Active", "Successful"))]);
        Provider::<Function>::update(&Lambda::new(&clients), &want(), &found, &task()).await.unwrap();
        let sent = &requests(&http)[0];
        for part in [
            r#""DeadLetterConfig":{"TargetArn":""}"#,
            r#""EphemeralStorage":{"Size":512}"#,
            r#""FileSystemConfigs":[]"#,
            r#""SnapStart":{"ApplyOn":"None"}"#,
            r#""TracingConfig":{"Mode":"PassThrough"}"#,
        ] {
            assert!(sent.contains(part), "{part} in {sent}");
        }
        let mut found = super::super::sample::found().await;
        found.live.timeout_s = 3;
        let (clients, http) = replay(vec![(200, &said("Active", "Successful"))]);
        Provider::<Function>::update(&Lambda::new(&clients), &want(), &found, &task()).await.unwrap();
        let sent = &requests(&http)[0];
        for part in ["DeadLetter", "Ephemeral", "FileSystem", "SnapStart", "Tracing", "Vpc", "KMSKey", "ImageConfig"] {
            assert!(!sent.contains(part), "{part} in {sent}");
        }
    }

    #[tokio::test]
    async fn a_vpc_is_sent_only_if_the_stack_file_has_one_or_to_leave_another() {
        let vpc = Vpc::new(&["subnet-1".into()], &["sg-1".into()]);
        let want_inside = Function { vpc, timeout_s: 4, ..want() };
        let (clients, http) = replay(vec![(201, &said("Active", "Successful")), (200, &said("Active", "Successful"))]);
        let lambda = Lambda::new(&clients);
        Provider::<Function>::create(&lambda, &want_inside, &task()).await.unwrap();
        Provider::<Function>::update(&lambda, &want_inside, &found().await, &task()).await.unwrap();
        for request in requests(&http) {
            let inside =
                json!({ "Ipv6AllowedForDualStack": false, "SecurityGroupIds": ["sg-1"], "SubnetIds": ["subnet-1"] });
            assert_eq!(body(&request)["VpcConfig"], inside, "{request}");
        }
        let mut found = found().await;
        found.live.vpc = Vpc::new(&["subnet-9".into()], &["sg-9".into()]);
        let (clients, http) = replay(vec![(201, &said("Active", "Successful")), (200, &said("Active", "Successful"))]);
        let lambda = Lambda::new(&clients);
        Provider::<Function>::create(&lambda, &want(), &task()).await.unwrap();
        Provider::<Function>::update(&lambda, &want(), &found, &task()).await.unwrap();
        let [made, updated] = requests(&http).try_into().unwrap();
        assert_eq!(body(&made).get("VpcConfig"), None, "{made}");
        let outside = json!({ "Ipv6AllowedForDualStack": false, "SecurityGroupIds": [], "SubnetIds": [] });
        assert_eq!(body(&updated)["VpcConfig"], outside, "{updated}");
    }

    #[tokio::test]
    async fn a_key_of_another_account_is_taken_away_with_an_empty_one() {
        let mut found = found().await;
        found.live.kms_key = "arn:aws:kms:eu-central-1:999999999999:key/k".into();
        let (clients, http) = replay(vec![(200, &said("Active", "Successful"))]);
        Provider::<Function>::update(&Lambda::new(&clients), &want(), &found, &task()).await.unwrap();
        assert_eq!(body(&requests(&http)[0])["KMSKeyArn"], "");
    }

    #[tokio::test]
    async fn the_queue_for_failed_events_is_sent_with_every_change() {
        let queue = "arn:aws:sqs:eu-central-1:123456789012:demo-dead";
        let want = Function { dead_letters: Some(queue.into()), ..want() };
        let (clients, http) = replay(vec![(201, &said("Active", "Successful")), (200, &said("Active", "Successful"))]);
        let lambda = Lambda::new(&clients);
        Provider::<Function>::create(&lambda, &want, &task()).await.unwrap();
        Provider::<Function>::update(&lambda, &want, &found().await, &task()).await.unwrap();
        let sent = format!(r#""DeadLetterConfig":{{"TargetArn":"{queue}"}}"#);
        assert!(requests(&http).iter().all(|request| request.contains(&sent)), "{:?}", requests(&http));
    }

    #[tokio::test]
    async fn settings_with_calls_of_their_own_are_corrected_by_these() {
        let mut found = found().await;
        found.live.reserved_concurrency = Some(0);
        found.live.access.recursion = Ok("Allow".into());
        found.live.access.runtime_updates = Ok("Manual".into());
        let (clients, http) =
            replay(vec![(204, ""), (200, "{}"), (200, r#"{"UpdateRuntimeOn":"Auto","FunctionArn":"a"}"#)]);
        Provider::<Function>::update(&Lambda::new(&clients), &want(), &found, &task()).await.unwrap();
        let requests = requests(&http);
        assert!(requests[0].starts_with("DELETE /2017-10-31/functions/demo-f/concurrency"), "{requests:?}");
        assert!(requests[1].contains(r#"{"RecursiveLoop":"Terminate"}"#), "{requests:?}");
        assert!(requests[2].contains(r#""UpdateRuntimeOn":"Auto""#), "{requests:?}");
    }
}
