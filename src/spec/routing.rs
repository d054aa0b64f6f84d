//! Finds the route of an API that answers a request (docs/aws.md, Which route answers).

use super::{Api, Route};

/// The methods that a route of `ANY` answers.
pub const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// How exactly a route names a request's path and method. The least is the most exact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exactness {
    parts: Vec<Part>,
    any_method: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Literal,
    Parameter,
    Greedy,
}

impl Part {
    fn of(part: &str) -> Self {
        match part {
            greedy if is_greedy(greedy) => Self::Greedy,
            parameter if parameter.starts_with('{') => Self::Parameter,
            _ => Self::Literal,
        }
    }
}

impl Route {
    /// Whether the route's path covers a request's path. A parameter stands for one part or, if it is greedy, for all
    /// that follow.
    pub fn covers(&self, path: &str) -> bool {
        let (mut pattern, mut parts) = (split(&self.path), split(path));
        loop {
            match (pattern.next(), parts.next()) {
                (None, None) => return true,
                (Some(wanted), Some(part)) => match Part::of(wanted) {
                    Part::Literal if wanted == part => {}
                    Part::Parameter if !part.is_empty() => {}
                    Part::Greedy => return !part.is_empty() || parts.next().is_some(),
                    Part::Literal | Part::Parameter => return false,
                },
                _ => return false,
            }
        }
    }

    /// Whether the route answers requests with this method.
    pub fn takes(&self, method: &str) -> bool {
        self.method == method || (self.method == "ANY" && METHODS.contains(&method))
    }

    pub fn exactness(&self) -> Exactness {
        Exactness { parts: split(&self.path).map(Part::of).collect(), any_method: self.method == "ANY" }
    }
}

impl Api {
    /// The route that answers a request: of those that cover its path and take its method, the most exact.
    pub fn answering(&self, method: &str, path: &str) -> Option<&Route> {
        self.routes
            .iter()
            .filter(|route| route.takes(method) && route.covers(path))
            .min_by_key(|route| route.exactness())
    }
}

/// The name of a path parameter and whether it is greedy; `None` for a literal part.
pub fn parameter(part: &str) -> Option<(&str, bool)> {
    let name = part.strip_prefix('{')?.strip_suffix('}')?;
    Some(name.strip_suffix('+').map_or((name, false), |name| (name, true)))
}

/// Whether a part of a path is a greedy parameter.
pub fn is_greedy(part: &str) -> bool {
    parameter(part).is_some_and(|(_, greedy)| greedy)
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').skip(1)
}

#[cfg(test)]
mod tests {
    fn covers(route: &str, path: &str) -> bool {
        let text = format!(
            "[functions.F]\nsource = \"f\"\n[api]\n[[api.routes]]\nroute = \"ANY {route}\"\nfunction = \"F\"\nauth = \"none\"\n"
        );
        crate::spec::parse(&text).expect("a stack").api.expect("an API").routes[0].covers(path)
    }

    #[test]
    fn a_route_covers_the_paths_that_its_parameters_stand_for() {
        for (route, path) in [
            ("/orders/{id}", "/orders/7"),
            ("/orders/{id}/lines/{line}", "/orders/7/lines/2"),
            ("/files/{proxy+}", "/files/a"),
            ("/files/{proxy+}", "/files/a/b.txt"),
            ("/files/{proxy+}", "/files//a"),
            ("/{proxy+}", "/a"),
            ("/", "/"),
            ("/orders", "/orders"),
        ] {
            assert!(covers(route, path), "{route} {path}");
        }
        for (route, path) in [
            ("/orders/{id}", "/orders"),
            ("/orders/{id}", "/orders/"),
            ("/orders/{id}", "/orders/7/lines"),
            ("/orders/{id}", "/order/7"),
            ("/files/{proxy+}", "/files"),
            ("/files/{proxy+}", "/files/"),
            ("/{proxy+}", "/"),
            ("/{proxy+}", ""),
            ("/a", "/a/b"),
        ] {
            assert!(!covers(route, path), "{route} {path}");
        }
    }
}
