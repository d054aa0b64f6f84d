//! Turns arguments and environment into a valid [`Config`]. No other module reads the process's environment.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::args::{Color, STATE_DIR, Shared};
use crate::aws;
use crate::bundle::{Environment, OwnFiles, Sources};
use crate::engine::TimeScale;
use crate::error::{Error, Kind};
use crate::location::Location;
use crate::proxies::Proxies;
use crate::report::{Output, Palette, Setting, StackFlag, choose};
use crate::spec::blueprints::{self, Blueprint};
use crate::spec::{self, Diagnostic, SpanMap, Stack};

/// The stack file that is used if `--file` is not given.
pub const DEFAULT_FILE: &str = "securelambda.toml";

/// Everything that a command needs and that does not come from AWS.
#[derive(Debug, Clone)]
pub struct Config {
    pub stack: Stack,
    /// The text of the stack file, for mistakes that are found later.
    pub document: Document,
    pub sources: Sources,
    /// The stack file's path, if it is not the built-in stack.
    pub file: Option<PathBuf>,
    /// `--env`.
    pub environment: Option<String>,
    /// `--blueprint`.
    pub blueprint: Option<&'static str>,
    /// Where states are stored.
    pub state: Location,
    pub connection: Connection,
    /// The maximum number of resources to change at the same time.
    pub jobs: usize,
    /// Do not ask for confirmation.
    pub yes: bool,
    pub output: Output,
    /// How this program was called, for suggested commands.
    pub program: String,
}

/// How to reach AWS or the emulator.
#[derive(Debug, Clone)]
pub struct Connection {
    /// `--profile`.
    pub profile: Option<String>,
    /// `--region`.
    pub region: Option<String>,
    /// `--endpoint-url` or AWS_ENDPOINT_URL. The endpoint of a profile is read later.
    pub endpoint: Option<String>,
    /// `--local`.
    pub local: bool,
    /// SECURELAMBDA_TIME_SCALE: shortens all waits, for tests.
    pub time_scale: TimeScale,
    /// HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
    pub proxies: Proxies,
    /// The locations of AWS's configuration files, and AWS_PROFILE.
    pub sources: aws::profiles::Sources,
}

/// A variable of the process's environment; empty counts as unset.
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The whole environment of the process, for programs that this one starts.
pub fn environment() -> Environment {
    Environment::new(std::env::vars_os())
}

fn text(name: &str) -> Option<String> {
    variable(name).map(|value| value.to_string_lossy().into_owned())
}

/// The region from AWS_REGION or AWS_DEFAULT_REGION.
pub fn region() -> Option<String> {
    text("AWS_REGION").or_else(|| text("AWS_DEFAULT_REGION"))
}

/// How to show things, by the flags, the terminal and the environment.
pub fn output(shared: &Shared) -> Output {
    let (stdout, stderr) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
    let ci = variable("CI").is_some();
    let dumb = text("TERM").is_some_and(|term| term == "dumb");
    let unicode = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| text(name))
        .is_none_or(|locale| locale.to_lowercase().replace('-', "").contains("utf8"));
    let palette = |terminal: bool| Palette {
        color: match shared.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !dumb && variable("NO_COLOR").is_none(),
        },
        unicode,
    };
    Output {
        json: shared.json,
        quiet: shared.quiet,
        verbose: shared.verbose > 0,
        style: choose(Setting {
            stderr_is_terminal: stderr,
            ci,
            json: shared.json,
            quiet: shared.quiet,
            // The messages of `-v` go to standard error too, and would break a live display.
            term_dumb: dumb || shared.verbose > 0,
        }),
        timings: shared.timings,
        can_ask: std::io::stdin().is_terminal() && stderr && !ci,
        shown: stdout,
        columns: columns(&console::Term::stdout()).unwrap_or(80),
        error_columns: columns(&console::Term::stderr()).unwrap_or(usize::MAX),
        answers: palette(stdout),
        messages: palette(stderr),
    }
}

/// The flags that select the same stack in another command. Flags with their default value are left out.
pub fn same_stack(shared: &Shared) -> Vec<StackFlag> {
    let flag = |name, value: Option<&str>, names_stack| {
        value.map(|value| StackFlag { name, value: Some(value.to_owned()), names_stack })
    };
    let file = shared.file.as_ref().map(|file| file.to_string_lossy());
    let state = shared.state.as_ref().map(ToString::to_string);
    let flags = [
        flag("--file", file.as_deref(), true),
        flag("--blueprint", shared.blueprint.as_deref(), true),
        flag("--env", shared.env.as_deref(), true),
        flag("--stack", shared.stack.as_deref(), true),
        flag("--permissions-boundary", shared.permissions_boundary.as_deref(), true),
        flag("--state", state.as_deref(), false),
        flag("--profile", shared.profile.as_deref(), false),
        flag("--region", shared.region.as_deref(), false),
        flag("--endpoint-url", shared.endpoint_url.as_deref(), false),
        shared.local.then_some(StackFlag { name: "--local", value: None, names_stack: false }),
    ];
    flags.into_iter().flatten().collect()
}

/// The width of text on a terminal, but not so wide that lines are hard to read. `None`: it is no terminal.
fn columns(term: &console::Term) -> Option<usize> {
    term.size_checked().map(|(_, columns)| usize::from(columns).clamp(40, 100))
}

impl Config {
    /// Reads the stack file and sets every default.
    pub fn new(shared: &Shared, output: Output) -> Result<Self, Error> {
        // The argument parser accepts only known names.
        let blueprint = shared.blueprint.as_deref().and_then(Blueprint::of);
        let file = match &shared.file {
            Some(file) => Some(file.clone()),
            None if blueprint.is_some() => None,
            None => Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists()),
        };
        if let (None, Some(environment)) = (&file, &shared.env) {
            return Err(Error::usage(format!(
                "--env {environment} requires a stack file with [environments.{environment}]"
            ))
            .hint("create a stack file with `securelambda init`"));
        }
        let (name, text) = if let Some(file) = &file {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Error::usage(format!("the stack file {} cannot be read: {error}", file.display())))?;
            (file.display().to_string(), text)
        } else {
            let name = blueprint.map_or("the built-in stack".to_owned(), |one| format!("the blueprint {}", one.name));
            (name, blueprint.unwrap_or(blueprints::DEFAULT).text.to_owned())
        };
        let mut document = Document { name, text, places: SpanMap::default() };
        let (mut stack, places) = spec::read(&document.text, shared.env.as_deref())
            .map_err(|mistakes| document.mistaken(mistakes, output))?;
        document.places = places;
        if let Some(name) = &shared.stack {
            spec::check_name(name).map_err(Error::usage)?;
            stack.name.clone_from(name);
        }
        if let Some(boundary) = &shared.permissions_boundary {
            spec::check_boundary(boundary).map_err(Error::usage)?;
            stack.permissions_boundary = Some(boundary.clone());
        }
        let state = shared.state.clone().or_else(|| stack.state.clone()).unwrap_or_else(default_location);
        let sources = match &file {
            Some(file) => Sources::Folder {
                root: file.parent().map(PathBuf::from).unwrap_or_default(),
                own: OwnFiles::new([file.clone(), folder_of_states(Some(&state))]),
            },
            None => Sources::Embedded,
        };
        Ok(Self {
            stack,
            document,
            sources,
            file,
            environment: shared.env.clone(),
            blueprint: blueprint.map(|blueprint| blueprint.name),
            state,
            connection: Connection::new(shared)?,
            jobs: usize::from(shared.jobs),
            yes: shared.yes,
            output,
            program: std::env::args().next().unwrap_or_else(|| "securelambda".to_owned()),
        })
    }
}

/// Where states are stored if neither the command line nor the stack file says it.
pub fn default_location() -> Location {
    Location::Folder(STATE_DIR.into())
}

/// Where states are stored, for commands that need no stack file. One that cannot be read is ignored.
pub fn place_of_states(shared: &Shared) -> Location {
    let file = shared.file.clone().unwrap_or_else(|| DEFAULT_FILE.into());
    let of_file = || spec::read(&std::fs::read_to_string(file).ok()?, shared.env.as_deref()).ok()?.0.state;
    shared.state.clone().or_else(of_file).unwrap_or_else(default_location)
}

/// The folder of states on this machine. With a bucket, states that could not be saved are kept in it.
pub fn folder_of_states(state: Option<&Location>) -> PathBuf {
    match state {
        Some(Location::Folder(folder)) => folder.clone(),
        _ => STATE_DIR.into(),
    }
}

impl Connection {
    /// Reads the flags and the environment.
    pub fn new(shared: &Shared) -> Result<Self, Error> {
        let endpoint = if shared.local {
            None
        } else {
            shared
                .endpoint_url
                .clone()
                .or_else(|| text("AWS_ENDPOINT_URL"))
                .map(|url| url.trim_end_matches('/').to_owned())
        };
        if let Some(url) = &endpoint {
            check_endpoint(url)?;
        }
        let time_scale = match text("SECURELAMBDA_TIME_SCALE") {
            None => TimeScale::REAL,
            Some(second) => second.parse().ok().and_then(TimeScale::new).ok_or_else(|| {
                Error::usage(format!("SECURELAMBDA_TIME_SCALE is {second:?}, but must be greater than 0 and at most 1"))
            })?,
        };
        Ok(Self {
            profile: shared.profile.clone(),
            region: shared.region.clone(),
            endpoint,
            local: shared.local,
            time_scale,
            proxies: Proxies::new(text),
            sources: aws::profiles::Sources::new(text),
        })
    }
}

/// Refuses an endpoint that is not an http:// or https:// URL.
pub fn check_endpoint(url: &str) -> Result<(), Error> {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(());
    }
    Err(Error::usage(format!("the endpoint {url:?} is not an http:// or https:// URL")))
}

/// The text of a stack file.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its name in messages.
    pub name: String,
    pub text: String,
    /// The position of every key.
    pub places: SpanMap,
}

impl Document {
    /// One error for mistakes that name their keys in the stack file. Finds the position of each.
    pub fn flawed(&self, mistakes: Vec<Diagnostic>, output: Output) -> Error {
        let mut mistakes: Vec<_> = mistakes.into_iter().map(|mistake| self.places.locate(mistake)).collect();
        mistakes.sort_by_key(Diagnostic::offset);
        self.mistaken(mistakes, output)
    }

    /// One error for all located mistakes.
    pub fn mistaken(&self, mistakes: Vec<Diagnostic>, output: Output) -> Error {
        let count = mistakes.len();
        let what = if count == 1 { "a mistake".to_owned() } else { format!("{count} mistakes") };
        let mut error = Error::new(Kind::Usage, format!("{} has {what}", self.name));
        error.mistakes = mistakes.iter().map(|mistake| self.json(mistake)).collect();
        error.details = Some(shown(&self.name, &self.text, mistakes, output.messages).into());
        error
    }

    /// A mistake as JSON. Lines and columns count from 1, columns in characters.
    fn json(&self, mistake: &Diagnostic) -> Value {
        let (from, length) = mistake.span.map_or((0, 0), |span| (span.offset(), span.len()));
        let before = self.text.get(..from).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        json!({
            "message": mistake.message,
            "help": mistake.help,
            "file": self.name,
            "line": before.matches('\n').count() + 1,
            "column": line.chars().count() + 1,
            "length": self.text.get(from..from + length).map_or(0, |text| text.chars().count()),
        })
    }
}

/// Renders mistakes for people: each with the marked lines of the stack file.
pub fn shown(name: &str, text: &str, mistakes: Vec<Diagnostic>, palette: Palette) -> String {
    let theme = match (palette.unicode, palette.color) {
        (true, true) => miette::GraphicalTheme::unicode(),
        (true, false) => miette::GraphicalTheme::unicode_nocolor(),
        (false, true) => miette::GraphicalTheme::ascii(),
        (false, false) => miette::GraphicalTheme::none(),
    };
    let source = std::sync::Arc::new(miette::NamedSource::new(name, spec::conceal(text, &mistakes)));
    let handler = miette::GraphicalReportHandler::new_themed(theme).with_width(100);
    let mut shown = String::new();
    for diagnostic in mistakes {
        let report = miette::Report::new(diagnostic).with_source_code(std::sync::Arc::clone(&source));
        // Writing to a string cannot fail.
        let _ = handler.render_report(&mut shown, report.as_ref());
    }
    shown
}
