//! moto is another emulator. It lacks some calls and answers them with an HTML page. It is installed once into the target
//! folder and started on its own port.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use super::python::installed;
use crate::services::kinds;

const MOTO: &str = "moto[server]==5.2.5";

/// How long moto may take to start.
const START: Duration = Duration::from_mins(2);

const INVENTORY: &str = include_str!("moto.py");

/// A moto server, which stops when this value is dropped.
pub struct Moto {
    server: Child,
    pub endpoint: String,
}

impl Moto {
    /// Starts an empty server.
    pub fn start() -> Self {
        let folder = installed("moto", MOTO);
        let program = folder.join("venv/bin/python");
        // With port 0 it chooses a free port and prints it.
        let mut server = Command::new(program)
            .args(["-I", "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
            .env_clear()
            .env("HOME", &folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // moto logs every request, so read to the end: a full pipe would block it.
                let _ = sender.send(line);
            }
        });
        let endpoint = loop {
            let line = receiver.recv_timeout(START).expect("moto has not started");
            if let Some((_, rest)) = line.split_once("http://127.0.0.1:") {
                let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
                break format!("http://127.0.0.1:{port}");
            }
        };
        Self { server, endpoint }
    }

    /// The names of all resources by kind, read with botocore. Kinds that are listed separately for each parent are
    /// omitted.
    pub fn inventory(&self) -> Value {
        let lists = kinds().filter_map(|(service, kind)| {
            let list = kind.list.known().filter(|list| list.of_parent.is_none())?;
            let (operation, arguments) = (list.operation, (list.arguments)());
            Some(json!([kind.name, service.name, operation, arguments, list.items, list.name]))
        });
        let lists = Value::Array(lists.collect()).to_string();
        let python = installed("moto", MOTO).join("venv/bin/python");
        let mut command = Command::new(python);
        command
            .args(["-I", "-c", INVENTORY, &self.endpoint, &lists])
            .env_clear()
            .env("AWS_EC2_METADATA_DISABLED", "true");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
