//! S3, which stores the states of teams and pipelines. No stack contains a bucket.

pub mod bucket;
pub mod refusals;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use self::refusals::{CONDITION, CONFLICT, ELSEWHERE, NO_BUCKET, NO_OBJECT};
use super::error::OrFail;
use super::refusals::DENIED;
use super::retries::client_with;
use super::service::AwsService;
use crate::engine::Failure;
use crate::engine::state::{Answer, StateError, StateErrorKind};
use crate::regions::Service;
use crate::state::{Condition, Object, Objects, Tag, Written};

pub const SERVICE: Service = Service::new("s3", "S3");

pub(super) const ABOUT: AwsService = AwsService {
    names: &[SERVICE.name],
    refusals: refusals::REFUSALS,
    waits: &[],
    #[cfg(test)]
    tests: super::waits::WaitTests::NONE,
};

/// The header in which S3 names the region of a bucket.
const BUCKET_REGION: &str = "x-amz-bucket-region";

/// A bucket that stores states.
pub struct S3 {
    bucket: String,
    sdk: SdkConfig,
    /// Replaced when S3 answers that the bucket is in another region.
    client: RwLock<Arc<Client>>,
}

impl S3 {
    /// Makes no call.
    pub fn new(sdk: &SdkConfig, bucket: &str) -> Self {
        let client = RwLock::new(Arc::new(client_in(sdk, None)));
        Self { bucket: bucket.to_owned(), sdk: sdk.clone(), client }
    }

    fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes a call, a second time if the bucket is in another region than the stack.
    async fn call<T, E, F>(&self, doing: &str, call: impl Fn(Arc<Client>) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let answer = call(self.client()).await;
        let region = answer.as_ref().err().and_then(|error| error.raw_response()?.headers().get(BUCKET_REGION));
        let region = region.map(str::to_owned);
        let failure = match (answer.or_fail(doing), region) {
            (Err(failure), Some(region)) if ELSEWHERE.is(&failure) => (failure, region),
            (answer, _) => return answer,
        };
        tracing::debug!(region = failure.1, "the bucket is in another region");
        let client = Arc::new(client_in(&self.sdk, Some(failure.1)));
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&client);
        call(client).await.or_fail(doing)
    }

    fn now(&self) -> SystemTime {
        self.sdk.time_source().map_or_else(SystemTime::now, |clock| clock.now())
    }

    fn error(&self, failure: &Failure) -> StateError {
        let hint = if NO_BUCKET.is(failure) {
            format!("create it with `securelambda state bucket {}`, or correct its name", self.bucket)
        } else if DENIED.is(failure) {
            "`securelambda policy` prints the permissions; without s3:ListBucket, S3 also denies access to objects that do not exist".to_owned()
        } else {
            failure.hint.clone().unwrap_or_else(|| "try again; nothing was overwritten".to_owned())
        };
        StateError { kind: StateErrorKind::Other, message: failure.to_string(), hint }
    }
}

/// A client in a region; `None`: in the region of the stack.
fn client_in(sdk: &SdkConfig, region: Option<String>) -> Client {
    // Endpoints that are not AWS's have no host for each bucket.
    let path_style = sdk.endpoint_url().is_some();
    client_with!(aws_sdk_s3, sdk, |config: aws_sdk_s3::config::Builder| {
        let config = config.force_path_style(path_style);
        match region {
            Some(region) => config.region(Region::new(region)),
            None => config,
        }
    })
}

/// The answer to a write on a condition.
fn written(answer: Result<Option<String>, Failure>) -> Result<Written, Failure> {
    match answer {
        Ok(tag) => Ok(Written::Yes(Tag(tag.unwrap_or_default()))),
        // If the object must be unchanged and is gone, S3 answers that there is none.
        Err(failure) if CONDITION.is(&failure) || NO_OBJECT.is(&failure) => Ok(Written::No),
        Err(failure) if CONFLICT.is(&failure) => Ok(Written::Conflict),
        Err(failure) => Err(failure),
    }
}

impl Objects for S3 {
    fn place(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Object>> {
        Box::pin(async move {
            let doing = format!("read {}", self.place(key));
            let get =
                |client: Arc<Client>| async move { client.get_object().bucket(&self.bucket).key(key).send().await };
            let answer = match self.call(&doing, get).await {
                Err(failure) if NO_OBJECT.is(&failure) => return Ok(None),
                // S3 also denies access to an object that does not exist, to callers who may list only a part of the
                // bucket (docs/aws.md, S3).
                Err(failure)
                    if DENIED.is(&failure)
                        && self.list(key).await.is_ok_and(|keys| !keys.contains(&key.to_owned())) =>
                {
                    return Ok(None);
                }
                answer => answer.map_err(|failure| self.error(&failure))?,
            };
            let now = self.now();
            let modified = answer.last_modified.and_then(|time| SystemTime::try_from(time).ok());
            let age = modified.and_then(|modified| now.duration_since(modified).ok()).unwrap_or(Duration::ZERO);
            let tag = Tag(answer.e_tag.unwrap_or_default());
            let body = answer.body.collect().await.map_err(|error| {
                self.error(&Failure::refused(format!("could not {doing}: the answer ended early: {error}")))
            })?;
            Ok(Some(Object { body: body.to_vec(), tag, age }))
        })
    }

    fn put<'a>(&'a self, key: &'a str, body: Vec<u8>, when: Condition) -> Answer<'a, Written> {
        Box::pin(async move {
            let (absent, unchanged) = match when {
                Condition::Absent => (Some("*".to_owned()), None),
                Condition::Unchanged(Tag(tag)) => (None, Some(tag)),
            };
            let put = |client: Arc<Client>| {
                let call = client.put_object().bucket(&self.bucket).key(key).content_type("application/json");
                let call = call.set_if_none_match(absent.clone()).set_if_match(unchanged.clone());
                call.body(ByteStream::from(body.clone())).send()
            };
            let answer = self.call(&format!("write {}", self.place(key)), put).await;
            written(answer.map(|answer| answer.e_tag)).map_err(|failure| self.error(&failure))
        })
    }

    fn delete<'a>(&'a self, key: &'a str, version: &'a Tag) -> Answer<'a, ()> {
        Box::pin(async move {
            let delete = |client: Arc<Client>| async move {
                client.delete_object().bucket(&self.bucket).key(key).if_match(&version.0).send().await
            };
            let answer = self.call(&format!("delete {}", self.place(key)), delete).await;
            written(answer.map(|_| None)).map(drop).map_err(|failure| self.error(&failure))
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<String>> {
        Box::pin(async move {
            let doing = format!("list {}", self.place(prefix));
            let (mut keys, mut next) = (Vec::new(), None::<String>);
            loop {
                let page = |client: Arc<Client>| {
                    let call = client.list_objects_v2().bucket(&self.bucket).prefix(prefix).delimiter("/");
                    call.set_continuation_token(next.clone()).send()
                };
                let page = self.call(&doing, page).await.map_err(|failure| self.error(&failure))?;
                keys.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
                next = page.next_continuation_token;
                if next.is_none() {
                    return Ok(keys);
                }
            }
        })
    }

    fn honours_conditions(&self) -> bool {
        self.sdk.endpoint_url().is_none()
    }
}
