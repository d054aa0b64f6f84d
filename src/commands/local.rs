//! `local start|stop|status|reset`: controls the local emulator.

use serde_json::json;

use super::Ending;
use crate::args::Local as Command;
use crate::config::variable;
use crate::error::Error;
use crate::local::{Emulator, Local, LocalError, Status};
use crate::outputs::SCHEMA_VERSION;
use crate::report::{Output, answer, say};

pub(super) async fn run(command: &Command, output: Output) -> Result<Ending, Error> {
    let local = Local::from_env(variable)?;
    let note = super::note_unless(output.quiet);
    match command {
        Command::Start { port } => {
            let (emulator, was_running) = local.start(*port, &note).await?;
            note(if was_running { "The emulator is already running." } else { "The emulator is running." });
            tell(output, "running", Some(&emulator));
            if !output.json && !output.quiet {
                note("Use it with --local, or with other tools after:");
                let (key, secret) = Local::credentials();
                note(&format!(
                    "  export AWS_ENDPOINT_URL={} AWS_ACCESS_KEY_ID={key} AWS_SECRET_ACCESS_KEY={secret} AWS_REGION={}",
                    emulator.endpoint, emulator.region
                ));
            }
        }
        Command::Stop => {
            let stopped = local.stop().await?;
            note(if stopped.is_some() { "Stopped the emulator." } else { "The emulator was not running." });
            if output.json {
                tell(output, "stopped", None);
            }
        }
        Command::Status => match local.status().await? {
            Status::Running(emulator) => tell(output, "running", Some(&emulator)),
            Status::Unhealthy(emulator) => {
                tell(output, "unhealthy", Some(&emulator));
                let log = emulator.log.display();
                return Err(Error::other(format!("the emulator does not respond; its log is {log}"))
                    .hint("run `securelambda local stop`, then `securelambda local start`"));
            }
            Status::Stopped => {
                if output.json {
                    tell(output, "stopped", None);
                } else {
                    answer("stopped");
                }
            }
        },
        Command::Reset => {
            let emulator = local.reset().await?;
            note("Deleted everything in the emulator.");
            if output.json {
                tell(output, "running", Some(&emulator));
            }
        }
    }
    Ok(Ending::Done)
}

fn tell(output: Output, status: &str, emulator: Option<&Emulator>) {
    if output.json {
        answer(&super::pretty(&json!({ "schema_version": SCHEMA_VERSION, "status": status, "emulator": emulator })));
    } else if let Some(emulator) = emulator {
        answer(&emulator.endpoint);
        if !output.quiet {
            say(&format!(
                "process {}, MiniStack {}, region {}, log {}",
                emulator.pid,
                emulator.version,
                emulator.region,
                emulator.log.display()
            ));
        }
    }
}

impl From<LocalError> for Error {
    fn from(error: LocalError) -> Self {
        let hint = error.hint();
        let error = Self::other(error.to_string());
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}
