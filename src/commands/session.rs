//! The parts that commands which call AWS share: the connection, the graph, and the state.

use std::collections::BTreeSet;
use std::time::SystemTime;

use crate::aws::connect::{Access, configured_endpoint, connect};
use crate::aws::credentials::Note;
use crate::aws::profiles::{Origin, origin};
use crate::aws::sts::CallerIdentity;
use crate::aws::{Clients, registry};
use crate::bundle::{Bundles, Code, DependencyInstaller, Machine, Unpacked};
use crate::config::{Config, Connection, check_endpoint, environment, variable};
use crate::emulator::Emulator;
use crate::engine::{CancellationToken, Failure, Graph, Refresh, Registry, refresh};
use crate::error::{Error, Kind};
use crate::local::{Local, Status};
use crate::outputs::Outputs;
use crate::regions::Needs;
use crate::report::{answer, command, date, emulator_text, say};
use crate::scope::{EXPIRES_TAG, Lineage, Scope};
use crate::spec::KmsKey;
use crate::state::{StackState, State, StateStore};
use crate::topology::{self, SecretValues, ids};

use super::states::stored;
use super::{emulated, note_unless, values};

/// A stack, and the connection to its account.
pub(super) struct Session {
    pub config: Config,
    pub clients: Clients,
    pub caller: CallerIdentity,
    pub endpoint: Option<String>,
    pub graph: Graph,
    pub registry: Registry,
    pub store: StackState,
    /// The functions' code, and the schemas of bodies.
    pub bundles: Bundles,
    /// The placeholders that the first graph has for the values of secrets.
    unread: SecretValues,
    /// See [`Session::recall`].
    former_key: Option<String>,
    /// The tables that may be removed.
    named_tables: Vec<String>,
}

/// Whether a command needs the functions' code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sources {
    /// The code is packed with its dependencies, to be compared or uploaded.
    Packed,
    /// The code is not read and need not exist.
    Untouched,
}

impl Session {
    /// Connects, and makes the graph. Reads the functions' code and the caller's identity, and no value of a secret.
    pub(super) async fn open(config: Config, sources: Sources) -> Result<Self, Error> {
        Self::with(config, sources, BTreeSet::new()).await
    }

    /// Opens a session for a command that needs an existing stack. An emulator that is not running has none, and is not
    /// started.
    pub(super) async fn existing(config: Config, sources: Sources) -> Result<Self, Error> {
        let needs = topology::needs(&config.stack);
        if config.connection.local && Local::from_env(variable)?.status().await? == Status::Stopped {
            return Err(Error::new(Kind::NoStack, "the emulator is not running")
                .hint("`securelambda local start` starts it, with the stacks that it had when it was stopped")
                .hint("`securelambda up --local` starts it and creates the stack"));
        }
        Self::connected(config, sources, BTreeSet::new(), &needs).await
    }

    /// Opens a session for a run that only removes resources. The region may lack services that the stack needs.
    pub(super) async fn for_removal(config: Config) -> Result<Self, Error> {
        Self::connected(config, Sources::Untouched, BTreeSet::new(), &Needs::default()).await
    }

    /// Opens a session for a run that may write new values of the secrets in `rotate`.
    pub(super) async fn with(config: Config, sources: Sources, rotate: BTreeSet<String>) -> Result<Self, Error> {
        let needs = topology::needs(&config.stack);
        Self::connected(config, sources, rotate, &needs).await
    }

    async fn connected(
        config: Config,
        sources: Sources,
        rotate: BTreeSet<String>,
        needs: &Needs,
    ) -> Result<Self, Error> {
        // Report mistakes before an emulator is started or anything is installed.
        let code = match sources {
            Sources::Packed => Some(
                Code::find(&config.stack, &config.sources, &today())
                    .map_err(|flaws| config.document.flawed(flaws, config.output))?,
            ),
            Sources::Untouched => None,
        };
        let access = access(&config.connection, config.output.quiet).await?;
        let endpoint = access.endpoint.clone();
        let bundles = match code {
            Some(code) => pack(&config, code, endpoint.as_deref()).await?,
            None => Bundles::default(),
        };
        let (mut clients, caller) = connected(&config.stack.name, &access, needs).await?;
        clients.scope.chosen_tags.clone_from(&config.stack.tags);
        let scope = &clients.scope;
        let mut elsewhere = config.stack.of_other_partitions(&scope.partition);
        elsewhere.extend(config.stack.images_elsewhere(&scope.region));
        elsewhere.extend(config.stack.certificates_elsewhere(scope));
        elsewhere.extend(config.stack.pools_elsewhere(scope));
        if sources == Sources::Packed && !elsewhere.is_empty() {
            return Err(config.document.flawed(elsewhere, config.output));
        }
        if endpoint.is_some() && sources == Sources::Packed {
            emulated::layers_left_out(&config, &scope.account);
        }
        let secrets = values::unread(&config, rotate);
        let store = stored(&config, &clients, endpoint.as_deref());
        let graph = topology::desired(&config.stack, scope, endpoint.as_deref(), &bundles, &secrets, None);
        let registry = registry(&clients);
        Ok(Self {
            config,
            clients,
            caller,
            endpoint,
            graph,
            registry,
            store,
            bundles,
            unread: secrets,
            former_key: None,
            named_tables: Vec::new(),
        })
    }

    /// Makes the graph again, with these values of secrets.
    pub(super) fn fill(&mut self, secrets: &SecretValues) {
        self.graph = topology::desired(
            &self.config.stack,
            self.scope(),
            self.endpoint.as_deref(),
            &self.bundles,
            secrets,
            self.former_key.as_deref(),
        );
        self.graph.spare(super::tables::spared(&self.named_tables));
    }

    /// Lets these tables be removed with their data.
    pub(super) fn remove_tables(&mut self, named: &[String]) {
        self.named_tables = named.to_vec();
        self.graph.spare(super::tables::spared(named));
    }

    /// Takes from the state what reading and comparing need.
    ///
    /// The lineage decides which resources belong to the stack. If the stack has a KMS key that the stack file no
    /// longer wants, the graph is made again so that the resources stop using the key before it is removed.
    pub(super) fn recall(&mut self, state: &State) {
        let tags = &mut self.clients.scope.chosen_tags;
        tags.clone_from(&self.config.stack.tags);
        tags.extend(state.expires.map(|time| (EXPIRES_TAG.to_owned(), time.to_string())));
        self.accept(Lineage::of(state));
        let wanted = self.config.stack.kms_key == Some(KmsKey::Create);
        self.former_key = ids::key().recorded(state).filter(|_| !wanted).map(|key| key.arn);
        if self.former_key.is_some() {
            self.fill(&self.unread.clone());
        }
    }

    /// From now on, resources of these lineages are the stack's.
    pub(super) fn accept(&mut self, lineage: Lineage) {
        self.clients.scope.lineage = lineage;
        self.registry = registry(&self.clients);
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.clients.scope
    }

    /// Refuses credentials that must not be used to change the stack, before anything is written.
    pub(super) async fn may_write(&self) -> Result<(), Error> {
        refuse_root(&self.caller, self.endpoint.as_deref())?;
        if self.caller.is_root() && !self.config.connection.local && !self.config.output.quiet {
            say("warning: these are root credentials; with AWS they would be refused");
        }
        let scope = self.scope();
        let others = self.store.others().await?;
        // A stack on an emulator and one on AWS may have the same name.
        let twin = others
            .iter()
            .find(|other| other.region == scope.region && other.endpoint.is_some() == self.endpoint.is_some());
        if let Some(other) = twin {
            let message = format!(
                "the stack {} in {} belongs to account {}, but the credentials belong to account {}",
                scope.stack, scope.region, other.account, scope.account
            );
            return Err(Error::new(Kind::Account, message)
                .hint(format!("use credentials of account {}", other.account))
                .hint("or create another stack with --stack or --state"));
        }
        Ok(())
    }

    /// Locks the stack and reads its state.
    pub(super) async fn lock(&self, command: &str) -> Result<(State, Box<dyn StateStore>), Error> {
        Ok(self.store.lock(&format!("securelambda {command}")).await?)
    }

    /// Reads the state, for commands that do not change it.
    ///
    /// # Errors
    /// The stack has no state, so it does not exist.
    pub(super) async fn state(&self) -> Result<State, Error> {
        match self.store.read().await? {
            Some(state) if !state.is_of_removed_stack() => emulated::still_there(&self.config.connection, state),
            _ => Err(self.no_stack().await),
        }
    }

    /// A note that a new stack will be created beside the stacks whose states are in the same folder. If the name in
    /// the stack file was changed, the stack with the old name stays.
    pub(super) async fn second_stack(&self, state: &State) -> Result<Option<String>, Error> {
        if !state.resources.is_empty() {
            return Ok(None);
        }
        let others: Vec<String> = self.store.neighbours().await?.into_iter().map(|id| id.stack).collect();
        let Some(first) = others.first() else { return Ok(None) };
        let (names, stay) =
            (others.join(", "), if others.len() == 1 { "That stack stays" } else { "Those stacks stay" });
        Ok(Some(format!(
            "{} will be a new stack beside {names}, whose state is in the same folder. {stay} as it is; \
             `{}` removes {first}.",
            self.scope().stack,
            command(&format!("down --stack {first}"))
        )))
    }

    async fn no_stack(&self) -> Error {
        let Scope { account, region, stack, .. } = self.scope();
        let error = Error::new(Kind::NoStack, format!("there is no stack {stack} in account {account}, {region}"));
        let elsewhere = self.store.others().await.unwrap_or_default();
        let error = elsewhere.iter().fold(error, |error, other| {
            error.hint(format!("a stack of this name exists in account {}, {}", other.account, other.region))
        });
        error.hint("run `securelambda up` to create it; if its state file was lost, `up --adopt` takes over the existing resources")
    }

    pub(super) async fn refresh(&self, state: &State, stop: &CancellationToken) -> Result<Refresh, Error> {
        Ok(refresh(&self.graph, &self.registry, state, stop).await?)
    }

    /// The emulator, if one is used instead of AWS.
    pub(super) fn emulator(&self) -> Option<Emulator> {
        Emulator::of(self.endpoint.as_deref())
    }

    /// Prints the limits of an emulator on standard output. Commands that print text about a stack print this first.
    pub(super) fn announce(&self) {
        if let Some(emulator) = self.emulator().filter(|_| !self.config.output.json) {
            answer(&emulator_text(&emulator, self.config.output.columns));
        }
    }

    /// The ids, ARNs and URLs that scripts use.
    pub(super) fn outputs(&self, state: &State) -> Outputs {
        Outputs::new(&self.config.stack, self.scope(), self.endpoint.as_deref(), state)
    }
}

/// Connects, and returns the clients, the caller's identity, and the endpoint if it is not AWS's own.
pub(super) async fn who_am_i(config: &Config) -> Result<(Clients, CallerIdentity, Option<String>), Error> {
    let access = access(&config.connection, config.output.quiet).await?;
    let (clients, caller) = connected(&config.stack.name, &access, &topology::needs(&config.stack)).await?;
    Ok((clients, caller, access.endpoint))
}

/// Returns the clients for a stack of this name, and the caller's identity. Refuses a region that lacks one of `needs`.
pub(super) async fn connected(stack: &str, access: &Access, needs: &Needs) -> Result<(Clients, CallerIdentity), Error> {
    let (sdk, caller) = connect(access, needs).await.map_err(account_error)?;
    let region = sdk.region().map(ToString::to_string).unwrap_or_default();
    let scope = Scope {
        partition: caller.partition.clone(),
        account: caller.account.clone(),
        region,
        stack: stack.to_owned(),
        ..Scope::default()
    };
    Ok((Clients::new(sdk, scope), caller))
}

/// Refuses the credentials of an account's root user on AWS. On an emulator they do no harm.
pub(super) fn refuse_root(caller: &CallerIdentity, endpoint: Option<&str>) -> Result<(), Error> {
    if !caller.is_root() || endpoint.is_some() {
        return Ok(());
    }
    let message = format!("these are credentials of the root user of account {}", caller.account);
    Err(Error::new(Kind::Account, message)
        .hint("use a role or an IAM user with limited permissions, and delete the root user's access keys"))
}

/// The settings of the connection to AWS or, with `--local`, to the emulator, which is started if necessary.
pub(super) async fn access(connection: &Connection, quiet: bool) -> Result<Access, Error> {
    let note = Note::new(note_unless(quiet));
    if !connection.local {
        let origin = origin(connection.profile.as_deref(), &connection.sources).await.map_err(account_error)?;
        let endpoint = match &connection.endpoint {
            Some(endpoint) => Some(endpoint.clone()),
            None => configured_endpoint(connection.profile.as_deref()).await,
        };
        let endpoint = endpoint.map(|url| url.trim_end_matches('/').to_owned());
        if let Some(url) = &endpoint {
            check_endpoint(url)?;
        }
        return Ok(Access {
            profile: connection.profile.clone(),
            region: connection.region.clone(),
            endpoint,
            fixed: None,
            time_scale: connection.time_scale,
            paced: true,
            proxies: connection.proxies.clone(),
            origin,
            note,
        });
    }
    let (emulator, _) = Local::from_env(variable)?.start(None, &note_unless(quiet)).await?;
    let (key, secret) = Local::credentials();
    Ok(Access {
        profile: None,
        region: Some(connection.region.clone().unwrap_or_else(|| emulator.region.clone())),
        endpoint: Some(emulator.endpoint),
        fixed: Some((key.to_owned(), secret.to_owned())),
        time_scale: connection.time_scale,
        paced: false,
        proxies: connection.proxies.clone(),
        origin: Origin::Environment,
        note,
    })
}

/// The error if the caller's identity cannot be read. It is an error of the account, unless no service answered.
fn account_error(failure: Failure) -> Error {
    let answered = failure.service.is_some() || failure.cause == crate::engine::Cause::Fatal;
    let error = Error::from(failure);
    if answered { Error { kind: Kind::Account, ..error } } else { error }
}

/// Packs the functions' code for Lambda, or for the emulator on this machine.
async fn pack(config: &Config, code: Code<'_>, endpoint: Option<&str>) -> Result<Bundles, Error> {
    let note = note_unless(config.output.quiet);
    code.notes().for_each(|text| note(text));
    // Without a home folder there is no cache folder. That matters only if something must be installed.
    let local = Local::from_env(variable).ok();
    let python = || local.as_ref().and_then(Local::python);
    let here = config.connection.local || emulated_here(endpoint).await;
    let machine = if here { Machine::This { python: python() } } else { Machine::Lambda };
    let cache = local.as_ref().map(|local| local.cache().to_owned());
    let installer = DependencyInstaller { cache, machine, environment: environment(), note: &note };
    code.pack(&installer).await.map_err(|unpacked| match unpacked {
        Unpacked::Flaws(flaws) => config.document.flawed(flaws, config.output),
        Unpacked::Failed(error) => error,
    })
}

/// This machine's date, as in `2026-11-29`.
pub(super) fn today() -> String {
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    date(i64::try_from(since_1970.as_secs()).unwrap_or_default())
}

/// Whether the endpoint is the emulator that runs functions as processes of this machine.
async fn emulated_here(endpoint: Option<&str>) -> bool {
    let here = |url: &str| {
        let rest = url.strip_prefix("http://")?;
        let address = rest.split('/').next().unwrap_or(rest);
        let (host, port) = address.rsplit_once(':')?;
        ["127.0.0.1", "localhost"].contains(&host).then(|| port.parse::<u16>().ok()).flatten()
    };
    match endpoint.and_then(here) {
        Some(port) => Local::answers(port).await,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_credentials_are_refused_on_aws_and_accepted_on_an_emulator() {
        let caller = |arn: &str| CallerIdentity {
            account: "123456789012".into(),
            arn: arn.into(),
            user_id: "1".into(),
            partition: "aws".into(),
        };
        let (root, user) = (caller("arn:aws:iam::123456789012:root"), caller("arn:aws:iam::123456789012:user/ann"));
        let refused = refuse_root(&root, None).err().map(|error| (error.kind, error.message));
        let words = "these are credentials of the root user of account 123456789012".to_owned();
        assert_eq!(refused, Some((Kind::Account, words)));
        assert!(refuse_root(&root, Some("http://127.0.0.1:4566")).is_ok() && refuse_root(&user, None).is_ok());
    }
}
