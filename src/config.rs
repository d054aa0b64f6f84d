//! Arguments and environment into a [`Config`] that cannot be invalid. The only reader of the process's environment.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

use crate::args::{Color, Shared};
use crate::aws;
use crate::bundle::Sources;
use crate::engine::TimeScale;
use crate::error::{DiagnosticReport, Error, Kind};
use crate::proxies::Proxies;
use crate::report::{Output, Palette, Setting, choose};
use crate::spec::blueprints::{self, Blueprint};
use crate::spec::{self, Diagnostic, LocatedDiagnostic, SpanMap, Stack};

/// The stack file that is taken where none is named.
pub const DEFAULT_FILE: &str = "securelambda.toml";

/// Everything that does not come from AWS.
#[derive(Debug, Clone)]
pub struct Config {
    /// What to build, its name settled.
    pub stack: Stack,
    /// The file it was read from, for mistakes that are found later.
    pub document: Document,
    /// Where its functions' sources are.
    pub sources: Sources,
    /// The stack file's path, if it is not the built-in stack.
    pub file: Option<PathBuf>,
    /// The blueprint that was asked for by name.
    pub blueprint: Option<&'static str>,
    /// Where state files are.
    pub state_dir: PathBuf,
    /// Whom to talk to.
    pub connection: Connection,
    /// How many resources are changed at once.
    pub jobs: usize,
    /// Do not ask.
    pub yes: bool,
    /// How to show things.
    pub output: Output,
    /// How this program was called, for commands that are shown to be typed next.
    pub program: String,
}

/// Whom to talk to.
#[derive(Debug, Clone)]
pub struct Connection {
    /// `--profile`.
    pub profile: Option<String>,
    /// `--region`.
    pub region: Option<String>,
    /// `--endpoint-url` or AWS_ENDPOINT_URL. A profile may have one too, which is read later.
    pub endpoint: Option<String>,
    /// `--local`.
    pub local: bool,
    /// How long waiting lasts: SECURELAMBDA_TIME_SCALE, for tests.
    pub time_scale: TimeScale,
    /// What requests go through: HTTPS_PROXY and its kin.
    pub proxies: Proxies,
    /// Where AWS's configuration files are, and which profile is chosen: AWS_PROFILE and its kin.
    pub sources: aws::profiles::Sources,
}

/// A variable of the process's environment; empty counts as unset.
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn text(name: &str) -> Option<String> {
    variable(name).map(|value| value.to_string_lossy().into_owned())
}

/// The region of the environment, where AWS's own tools look for it too.
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
            // What `-v` tells goes to standard error too, and would tear a frame apart.
            term_dumb: dumb || shared.verbose > 0,
        }),
        timings: shared.timings,
        can_ask: std::io::stdin().is_terminal() && stderr && !ci,
        answers: palette(stdout),
        messages: palette(stderr),
    }
}

impl Config {
    /// Reads the stack file and settles every default.
    pub fn new(shared: &Shared, output: Output) -> Result<Self, Error> {
        // The command line takes no other name.
        let blueprint = shared.blueprint.as_deref().and_then(Blueprint::of);
        let file = match &shared.file {
            Some(file) => Some(file.clone()),
            None if blueprint.is_some() => None,
            None => Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists()),
        };
        let (name, text, sources) = if let Some(file) = &file {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Error::usage(format!("the stack file {} cannot be read: {error}", file.display())))?;
            let folder = file.parent().map(PathBuf::from).unwrap_or_default();
            (file.display().to_string(), text, Sources::Folder(folder))
        } else {
            let name = blueprint.map_or("the built-in stack".to_owned(), |one| format!("the blueprint {}", one.name));
            (name, blueprint.unwrap_or(blueprints::DEFAULT).text.to_owned(), Sources::Embedded)
        };
        let mut document = Document { name, text, places: SpanMap::default() };
        let (mut stack, places) = spec::read(&document.text).map_err(|mistakes| document.mistaken(mistakes, output))?;
        document.places = places;
        if let Some(name) = &shared.stack {
            spec::check_name(name).map_err(Error::usage)?;
            stack.name.clone_from(name);
        }
        if let Some(boundary) = &shared.permissions_boundary {
            spec::check_boundary(boundary).map_err(Error::usage)?;
            stack.permissions_boundary = Some(boundary.clone());
        }
        Ok(Self {
            stack,
            document,
            sources,
            file,
            blueprint: blueprint.map(|blueprint| blueprint.name),
            state_dir: shared.state_dir.clone(),
            connection: Connection::new(shared)?,
            jobs: usize::from(shared.jobs),
            yes: shared.yes,
            output,
            program: std::env::args().next().unwrap_or_else(|| "securelambda".to_owned()),
        })
    }
}

impl Connection {
    /// From the flags and the environment.
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
                Error::usage(format!("SECURELAMBDA_TIME_SCALE is {second:?}, and must be above 0 and not above 1"))
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

/// Refuses an endpoint that is no URL.
pub fn check_endpoint(url: &str) -> Result<(), Error> {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(());
    }
    Err(Error::usage(format!("the endpoint {url:?} is no http:// or https:// URL")))
}

/// A stack file as it was written.
#[derive(Debug, Clone)]
pub struct Document {
    /// What it is called in messages.
    pub name: String,
    /// All of it.
    pub text: String,
    /// Where everything stands in it.
    pub places: SpanMap,
}

impl Document {
    /// Mistakes of which only the place is known, as an error that shows them all.
    pub fn flawed(&self, flaws: Vec<Diagnostic>, output: Output) -> Error {
        let mut mistakes: Vec<LocatedDiagnostic> = flaws.into_iter().map(|flaw| self.places.locate(flaw)).collect();
        mistakes.sort_by_key(|diagnostic| diagnostic.span.offset());
        self.mistaken(mistakes, output)
    }

    /// All mistakes, each shown at its place, as one error.
    pub fn mistaken(&self, mistakes: Vec<LocatedDiagnostic>, output: Output) -> Error {
        let count = mistakes.len();
        let what = if count == 1 { "a mistake".to_owned() } else { format!("{count} mistakes") };
        let mut error = Error::new(Kind::Usage, format!("{} has {what}", self.name));
        error.mistakes = mistakes.iter().map(|diagnostic| self.spot(diagnostic)).collect();
        error.details = Some(shown(&self.name, &self.text, mistakes, output.messages).into());
        error
    }

    fn spot(&self, diagnostic: &LocatedDiagnostic) -> DiagnosticReport {
        let (from, length) = (diagnostic.span.offset(), diagnostic.span.len());
        let before = self.text.get(..from).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        DiagnosticReport {
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
            file: self.name.clone(),
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            length: self.text.get(from..from + length).map_or(0, |text| text.chars().count()),
        }
    }
}

/// Mistakes as people read them: each with the lines it is in, marked.
pub fn shown(name: &str, text: &str, mistakes: Vec<LocatedDiagnostic>, palette: Palette) -> String {
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
