//! Where text goes. Printing that cannot panic: a reader that has gone away ends it quietly.

use std::fmt;
use std::io::{self, ErrorKind, Write};

/// A stream of lines: standard output, standard error, or what a test reads back.
///
/// A run is never broken off because nobody listens. After the first error nothing more is written; unless the reader
/// simply left (`securelambda outputs | head -1`) the error is kept for [`Stream::close`].
pub struct Stream {
    to: Result<Box<dyn Write + Send>, Option<io::Error>>,
}

impl Stream {
    /// A stream into anything.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self { to: Ok(Box::new(to)) }
    }

    /// Standard output.
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }

    /// Standard error.
    pub fn stderr() -> Self {
        Self::new(io::stderr())
    }

    /// Writes a line, or several, and lets them out at once.
    pub fn line(&mut self, text: impl fmt::Display) {
        let Ok(to) = &mut self.to else { return };
        // One write a line, so that lines of two processes on one terminal do not mix.
        if let Err(error) = to.write_all(format!("{text}\n").as_bytes()).and_then(|()| to.flush()) {
            self.to = Err((error.kind() != ErrorKind::BrokenPipe).then_some(error));
        }
    }

    /// Whether anybody still listens, as far as the last line showed.
    pub fn is_open(&self) -> bool {
        self.to.is_ok()
    }

    /// Ends the stream; says what kept text from being written, other than that nobody wanted it.
    pub fn close(self) -> io::Result<()> {
        match self.to {
            Err(Some(error)) => Err(error),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("open", &self.to.is_ok()).finish()
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
        assert!(stream.close().is_ok());
    }

    #[test]
    fn a_reader_that_left_is_no_error_and_a_full_disk_is_one() {
        let mut left = Stream::new(Broken(ErrorKind::BrokenPipe));
        left.line("nobody reads this");
        assert!(!left.is_open());
        left.line("nor this");
        assert!(left.close().is_ok());

        let mut full = Stream::new(Broken(ErrorKind::StorageFull));
        full.line("lost");
        assert!(full.close().is_err_and(|error| error.kind() == ErrorKind::StorageFull));
    }
}
