//! A terminal with the program in it. Python's `pty` holds it, since making one by hand takes unsafe code.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{InMemoryTerm, TermLike};
use tempfile::NamedTempFile;

use super::program::User;

/// The terminal's size.
const ROWS: u16 = 40;
const COLUMNS: u16 = 120;

/// Runs its arguments in a terminal: what comes in is typed, what is shown goes out. At the end it writes to its first
/// argument how the program ended and whether the terminal still echoes and edits lines.
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

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i64,
    /// The terminal shows what is typed, and hands it on line by line: as a shell wants to find it.
    pub sane: bool,
    /// What is on the screen, its cursor's way to it not.
    pub screen: String,
    /// Everything that was sent to it.
    pub sent: String,
}

impl Pty {
    /// Starts the program, as this user, in a terminal.
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

    /// All that it has been sent so far.
    pub fn sent(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until this is shown.
    #[track_caller]
    pub fn shows(&self, text: &str) {
        let until = Instant::now() + Duration::from_secs(30);
        while !self.sent().contains(text) {
            assert!(Instant::now() < until, "{text:?} is never shown:\n{}", self.sent());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Types; `\x03` is Ctrl-C.
    pub fn types(&mut self, keys: &str) {
        let keyboard = self.keyboard.as_mut().unwrap();
        keyboard.write_all(keys.as_bytes()).and_then(|()| keyboard.flush()).unwrap();
    }

    /// The window is closed: the terminal is gone, and the system tells the program so.
    pub fn close(self) {
        drop(self);
    }

    /// Waits for its end.
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
