//! `export terraform` and `export cloudformation`: write an existing stack in the form of another tool, for people who
//! leave.

use std::path::Path;

use super::session::{Session, Sources};
use super::{Ending, ownership, report_file};
use crate::args;
use crate::config::Config;
use crate::engine::{CancellationToken, ReadResult, Refresh};
use crate::error::Error;
use crate::export::{Left, Resources, cloudformation, terraform};
use crate::report::{counted, say};
use crate::state::State;

/// AWS imports at most this many resources with one change set.
const IMPORTED_AT_ONCE: usize = 200;

/// The longest template, in bytes, that a call may contain. A longer one must be in S3.
const LONGEST_BODY: usize = 51_200;

/// How many resources a message names.
const NAMED: usize = 5;

pub(super) async fn to_terraform(
    args: &args::Takeover,
    config: Config,
    stop: CancellationToken,
) -> Result<Ending, Error> {
    let read = Read::of(config, &stop).await?;
    let resources = read.resources();
    let written = terraform::configuration(&resources, read.unwanted());
    let files = [("main.tf", written.main), ("resources.tf", written.resources), ("imports.tf", written.imports)];
    write(&args.out, &files, &resources)?;
    name(&written.left);
    say(&format!("Next: terraform -chdir={0} init && terraform -chdir={0} plan", args.out.display()));
    Ok(Ending::Done)
}

pub(super) async fn to_cloudformation(
    args: &args::Takeover,
    config: Config,
    stop: CancellationToken,
) -> Result<Ending, Error> {
    let read = Read::of(config, &stop).await?;
    let resources = read.resources();
    let written = cloudformation::template(&resources, read.unwanted());
    let (template, imports) = (super::pretty(&written.template), super::pretty(&written.imports));
    let (length, count) = (template.len(), written.imports.as_array().map_or(0, Vec::len));
    let files = [("template.json", template), ("resources-to-import.json", imports)];
    write(&args.out, &files, &resources)?;
    name(&written.left);
    if length > LONGEST_BODY {
        say("The template is too long for --template-body: copy it to S3 and use --template-url.");
    }
    if count > IMPORTED_AT_ONCE {
        say(&format!(
            "The stack has {count} resources to import, and one change set imports at most {IMPORTED_AT_ONCE}: \
             import a part of the template first, and then the rest."
        ));
    }
    let stack = &read.session.scope().stack;
    say(&format!(
        "Next, with a bucket for the packages:\n  \
         aws s3 cp --recursive {out}/packages s3://BUCKET/packages\n  \
         aws cloudformation create-change-set --stack-name {stack} --change-set-name import --change-set-type IMPORT \
         --capabilities CAPABILITY_NAMED_IAM --parameters ParameterKey=PackagesBucket,ParameterValue=BUCKET \
         --template-body file://{out}/template.json --resources-to-import file://{out}/resources-to-import.json",
        out = args.out.display()
    ));
    Ok(Ending::Done)
}

/// A stack whose resources were all read.
struct Read {
    session: Session,
    state: State,
    refresh: Refresh,
}

impl Read {
    /// Reads all resources.
    ///
    /// # Errors
    /// A resource does not exist or could not be read, so the other tool could not import it.
    async fn of(config: Config, stop: &CancellationToken) -> Result<Self, Error> {
        let mut session = Session::existing(config, Sources::Packed).await?;
        let state = session.state().await?;
        session.recall(&state);
        let refresh = session.refresh(&state, stop).await?;
        ownership::refuse(&session, &state, &ownership::read(&session, &state, &refresh), "up")?;
        let read = Self { session, state, refresh };
        read.check()?;
        if read.session.emulator().is_some() {
            say("warning: this stack is in an emulator, so its ids do not exist at AWS");
        }
        Ok(read)
    }

    fn check(&self) -> Result<(), Error> {
        let (mut missing, mut differing) = (Vec::new(), Vec::new());
        for (id, _, result) in self.refresh.results(&self.session.graph) {
            match result {
                ReadResult::Failed(failure) => return Err(Error::from(failure.clone())),
                ReadResult::Absent | ReadResult::Blocked(_) => missing.push(id.as_str()),
                ReadResult::Live { comparison, .. } if !comparison.is_as_wanted() => differing.push(id.as_str()),
                ReadResult::Live { .. } => {}
            }
        }
        if !missing.is_empty() {
            return Err(Error::other(format!("resources of the stack file do not exist: {}", names(&missing)))
                .hint("run `securelambda up` first, so that the stack and the stack file agree"));
        }
        if !differing.is_empty() {
            say(&format!(
                "warning: {} from the stack file: {}. The export has the settings of the stack file; run \
                 `securelambda up` first for a plan without changes.",
                if differing.len() == 1 {
                    "1 resource differs".to_owned()
                } else {
                    format!("{} resources differ", differing.len())
                },
                names(&differing)
            ));
        }
        Ok(())
    }

    fn resources(&self) -> Resources<'_> {
        let existing = self.refresh.existing(&self.session.graph);
        Resources::new(self.session.scope(), self.session.endpoint.as_deref(), existing)
    }

    /// The resources of the state that are not in the stack file.
    fn unwanted(&self) -> Vec<Left> {
        let graph = &self.session.graph;
        let wanted = |id: &str| graph.ids().any(|(known, _)| known.as_str() == id);
        let others = self.state.resources.keys().filter(|id| !wanted(id));
        others.map(|id| Left { what: id.clone(), why: "it is not in the stack file any more" }).collect()
    }
}

/// Names everything that the other tool does not take over.
fn name(left: &[Left]) {
    if !left.is_empty() {
        say("Not contained:");
    }
    for Left { what, why } in left {
        say(&format!("  {what}: {why}"));
    }
}

/// The first few ids.
fn names(ids: &[&str]) -> String {
    let more = if ids.len() > NAMED { ", …" } else { "" };
    ids.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ") + more
}

/// Writes the texts, and the packages of the functions.
fn write(folder: &Path, texts: &[(&str, String)], resources: &Resources<'_>) -> Result<(), Error> {
    report_file::create_folder(folder)?;
    for (name, text) in texts {
        let file = folder.join(name);
        report_file::write(&file, text)?;
        say(&format!("Wrote {}", file.display()));
    }
    let packages: Vec<_> = resources.packages().collect();
    for (name, content) in &packages {
        let file = folder.join(name);
        file.parent().map_or(Ok(()), report_file::create_folder)?;
        report_file::write_bytes(&file, content)?;
    }
    if !packages.is_empty() {
        say(&format!("Wrote {} of functions", counted(packages.len(), "package")));
    }
    Ok(())
}
