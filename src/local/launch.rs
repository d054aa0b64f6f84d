//! Starts the emulator and waits until it responds.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::error::{LocalError, tail};
use super::install::{Installation, MINISTACK};
use super::process::Process;
use super::record::{Emulator, Record};
use super::tools::Node;
use super::{Note, control, files};

/// The region of requests that name none.
const REGION: &str = "us-east-1";
/// A start usually takes a second; a slow, busy machine needs more.
const BUDGET: Duration = Duration::from_mins(1);

/// Starts MiniStack, and corrects cases in which it denies calls that AWS allows.
const LAUNCHER: &str = include_str!("launcher.py");

/// Starts the emulator, records it, and waits until it responds. The caller must hold the lock.
pub(super) async fn launch(
    cache: &Path,
    installation: &Installation,
    node: &Node,
    port: Option<u16>,
    say: Note<'_>,
) -> Result<Emulator, LocalError> {
    // An emulator that was killed leaves its unpacked functions behind.
    files::remove_folder(&installation.tmp())?;
    files::make_folder(&installation.tmp())?;
    files::make_folder(&installation.saved())?;
    // Without what an earlier stop saved, the emulator starts empty.
    if !has_saved(&installation.saved()) {
        new_contents(cache)?;
    }

    let port = choose_port(port)?;
    let log = cache.join("ministack.log");
    let requests = requests_log(cache);
    create(&requests).map_err(LocalError::file(&requests))?;
    say(&format!("Starting MiniStack {MINISTACK} on port {port}."));
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let name = format!("securelambda-{}-{}", std::process::id(), since_1970.as_nanos());
    let mut child = spawn(installation, &environment(installation, node, port, &name, &requests), &log)?;
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
    // Collects the exit status, so that the process does not stay a zombie. The emulator outlives this program.
    std::thread::spawn(move || child.wait());
    record.save(cache)?;
    // Fails if the process has ended already; `wait_until_ready` reports that.
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

fn has_saved(folder: &Path) -> bool {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|file| file.path()).any(|path| path.extension().is_some_and(|extension| extension == "json"))
}

/// The file with the random id of the emulator's contents.
fn contents_file(cache: &Path) -> PathBuf {
    cache.join("contents")
}

/// Gives the emulator's contents another id, because it is empty now.
pub(super) fn new_contents(cache: &Path) -> Result<(), LocalError> {
    files::replace(
        &contents_file(cache),
        uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string().as_bytes(),
    )
}

/// The id of the emulator's contents, if it has ever started.
pub(super) fn contents(cache: &Path) -> Option<String> {
    std::fs::read_to_string(contents_file(cache)).ok()
}

/// The ports that are tried in this order if no other is asked for, so that URLs stay the same.
const USUAL_PORTS: std::ops::Range<u16> = 4577..4597;

/// The given port if it is free. Without one, the first free port of the usual ones, or any other.
fn choose_port(port: Option<u16>) -> Result<u16, LocalError> {
    match port {
        Some(_) => free_port(port),
        None => USUAL_PORTS.map(|port| free_port(Some(port))).find_map(Result::ok).map_or_else(|| free_port(None), Ok),
    }
}

fn free_port(port: Option<u16>) -> Result<u16, LocalError> {
    let address = (Ipv4Addr::LOCALHOST, port.unwrap_or(0));
    match TcpListener::bind(address).and_then(|listener| listener.local_addr()) {
        Ok(address) => Ok(address.port()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(LocalError::PortTaken { port: address.1 }),
        Err(error) => Err(LocalError::file(format!("port {}", address.1))(error)),
    }
}

/// Starts the process in its own process group, so that Ctrl-C in this terminal does not reach it.
fn spawn(installation: &Installation, environment: &Environment, log: &Path) -> Result<Child, LocalError> {
    let open = || {
        let log = create(log)?;
        Ok((log.try_clone()?, log))
    };
    let (output, errors) = open().map_err(LocalError::file(log))?;
    let python = installation.python();
    Command::new(&python)
        // Isolated mode: imports depend neither on the current folder nor on PYTHON* variables.
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

/// Creates an empty file that only its owner can read.
fn create(file: &Path) -> io::Result<File> {
    File::options().create(true).write(true).truncate(true).mode(0o600).open(file)
}

/// The file with a line for each request to an API: see `launcher.py`.
pub(super) fn requests_log(cache: &Path) -> PathBuf {
    cache.join("requests.log")
}

type Environment = Vec<(&'static str, OsString)>;

/// The complete environment of the emulator and its functions. Nothing is inherited, in particular no
/// `AWS_*` variables.
fn environment(installation: &Installation, node: &Node, port: u16, name: &str, requests: &Path) -> Environment {
    vec![
        ("PATH", node.path()),
        ("HOME", installation.home().into()),
        ("TMPDIR", installation.tmp().into()),
        ("BIND_HOST", "127.0.0.1".into()),
        ("GATEWAY_PORT", port.to_string().into()),
        // Functions with a `provided` runtime get no other endpoint from MiniStack, and would call AWS.
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}").into()),
        ("AUTH", "true".into()),
        // A label that the health endpoint returns. It identifies the emulator of this program.
        ("MINISTACK_EDITION", name.into()),
        ("MINISTACK_REGION", REGION.into()),
        ("LAMBDA_EXECUTOR", "local".into()),
        // A stop saves everything, and the next start loads it.
        ("PERSIST_STATE", "1".into()),
        ("STATE_DIR", installation.saved().into()),
        ("S3_PERSIST", "1".into()),
        ("S3_DATA_DIR", installation.saved().join("s3").into()),
        ("REQUESTS_LOG", requests.into()),
        // Otherwise MiniStack manages containers of other MiniStacks, and listens for IoT devices and SFTP.
        ("DOCKER_HOST", "unix:///nonexistent".into()),
        ("IOT_MTLS_ENABLED", "0".into()),
        ("SFTP_ENABLED", "0".into()),
        // For the SDK in the functions: no requests to the metadata service, and no Node.js warnings in the logs.
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
    fn the_environment_is_not_inherited() {
        let node = Node { folder: "/opt/node/bin".into() };
        let installation = Installation::at(Path::new("/cache"));
        let environment = environment(&installation, &node, 4566, "ours", Path::new("/cache/requests.log"));
        let get = |name| environment.iter().find(|(key, _)| *key == name).and_then(|(_, value)| value.to_str());
        assert_eq!(get("BIND_HOST"), Some("127.0.0.1"));
        assert_eq!(get("AUTH"), Some("true"));
        assert_eq!(get("GATEWAY_PORT"), Some("4566"));
        assert_eq!(get("AWS_ENDPOINT_URL"), Some("http://127.0.0.1:4566"));
        assert_eq!(get("PATH"), Some("/opt/node/bin:/usr/bin:/bin"));
        for (name, inside) in
            [("HOME", installation.home()), ("TMPDIR", installation.tmp()), ("STATE_DIR", installation.saved())]
        {
            assert!(inside.starts_with("/cache") && get(name) == inside.to_str(), "{name}");
        }
        // MiniStack takes AWS_ACCESS_KEY_ID as its root user's key, if it is set.
        assert!(!environment.iter().any(|(key, _)| key.contains("KEY") || key.contains("PROFILE")));
    }

    #[test]
    fn a_used_port_is_refused_and_no_port_means_any_free_one() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = taken.local_addr().expect("an address").port();
        assert!(matches!(free_port(Some(port)), Err(LocalError::PortTaken { port: p }) if p == port));
        assert_ne!(free_port(None).expect("a port"), port);
        assert_eq!(choose_port(Some(port)).is_err(), free_port(Some(port)).is_err());
        assert!(choose_port(None).is_ok());
    }
}
