//! The CORS configuration of an HTTP API: the rules for pages of other origins that call it.

use std::collections::BTreeSet;

use aws_sdk_apigatewayv2::types;

use super::listed;
use crate::engine::{Comparison, Effect};

/// A CORS configuration: the rights that browsers give to pages of other origins. AWS may change the case of names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HttpCors {
    /// The origins whose pages may read answers.
    pub origins: Vec<String>,
    /// The request headers that these pages may send.
    pub headers: Vec<String>,
    pub methods: Vec<String>,
    /// The answers' headers that these pages may read.
    pub exposed: Vec<String>,
    /// Whether requests contain cookies.
    pub credentials: bool,
    /// How long browsers cache the answer to a preflight request, in seconds.
    pub max_age_s: Option<i32>,
}

impl HttpCors {
    pub(super) fn of(cors: types::Cors) -> Self {
        Self {
            origins: cors.allow_origins.unwrap_or_default(),
            headers: cors.allow_headers.unwrap_or_default(),
            methods: cors.allow_methods.unwrap_or_default(),
            exposed: cors.expose_headers.unwrap_or_default(),
            credentials: cors.allow_credentials.unwrap_or_default(),
            max_age_s: cors.max_age,
        }
    }

    /// The whole configuration: AWS replaces the one that it has.
    pub(super) fn sent(&self) -> types::Cors {
        types::Cors::builder()
            .set_allow_origins(Some(self.origins.clone()))
            .set_allow_headers(Some(self.headers.clone()))
            .set_allow_methods(Some(self.methods.clone()))
            .set_expose_headers(Some(self.exposed.clone()))
            .allow_credentials(self.credentials)
            .set_max_age(self.max_age_s)
            .build()
    }

    /// Adds the settings to a comparison. `None` is no configuration at all.
    pub(super) fn compare(compared: Comparison, want: Option<&Self>, live: Option<&Self>) -> Comparison {
        let Some(want) = want else { return Self::unwanted(compared, live) };
        let none = Self::default();
        let live = live.unwrap_or(&none);
        let lists = [
            ("AllowOrigins", &want.origins, &live.origins),
            ("AllowHeaders", &want.headers, &live.headers),
            ("AllowMethods", &want.methods, &live.methods),
            ("ExposeHeaders", &want.exposed, &live.exposed),
        ];
        let mut compared = compared;
        for (field, want, live) in lists {
            let (wanted, is) = (set(want), set(live));
            // A missing entry lets pages do less, so it does not weaken.
            let less = is.is_subset(&wanted);
            let effect = if less { Effect::differs_unless(is == wanted) } else { Effect::Weakens };
            compared = compared.judged(format!("CorsConfiguration.{field}"), listed(want), listed(live), effect);
        }
        let credentials = match (want.credentials, live.credentials) {
            (want, live) if want == live => Effect::Same,
            (_, live) => Effect::of_difference(live),
        };
        let age = |age: Option<i32>| age.map_or("none".to_owned(), |seconds| seconds.to_string());
        compared.judged("CorsConfiguration.AllowCredentials", want.credentials, live.credentials, credentials).plain(
            "CorsConfiguration.MaxAge",
            age(want.max_age_s),
            age(live.max_age_s),
        )
    }

    /// Compares with no configuration. A live one weakens only if it names an origin, because a browser then lets pages
    /// read answers.
    fn unwanted(compared: Comparison, live: Option<&Self>) -> Comparison {
        let effect = live.map_or(Effect::Same, |live| Effect::of_difference(!live.origins.is_empty()));
        compared.judged("CorsConfiguration", "none", live.map_or("none".to_owned(), Self::to_string), effect)
    }
}

fn set(all: &[String]) -> BTreeSet<String> {
    all.iter().map(|one| one.to_lowercase()).collect()
}

impl std::fmt::Display for HttpCors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { origins, headers, methods, exposed, credentials, .. } = self;
        let [origins, headers, methods, exposed] = [origins, headers, methods, exposed].map(listed);
        write!(
            f,
            "AllowOrigins {origins}, AllowHeaders {headers}, AllowMethods {methods}, ExposeHeaders {exposed}, \
             AllowCredentials {credentials}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want() -> HttpCors {
        HttpCors {
            origins: vec!["https://app.example.com".into()],
            headers: vec!["Authorization".into()],
            methods: vec!["GET".into()],
            exposed: Vec::new(),
            credentials: false,
            max_age_s: Some(600),
        }
    }

    #[test]
    fn whatever_lets_pages_do_more_weakens_and_less_does_not() {
        let drift = |live: &HttpCors| HttpCors::compare(Comparison::default(), Some(&want()), Some(live)).drift();
        let lower = HttpCors { headers: vec!["authorization".into()], ..want() };
        assert_eq!((drift(&want()), drift(&lower)), (vec![], vec![]));
        let evil = || vec!["https://app.example.com".to_owned(), "https://evil.example".to_owned()];
        for (live, field, weakens) in [
            (HttpCors { origins: vec!["*".into()], ..want() }, "AllowOrigins", true),
            (HttpCors { origins: evil(), ..want() }, "AllowOrigins", true),
            (HttpCors { origins: Vec::new(), ..want() }, "AllowOrigins", false),
            (HttpCors { headers: vec!["*".into()], ..want() }, "AllowHeaders", true),
            (HttpCors { methods: vec!["GET".into(), "PUT".into()], ..want() }, "AllowMethods", true),
            (HttpCors { methods: Vec::new(), ..want() }, "AllowMethods", false),
            (HttpCors { exposed: vec!["X-Secret".into()], ..want() }, "ExposeHeaders", true),
            (HttpCors { credentials: true, ..want() }, "AllowCredentials", true),
            (HttpCors { max_age_s: None, ..want() }, "MaxAge", false),
        ] {
            let drift = drift(&live);
            assert_eq!((drift.len(), drift[0].weakens), (1, weakens), "{live}");
            assert_eq!(drift[0].field, format!("CorsConfiguration.{field}"));
        }
        let gone = HttpCors::compare(Comparison::default(), Some(&want()), None).drift();
        assert!(!gone.is_empty() && gone.iter().all(|drift| !drift.weakens));
        let unwanted = |live: &HttpCors| HttpCors::compare(Comparison::default(), None, Some(live)).drift()[0].weakens;
        assert!(unwanted(&want()) && !unwanted(&HttpCors::default()), "without an origin nobody may read an answer");
    }
}
