//! The code of a function: a package or a container image. Reads the keys of packages: folder, runtime, handler,
//! bundler and layers.

use std::path::PathBuf;

use super::image::Image;
use super::runtimes::{Language, RUNTIMES, newest_runtime, retired_on};
use super::{Function, rules};
use crate::spec::field::{List, OptionalWord, Text, TextOr};
use crate::spec::reader::{Reader, Table, suggest};
use crate::spec::rules::is_account;

/// The code of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    Packed(Packed),
    Image(Image),
}

/// A deployment package: a folder that this program packs, or a .zip or .jar file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The folder or the archive of the code, relative to the stack file.
    pub source: PathBuf,
    /// Whether the folder is in this program and the function is not in the stack file.
    pub shipped: bool,
    pub runtime: String,
    /// The handler that Lambda calls, in the form of the runtime's language.
    pub handler: String,
    pub bundler: Option<Bundler>,
    /// The ARNs of up to 5 versions of layers, in the order in which Lambda extracts them. Later files replace earlier
    /// ones.
    pub layers: Vec<String>,
    /// `arm64` or `x86_64`.
    pub architecture: String,
}

pub(super) struct Keys<'a> {
    pub source: &'a Text,
    pub runtime: &'a TextOr,
    pub handler: &'a TextOr,
    pub bundler: &'a OptionalWord<Bundler>,
    pub layers: &'a List,
}

impl Packed {
    pub(super) fn read(reader: &mut Reader, table: &Table, keys: &Keys<'_>, architecture: String) -> Self {
        let runtime = runtime(reader, table, keys.runtime);
        Self {
            source: source(reader, table, keys.source),
            shipped: false,
            handler: handler(reader, table, keys.handler, &runtime),
            bundler: bundler(reader, table, keys.bundler, &runtime),
            layers: layers(reader, table, keys.layers),
            runtime,
            architecture,
        }
    }

    /// The layers that belong to other accounts than this one. An emulator has none of them.
    pub fn layers_of_others<'a>(&'a self, account: &'a str) -> impl Iterator<Item = &'a String> {
        self.layers.iter().filter(move |layer| layer.split(':').nth(4) != Some(account))
    }
}

impl Function {
    /// Its code, unless it runs an image.
    pub fn packed(&self) -> Option<&Packed> {
        match &self.code {
            Code::Packed(packed) => Some(packed),
            Code::Image(_) => None,
        }
    }

    /// The image that it runs.
    pub fn image(&self) -> Option<&Image> {
        match &self.code {
            Code::Packed(_) => None,
            Code::Image(image) => Some(image),
        }
    }
}

fn source(reader: &mut Reader, table: &Table, key: &Text) -> PathBuf {
    if table.get(&key.key).is_none() {
        let help = "write `source`, the folder of its code, or `image`, a container image";
        reader.diagnostic(&table.span, format!("{} lacks `source`", table.what), Some(help.into()));
    }
    reader.text(table, key).map(|(text, _)| PathBuf::from(text)).unwrap_or_default()
}

fn handler(reader: &mut Reader, table: &Table, key: &TextOr, runtime: &str) -> String {
    let language = Language::of(runtime);
    let (handler, span) = reader.text_or(table, key);
    let (why, span) = match (&span, language.usual_handler()) {
        (None, Some(usual)) => return usual.to_owned(),
        (None, None) => (Some(format!("a function with the runtime {runtime} needs a `handler`")), &table.span),
        (Some(span), _) => (rules::handler(&handler, runtime).err(), span),
    };
    if let Some(why) = why {
        reader.diagnostic(span, why, Some(language.handler_form().into()));
    }
    handler
}

fn runtime(reader: &mut Reader, table: &Table, key: &TextOr) -> String {
    let (runtime, span) = reader.text_or(table, key);
    if let Some(span) = span
        && let Err(why) = rules::runtime(&runtime)
    {
        let help = match retired_on(&runtime) {
            Some(_) => format!("its successor is {}", newest_runtime(&runtime)),
            None => suggest(&runtime, &RUNTIMES),
        };
        reader.diagnostic(&span, why, Some(help));
    }
    runtime
}

/// The tool that bundles a function's code into one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bundler {
    Esbuild,
}

pub(super) const BUNDLERS: [&str; 1] = ["esbuild"];

fn bundler(reader: &mut Reader, table: &Table, key: &OptionalWord<Bundler>, runtime: &str) -> Option<Bundler> {
    let bundler = reader.optional_word(table, key)?;
    if let (Some(item), false) = (table.get(&key.key), Language::of(runtime) == Language::Node) {
        reader.diagnostic(&item.span(), format!("esbuild makes code for Node.js, but the runtime is {runtime}"), None);
    }
    Some(bundler)
}

/// How many layers a function can have (docs/aws.md, Layers).
const MOST_LAYERS: usize = 5;

fn layers(reader: &mut Reader, table: &Table, key: &List) -> Vec<String> {
    let mut layers: Vec<String> = Vec::new();
    for (layer, span) in reader.list(table, key) {
        let twin = layers.iter().find(|other| name(other).is_some() && name(other) == name(&layer));
        let why = match (name(&layer), twin) {
            (None, _) => Some(format!("{layer:?} is not the ARN of a version of a layer")),
            (_, Some(_)) => Some("a function cannot have two versions of a layer".to_owned()),
            _ if layers.len() == MOST_LAYERS => Some(format!("a function has at most {MOST_LAYERS} layers")),
            _ => None,
        };
        if let Some(why) = why {
            let help = "as in arn:aws:lambda:eu-central-1:123456789012:layer:tools:3";
            reader.diagnostic(&span, why, Some(help.into()));
        }
        layers.push(layer);
    }
    layers
}

/// The ARN of a layer without its version; `None` if the form is wrong.
fn name(version: &str) -> Option<&str> {
    let (layer, number) = version.rsplit_once(':')?;
    let parts: Vec<&str> = layer.split(':').collect();
    let ["arn", partition, "lambda", region, account, "layer", name] = parts.as_slice() else { return None };
    let of = |text: &str, allowed: fn(char) -> bool| !text.is_empty() && text.chars().all(allowed);
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = of(partition, word) && of(region, word) && of(name, word) && of(number, |c| c.is_ascii_digit());
    (fits && is_account(account)).then_some(layer)
}

#[cfg(test)]
mod tests {
    use crate::spec::parse;

    fn wrong(layers: &str) -> String {
        let text = format!("[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\nlayers = [{layers}]\n");
        parse(&text).err().map(|flaws| flaws.iter().map(ToString::to_string).collect()).unwrap_or_default()
    }

    #[test]
    fn a_layer_is_named_by_its_version_and_once() {
        let layer = |name: &str| format!("\"arn:aws:lambda:eu-central-1:123456789012:layer:{name}\"");
        assert_eq!(wrong(&format!("{}, {}", layer("a:1"), layer("b:12"))), "");
        assert!(wrong(&layer("a")).contains("is not the ARN of a version of a layer"));
        assert!(wrong("\"tools\"").contains("is not the ARN of a version of a layer"));
        assert!(wrong(&format!("{}, {}", layer("a:1"), layer("a:2"))).contains("two versions of a layer"));
        let six: Vec<String> = (0..6).map(|n| layer(&format!("l{n}:1"))).collect();
        assert!(wrong(&six.join(", ")).contains("at most 5 layers"));
    }

    #[test]
    fn java_and_dotnet_need_a_handler_and_a_program_has_a_usual_one() {
        let handler = |keys: &str| {
            let text = format!("[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\n{keys}\n");
            parse(&text).map(|stack| stack.functions["F"].packed().expect("packed").handler.clone())
        };
        assert_eq!(handler("runtime = \"provided.al2023\"").ok().as_deref(), Some("bootstrap"));
        assert_eq!(handler("runtime = \"ruby4.0\"").ok().as_deref(), Some("index.handler"));
        assert!(handler("runtime = \"java25\"").is_err() && handler("runtime = \"dotnet10\"").is_err());
        assert!(handler("runtime = \"java25\"\nhandler = \"a.B::c\"").is_ok());
    }
}
