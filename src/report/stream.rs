//! Where text goes. Printing that cannot panic: a reader that has gone away ends it quietly.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// What kept an answer from being written, other than that nobody wanted it; of this process, as standard output is.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// What kept an answer from standard output, if anything did: a full disk, say. A reader that left did not want more.
pub fn lost() -> Option<&'static io::Error> {
    LOST.get()
}

/// A stream of lines: standard output, standard error, or what a test reads back.
///
/// A run is never broken off because nobody listens. After the first error nothing more is written; on standard output,
/// unless the reader simply left (`securelambda outputs | head -1`), the error is kept for [`lost`].
pub struct Stream {
    /// `None` after the first error.
    to: Option<Box<dyn Write + Send>>,
    /// Where an error is kept that somebody must be told of.
    lost: Option<&'static OnceLock<io::Error>>,
}

impl Stream {
    /// A stream into anything.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self { to: Some(Box::new(to)), lost: None }
    }

    /// Standard output.
    pub fn stdout() -> Self {
        Self { lost: Some(&LOST), ..Self::new(io::stdout()) }
    }

    /// Standard error.
    pub fn stderr() -> Self {
        Self::new(io::stderr())
    }

    /// Writes a line, or several, and lets them out at once.
    pub fn line(&mut self, text: impl fmt::Display) {
        let Some(to) = &mut self.to else { return };
        // One write a line, so that lines of two processes on one terminal do not mix.
        let Err(error) = to.write_all(format!("{text}\n").as_bytes()).and_then(|()| to.flush()) else { return };
        self.to = None;
        if let Some(lost) = self.lost.filter(|_| error.kind() != ErrorKind::BrokenPipe) {
            // The first is told.
            let _ = lost.set(error);
        }
    }

    /// Whether anybody still listens, as far as the last line showed.
    pub fn is_open(&self) -> bool {
        self.to.is_some()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("open", &self.to.is_some()).finish_non_exhaustive()
    }
}

/// A stream whose text can be read back.
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
    fn lines_arrive() {
        let captured = Captured::default();
        let mut stream = captured.stream();
        stream.line("one");
        stream.line(2);
        assert_eq!(captured.text(), "one\n2\n");
        assert!(stream.is_open());
    }

    #[test]
    fn a_reader_that_left_is_no_error_and_a_full_disk_is_one() {
        static LOST_HERE: OnceLock<io::Error> = OnceLock::new();
        let answers = |kind| Stream { lost: Some(&LOST_HERE), ..Stream::new(Broken(kind)) };

        let mut left = answers(ErrorKind::BrokenPipe);
        left.line("nobody reads this");
        assert!(!left.is_open());
        left.line("nor this");
        assert!(LOST_HERE.get().is_none());

        let mut full = answers(ErrorKind::StorageFull);
        full.line("lost");
        assert!(LOST_HERE.get().is_some_and(|error| error.kind() == ErrorKind::StorageFull));
    }
}
