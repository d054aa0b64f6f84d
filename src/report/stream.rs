//! Output streams. Printing to them does not panic: if the reader closes the pipe, further output is dropped.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// The first error of this process's standard output that is not a closed pipe.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// The error that prevented output to standard output, such as a full disk. A closed pipe is no error.
pub fn lost() -> Option<&'static io::Error> {
    LOST.get()
}

/// A stream of lines: standard output, standard error, or a buffer that a test reads.
///
/// An error does not stop a run. After the first error, nothing more is written. An error of standard output is kept
/// for [`lost`], unless the reader closed the pipe (`securelambda outputs | head -1`).
pub struct Stream {
    /// `None` after the first error.
    to: Option<Box<dyn Write + Send>>,
    /// Receives the first error that the user must learn of.
    lost: Option<&'static OnceLock<io::Error>>,
}

impl Stream {
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self { to: Some(Box::new(to)), lost: None }
    }

    pub fn stdout() -> Self {
        Self { lost: Some(&LOST), ..Self::new(io::stdout()) }
    }

    pub fn stderr() -> Self {
        Self::new(io::stderr())
    }

    /// Writes one line or several lines and flushes them.
    pub fn line(&mut self, text: impl fmt::Display) {
        // One write for each line, so that lines of two processes on one terminal do not mix.
        self.bytes(format!("{text}\n").as_bytes());
    }

    /// Writes data unchanged and flushes it.
    pub fn bytes(&mut self, data: &[u8]) {
        let Some(to) = &mut self.to else { return };
        let Err(error) = to.write_all(data).and_then(|()| to.flush()) else { return };
        self.to = None;
        if let Some(lost) = self.lost.filter(|_| error.kind() != ErrorKind::BrokenPipe) {
            // Only the first error is kept.
            let _ = lost.set(error);
        }
    }

    /// False after an error, such as a closed pipe.
    pub fn is_open(&self) -> bool {
        self.to.is_some()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("open", &self.to.is_some()).finish_non_exhaustive()
    }
}

/// Makes streams whose text a test can read.
#[cfg(test)]
#[derive(Clone, Default)]
pub(super) struct Captured(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

#[cfg(test)]
impl Captured {
    pub(super) fn stream(&self) -> Stream {
        Stream::new(self.clone())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no test panics while writing")).into_owned()
    }
}

#[cfg(test)]
impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics while writing").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_written_in_order() {
        let captured = Captured::default();
        let mut stream = captured.stream();
        stream.line("one");
        stream.line(2);
        assert_eq!(captured.text(), "one\n2\n");
        assert!(stream.is_open());
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is_one() {
        static LOST_HERE: OnceLock<io::Error> = OnceLock::new();
        let stdout = |kind| Stream { lost: Some(&LOST_HERE), ..Stream::new(Broken(kind)) };

        let mut left = stdout(ErrorKind::BrokenPipe);
        left.line("nobody reads this");
        assert!(!left.is_open());
        left.line("nobody reads this either");
        assert!(LOST_HERE.get().is_none());

        let mut full = stdout(ErrorKind::StorageFull);
        full.line("lost");
        assert!(LOST_HERE.get().is_some_and(|error| error.kind() == ErrorKind::StorageFull));
    }
}
