//! The requests to the APIs of a stack: from the emulator's log of requests or, on AWS, from the APIs' access logs.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use serde::Deserialize;

use crate::outputs::Outputs;
use crate::report::Request;

/// The emulator's log of requests: see `local/launcher.py`.
pub(super) struct RequestLog {
    path: PathBuf,
    /// How many bytes were read.
    read: u64,
    /// The beginning of a line whose end was not written yet.
    rest: Vec<u8>,
}

/// A line of that log.
#[derive(Deserialize)]
struct Line {
    at_ms: i64,
    method: String,
    path: String,
    status: u16,
    ms: u64,
}

impl RequestLog {
    /// Skips the requests until now.
    pub(super) fn from_now_on(path: PathBuf) -> Self {
        let read = std::fs::metadata(&path).map(|file| file.len()).unwrap_or_default();
        Self { path, read, rest: Vec::new() }
    }

    /// The new requests to the APIs of these outputs.
    pub(super) fn fresh(&mut self, outputs: &Outputs) -> Vec<Request> {
        // Without the file, the emulator was stopped or is starting.
        let _ = self.read_on();
        let end = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.rest.drain(..end).collect();
        let lines = lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        lines.filter_map(|line| request(line, outputs)).collect()
    }

    fn read_on(&mut self) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        if file.metadata()?.len() < self.read {
            // The emulator was started again.
            self.read = 0;
            self.rest.clear();
        }
        file.seek(SeekFrom::Start(self.read))?;
        self.read += u64::try_from(file.read_to_end(&mut self.rest)?).unwrap_or_default();
        Ok(())
    }
}

/// The request within its API; `None` if it belongs to another stack.
fn request(line: Line, outputs: &Outputs) -> Option<Request> {
    let within = outputs.all_apis().find_map(|(_, api)| {
        let (_, address) = api.base_url.split_once("://")?;
        let base = address.find('/').map_or("", |at| &address[at..]);
        let within = line.path.strip_prefix(base)?;
        (base.is_empty() || within.is_empty() || within.starts_with('/')).then(|| within.to_owned())
    })?;
    let path = if within.is_empty() { "/".to_owned() } else { within };
    Some(Request { at_ms: line.at_ms, method: line.method, path, status: line.status, ms: Some(line.ms), why: None })
}

/// An entry of an access log, as the stages of this program write it. All values are texts, and `-` stands for none.
#[derive(Deserialize)]
struct Entry {
    /// The path of the route; an HTTP API puts the method before it.
    route: String,
    method: Option<String>,
    status: String,
    #[serde(rename = "latencyMs")]
    latency_ms: String,
    error: String,
    authorizer: String,
}

/// The request that an entry of an access log describes.
pub(super) fn logged(message: &str, at_ms: i64) -> Option<Request> {
    let Entry { route, method, status, latency_ms, error, authorizer } = serde_json::from_str(message).ok()?;
    let (method, path) = match (method, route.split_once(' ')) {
        (Some(method), _) => (method, route),
        (None, Some((method, path))) => (method.to_owned(), path.to_owned()),
        (None, None) => ("ANY".to_owned(), route),
    };
    let why = [authorizer, error].into_iter().find(|text| !text.is_empty() && text != "-");
    Some(Request { at_ms, method, path, status: status.parse().ok()?, ms: latency_ms.parse().ok(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_both_kinds_of_apis_are_requests() {
        let rest = r#"{"requestId":"r","time":"t","method":"POST","route":"/a/{id}","status":"401","error":"Unauthorized","authorizer":"-","firewall":"-","latencyMs":"3"}"#;
        let request = logged(rest, 7).expect("a request");
        assert_eq!((request.method.as_str(), request.path.as_str(), request.status), ("POST", "/a/{id}", 401));
        assert_eq!((request.ms, request.why.as_deref()), (Some(3), Some("Unauthorized")));
        let http = r#"{"requestId":"r","time":"t","route":"GET /b","status":"200","error":"-","authorizer":"-","latencyMs":"-"}"#;
        let request = logged(http, 7).expect("a request");
        assert_eq!((request.method.as_str(), request.path.as_str(), request.ms), ("GET", "/b", None));
        assert!(request.why.is_none() && logged("no JSON", 7).is_none());
    }

    #[test]
    fn a_line_is_read_when_its_end_is_written_and_after_a_restart_of_the_emulator() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("requests.log");
        let write = |text: &str| std::fs::write(&path, text).expect("written");
        write("old\n");
        let mut log = RequestLog::from_now_on(path.clone());
        let mut read = || {
            log.read_on().expect("read");
            String::from_utf8_lossy(&log.rest).into_owned()
        };
        assert_eq!(read(), "");
        write("old\n{\"at");
        assert_eq!(read(), "{\"at");
        write("{}\n");
        assert_eq!(read(), "{}\n");
    }
}
