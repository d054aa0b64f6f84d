//! The redrawn part of the screen: the resources in progress and the progress of the run. It is a pure function of the
//! events, the time and the size of the terminal.

use std::time::Instant;

use console::{Alignment, measure_text_width, pad_str, truncate_str};

use super::palette::Palette;
use super::words::{self, WORD, one_line, ticking};
use crate::engine::{Event, Id, Verb};

#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub rows: usize,
    pub columns: usize,
}

/// The state of the run so far.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) palette: Palette,
    id_width: usize,
    total: usize,
    ended: usize,
    began: Option<Instant>,
    in_flight: Vec<InFlight>,
    draining: bool,
}

#[derive(Debug)]
struct InFlight {
    id: Id,
    verb: Verb,
    since: Instant,
    why: Option<String>,
}

impl Frame {
    pub(super) fn new(palette: Palette, id_width: usize) -> Self {
        Self { palette, id_width, total: 0, ended: 0, began: None, in_flight: Vec::new(), draining: false }
    }

    pub(super) fn apply(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Began { total } => {
                self.total = *total;
                self.began = Some(now);
            }
            Event::Started { id, verb } => {
                self.in_flight.push(InFlight { id: id.clone(), verb: *verb, since: now, why: None });
            }
            Event::Noted { id, why } => {
                if let Some(doing) = self.in_flight.iter_mut().find(|doing| doing.id == *id) {
                    doing.why = Some(one_line(why));
                }
            }
            Event::Done { id, .. } | Event::Failed { id, .. } | Event::Skipped { id, .. } => {
                self.in_flight.retain(|doing| doing.id != *id);
                self.ended += 1;
            }
            Event::FoundByTag { .. } | Event::StillListed { .. } => {}
            Event::Draining => self.draining = true,
        }
    }

    /// The width of the column of ids. It is smaller than the longest id if a word and a duration would not fit beside
    /// it.
    pub(super) fn id_column(&self, size: Size) -> usize {
        let beside = if narrow(size) { 10 } else { 12 + WORD } + self.palette.mark_width();
        self.id_width.min(size.columns.saturating_sub(beside)).max(8)
    }

    /// The lines to draw: none before the run begins. They fit the terminal and leave a line free.
    pub(super) fn lines(&self, now: Instant, size: Size) -> Vec<String> {
        let Some(began) = self.began else { return Vec::new() };
        let room = size.rows.saturating_sub(if self.draining { 4 } else { 3 }).max(1);
        let shown = if self.in_flight.len() > room { room - 1 } else { self.in_flight.len() };
        // A reason that does not fit on its line gets a second one if there is room for two lines for each resource.
        let roomy = self.in_flight.len() * 2 <= room;
        let in_flight = self.in_flight[..shown].iter();
        let mut lines: Vec<String> =
            in_flight.flat_map(|doing| self.in_flight_lines(doing, began, now, size, roomy)).collect();
        if shown < self.in_flight.len() {
            lines.push(self.palette.dim(&format!("  and {} more", self.in_flight.len() - shown)));
        }
        lines.push(self.bar(began, now, size));
        if self.draining {
            lines.push(self.palette.warn(&format!("stopping: {}", words::draining(self.in_flight.len()))));
        }
        lines.iter().map(|line| truncate_str(line, width(size), self.palette.ellipsis()).into_owned()).collect()
    }

    fn in_flight_lines(&self, doing: &InFlight, began: Instant, now: Instant, size: Size, roomy: bool) -> Vec<String> {
        let id = pad_str(doing.id.as_str(), self.id_column(size), Alignment::Left, Some(self.palette.ellipsis()));
        let verb = if narrow(size) { String::new() } else { format!("{:WORD$}  ", words::doing(doing.verb)) };
        let time = ticking(now.saturating_duration_since(doing.since));
        let line = format!("{} {id}  {verb}{time:>6}", self.spinner(began, now));
        match &doing.why {
            None => vec![line],
            Some(why) if roomy && measure_text_width(&line) + 2 + measure_text_width(why) > width(size) => {
                vec![line, self.palette.dim(&format!("    {why}"))]
            }
            Some(why) => vec![format!("{line}  {}", self.palette.dim(why))],
        }
    }

    fn spinner(&self, began: Instant, now: Instant) -> String {
        let steps: [&str; 8] = if self.palette.unicode {
            ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧"]
        } else {
            ["|", "/", "-", "\\", "|", "/", "-", "\\"]
        };
        let step = now.saturating_duration_since(began).as_millis() / 100;
        let spinner = steps[usize::try_from(step % 8).unwrap_or(0)];
        pad_str(spinner, self.palette.mark_width(), Alignment::Left, None).into_owned()
    }

    /// `━━━━━━━━━━━━━━────────────────  12/36  14s`
    fn bar(&self, began: Instant, now: Instant, size: Size) -> String {
        let text = format!("{}/{}  {}", self.ended, self.total, ticking(now.saturating_duration_since(began)));
        let width = size.columns.saturating_sub(text.len() + 3).min(40);
        let full = (width * self.ended.min(self.total)).checked_div(self.total).unwrap_or(0);
        let (done, left) = (self.palette.pick("━", "="), self.palette.pick("─", "-"));
        format!("{}{}  {text}", self.palette.good(&done.repeat(full)), self.palette.dim(&left.repeat(width - full)))
    }
}

/// The number of usable columns. The last one stays free, because some terminals begin a new line after it.
fn width(size: Size) -> usize {
    size.columns.saturating_sub(1)
}

/// Whether the terminal is too narrow to show verbs.
fn narrow(size: Size) -> bool {
    size.columns < 48
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use insta::assert_snapshot;

    use super::super::fixture;
    use super::*;

    const WIDE: Size = Size { rows: 24, columns: 80 };

    /// The lines 65 seconds after these events, which all happen at the same time.
    fn drawn(palette: Palette, size: Size, events: &[Event]) -> String {
        let began = Instant::now();
        let mut frame = Frame::new(palette, fixture::ID_WIDTH);
        for event in events {
            frame.apply(event, began);
        }
        frame.lines(began + Duration::from_secs(65), size).join("\n")
    }

    #[test]
    fn nothing_is_drawn_before_the_run_begins() {
        assert_eq!(drawn(fixture::UNICODE, WIDE, &[]), "");
    }

    #[test]
    fn a_frame_of_eighty_columns() {
        assert_snapshot!(drawn(fixture::UNICODE, WIDE, &fixture::run()[..6]), @"
        ⠹ function.ExternalLambda1  creating   1m 05s
            the role cannot be assumed by Lambda yet
        ⠹ role.InternalLambda       creating   1m 05s
        ━━━─────────────────────────────────────  1/11  1m 05s
        ");
    }

    #[test]
    fn frames_of_fifty_and_of_thirty_columns() {
        assert_snapshot!(drawn(Palette::default(), Size { columns: 50, ..WIDE }, &fixture::run()[..6]), @"
        -  function.ExternalLambda1  creating   1m 05s
            the role cannot be assumed by Lambda yet
        -  role.InternalLambda       creating   1m 05s
        ===--------------------------------  1/11  1m 05s
        ");
        assert_snapshot!(drawn(fixture::UNICODE, Size { columns: 30, ..WIDE }, &fixture::run()[..6]), @"
        ⠹ function.ExternalL…  1m 05s
            the role cannot be assum…
        ⠹ role.InternalLambda  1m 05s
        ━──────────────  1/11  1m 05s
        ");
    }

    #[test]
    fn a_stopping_run_shows_the_number_of_calls_in_flight() {
        let mut events = fixture::run()[..6].to_vec();
        events.push(Event::Draining);
        assert_snapshot!(drawn(fixture::UNICODE, WIDE, &events), @"
        ⠹ function.ExternalLambda1  creating   1m 05s
            the role cannot be assumed by Lambda yet
        ⠹ role.InternalLambda       creating   1m 05s
        ━━━─────────────────────────────────────  1/11  1m 05s
        stopping: waiting for 2 calls in flight (press Ctrl-C again to exit at once)
        ");
    }

    #[test]
    fn a_frame_fits_terminals_of_every_size() {
        let mut events = fixture::run()[..6].to_vec();
        events.push(Event::Draining);
        for (rows, columns) in (1..12).flat_map(|rows| (8..90).map(move |columns| (rows, columns))) {
            let drawn = drawn(Palette { color: true, unicode: true }, Size { rows, columns }, &events);
            assert!(drawn.lines().all(|line| console::measure_text_width(line) <= columns), "{columns}: {drawn}");
            assert!(drawn.lines().count() <= rows.max(3), "{rows}: {drawn}");
        }
    }

    #[test]
    fn a_note_about_a_resource_that_is_not_in_progress_is_ignored() {
        let id = Id::new("role", "Other");
        let events = [Event::Began { total: 1 }, Event::Noted { id, why: "nobody asked".into() }];
        assert!(!drawn(fixture::UNICODE, WIDE, &events).contains("nobody"));
    }
}
