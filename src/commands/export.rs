//! `export`: describes the stack in the formats of other tools. `openapi` makes no AWS calls.

use serde_json::Value;

use super::{Ending, outputs, pretty, report_file, takeover};
use crate::args;
use crate::bundle;
use crate::config::Config;
use crate::engine::CancellationToken;
use crate::error::{Error, Kind};
use crate::export::openapi::{self, Urls};
use crate::report::{answer, say};
use crate::spec::UNNAMED;

pub(super) async fn run(args: &args::Export, config: Config, stop: CancellationToken) -> Result<Ending, Error> {
    match args {
        args::Export::Openapi(args) => openapi(args, &config).await,
        args::Export::Terraform(args) => takeover::to_terraform(args, config, stop).await,
        args::Export::Cloudformation(args) => takeover::to_cloudformation(args, config, stop).await,
    }
}

async fn openapi(args: &args::Openapi, config: &Config) -> Result<Ending, Error> {
    let documents = documents(config).await?;
    if let Some(folder) = &args.out {
        report_file::create_folder(folder)?;
        for (name, document) in chosen(documents, args.api.as_deref())? {
            let file = folder.join(format!("{name}.openapi.json"));
            report_file::write(&file, &pretty(&document))?;
            say(&format!("Wrote {}", file.display()));
        }
        return Ok(Ending::Done);
    }
    let mut documents = chosen(documents, args.api.as_deref())?;
    match documents.pop() {
        Some((_, document)) if documents.is_empty() => answer(&pretty(&document)),
        Some((last, _)) => {
            let names: Vec<_> = documents.into_iter().map(|(name, _)| name).chain([last]).collect();
            return Err(Error::usage(format!("the stack has {} APIs: {}", names.len(), names.join(", ")))
                .hint("--api NAME prints one of them; --out DIR writes a file for each"));
        }
        None => return Err(Error::usage("the stack file has no API").hint("add [api] with a route")),
    }
    Ok(Ending::Done)
}

/// The document of every API, with the API's name.
async fn documents(config: &Config) -> Result<Vec<(String, Value)>, Error> {
    let stack = &config.stack;
    let schemas =
        bundle::schemas(stack, &config.sources).map_err(|flaws| config.document.flawed(flaws, config.output))?;
    let outputs = match outputs::recorded(config).await {
        Ok(outputs) => Some(outputs),
        Err(error) if error.kind == Kind::NoStack => None,
        Err(error) => return Err(error),
    };
    let documents = stack.all_apis().map(|(name, api)| {
        let url = outputs.as_ref().and_then(|outputs| outputs.all_apis().find(|(other, _)| *other == name));
        let pools = outputs.iter().flat_map(|outputs| &outputs.pools);
        let urls = Urls {
            base: url.map(|(_, api)| api.base_url.as_str()),
            tokens: pools.filter_map(|(name, pool)| Some((name.as_str(), pool.token_url.as_deref()?))).collect(),
        };
        let document = openapi::document(stack, (name, api), &urls, &schemas);
        Ok((name.unwrap_or(UNNAMED).to_owned(), document.map_err(|error| Error::other(error.to_string()))?))
    });
    documents.collect()
}

fn chosen(documents: Vec<(String, Value)>, wanted: Option<&str>) -> Result<Vec<(String, Value)>, Error> {
    let Some(wanted) = wanted else { return Ok(documents) };
    let names: Vec<String> = documents.iter().map(|(name, _)| name.clone()).collect();
    let found: Vec<_> = documents.into_iter().filter(|(name, _)| name == wanted).collect();
    if found.is_empty() {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        return Err(Error::unknown("API", wanted, &names));
    }
    Ok(found)
}
