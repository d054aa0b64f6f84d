//! Runs the program in a terminal. Python's `pty` creates the terminal, because Rust would need unsafe code for it.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{InMemoryTerm, TermLike};
use tempfile::NamedTempFile;

use super::program::User;

const ROWS: u16 = 40;
const COLUMNS: u16 = 120;

/// Runs its arguments in a terminal, with its standard input as the keyboard and its standard output as the screen. At the
/// end it writes the exit code, and whether the terminal still echoes and edits lines, into the file of its first argument.
const RELAY: &str = r"
import errno, fcntl, json, os, pty, select, struct, sys, termios
report, program, *arguments = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', ROWS, COLUMNS, 0, 0))
    os.execve(program, [program, *arguments], os.environ)
watched = [terminal, 0]
while terminal in watched:
    for ready in select.select(watched, [], [])[0]:
        try:
            data = os.read(ready, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b''
        if not data:
            watched.remove(ready)
        elif ready == 0:
            os.write(terminal, data)
        else:
            os.write(1, data)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
flags = termios.tcgetattr(terminal)[3]
with open(report, 'w') as file:
    json.dump({'code': status, 'echoes': bool(flags & termios.ECHO), 'edits': bool(flags & termios.ICANON)}, file)
";

/// A program in a terminal.
pub struct Pty {
    relay: Child,
    keyboard: Option<ChildStdin>,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
    report: NamedTempFile,
}

#[derive(Debug)]
pub struct Ended {
    pub code: i64,
    /// Whether the terminal echoes and edits lines, as a shell expects.
    pub sane: bool,
    /// The final contents of the screen.
    pub screen: String,
    /// Everything that the program wrote, with escape sequences.
    pub sent: String,
}

impl Pty {
    pub fn start(user: &User, args: &[&str]) -> Self {
        let report = NamedTempFile::new().unwrap();
        let relay = RELAY.replace("ROWS", &ROWS.to_string()).replace("COLUMNS", &COLUMNS.to_string());
        let command = user.command::<&str>(&[]);
        let mut python = Command::new("python3");
        python.args(["-c", &relay]).arg(report.path()).arg(command.get_program()).args(args);
        python.current_dir(&user.folder).env_clear().env("TERM", "xterm-256color");
        python.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut relay = python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let (keyboard, mut screen) = (relay.stdin.take(), relay.stdout.take().unwrap());
        let shown = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&shown);
        let reader = std::thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut some) {
                into.lock().unwrap().extend_from_slice(&some[..count]);
            }
        });
        Self { relay, keyboard, shown, reader: Some(reader), report }
    }

    /// Everything that the program has written so far.
    pub fn sent(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until the program writes this text.
    #[track_caller]
    pub fn shows(&self, text: &str) {
        let until = Instant::now() + Duration::from_secs(30);
        while !self.sent().contains(text) {
            assert!(Instant::now() < until, "{text:?} is never shown:\n{}", self.sent());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Types these keys; `\x03` is Ctrl-C.
    pub fn types(&mut self, keys: &str) {
        let keyboard = self.keyboard.as_mut().unwrap();
        keyboard.write_all(keys.as_bytes()).and_then(|()| keyboard.flush()).unwrap();
    }

    /// Closes the terminal, which sends the program SIGHUP.
    pub fn close(self) {
        drop(self);
    }

    #[track_caller]
    pub fn ends(mut self, within: Duration) -> Ended {
        let until = Instant::now() + within;
        while self.relay.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "it has not ended within {within:?}:\n{}", self.sent());
            std::thread::sleep(Duration::from_millis(10));
        }
        self.reader.take().unwrap().join().unwrap();
        let sent = self.sent();
        let term = InMemoryTerm::new(ROWS, COLUMNS);
        term.write_str(&sent).unwrap();
        let report = std::fs::read_to_string(&self.report).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        Ended {
            code: report["code"].as_i64().unwrap(),
            sane: report["echoes"] == true && report["edits"] == true,
            screen: term.contents(),
            sent,
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.relay.kill();
        let _ = self.relay.wait();
    }
}
