//! Lambda's runtimes for packages (docs/aws.md, Runtimes), in one table.

use crate::spec::diagnostic::Diagnostic;

/// A runtime that Lambda has or had. Days are in ISO 8601, so they can be compared as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runtime {
    /// As in `python3.13`.
    pub name: &'static str,
    pub language: Language,
    /// From this day Lambda no longer patches it.
    pub deprecated_on: &'static str,
    /// From this day Lambda creates no functions with it.
    pub create_blocked_on: &'static str,
    /// From this day Lambda updates no functions with it.
    pub update_blocked_on: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Node,
    Python,
    Java,
    Dotnet,
    Ruby,
    /// An executable of the user, in any language.
    Provided,
}

const fn row(
    name: &'static str,
    language: Language,
    deprecated_on: &'static str,
    create_blocked_on: &'static str,
    update_blocked_on: &'static str,
) -> Runtime {
    Runtime { name, language, deprecated_on, create_blocked_on, update_blocked_on }
}

/// The runtimes that Lambda accepts for new functions, the newest of each language first. The first one is the default.
const ACCEPTED: [Runtime; 29] = [
    row("nodejs24.x", Language::Node, "2028-04-30", "2028-06-01", "2028-07-01"),
    row("nodejs22.x", Language::Node, "2027-04-30", "2027-06-01", "2027-07-01"),
    row("nodejs20.x", Language::Node, "2026-04-30", "2027-02-01", "2027-03-03"),
    row("nodejs18.x", Language::Node, "2025-09-01", "2027-02-01", "2027-03-03"),
    row("nodejs16.x", Language::Node, "2024-06-12", "2027-02-01", "2027-03-03"),
    row("python3.14", Language::Python, "2029-06-30", "2029-07-31", "2029-08-31"),
    row("python3.13", Language::Python, "2029-06-30", "2029-07-31", "2029-08-31"),
    row("python3.12", Language::Python, "2028-10-31", "2028-11-30", "2029-01-10"),
    row("python3.11", Language::Python, "2027-06-30", "2027-07-31", "2027-08-31"),
    row("python3.10", Language::Python, "2026-10-31", "2027-02-01", "2027-03-03"),
    row("python3.9", Language::Python, "2025-12-15", "2027-02-01", "2027-03-03"),
    row("python3.8", Language::Python, "2024-10-14", "2027-02-01", "2027-03-03"),
    row("java25", Language::Java, "2029-06-30", "2029-07-31", "2029-08-31"),
    row("java21", Language::Java, "2029-06-30", "2029-07-31", "2029-08-31"),
    row("java17.al2023", Language::Java, "2029-06-30", "2029-07-31", "2029-08-31"),
    row("java17", Language::Java, "2027-06-30", "2027-07-31", "2027-08-31"),
    row("java11.al2023", Language::Java, "2029-06-30", "2029-07-31", "2029-08-31"),
    row("java11", Language::Java, "2027-06-30", "2027-07-31", "2027-08-31"),
    row("java8.al2023", Language::Java, "2029-06-30", "2029-07-31", "2029-08-31"),
    row("java8.al2", Language::Java, "2027-06-30", "2027-07-31", "2027-08-31"),
    row("dotnet10", Language::Dotnet, "2028-11-14", "2028-12-14", "2029-01-15"),
    row("dotnet8", Language::Dotnet, "2026-11-10", "2027-02-01", "2027-03-03"),
    row("dotnet6", Language::Dotnet, "2024-12-20", "2027-02-01", "2027-03-03"),
    row("ruby4.0", Language::Ruby, "2029-03-31", "2029-04-30", "2029-05-31"),
    row("ruby3.4", Language::Ruby, "2028-03-31", "2028-04-30", "2028-05-31"),
    row("ruby3.3", Language::Ruby, "2027-03-31", "2027-04-30", "2027-05-31"),
    row("ruby3.2", Language::Ruby, "2026-03-31", "2027-02-01", "2027-03-03"),
    row("provided.al2023", Language::Provided, "2029-06-30", "2029-07-31", "2029-08-31"),
    row("provided.al2", Language::Provided, "2026-07-31", "2027-02-01", "2027-03-03"),
];

/// Runtimes with which Lambda no longer creates functions, each with the first such day.
const RETIRED: [(&str, &str); 15] = [
    ("nodejs14.x", "2024-01-09"),
    ("nodejs12.x", "2023-03-31"),
    ("nodejs10.x", "2021-07-30"),
    ("python3.7", "2024-01-09"),
    ("python3.6", "2022-07-18"),
    ("python2.7", "2021-07-15"),
    ("java8", "2024-02-08"),
    ("go1.x", "2024-02-08"),
    ("provided", "2024-02-08"),
    ("ruby2.7", "2024-01-09"),
    ("ruby2.5", "2021-07-30"),
    ("dotnet7", "2024-05-14"),
    ("dotnet5.0", "2022-05-10"),
    ("dotnetcore3.1", "2023-04-03"),
    ("dotnetcore2.1", "2022-01-05"),
];

/// The names of the accepted runtimes.
pub(super) const RUNTIMES: [&str; ACCEPTED.len()] = {
    let mut names = [""; ACCEPTED.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = ACCEPTED[index].name;
        index += 1;
    }
    names
};

impl Runtime {
    /// The accepted runtime with this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ACCEPTED.iter().find(|runtime| runtime.name == name)
    }

    /// The newest runtime of the same language.
    fn newest(&self) -> &'static str {
        newest_of(self.language)
    }
}

impl Language {
    /// The language of a runtime, by the beginning of its name. The runtime need not exist. Without a known language it
    /// is [`Self::Provided`].
    pub fn of(runtime: &str) -> Self {
        let starts = [
            ("nodejs", Self::Node),
            ("python", Self::Python),
            ("java", Self::Java),
            ("dotnet", Self::Dotnet),
            ("ruby", Self::Ruby),
        ];
        starts
            .into_iter()
            .find(|(start, _)| runtime.starts_with(start))
            .map_or(Self::Provided, |(_, language)| language)
    }

    /// The handler of a function without a `handler` in the stack file. `None` if the language has no usual handler.
    pub(super) fn usual_handler(self) -> Option<&'static str> {
        match self {
            Self::Node | Self::Python | Self::Ruby => Some("index.handler"),
            Self::Provided => Some("bootstrap"),
            Self::Java | Self::Dotnet => None,
        }
    }

    /// The form of handlers (docs/aws.md, Functions), in words.
    pub(super) fn handler_form(self) -> &'static str {
        match self {
            Self::Node | Self::Python => {
                "write the name of the file without its extension, a dot, and the name of the function: index.handler"
            }
            Self::Ruby => {
                "write the file without its extension, a dot, and the method: index.handler or index.Class.method"
            }
            Self::Java => "write the class, two colons and the method: com.example.Handler::handleRequest",
            Self::Dotnet => "write the assembly, the class and the method: Orders::Orders.Function::Handle",
            Self::Provided => "write a text without spaces; the program reads it from the variable _HANDLER",
        }
    }

    /// Whether a handler has the form of this language.
    pub(super) fn takes(self, handler: &str) -> bool {
        let pair = |separator: &str| {
            handler.rsplit_once(separator).is_some_and(|(first, last)| !first.is_empty() && !last.is_empty())
        };
        match self {
            Self::Node | Self::Python | Self::Ruby => pair("."),
            Self::Java => !handler.contains("::") || pair("::"),
            // The name of an assembly alone means an executable assembly.
            Self::Dotnet => {
                matches!(handler.split("::").count(), 1 | 3) && handler.split("::").all(|part| !part.is_empty())
            }
            Self::Provided => true,
        }
    }
}

fn newest_of(language: Language) -> &'static str {
    ACCEPTED.iter().find(|runtime| runtime.language == language).map_or(ACCEPTED[0].name, |runtime| runtime.name)
}

/// The day, as in `2028-04-30`, from which Lambda no longer patches a runtime.
pub fn deprecated_on(runtime: &str) -> Option<&'static str> {
    Runtime::named(runtime).map(|runtime| runtime.deprecated_on)
}

/// The newest runtime of the same language.
pub fn newest_runtime(like: &str) -> &'static str {
    newest_of(Language::of(like))
}

/// The day from which Lambda creates no functions with a runtime that it once had.
pub(super) fn retired_on(name: &str) -> Option<&'static str> {
    RETIRED.iter().find(|(retired, _)| *retired == name).map(|(_, day)| *day)
}

/// The problem with a function's runtime on a day.
#[derive(Debug, PartialEq)]
pub enum Aging {
    /// A sentence without the full stop.
    Warning(String),
    Refusal(Diagnostic),
}

/// Whether Lambda still patches the runtime of a function, and creates functions with it. `today` is as in
/// `2026-11-29`.
pub fn aging(name: &str, runtime: &str, today: &str) -> Option<Aging> {
    let runtime = Runtime::named(runtime)?;
    let Runtime { name: of, deprecated_on, create_blocked_on, .. } = runtime;
    let newest = runtime.newest();
    if today >= *create_blocked_on {
        let message = format!("Lambda creates no functions with the runtime {of} since {create_blocked_on}");
        let flaw = Diagnostic::new(format!("functions.{name}.runtime"), message);
        return Some(Aging::Refusal(flaw.help(format!("its successor is {newest}"))));
    }
    (today >= *deprecated_on).then(|| {
        Aging::Warning(format!(
            "{name}: Lambda no longer patches the runtime {of} since {deprecated_on}, and creates no functions with it \
             from {create_blocked_on} on; its successor is {newest}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_of_a_runtime_follow_each_other() {
        for runtime in &ACCEPTED {
            let Runtime { name, deprecated_on, create_blocked_on, update_blocked_on, .. } = runtime;
            assert!(deprecated_on < create_blocked_on && create_blocked_on < update_blocked_on, "{name}");
            assert!([deprecated_on, create_blocked_on, update_blocked_on].iter().all(|day| day.len() == 10), "{name}");
            assert_eq!(Language::of(name), runtime.language);
        }
        assert!(RETIRED.iter().all(|(name, _)| Runtime::named(name).is_none()));
    }

    #[test]
    fn a_runtime_is_warned_of_and_then_refused() {
        assert_eq!(aging("F", "python3.10", "2026-10-30"), None);
        let Some(Aging::Warning(warning)) = aging("F", "python3.10", "2026-10-31") else { panic!("no warning") };
        assert!(warning.contains("since 2026-10-31") && warning.ends_with("its successor is python3.14"), "{warning}");
        let Some(Aging::Refusal(flaw)) = aging("F", "python3.10", "2027-02-01") else { panic!("no refusal") };
        assert_eq!(flaw.key, "functions.F.runtime");
        assert_eq!(aging("F", "python3.12", "2026-11-29"), None);
    }

    #[test]
    fn the_newest_runtime_is_of_the_same_language() {
        for (old, new) in [
            ("python3.9", "python3.14"),
            ("nodejs20.x", "nodejs24.x"),
            ("ruby3.2", "ruby4.0"),
            ("java8", "java25"),
            ("provided.al2", "provided.al2023"),
        ] {
            assert_eq!(newest_runtime(old), new);
        }
        assert_eq!(deprecated_on("nodejs14.x"), None);
        assert_eq!(retired_on("nodejs14.x"), Some("2024-01-09"));
    }

    #[test]
    fn handlers_have_the_form_of_their_language() {
        for (language, good, bad) in [
            (Language::Node, "src/index.handler", "handler"),
            (Language::Python, "index.handler", "index."),
            (Language::Java, "com.example.Handler::handleRequest", "com.example.Handler::"),
            (Language::Dotnet, "Orders::Orders.Function::Handle", "Orders::Handle"),
            (Language::Ruby, "index.Orders.process", "process"),
        ] {
            assert!(language.takes(good) && !language.takes(bad), "{good} {bad}");
        }
        assert!(Language::Java.takes("com.example.Handler") && Language::Dotnet.takes("Orders"));
        assert!(Language::Provided.takes("bootstrap"));
    }
}
