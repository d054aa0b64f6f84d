//! `parameters` of a route: the query parameters and headers that requests must have.

use super::{Api, ApiKind};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{List, Nested};
use crate::spec::reader::{Reader, Table};
use crate::spec::section::section;

section! {
    PARAMETERS: ParametersKeys = "parameters";
    query: List = texts("The parameters that the query must have, by name.");
    headers: List = texts("The headers that the request must have, by name.");
}

/// The query parameters and headers that requests must have, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    pub query: Vec<String>,
    pub headers: Vec<String>,
}

impl Parameters {
    pub fn is_empty(&self) -> bool {
        self.query.is_empty() && self.headers.is_empty()
    }
}

pub(super) fn parameters(reader: &mut Reader, table: &Table, key: &Nested<ParametersKeys>) -> Parameters {
    let ParametersKeys { query, headers } = &PARAMETERS;
    let Some(inner) = reader.table(table, key) else { return Parameters::default() };
    let names = |reader: &mut Reader, key: &List| {
        let names = reader.list(&inner, key);
        let sound =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        for (name, span) in names.iter().filter(|(name, _)| !sound(name)) {
            let help = "use letters, digits, and . _ -".to_owned();
            reader.diagnostic(span, format!("{name:?} is not the name of a parameter"), Some(help));
        }
        names.into_iter().map(|(name, _)| name).collect()
    };
    Parameters { query: names(reader, query), headers: names(reader, headers) }
}

/// Reports `parameters` of an HTTP API, which does not check them.
pub(super) fn without_effect(api: &Api) -> Vec<Diagnostic> {
    let given = |route: &super::Route| api.kind == ApiKind::Http && !route.parameters.is_empty();
    let routes = api.routes.iter().enumerate().filter(|(_, route)| given(route));
    let flaw = |(index, _)| {
        let message = "`parameters`: an HTTP API does not validate parameters";
        let help = "use `kind = \"rest\"` for the API, or remove the key and look for them in the function";
        Diagnostic::new(format!("routes.{index}.parameters"), message).help(help)
    };
    routes.map(flaw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    #[test]
    fn parameters_are_names_and_for_rest_apis() {
        let file = |kind: &str, parameters: &str| {
            parse(&format!(
                "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[api]\nkind = \"{kind}\"\n[[api.routes]]\n\
                 route = \"GET /a\"\nfunction = \"F\"\nauth = \"none\"\nparameters = {{ {parameters} }}"
            ))
        };
        let sound = file("rest", "query = [\"from\"], headers = [\"X-Tenant\"]").expect("sound");
        let route = &sound.api.expect("an API").routes[0];
        assert_eq!(route.parameters, Parameters { query: vec!["from".into()], headers: vec!["X-Tenant".into()] });
        let wrong = file("rest", "query = [\"a b\"]").expect_err("no name");
        assert!(wrong[0].message.contains("not the name of a parameter"), "{wrong:?}");
        let http = file("http", "query = [\"from\"]").expect_err("no effect");
        assert!(http[0].message.starts_with("`parameters`: an HTTP API"), "{http:?}");
        assert!(file("http", "").is_ok());
    }
}
