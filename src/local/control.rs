//! The emulator's own endpoints: health and reset.
//!
//! The requests are written by hand, because an HTTP client would first need a TLS provider. With HTTP/1.0 the response
//! ends with the connection and is never chunked.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde::Deserialize;

/// Health responses take a millisecond.
const PATIENCE: Duration = Duration::from_secs(5);
/// A reset waits for calls in flight, and ends the functions' processes.
const PATIENCE_OF_RESET: Duration = Duration::from_mins(1);
/// The maximum length of a response, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The response of the health endpoint.
#[derive(Debug, Deserialize)]
pub(super) struct Health {
    edition: String,
    auth: String,
}

impl Health {
    /// Whether this is the emulator that was started with this name, and not another one on the same port.
    pub(super) fn is_ours(&self, name: &str) -> bool {
        self.edition == name && self.auth == "enabled"
    }
}

pub(super) async fn health(port: u16) -> io::Result<Health> {
    let answer = request(port, "GET", "/_ministack/health", PATIENCE).await?;
    serde_json::from_str(&answer).map_err(io::Error::from)
}

pub(super) async fn reset(port: u16) -> io::Result<()> {
    request(port, "POST", "/_ministack/reset", PATIENCE_OF_RESET).await.map(drop)
}

async fn request(port: u16, method: &'static str, path: &'static str, patience: Duration) -> io::Result<String> {
    let exchange = tokio::task::spawn_blocking(move || exchange(port, method, path, patience));
    body(&exchange.await.map_err(io::Error::other)??)
}

fn exchange(port: u16, method: &str, path: &str, patience: Duration) -> io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    // Written at once, because a server may respond and close after the first part.
    let request = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer)?;
    Ok(answer)
}

/// The body of a response with status 200. Any other status is an error with the status line.
fn body(answer: &str) -> io::Result<String> {
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.lines().next().unwrap_or_default();
    if status.split_ascii_whitespace().nth(1) == Some("200") {
        Ok(body.to_owned())
    } else {
        Err(io::Error::other(status.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn other_statuses_than_200_are_errors() {
        assert_eq!(body("HTTP/1.0 200 \r\nA: b\r\n\r\n{}").expect("fine"), "{}");
        assert_eq!(body("HTTP/1.1 503 Busy\r\n\r\n{}").expect_err("not fine").to_string(), "HTTP/1.1 503 Busy");
        assert_eq!(body("").expect_err("nothing").kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn our_emulator_has_our_name_and_checks_signatures() {
        let health = |auth: &str| Health { edition: "ours".into(), auth: auth.into() };
        assert!(health("enabled").is_ours("ours"));
        assert!(!health("disabled").is_ours("ours"));
        assert!(!health("enabled").is_ours("light"));
    }

    #[tokio::test]
    async fn health_is_read_over_a_socket() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = server.local_addr().expect("an address").port();
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().expect("a request");
            let mut request = [0; 512];
            let length = stream.read(&mut request).expect("read");
            stream
                .write_all(b"HTTP/1.1 200 \r\n\r\n{\"edition\":\"ours\",\"auth\":\"enabled\",\"services\":{}}")
                .expect("answered");
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        assert!(health(port).await.expect("health").is_ours("ours"));
        assert!(serving.join().expect("served").starts_with("GET /_ministack/health HTTP/1.0\r\n"));
        assert!(health(port).await.is_err(), "nobody listens any more");
    }
}
