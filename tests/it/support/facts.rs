//! AWS's answers, from the tables in `tests/it/facts` (see the README there).

use std::path::Path;
use std::sync::OnceLock;

use serde::Deserialize;

use super::proxy::{AwsRequest, Fault};

/// One error with which AWS answers some operations.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    pub id: Option<String>,
    pub on: Vec<String>,
    pub code: String,
    pub status: u16,
    #[serde(default)]
    pub message: String,
    pub known: Known,
    pub source: String,
    pub is: Vec<String>,
}

/// An answer of the gateway to the caller of a route.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub status: u16,
    pub words: String,
    pub known: Known,
    pub source: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Known {
    Recorded,
    Documented,
    Observed,
    Assumed,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tables {
    #[serde(default)]
    pub fact: Vec<Fact>,
    #[serde(default)]
    pub answer: Vec<Answer>,
}

pub fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut all = Tables::default();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/facts");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let text = std::fs::read_to_string(&path).unwrap();
                let one: Tables = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                all.fact.extend(one.fact);
                all.answer.extend(one.answer);
            }
        }
        all
    })
}

impl Fact {
    /// Whether an operation, such as `sns CreateTopic`, can answer with it.
    pub fn covers(&self, operation: &str) -> bool {
        self.on.iter().any(|on| {
            let of_service = operation.split_once(' ').is_some_and(|(service, _)| service == on);
            of_service || on.eq_ignore_ascii_case(operation)
        })
    }
}

/// The fact with this id.
#[track_caller]
pub fn recorded(id: &str) -> &'static Fact {
    let fact = tables().fact.iter().find(|fact| fact.id.as_deref() == Some(id));
    fact.unwrap_or_else(|| panic!("tests/it/facts has no {id}"))
}

/// The refusal with this id, with these names filled in. The tests' proxy must take AWS's refusals from here.
#[track_caller]
pub fn recorded_refusal(id: &str, names: &[(&str, &str)]) -> Fault {
    let fact = recorded(id);
    let fill = |text: String, (name, value): &(&str, &str)| text.replace(&format!("{{{name}}}"), value);
    let message = names.iter().fold(fact.message.clone(), fill);
    assert!(!message.contains('{'), "{id} wants names: {message}");
    Fault::new(fact.status, &fact.code, &message)
}

/// Like [`recorded_refusal`], as an answer to a request. Fails if the tables do not list the refusal for the operation
/// of the request.
#[track_caller]
pub fn recorded_refusal_of(asked: &AwsRequest, id: &str, names: &[(&str, &str)]) -> Fault {
    assert!(recorded(id).covers(&asked.name()), "tests/it/facts does not know {id} of {}", asked.name());
    recorded_refusal(id, names)
}
