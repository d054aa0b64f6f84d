//! What took how long: `--timings`. A row a resource in the order they were begun, with a bar for when, so that it shows
//! what ran side by side and what everything waited for.

use std::time::{Duration, Instant};

use console::{Alignment, measure_text_width, pad_str};
use serde_json::{Value, json};

use super::words::{duration, one_line};
use super::{Palette, Reporter, Stream, Style};
use crate::engine::{Event, Id};
use crate::outputs::SCHEMA_VERSION;

/// The columns of the longest bar.
const BAR: u32 = 30;

/// Another reporter, and at the end what took how long.
pub(super) struct Timings {
    inner: Box<dyn Reporter>,
    style: Style,
    palette: Palette,
    began: Instant,
    rows: Vec<Row>,
}

/// One resource: times since the run's beginning.
#[derive(Debug, Clone)]
struct Row {
    id: Id,
    began: Duration,
    ended: Option<Duration>,
    waited: Vec<String>,
}

impl Timings {
    /// Around a reporter of this style.
    pub(super) fn around(inner: Box<dyn Reporter>, style: Style, palette: Palette) -> Self {
        Self { inner, style, palette, began: Instant::now(), rows: Vec::new() }
    }

    fn note(&mut self, event: &Event, now: Duration) {
        let row = |rows: &mut Vec<Row>, wanted: &Id| rows.iter().rposition(|row| row.id == *wanted);
        match event {
            Event::Started { id, .. } => {
                self.rows.push(Row { id: id.clone(), began: now, ended: None, waited: Vec::new() });
            }
            Event::Noted { id, why } => {
                let why = one_line(why);
                if let Some(row) = row(&mut self.rows, id).map(|index| &mut self.rows[index])
                    && !row.waited.contains(&why)
                {
                    row.waited.push(why);
                }
            }
            Event::Done { id, .. } | Event::Failed { id, .. } => {
                if let Some(index) = row(&mut self.rows, id) {
                    self.rows[index].ended.get_or_insert(now);
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
            Style::Json => Stream::stdout().line(document(&self.rows)),
            _ if self.rows.is_empty() => {}
            _ => Stream::stderr().line(text(&self.rows, self.palette)),
        }
    }
}

/// A line of the type `timings`: for each resource `id`, `began_ms` since the run's beginning, `elapsed_ms` (null if it
/// did not end) and `waited`, the reasons it gave.
fn document(rows: &[Row]) -> Value {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let rows = rows.iter().map(|row| {
        json!({
            "id": row.id,
            "began_ms": millis(row.began),
            "elapsed_ms": row.ended.map(|ended| millis(ended.saturating_sub(row.began))),
            "waited": row.waited,
        })
    });
    json!({ "schema_version": SCHEMA_VERSION, "type": "timings", "resources": rows.collect::<Vec<_>>() })
}

fn text(rows: &[Row], palette: Palette) -> String {
    let all = rows.iter().filter_map(|row| row.ended).max().unwrap_or_default();
    let width = rows.iter().map(|row| measure_text_width(row.id.as_str())).max().unwrap_or_default();
    let columns = |time: Duration| {
        let share = time.as_secs_f64() / all.as_secs_f64().max(f64::EPSILON);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of 30 columns")]
        let columns = (share.min(1.0) * f64::from(BAR)).round() as usize;
        columns
    };
    let mut lines = vec!["What took how long:".to_owned()];
    for row in rows {
        let ended = row.ended.unwrap_or(all).max(row.began);
        let from = columns(row.began).min(BAR as usize - 1);
        let bar = palette.pick("━", "=").repeat((columns(ended).max(from + 1)) - from);
        let bar = pad_str(&format!("{}{bar}", " ".repeat(from)), BAR as usize, Alignment::Left, None).into_owned();
        let took = row.ended.map_or_else(|| "-".to_owned(), |ended| duration(ended.saturating_sub(row.began)));
        let id = pad_str(row.id.as_str(), width, Alignment::Left, None);
        let mut line = format!("  {id}  {bar}  {took:>6}");
        if !row.waited.is_empty() {
            line += &palette.dim(&format!("  {}", row.waited.join("; ")));
        }
        lines.push(line);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let row = |id: &str, began, ended: Option<u64>, waited: &[&str]| Row {
            id: Id::from(id.to_owned()),
            began: Duration::from_millis(began),
            ended: ended.map(Duration::from_millis),
            waited: waited.iter().map(|&why| why.to_owned()).collect(),
        };
        vec![
            row("role.A", 0, Some(800), &[]),
            row("topic.greetings", 5, Some(120), &[]),
            row("function.A", 810, Some(9_400), &["the role cannot be assumed yet"]),
            row("api.rest", 900, None, &[]),
        ]
    }

    #[test]
    fn a_bar_for_each_and_why_it_waited() {
        insta::assert_snapshot!(text(&rows(), Palette { color: false, unicode: true }));
        assert!(text(&rows(), Palette::default()).is_ascii());
    }

    #[test]
    fn as_a_line_of_json() {
        let line = document(&rows());
        assert_eq!((line["type"].as_str(), line["schema_version"].as_u64()), (Some("timings"), Some(1)));
        assert_eq!(
            (&line["resources"][2]["elapsed_ms"], &line["resources"][3]["elapsed_ms"]),
            (&json!(8590), &Value::Null)
        );
        assert_eq!(line["resources"][2]["waited"], json!(["the role cannot be assumed yet"]));
    }

    #[test]
    fn a_resource_that_is_begun_twice_has_two_rows() {
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
        assert_eq!(timings.rows.iter().filter(|row| row.ended.is_some()).count(), 2);
    }
}
