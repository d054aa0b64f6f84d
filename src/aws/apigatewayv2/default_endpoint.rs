//! The closed default endpoint of an HTTP API: the host name that AWS gave it. It is a resource of its own, because it
//! is closed after the custom domain, by which callers reach the API from then on. [`HttpApi`](super::HttpApi) opens it
//! again.

use serde::{Deserialize, Serialize};

use super::super::error::{OrAbsent, OrFail};
use super::{ApiGatewayV2, BELOW, READ};
use crate::aws::apigateway::SERVICE;
use crate::aws::kind::{CleanupGroup, Described, Kind, Listed, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::engine::{Comparison, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;

/// AWS's name of the setting.
pub(super) const CLOSED: &str = "DisableExecuteApiEndpoint";

/// The closed default endpoint of an HTTP API.
#[derive(Debug, Clone)]
pub struct HttpDefaultEndpoint {
    pub api_id: String,
}

/// The outputs are also the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpDefaultEndpointOutputs {
    pub api_id: String,
}

impl Resource for HttpDefaultEndpoint {
    const KIND: &'static str = "apigatewayv2.default_endpoint";
    const GOES_WITH_PARENT: bool = true;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true;
    type Key = HttpDefaultEndpointOutputs;
    type Outputs = HttpDefaultEndpointOutputs;
    /// Whether it is closed.
    type Live = bool;

    fn key(&self) -> HttpDefaultEndpointOutputs {
        HttpDefaultEndpointOutputs { api_id: self.api_id.clone() }
    }

    fn identity(outputs: &HttpDefaultEndpointOutputs) -> String {
        outputs.api_id.clone()
    }

    fn removal_command(_: &HttpDefaultEndpointOutputs) -> Option<String> {
        None
    }

    fn compare(&self, live: &bool) -> Comparison {
        Comparison::default().guard(CLOSED, true, live)
    }
}

impl Described for HttpDefaultEndpoint {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "disabled default endpoint of an HTTP API",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::ApiGateway,
        gone_before: &[],
        permissions: &[
            READ,
            StatementTemplate {
                sid: Sid::OwnHttpApis,
                on: BELOW,
                rights: &[Permissions { needs: &[Usage::Create, Usage::Update], actions: &["apigateway:PATCH"] }],
            },
        ],
        rates: &[],
        check: SettingsCheck {
            layer: Layer::Authorization,
            subject: "HTTP API",
            holds: "the host name that AWS gave it is closed",
            read: "GetApi",
        },
    };
}

impl Provider<HttpDefaultEndpoint> for ApiGatewayV2 {
    async fn read(
        &self,
        key: &HttpDefaultEndpointOutputs,
        _: Option<&HttpDefaultEndpointOutputs>,
        _: &Task,
    ) -> Result<Option<Found<HttpDefaultEndpoint>>, Failure> {
        let api = self.client.get_api().api_id(&key.api_id).send().await;
        let api = api.or_fail(&format!("read the HTTP API {}", key.api_id)).or_absent()?;
        let live = api.map(|api| api.disable_execute_api_endpoint.unwrap_or_default());
        Ok(live.map(|live| Found { outputs: key.clone(), live }))
    }

    /// A new API is created with a closed default endpoint. That of an existing API may be open.
    async fn create(&self, want: &HttpDefaultEndpoint, task: &Task) -> Result<HttpDefaultEndpointOutputs, Failure> {
        let closed = self.write(&want.api_id, task, &[], || async {
            let call = self.client.update_api().api_id(&want.api_id).disable_execute_api_endpoint(true);
            call.send().await.or_fail(&format!("close the host name of the HTTP API {}", want.api_id))
        });
        closed.await?;
        Ok(want.key())
    }

    async fn update(
        &self,
        want: &HttpDefaultEndpoint,
        _: &Found<HttpDefaultEndpoint>,
        task: &Task,
    ) -> Result<HttpDefaultEndpointOutputs, Failure> {
        Provider::<HttpDefaultEndpoint>::create(self, want, task).await
    }

    /// Does nothing: the [`HttpApi`](super::HttpApi) opens the endpoint before anything is removed.
    async fn delete(&self, _: &HttpDefaultEndpointOutputs, _: &Task) -> Result<(), Failure> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    fn task() -> Task {
        Task::detached("api.http-default-endpoint")
    }

    #[tokio::test]
    async fn an_open_host_name_weakens_and_is_closed_alone() {
        let want = HttpDefaultEndpoint { api_id: "abc".into() };
        let absent = r#"{"__type":"NotFoundException"}"#;
        let (open, closed) = (r#"{"apiId":"abc"}"#, r#"{"apiId":"abc","disableExecuteApiEndpoint":true}"#);
        let (clients, http) = replay(vec![(200, open), (200, closed), (404, absent), (200, closed)]);
        let gateway = ApiGatewayV2::new(&clients);
        let read = async || Provider::<HttpDefaultEndpoint>::read(&gateway, &want.key(), None, &task()).await;
        let found = read().await.expect("no failure").expect("found");
        assert!(want.drift(&found.live)[0].weakens);
        assert_eq!(want.drift(&read().await.expect("no failure").expect("found").live), []);
        assert!(read().await.expect("no failure").is_none());
        Provider::<HttpDefaultEndpoint>::update(&gateway, &want, &found, &task()).await.expect("closed");
        assert_eq!(asked(&http)[3].1, r#"{"disableExecuteApiEndpoint":true}"#);
    }
}
