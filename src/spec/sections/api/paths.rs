//! The method and the path of a route.

use crate::spelling::nearest;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadRoute {
    pub(super) message: String,
    pub(super) help: String,
}

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"];

/// Splits a route such as `POST /items/{id}` into its method and path.
pub(super) fn method_and_path(route: &str) -> Result<(String, String), BadRoute> {
    let wrong = |message: String| BadRoute { message, help: "write it as \"POST /items/{id}\"".to_owned() };
    let (method, path) = route
        .split_once(' ')
        .ok_or_else(|| wrong(format!("{route:?} is not a route: a route is a method and a path")))?;
    if !METHODS.contains(&method) {
        let message = format!("{method:?} is not a method: use one of {}", METHODS.join(", "));
        return Err(match nearest(method, &METHODS) {
            Some(near) => BadRoute { message, help: format!("did you mean {near}?") },
            None => wrong(message),
        });
    }
    path_parts(path).map_err(wrong)?;
    Ok((method.to_owned(), path.to_owned()))
}

/// Whether API Gateway takes a path (docs/aws.md, Paths, methods and integrations).
fn path_parts(path: &str) -> Result<(), String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(format!("the path {path:?} must begin with a slash"));
    };
    if rest.is_empty() {
        return Ok(());
    }
    if rest.ends_with('/') {
        return Err(format!("the path {path:?} must not end with a slash"));
    }
    let parts: Vec<&str> = rest.split('/').collect();
    let mut names = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let Some(parameter) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
            let fits = !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c));
            if !fits {
                return Err(format!(
                    "{part:?} is not a valid part of a path: use one or more of A-Z, a-z, 0-9, . _ - and :"
                ));
            }
            continue;
        };
        let name = parameter.strip_suffix('+').unwrap_or(parameter);
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
            return Err(format!("{part:?} is not a valid path parameter: write {{name}} or {{name+}}"));
        }
        if parameter.ends_with('+') && index + 1 < parts.len() {
            return Err(format!("{part:?} must be the last part of the path, because it is greedy"));
        }
        if names.contains(&name) {
            return Err(format!("the path parameter {name} occurs twice"));
        }
        names.push(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_split_into_method_and_path() {
        assert_eq!(method_and_path("POST /lambda1"), Ok(("POST".into(), "/lambda1".into())));
        assert_eq!(method_and_path("GET /"), Ok(("GET".into(), "/".into())));
        assert_eq!(method_and_path("ANY /a/{id}/{rest+}"), Ok(("ANY".into(), "/a/{id}/{rest+}".into())));
        for bad in [
            "POST",
            "post /a",
            "GET a",
            "GET /a//b",
            "GET /{a+}/b",
            "GET /{}",
            "GET /{a}/{a}",
            "GET /a b",
            "GET /a/",
            "GET /{a++}",
        ] {
            assert!(method_and_path(bad).is_err(), "{bad}");
        }
    }
}
