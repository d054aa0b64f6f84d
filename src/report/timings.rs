//! `--timings`: how long each resource took. Each resource has a line with a bar, in the order of their starts, so that
//! parallel work and waits can be seen.

use std::time::{Duration, Instant};

use console::{Alignment, measure_text_width, pad_str};
use serde_json::{Value, json};

use super::words::{duration, one_line};
use super::{Palette, Reporter, Stream, Style};
use crate::engine::{Event, Id};
use crate::outputs::SCHEMA_VERSION;

/// The width of the longest bar in columns.
const BAR: u32 = 30;

/// Adds the durations to the end of another reporter's output.
pub(super) struct Timings {
    inner: Box<dyn Reporter>,
    style: Style,
    palette: Palette,
    began: Instant,
    measured: Vec<Timing>,
}

/// One operation on one resource. Times are relative to the beginning of the run.
#[derive(Debug, Clone)]
struct Timing {
    id: Id,
    began: Duration,
    ended: Option<Duration>,
    waited: Vec<String>,
}

impl Timings {
    pub(super) fn around(inner: Box<dyn Reporter>, style: Style, palette: Palette) -> Self {
        Self { inner, style, palette, began: Instant::now(), measured: Vec::new() }
    }

    fn note(&mut self, event: &Event, now: Duration) {
        let last = |timings: &[Timing], wanted: &Id| timings.iter().rposition(|timing| timing.id == *wanted);
        match event {
            Event::Started { id, .. } => {
                self.measured.push(Timing { id: id.clone(), began: now, ended: None, waited: Vec::new() });
            }
            Event::Noted { id, why } => {
                let why = one_line(why);
                if let Some(timing) = last(&self.measured, id).map(|index| &mut self.measured[index])
                    && !timing.waited.contains(&why)
                {
                    timing.waited.push(why);
                }
            }
            Event::Done { id, .. } | Event::Failed { id, .. } => {
                if let Some(index) = last(&self.measured, id) {
                    self.measured[index].ended.get_or_insert(now);
                }
            }
            Event::Began { .. }
            | Event::Skipped { .. }
            | Event::FoundByTag { .. }
            | Event::StillListed { .. }
            | Event::Draining => {}
        }
    }
}

impl Reporter for Timings {
    fn on(&mut self, event: &Event) {
        self.note(event, self.began.elapsed());
        self.inner.on(event);
    }

    fn finish(&mut self) {
        self.inner.finish();
        match self.style {
            Style::Json => Stream::stdout().line(document(&self.measured)),
            _ if self.measured.is_empty() => {}
            _ => Stream::stderr().line(text(&self.measured, self.palette)),
        }
    }
}

/// A JSON line of the type `timings`. For each resource it has `id`, `began_ms` since the beginning of the run,
/// `elapsed_ms` (null if it did not end) and `waited`, the reasons for waiting.
fn document(timings: &[Timing]) -> Value {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let resources = timings.iter().map(|timing| {
        json!({
            "id": timing.id,
            "began_ms": millis(timing.began),
            "elapsed_ms": timing.ended.map(|ended| millis(ended.saturating_sub(timing.began))),
            "waited": timing.waited,
        })
    });
    json!({ "schema_version": SCHEMA_VERSION, "type": "timings", "resources": resources.collect::<Vec<_>>() })
}

fn text(timings: &[Timing], palette: Palette) -> String {
    let all = timings.iter().filter_map(|timing| timing.ended).max().unwrap_or_default();
    let width = timings.iter().map(|timing| measure_text_width(timing.id.as_str())).max().unwrap_or_default();
    let columns = |time: Duration| {
        let share = time.as_secs_f64() / all.as_secs_f64().max(f64::EPSILON);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of 30 columns")]
        let columns = (share.min(1.0) * f64::from(BAR)).round() as usize;
        columns
    };
    let mut lines = vec!["Duration of each resource:".to_owned()];
    for timing in timings {
        let ended = timing.ended.unwrap_or(all).max(timing.began);
        let from = columns(timing.began).min(BAR as usize - 1);
        let bar = palette.pick("━", "=").repeat((columns(ended).max(from + 1)) - from);
        let bar = pad_str(&format!("{}{bar}", " ".repeat(from)), BAR as usize, Alignment::Left, None).into_owned();
        let took = timing.ended.map_or_else(|| "-".to_owned(), |ended| duration(ended.saturating_sub(timing.began)));
        let id = pad_str(timing.id.as_str(), width, Alignment::Left, None);
        let mut line = format!("  {id}  {bar}  {took:>6}");
        if !timing.waited.is_empty() {
            line += &palette.dim(&format!("  {}", timing.waited.join("; ")));
        }
        lines.push(line);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Timing> {
        let timing = |id: &str, began, ended: Option<u64>, waited: &[&str]| Timing {
            id: Id::from(id.to_owned()),
            began: Duration::from_millis(began),
            ended: ended.map(Duration::from_millis),
            waited: waited.iter().map(|&why| why.to_owned()).collect(),
        };
        vec![
            timing("role.A", 0, Some(800), &[]),
            timing("topic.greetings", 5, Some(120), &[]),
            timing("function.A", 810, Some(9_400), &["the role cannot be assumed yet"]),
            timing("api.rest", 900, None, &[]),
        ]
    }

    #[test]
    fn each_resource_has_a_bar_and_its_reasons_for_waiting() {
        insta::assert_snapshot!(text(&samples(), Palette { color: false, unicode: true }));
        assert!(text(&samples(), Palette::default()).is_ascii());
    }

    #[test]
    fn timings_as_a_line_of_json() {
        let line = document(&samples());
        assert_eq!((line["type"].as_str(), line["schema_version"].as_u64()), (Some("timings"), Some(1)));
        assert_eq!(
            (&line["resources"][2]["elapsed_ms"], &line["resources"][3]["elapsed_ms"]),
            (&json!(8590), &Value::Null)
        );
        assert_eq!(line["resources"][2]["waited"], json!(["the role cannot be assumed yet"]));
    }

    #[test]
    fn a_resource_that_is_started_twice_has_two_timings() {
        let inner = Box::new(super::super::Json::new(Stream::new(std::io::sink())));
        let mut timings = Timings::around(inner, Style::Quiet, Palette::default());
        let id = Id::new("role", "A");
        for verb in [crate::engine::Verb::Create, crate::engine::Verb::Delete] {
            timings.on(&Event::Started { id: id.clone(), verb });
            timings.on(&Event::Done {
                id: id.clone(),
                outcome: crate::engine::Outcome::Created,
                elapsed: Duration::ZERO,
            });
        }
        assert_eq!(timings.measured.iter().filter(|timing| timing.ended.is_some()).count(), 2);
    }
}
