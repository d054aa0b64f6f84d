//! A run on a terminal. What has ended is printed for good; below it, what is in flight is redrawn. The only importer
//! of indicatif.
//!
//! We let indicatif draw *one* bar whose text is the whole `frame`, rather than a bar for every resource: it knows how
//! to redraw and to print above, we know what fits into which width, and that can be tested without a terminal.

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

/// How often the clocks tick and the spinners turn.
const TICK: Duration = Duration::from_millis(100);

/// Draws at most this often a second; what is printed for good is drawn at once.
const HERTZ: u8 = 20;

/// Shows a run on a terminal.
pub(super) struct Bars {
    frame: Arc<Mutex<Frame>>,
    size: Box<dyn Fn() -> Size + Send>,
    bar: ProgressBar,
}

impl Bars {
    /// On this process's standard error, which is a terminal.
    pub(super) fn stderr(palette: Palette, id_width: usize) -> Self {
        let bars = Self::on_term(&Term::buffered_stderr(), palette, id_width);
        bars.bar.enable_steady_tick(TICK);
        bars
    }

    /// On any terminal; clocks stand still between events.
    fn on_term<T: TermLike + Clone + 'static>(term: &T, palette: Palette, id_width: usize) -> Self {
        let frame = Arc::new(Mutex::new(Frame::new(palette, id_width)));
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(Unfilled::new(term.clone())), HERTZ);
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style(term.clone(), Arc::clone(&frame)));
        let term = term.clone();
        Self { frame, size: Box::new(move || size(&term)), bar }
    }
}

impl Reporter for Bars {
    fn on(&mut self, event: &Event) {
        let size = (self.size)();
        // The frame is let go before indicatif is called: drawing locks the bar first and then the frame.
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

/// A reporter that goes away without having finished cleans up too.
impl Drop for Bars {
    fn drop(&mut self) {
        if !self.bar.is_finished() {
            self.bar.finish_and_clear();
        }
    }
}

/// A bar that looks like the frame.
fn style<T: TermLike + Clone + 'static>(term: T, frame: Arc<Mutex<Frame>>) -> ProgressStyle {
    let draw = move |_: &ProgressState, to: &mut dyn Write| {
        // The bar's text; writing to it cannot fail.
        let _ = to.write_str(&lock(&frame).lines(Instant::now(), size(&term)).join("\n"));
    };
    // The template is a constant, and correct.
    let template = ProgressStyle::with_template("{frame}").unwrap_or_else(|_| ProgressStyle::default_bar());
    template.with_key("frame", draw)
}

fn size(term: &impl TermLike) -> Size {
    Size { rows: term.height().into(), columns: term.width().into() }
}

fn lock(frame: &Mutex<Frame>) -> MutexGuard<'_, Frame> {
    // A frame is whole after every event: one left behind by a panic elsewhere is as good as any.
    frame.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A terminal on which lines end where their text ends.
///
/// indicatif ends a line by filling it with spaces up to the terminal's edge. Those spaces end up in what is copied,
/// a `^C` echoed after them starts a line that is never cleared, and in a window made narrower they become lines of
/// their own. This ends lines with a line break instead.
///
/// It relies on how indicatif 0.18 draws: `clear_line` for each line of the last frame if there was one, then each
/// line followed by its filling. The tests below would show a change.
#[derive(Debug)]
struct Unfilled<T> {
    term: T,
    /// How often was written since the last frame was cleared: lines at even numbers, their filling at odd ones.
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

    /// A terminal on which these events happened.
    fn shown(rows: u16, columns: u16, palette: Palette, events: &[Event]) -> (InMemoryTerm, Bars) {
        let term = InMemoryTerm::new(rows, columns);
        let mut bars = Bars::on_term(&term, palette, fixture::ID_WIDTH);
        for event in events {
            bars.on(event);
        }
        // The rate limit may have kept the last events from being drawn.
        bars.bar.force_draw();
        (term, bars)
    }

    #[test]
    fn what_has_ended_stays_when_the_run_has() {
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
        ✓ pool.MyUserPool1          adopted    was there, and ours
        ✓ stage.development         updated      1.5s
            ! rate limit: 10000 → 50
              description: (none) → development
        ✓ secret.Old                deleted      0.4s
        ✓ method.Old                deleted    with its parent
        ✓ role.Old                  gone       was not there
        ");
        // Whatever is printed next begins a line of its own.
        term.write_str("next").expect("writing to memory succeeds");
        assert!(term.contents().ends_with("\nnext"));
    }

    #[test]
    fn nothing_is_left_of_a_run_that_is_given_up() {
        let (term, bars) = shown(24, 80, fixture::UNICODE, &fixture::run()[..3]);
        assert!(term.contents().contains("topic.greetings"), "{}", term.contents());
        drop(bars);
        assert_eq!(term.contents(), "");
    }

    #[test]
    fn a_narrow_terminal_without_unicode() {
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
            was there, and ours
        ok stage.development         updated      1.5s
            ! rate limit: 10000 -> 50
              description: (none) -> development
        ok secret.Old                deleted      0.4s
        ok method.Old                deleted
            with its parent
        ok role.Old                  gone
            was not there
        ");
    }

    #[test]
    fn what_is_in_flight_is_below_what_has_ended() {
        let (term, _bars) = shown(24, 80, fixture::UNICODE, &fixture::run()[..6]);
        let screen = term.contents();
        // The clocks tick while tests run; what the frame looks like is tested where it is drawn.
        let expected =
            ["✓ topic.greetings", "function.ExternalLambda1  creating", "role.InternalLambda       creating", "1/11"];
        assert_eq!(screen.lines().count(), expected.len() + 1, "{screen}");
        let rest = expected.iter().try_fold(screen.as_str(), |rest, part| Some(rest.split_once(part)?.1));
        assert!(rest.is_some(), "{screen}");
    }

    #[test]
    fn a_low_terminal_shows_no_more_than_fits() {
        let started = |n: usize| Event::Started { id: Id::new("role", &n.to_string()), verb: Verb::Create };
        let events: Vec<Event> = std::iter::once(Event::Began { total: 36 }).chain((1..=20).map(started)).collect();
        let (term, mut bars) = shown(8, 80, fixture::UNICODE, &events);
        let screen = term.contents();
        assert!(screen.contains("role.4") && screen.contains("and 16 more") && screen.contains("0/36"), "{screen}");
        bars.finish();
        assert_eq!(term.contents(), "");
    }
}
