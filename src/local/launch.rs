//! From the installation to an emulator that answers.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::error::{LocalError, tail};
use super::install::{Installation, MINISTACK};
use super::process::Process;
use super::record::{Emulator, Record};
use super::tools::Node;
use super::{Note, control, files};

/// The region of a request that names none.
const REGION: &str = "us-east-1";
/// It takes a second; this is for a cold disk on a busy machine.
const BUDGET: Duration = Duration::from_mins(1);

/// Waits for our word, then becomes MiniStack. If we are killed before the process is on record, the word never comes
/// and it leaves: no emulator ever runs that no one knows of.
const LAUNCHER: &str = "\
import sys
if not sys.stdin.readline():
    sys.exit('the program that started this emulator has gone')
sys.argv = ['ministack']
from ministack.app import main
main()
";

/// Starts the emulator, puts it on record and waits until it answers. The caller holds the lock.
pub(super) async fn launch(
    cache: &Path,
    installation: &Installation,
    node: &Node,
    port: Option<u16>,
    say: Note<'_>,
) -> Result<Emulator, LocalError> {
    // What an earlier emulator unpacked and, if it was killed, left behind.
    files::remove_folder(&installation.tmp())?;
    files::make_folder(&installation.tmp())?;

    let port = free_port(port)?;
    let log = cache.join("ministack.log");
    say(&format!("Starting MiniStack {MINISTACK} on port {port}."));
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let name = format!("securelambda-{}-{}", std::process::id(), since_1970.as_nanos());
    let mut child = spawn(installation, &environment(installation, node, port, &name), &log)?;
    let go = child.stdin.take();
    let record = Record {
        birth: Process::now(child.id()).map(|process| process.birth).unwrap_or_default(),
        emulator: Emulator {
            endpoint: format!("http://127.0.0.1:{port}"),
            port,
            pid: child.id(),
            log,
            version: MINISTACK.to_owned(),
            region: REGION.to_owned(),
            started_unix: since_1970.as_secs(),
        },
        name,
    };
    // Collects its exit status for as long as we run, lest it stays a zombie; it outlives us, so this never joins.
    std::thread::spawn(move || child.wait());
    record.save(cache)?;
    // If it has already ended there is no one to read this, and waiting will find out why.
    let _ = go.map(|mut go| go.write_all(b"go\n"));
    match wait_until_ready(&record).await {
        Ok(()) => Ok(record.emulator),
        Err(error) => {
            record.process().end().await?;
            Record::remove(cache)?;
            Err(error)
        }
    }
}

/// The port, if it is free; without one, any that is.
fn free_port(port: Option<u16>) -> Result<u16, LocalError> {
    let address = (Ipv4Addr::LOCALHOST, port.unwrap_or(0));
    match TcpListener::bind(address).and_then(|listener| listener.local_addr()) {
        Ok(address) => Ok(address.port()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(LocalError::PortTaken { port: address.1 }),
        Err(error) => Err(LocalError::file(format!("port {}", address.1))(error)),
    }
}

/// In a process group of its own, so that Ctrl-C in this terminal does not reach it.
fn spawn(installation: &Installation, environment: &Environment, log: &Path) -> Result<Child, LocalError> {
    let open = || {
        let log = File::options().create(true).write(true).truncate(true).mode(0o600).open(log)?;
        Ok((log.try_clone()?, log))
    };
    let (output, errors) = open().map_err(LocalError::file(log))?;
    let python = installation.python();
    Command::new(&python)
        // Isolated: neither the current folder nor PYTHON* variables change what is imported.
        .args(["-I", "-X", "utf8", "-u", "-c", LAUNCHER])
        .env_clear()
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .current_dir(installation.home())
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(LocalError::file(python))
}

type Environment = Vec<(&'static str, OsString)>;

/// All of the emulator's environment, and so of the functions': nothing is passed on from ours, least of all `AWS_*`.
fn environment(installation: &Installation, node: &Node, port: u16, name: &str) -> Environment {
    let mut path = node.folder.clone().into_os_string();
    path.push(":/usr/bin:/bin");
    vec![
        ("PATH", path),
        ("HOME", installation.home().into()),
        ("TMPDIR", installation.tmp().into()),
        ("BIND_HOST", "127.0.0.1".into()),
        ("GATEWAY_PORT", port.to_string().into()),
        ("AUTH", "true".into()),
        // No more than a label, which the health endpoint shows: how we know our emulator by its answer.
        ("MINISTACK_EDITION", name.into()),
        ("MINISTACK_REGION", REGION.into()),
        ("LAMBDA_EXECUTOR", "local".into()),
        // It keeps nothing: what is stopped is gone. Cognito's signing keys are files all the same, and would be in a
        // folder of /tmp that every emulator on this machine shares.
        ("PERSIST_STATE", "0".into()),
        ("S3_PERSIST", "0".into()),
        ("STATE_DIR", installation.tmp().into()),
        // It would look after containers of other MiniStacks on this machine, and listen for devices and files.
        ("DOCKER_HOST", "unix:///nonexistent".into()),
        ("IOT_MTLS_ENABLED", "0".into()),
        ("SFTP_ENABLED", "0".into()),
        // Of the SDK in the functions: no look for a machine's role, no advice on Node.js in the functions' logs.
        ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", "true".into()),
    ]
}

async fn wait_until_ready(record: &Record) -> Result<(), LocalError> {
    let Emulator { port, log, .. } = &record.emulator;
    let process = record.process();
    let output = || tail(&std::fs::read_to_string(log).unwrap_or_default());
    let deadline = Instant::now() + BUDGET;
    loop {
        if control::health(*port).await.is_ok_and(|health| health.is_ours(&record.name)) {
            return Ok(());
        }
        if !process.is_alive() {
            return Err(LocalError::Died { output: output(), log: log.clone() });
        }
        if Instant::now() >= deadline {
            return Err(LocalError::TooSlow { seconds: BUDGET.as_secs(), output: output(), log: log.clone() });
        }
        sleep(Duration::from_millis(50)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_our_own() {
        let node = Node { folder: "/opt/node/bin".into() };
        let installation = Installation::at(Path::new("/cache"));
        let environment = environment(&installation, &node, 4566, "ours");
        let get = |name| environment.iter().find(|(key, _)| *key == name).and_then(|(_, value)| value.to_str());
        assert_eq!(get("BIND_HOST"), Some("127.0.0.1"));
        assert_eq!(get("AUTH"), Some("true"));
        assert_eq!(get("GATEWAY_PORT"), Some("4566"));
        assert_eq!(get("PATH"), Some("/opt/node/bin:/usr/bin:/bin"));
        for (name, inside) in
            [("HOME", installation.home()), ("TMPDIR", installation.tmp()), ("STATE_DIR", installation.tmp())]
        {
            assert!(inside.starts_with("/cache") && get(name) == inside.to_str(), "{name}");
        }
        // The emulator's root user is `AWS_ACCESS_KEY_ID`, if that is set.
        assert!(!environment.iter().any(|(key, _)| key.contains("KEY") || key.contains("PROFILE")));
    }

    #[test]
    fn a_port_in_use_is_refused_and_none_means_any() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = taken.local_addr().expect("an address").port();
        assert!(matches!(free_port(Some(port)), Err(LocalError::PortTaken { port: p }) if p == port));
        assert_ne!(free_port(None).expect("a port"), port);
    }
}
