//! Calls a function without its gateway.

use std::collections::BTreeMap;

use aws_sdk_lambda::primitives::Blob;
use serde_json::Value;

use super::Lambda;
use crate::aws::error::OrFail;
use crate::engine::Failure;
use crate::secret::SecretValue;

/// The kind of a function's answer, without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invoked {
    Status(u16),
    /// The answer is not an HTTP response: it has no status code.
    Something,
    /// The function failed.
    Broken,
}

impl Lambda {
    /// The environment variables of a function, as the stack set them.
    pub async fn variables(&self, function: &str) -> Result<BTreeMap<String, String>, Failure> {
        let found = self.client.get_function().function_name(function).send().await;
        let found = found.or_fail(&format!("read the settings of the function {function}"))?;
        let environment = found.configuration.and_then(|settings| settings.environment);
        let variables = environment.and_then(|environment| environment.variables);
        Ok(variables.unwrap_or_default().into_iter().collect())
    }

    /// The address from which the code of a function can be downloaded; `None` if it is a container image. Whoever has the
    /// address can download the code, so it is secret.
    pub async fn code_url(&self, function: &str) -> Result<Option<SecretValue>, Failure> {
        let found = self.client.get_function().function_name(function).send().await;
        let found = found.or_fail(&format!("read the code of the function {function}"))?;
        let code = found.code.filter(|code| code.repository_type() == Some("S3"));
        Ok(code.and_then(|code| code.location).map(SecretValue::new))
    }

    /// Calls a function with this event and waits for its answer. The event may contain a token.
    pub async fn invoke(&self, function: &str, event: &SecretValue) -> Result<Invoked, Failure> {
        let payload = Blob::new(event.reveal().as_bytes());
        let answer = self.client.invoke().function_name(function).payload(payload).send().await;
        let answer = answer.or_fail(&format!("call the function {function}"))?;
        if answer.function_error.is_some() {
            return Ok(Invoked::Broken);
        }
        let body: Value =
            answer.payload.and_then(|body| serde_json::from_slice(body.as_ref()).ok()).unwrap_or_default();
        let status = body["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
        Ok(status.map_or(Invoked::Something, Invoked::Status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    #[tokio::test]
    async fn an_invocation_returns_only_the_status() {
        for (body, expected) in [
            (r#"{"statusCode":401,"body":"{}"}"#, Invoked::Status(401)),
            (r#""hello""#, Invoked::Something),
            ("", Invoked::Something),
        ] {
            let (clients, http) = replay(vec![(200, body)]);
            let invoked = Lambda::new(&clients).invoke("demo-F", &SecretValue::new("{}".to_owned())).await;
            assert_eq!(invoked, Ok(expected), "{body}");
            assert!(asked(&http)[0].0.contains("/functions/demo-F/invocations"));
        }
    }
}
