//! Answers that API Gateway gives itself, without a function.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_apigateway::types::{self, ContentHandlingStrategy};

use super::super::error::OrFail;
use super::route_settings::{or_none, pairs};
use super::{ApiGateway, LiveIntegration, Method, listed};
use crate::engine::{Cause, Comparison, Effect, Failure, Task};

/// Templates work on text. An API with binary media types would give them bytes (docs/aws.md, Mocks).
pub(super) const TEXT: ContentHandlingStrategy = ContentHandlingStrategy::ConvertToText;

/// The content type whose template is also used for requests without a content type.
const JSON: &str = "application/json";

/// The prefix of the parameters that set an answer's headers.
const HEADER: &str = "method.response.header.";

/// The headers by which a browser lets pages of other origins read an answer.
pub(super) const OPENING: [&str; 2] = ["access-control-allow-origin", "access-control-allow-credentials"];

/// An answer that API Gateway gives itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mock {
    pub status: u16,
    /// Header values without quotes in them, by name.
    pub headers: BTreeMap<String, String>,
    /// The body's template, in Velocity's language.
    pub template: String,
    /// Whether requests with a body that is no JSON are refused. Otherwise API Gateway answers 500 to them, because it
    /// finds no template with the status (docs/aws.md, Mocks).
    pub refuses_other_bodies: bool,
}

/// An integration response as AWS has it: it turns the integration's answer into the method's.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveAnswer {
    /// Values of headers: text in single quotes, or a part of the answer.
    pub parameters: BTreeMap<String, String>,
    /// Bodies by content type.
    pub templates: BTreeMap<String, String>,
    pub content_handling: Option<String>,
}

impl LiveAnswer {
    pub(super) fn of(answer: types::IntegrationResponse) -> Self {
        Self {
            parameters: answer.response_parameters.unwrap_or_default().into_iter().collect(),
            templates: answer.response_templates.unwrap_or_default().into_iter().collect(),
            content_handling: answer.content_handling.map(|handling| handling.as_str().to_owned()),
        }
    }
}

impl std::fmt::Display for LiveAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let handling = or_none(self.content_handling.as_deref());
        let (parameters, templates) = (pairs(&self.parameters, "="), pairs(&self.templates, " "));
        write!(f, "responseParameters {parameters}, responseTemplates {templates}, contentHandling {handling}")
    }
}

/// A header's value that is the same for every request.
pub(super) fn literal(value: &str) -> String {
    format!("'{value}'")
}

impl Mock {
    /// The request template, which tells API Gateway the status of the answer.
    pub(crate) fn request_templates(&self) -> HashMap<String, String> {
        HashMap::from([(JSON.to_owned(), format!(r#"{{"statusCode":{}}}"#, self.status))])
    }

    /// The handling of requests whose content type has no template; `None` for AWS's default.
    pub(crate) fn passthrough(&self) -> Option<&'static str> {
        self.refuses_other_bodies.then_some("NEVER")
    }

    /// The headers that the method declares, by status.
    pub(super) fn declared(&self) -> BTreeMap<String, BTreeSet<String>> {
        let names = self.headers.keys().map(|name| format!("{HEADER}{name}")).collect();
        BTreeMap::from([(self.status.to_string(), names)])
    }

    pub(crate) fn answer(&self) -> LiveAnswer {
        LiveAnswer {
            parameters: self.headers.iter().map(|(name, value)| (format!("{HEADER}{name}"), literal(value))).collect(),
            templates: BTreeMap::from([(JSON.to_owned(), self.template.clone())]),
            content_handling: Some(TEXT.as_str().to_owned()),
        }
    }

    /// Calls `part` with each setting that a deployment contains.
    pub(super) fn parts(&self, part: &mut impl FnMut(&str)) {
        part(&format!("mock {} {}", self.status, self.template));
        for (name, value) in &self.headers {
            part(&format!("{name}: {value}"));
        }
    }

    /// `field` begins the names of the fields.
    pub(super) fn compare(&self, field: &str, live: &LiveIntegration) -> Comparison {
        let templates: BTreeMap<String, String> = self.request_templates().into_iter().collect();
        let (want, all) = (self.answer(), &live.answers);
        let status = self.status.to_string();
        let is = all.get(&status);
        let others = all.iter().filter(|(code, _)| **code != status).map(|(code, answer)| format!("{code} {answer}"));
        let others: Vec<String> = others.collect();
        let same = is == Some(&want);
        let opens = |answer: &LiveAnswer| self.opens(&want, answer);
        let effect = if same { Effect::Same } else { Effect::of_difference(is.is_some_and(opens)) };
        let mut compared = Comparison::default();
        if let Some(passthrough) = self.passthrough() {
            let live = live.passthrough.as_deref().unwrap_or("WHEN_NO_MATCH");
            compared = compared.plain(format!("{field}.passthroughBehavior"), passthrough, live);
        }
        compared
            .plain(format!("{field}.requestTemplates"), pairs(&templates, " "), pairs(&live.templates, " "))
            .plain(format!("{field}.contentHandling"), TEXT.as_str(), or_none(live.content_handling.as_deref()))
            .judged(
                format!("{field}.integrationResponses.{status}"),
                &want,
                is.map_or("none".to_owned(), LiveAnswer::to_string),
                effect,
            )
            .plain(
                format!("{field}.integrationResponses"),
                "no others",
                if others.is_empty() { "no others".to_owned() } else { listed(others) },
            )
    }

    /// Whether an answer lets pages of other origins read it, or has a template that may override headers to do so.
    fn opens(&self, want: &LiveAnswer, live: &LiveAnswer) -> bool {
        let opening = |name: &String| OPENING.iter().any(|header| name.to_lowercase().ends_with(header));
        let header =
            live.parameters.iter().any(|(name, value)| opening(name) && want.parameters.get(name) != Some(value));
        let overrides = |text: &String| text.contains("responseOverride") && *text != self.template;
        header || live.templates.values().any(overrides)
    }
}

impl ApiGateway {
    /// Declares the answer of a mock and its headers, then sets their values. The method is new, so an answer that is
    /// declared already comes from an earlier attempt that was not answered.
    pub(super) async fn put_answer(
        &self,
        api: &str,
        name: &str,
        method: &Method,
        mock: &Mock,
        task: &Task,
    ) -> Result<(), Failure> {
        let status = mock.status.to_string();
        let declared = mock.declared().remove(&status).unwrap_or_default();
        let put = self.write(api, task, &[], || async {
            let call = self.client.put_method_response().rest_api_id(api).resource_id(&method.resource_id);
            let call = call.http_method(&method.http_method).status_code(&status);
            let declared = declared.iter().map(|header| (header.clone(), false)).collect();
            let call = call.set_response_parameters(Some(declared));
            call.send().await.or_fail(&format!("declare the answer of {name}")).map(drop)
        });
        match put.await {
            Err(failure) if failure.cause != Cause::Exists => return Err(failure),
            _ => {}
        }
        let answer = mock.answer();
        let put = self.write(api, task, &[], || async {
            let call = self.client.put_integration_response().rest_api_id(api).resource_id(&method.resource_id);
            let call = call.http_method(&method.http_method).status_code(&status).content_handling(TEXT);
            let call = call.set_response_parameters(Some(answer.parameters.clone().into_iter().collect()));
            let call = call.set_response_templates(Some(answer.templates.clone().into_iter().collect()));
            call.send().await.or_fail(&format!("put the answer of {name}")).map(drop)
        });
        put.await
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Answering, Integration, TIMEOUT_MS};
    use super::*;

    fn mock() -> Mock {
        let headers = BTreeMap::from([("Access-Control-Allow-Origin".to_owned(), "https://a.example.com".to_owned())]);
        Mock { status: 204, headers, template: String::new(), refuses_other_bodies: false }
    }

    fn live() -> LiveIntegration {
        LiveIntegration {
            kind: "MOCK".into(),
            // An emulator returns an HTTP method that nobody set.
            http_method: "POST".into(),
            timeout_ms: TIMEOUT_MS,
            templates: mock().request_templates().into_iter().collect(),
            content_handling: Some("CONVERT_TO_TEXT".into()),
            answers: BTreeMap::from([("204".to_owned(), mock().answer())]),
            ..LiveIntegration::default()
        }
    }

    #[test]
    fn an_answer_weakens_if_pages_of_other_origins_may_read_it() {
        let want = Integration { answer: Answering::Mock(mock()), timeout_ms: TIMEOUT_MS };
        assert!(want.compare("", Some(&live())).is_as_wanted());
        let with = |change: fn(&mut LiveAnswer)| {
            let mut live = live();
            live.answers.values_mut().for_each(change);
            live
        };
        let origin = "method.response.header.Access-Control-Allow-Origin";
        let table = [
            (with(|live| live.parameters.clear()), false),
            (with(|live| live.content_handling = None), false),
            (LiveIntegration { answers: BTreeMap::new(), ..live() }, false),
            (with(|live| _ = live.templates.insert(JSON.into(), "{}".into())), false),
            (
                with(|live| {
                    _ = live.templates.insert(JSON.into(), "#set($context.responseOverride.status = 200)".into());
                }),
                true,
            ),
            (
                with(|live| {
                    _ = live
                        .parameters
                        .insert("method.response.header.Access-Control-Allow-Credentials".into(), "'true'".into());
                }),
                true,
            ),
            (
                {
                    let mut live = live();
                    live.answers.values_mut().for_each(|live| _ = live.parameters.insert(origin.into(), "'*'".into()));
                    live
                },
                true,
            ),
        ];
        for (live, weakens) in table {
            let drift = want.compare("OPTIONS /x", Some(&live)).drift();
            assert_eq!((drift.len(), drift[0].weakens), (1, weakens), "{drift:?}");
            assert_eq!(drift[0].field, "OPTIONS /x methodIntegration.integrationResponses.204");
        }
    }
}
