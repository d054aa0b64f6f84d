//! The events in a log group.

use super::Logs;
use crate::aws::error::{OrAbsent, OrFail};
use crate::engine::Failure;

/// One entry of a log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// Its id, which emulators may leave out.
    pub id: Option<String>,
    /// The name of its log stream. Each execution environment of a function has its own stream.
    pub stream: String,
    /// When it was written, in milliseconds since 1970.
    pub at_ms: i64,
    /// As it was written, without the line break at its end.
    pub message: String,
}

impl Logs {
    /// All events of the group since `since_ms`, sorted by time; `None` if there is no such group.
    ///
    /// # Errors
    /// The group could not be read.
    pub async fn events(&self, group: &str, since_ms: i64) -> Result<Option<Vec<LogEvent>>, Failure> {
        let doing = format!("read the log group {group}");
        let call = self.client.filter_log_events().log_group_name(group).start_time(since_ms);
        let mut pages = call.into_paginator().send();
        let mut events = Vec::new();
        // A page may be empty and yet not the last.
        while let Some(page) = pages.next().await {
            let Some(page) = page.or_fail(&doing).or_absent()? else { return Ok(None) };
            events.extend(page.events.unwrap_or_default().into_iter().map(|event| LogEvent {
                id: event.event_id,
                stream: event.log_stream_name.unwrap_or_default(),
                at_ms: event.timestamp.unwrap_or_default(),
                message: event.message.unwrap_or_default().trim_end_matches(['\r', '\n']).to_owned(),
            }));
        }
        events.sort_by_key(|event| event.at_ms);
        Ok(Some(events))
    }

    /// Whether the group has an event since `since_unix_ms` (in milliseconds since 1970), with `text` in it if that is
    /// given.
    pub async fn any(&self, group: &str, text: Option<&str>, since_unix_ms: i64) -> Result<bool, Failure> {
        // A pattern in quotes matches that text. Without quotes it matches its words in any order.
        let pattern = text.map(|text| format!("\"{text}\""));
        let call = self.client.filter_log_events().log_group_name(group).start_time(since_unix_ms);
        let mut pages = call.set_filter_pattern(pattern).into_paginator().send();
        // A page may be empty though a later one is not.
        while let Some(page) = pages.next().await {
            if !page.or_fail(&format!("search the log group {group}"))?.events().is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay, requests};

    #[tokio::test]
    async fn events_of_all_pages_are_sorted() {
        let first = r#"{"nextToken":"more","events":[
            {"eventId":"2","logStreamName":"s","timestamp":2000,"message":"two\n","ingestionTime":9},
            {"eventId":"1","logStreamName":"s","timestamp":1000,"message":"one"}]}"#;
        let last = r#"{"events":[{"logStreamName":"t","timestamp":1500,"message":"between"}]}"#;
        let (clients, http) = replay(vec![(200, first), (200, r#"{"nextToken":"again","events":[]}"#), (200, last)]);
        let events = Logs::new(&clients).events("/aws/lambda/demo-f", 500).await.unwrap().unwrap();
        let told: Vec<_> = events.iter().map(|event| (event.message.as_str(), event.id.as_deref())).collect();
        assert_eq!(told, [("one", Some("1")), ("between", None), ("two", Some("2"))]);
        let requests = requests(&http);
        assert!(requests[0].contains(r#""startTime":500"#) && requests[1].contains(r#""nextToken":"more""#));
    }

    #[tokio::test]
    async fn without_a_group_there_is_nothing_to_read() {
        let (clients, _) = replay(vec![(400, r#"{"__type":"ResourceNotFoundException","message":"no"}"#)]);
        assert_eq!(Logs::new(&clients).events("/aws/lambda/demo-f", 0).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_empty_page_is_not_the_end() {
        let (clients, http) = replay(vec![
            (200, r#"{"events": [], "nextToken": "n"}"#),
            (200, r#"{"events": [{"message": "Hello Ada."}]}"#),
            (200, r#"{"events": []}"#),
        ]);
        let events = Logs::new(&clients);
        assert_eq!(events.any("/aws/lambda/f", Some("Ada"), 1000).await, Ok(true));
        assert_eq!(events.any("/aws/lambda/f", None, 1000).await, Ok(false));
        let asked = asked(&http);
        assert!(asked[0].1.contains(r#""filterPattern":"\"Ada\"""#) && !asked[2].1.contains("filterPattern"));
    }
}
