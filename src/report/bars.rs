//! A run on a terminal: permanent lines for finished resources and, below them, redrawn lines for resources in
//! progress. This is the only module that uses indicatif.
//!
//! indicatif draws one bar whose text is the whole `frame`, instead of a bar for each resource. It redraws the bar and
//! prints lines above it. `frame` decides what fits the terminal, which can be tested without one.

use std::fmt::Write;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};

use super::Reporter;
use super::frame::{Frame, Size};
use super::palette::Palette;
use crate::engine::Event;

/// The interval at which durations and spinners are updated.
const TICK: Duration = Duration::from_millis(100);

/// The maximum number of redraws per second. Permanent lines are printed immediately.
const HERTZ: u8 = 20;

pub(super) struct Bars {
    frame: Arc<Mutex<Frame>>,
    size: Box<dyn Fn() -> Size + Send>,
    bar: ProgressBar,
}

impl Bars {
    /// For the standard error of this process, which must be a terminal.
    pub(super) fn stderr(palette: Palette, id_width: usize) -> Self {
        let bars = Self::on_term(&Term::buffered_stderr(), palette, id_width);
        bars.bar.enable_steady_tick(TICK);
        bars
    }

    /// For any terminal. Durations are updated only at events.
    fn on_term<T: TermLike + Clone + 'static>(term: &T, palette: Palette, id_width: usize) -> Self {
        let frame = Arc::new(Mutex::new(Frame::new(palette, id_width)));
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(Unfilled::new(term.clone())), HERTZ);
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style(term.clone(), Arc::clone(&frame)));
        let term = term.clone();
        Self { frame, size: Box::new(move || size(&term)), bar }
    }
}

/// The last line of a terminal, below everything that is printed, for as long as it has a text.
pub(super) struct Pinned {
    bar: Option<ProgressBar>,
}

impl Pinned {
    pub(super) fn stderr() -> Self {
        Self { bar: None }
    }

    /// Shows this text, cut to the width of the terminal, or removes the line.
    pub(super) fn set(&mut self, text: Option<String>) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.bar = text.map(|text| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // The template is a valid constant.
            bar.set_style(ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(text);
            bar.tick();
            bar
        });
    }

    /// Prints something above the line.
    pub(super) fn above(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.set(None);
    }
}

impl Reporter for Bars {
    fn on(&mut self, event: &Event) {
        let size = (self.size)();
        // The lock is released before indicatif is called, because drawing locks the bar first and then the frame.
        let permanent = {
            let mut frame = lock(&self.frame);
            frame.apply(event, Instant::now());
            frame.ended(event, size)
        };
        if permanent.is_empty() {
            self.bar.tick();
        } else {
            self.bar.println(permanent.join("\n"));
        }
    }

    fn finish(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Clears the bar if the reporter is dropped before `finish`.
impl Drop for Bars {
    fn drop(&mut self) {
        if !self.bar.is_finished() {
            self.bar.finish_and_clear();
        }
    }
}

/// A style whose only text is the frame.
fn style<T: TermLike + Clone + 'static>(term: T, frame: Arc<Mutex<Frame>>) -> ProgressStyle {
    let draw = move |_: &ProgressState, to: &mut dyn Write| {
        // Writing to the text of the bar cannot fail.
        let _ = to.write_str(&lock(&frame).lines(Instant::now(), size(&term)).join("\n"));
    };
    // The template is a valid constant.
    let template = ProgressStyle::with_template("{frame}").unwrap_or_else(|_| ProgressStyle::default_bar());
    template.with_key("frame", draw)
}

fn size(term: &impl TermLike) -> Size {
    Size { rows: term.height().into(), columns: term.width().into() }
}

fn lock(frame: &Mutex<Frame>) -> MutexGuard<'_, Frame> {
    // Every event leaves the frame consistent, so it can be used after a panic in another thread.
    frame.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A terminal that ends each line with a line break instead of spaces.
///
/// indicatif fills each line with spaces up to the edge of the terminal, and it has no option to turn this off. The
/// spaces are copied together with the text, a `^C` that is echoed after them begins a line that is never cleared, and
/// they wrap into lines of their own if the window becomes narrower.
///
/// Therefore this type replaces the spaces, which depends on how indicatif 0.18 draws: it calls `clear_line` for each
/// line of the last frame, if there was one, and then `write_str` twice for each line: the text and the spaces. The
/// test `indicatif_writes_each_line_and_then_its_filling` fails if a new version draws differently.
#[derive(Debug)]
struct Unfilled<T> {
    term: T,
    /// The number of writes since the last frame was cleared. Even numbers are lines, odd numbers are spaces.
    writes: AtomicUsize,
}

impl<T> Unfilled<T> {
    fn new(term: T) -> Self {
        Self { term, writes: AtomicUsize::new(0) }
    }
}

impl<T: TermLike> TermLike for Unfilled<T> {
    fn write_str(&self, text: &str) -> io::Result<()> {
        match self.writes.fetch_add(1, Ordering::Relaxed) {
            0 => self.term.write_str(text),
            line if line.is_multiple_of(2) => self.term.write_str(&format!("\r\n{text}")),
            _ => Ok(()),
        }
    }

    fn clear_line(&self) -> io::Result<()> {
        self.writes.store(0, Ordering::Relaxed);
        self.term.clear_line()
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.term.write_line(text)
    }

    fn width(&self) -> u16 {
        self.term.width()
    }

    fn height(&self) -> u16 {
        self.term.height()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_left(n)
    }

    fn flush(&self) -> io::Result<()> {
        self.term.flush()
    }
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;
    use insta::assert_snapshot;

    use super::super::fixture;
    use super::*;
    use crate::engine::{Id, Verb};

    /// A terminal after these events.
    fn shown(rows: u16, columns: u16, palette: Palette, events: &[Event]) -> (InMemoryTerm, Bars) {
        let term = InMemoryTerm::new(rows, columns);
        let mut bars = Bars::on_term(&term, palette, fixture::ID_WIDTH);
        for event in events {
            bars.on(event);
        }
        // The rate limit may have delayed the drawing of the last events.
        bars.bar.force_draw();
        (term, bars)
    }

    #[test]
    fn the_lines_of_finished_resources_stay_after_the_run() {
        let (term, mut bars) = shown(30, 80, fixture::UNICODE, &fixture::run());
        bars.finish();
        assert_snapshot!(term.contents(), @"
        ✓ topic.greetings           created      0.3s
        ✗ role.InternalLambda       failed     after 3.1s
            create role: user arn:aws:iam::123456789012:user/dev is not authorized to
            perform iam:CreateRole
            AWS: AccessDenied, request 4f0c2b1e-8f9a-4a51-9d3c
            hint: `securelambda policy` prints what is needed; ask for it, then run
                  `up` again
        - function.InternalLambda   skipped    because role.InternalLambda failed
        ✓ function.ExternalLambda1  created    1m 05s
        ✓ pool.MyUserPool1          adopted    already existed
        ✓ stage.development         updated      1.5s
            ! rate limit: 10000 → 50
              description: (none) → development
        ✓ secret.Old                deleted      0.4s
        ✓ method.Old                deleted    with its parent
        ");
        // Later output begins on a new line.
        term.write_str("next").expect("writing to memory succeeds");
        assert!(term.contents().ends_with("\nnext"));
    }

    #[test]
    fn a_dropped_reporter_clears_its_bar() {
        let (term, bars) = shown(24, 80, fixture::UNICODE, &fixture::run()[..3]);
        assert!(term.contents().contains("topic.greetings"), "{}", term.contents());
        drop(bars);
        assert_eq!(term.contents(), "");
    }

    #[test]
    fn permanent_lines_on_a_narrow_terminal_without_unicode() {
        let (term, mut bars) = shown(40, 50, Palette::default(), &fixture::run());
        bars.finish();
        assert!(term.contents().is_ascii());
        assert_snapshot!(term.contents(), @"
        ok topic.greetings           created      0.3s
        x  role.InternalLambda       failed     after 3.1s
            create role: user
            arn:aws:iam::123456789012:user/dev is not
            authorized to perform iam:CreateRole
            AWS: AccessDenied, request
            4f0c2b1e-8f9a-4a51-9d3c
            hint: `securelambda policy` prints what is
                  needed; ask for it, then run `up` again
        -  function.InternalLambda   skipped
            because role.InternalLambda failed
        ok function.ExternalLambda1  created    1m 05s
        ok pool.MyUserPool1          adopted
            already existed
        ok stage.development         updated      1.5s
            ! rate limit: 10000 -> 50
              description: (none) -> development
        ok secret.Old                deleted      0.4s
        ok method.Old                deleted
            with its parent
        ");
    }

    #[test]
    fn resources_in_progress_are_below_finished_ones() {
        let (term, _bars) = shown(24, 80, fixture::UNICODE, &fixture::run()[..6]);
        let screen = term.contents();
        // Durations change while tests run. The tests of `frame` compare whole frames.
        let expected =
            ["✓ topic.greetings", "function.ExternalLambda1  creating", "role.InternalLambda       creating", "1/11"];
        assert_eq!(screen.lines().count(), expected.len() + 1, "{screen}");
        let rest = expected.iter().try_fold(screen.as_str(), |rest, part| Some(rest.split_once(part)?.1));
        assert!(rest.is_some(), "{screen}");
    }

    /// Records the calls that `Unfilled` depends on.
    #[derive(Debug, Clone, Default)]
    struct Recorder(Arc<Mutex<Vec<String>>>);

    impl Recorder {
        fn record(&self, call: String) {
            self.0.lock().expect("no test panics while recording").push(call);
        }
    }

    impl TermLike for Recorder {
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.record(if text.trim().is_empty() { format!("{} spaces", text.len()) } else { text.to_owned() });
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            self.record("clear".to_owned());
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.record(format!("line {text}"));
            Ok(())
        }

        fn width(&self) -> u16 {
            10
        }

        fn height(&self) -> u16 {
            10
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn indicatif_writes_each_line_and_then_its_filling() {
        let recorder = Recorder::default();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::term_like(Box::new(recorder.clone())));
        bar.set_style(ProgressStyle::with_template("a\nbcd").expect("a sound template"));
        bar.force_draw();
        bar.force_draw();
        let frame = ["a", "9 spaces", "bcd", "7 spaces"];
        let expected = [&frame[..], &["clear", "clear"], &frame[..]].concat();
        assert_eq!(*recorder.0.lock().expect("no test panics while recording"), expected);
        bar.finish_and_clear();
    }

    #[test]
    fn a_low_terminal_shows_only_the_lines_that_fit() {
        let started = |n: usize| Event::Started { id: Id::new("role", &n.to_string()), verb: Verb::Create };
        let events: Vec<Event> = std::iter::once(Event::Began { total: 36 }).chain((1..=20).map(started)).collect();
        let (term, mut bars) = shown(8, 80, fixture::UNICODE, &events);
        let screen = term.contents();
        assert!(screen.contains("role.4") && screen.contains("and 16 more") && screen.contains("0/36"), "{screen}");
        bars.finish();
        assert_eq!(term.contents(), "");
    }
}
