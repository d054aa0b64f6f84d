//! AWS's errors in the wire format of each service's protocol.

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub status: u16,
    pub code: String,
    pub message: String,
    /// The seconds of the `Retry-After` header, which API Gateway sends.
    pub retry_after: Option<u64>,
}

impl Fault {
    pub fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned(), retry_after: None }
    }

    /// The HTTP response with which `service` sends this error.
    pub fn answer(&self, service: &str) -> Response<Full<Bytes>> {
        let (content_type, body) = match service {
            "iam" | "sns" | "sts" => ("text/xml", self.xml().into_bytes()),
            "cloudwatch" => ("application/cbor", self.cbor()),
            // API Gateway itself answers requests to routes, which have no service.
            "lambda" | "apigateway" | "apigatewayv2" | "" => ("application/json", self.rest_json(service).into_bytes()),
            _ => ("application/x-amz-json-1.1", self.json().into_bytes()),
        };
        let mut answer = Response::builder()
            .status(self.status)
            .header("content-type", content_type)
            .header("x-amzn-requestid", "00000000-0000-4000-8000-00000000fa17");
        if matches!(service, "lambda" | "apigateway" | "apigatewayv2" | "") {
            answer = answer.header("x-amzn-errortype", &self.code);
        }
        if let Some(seconds) = self.retry_after {
            answer = answer.header("retry-after", seconds);
        }
        answer.body(Full::new(Bytes::from(body))).unwrap()
    }

    fn xml(&self) -> String {
        let fault = if self.status < 500 { "Sender" } else { "Receiver" };
        let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        format!(
            "<ErrorResponse><Error><Type>{fault}</Type><Code>{}</Code><Message>{}</Message></Error>\
             <RequestId>00000000-0000-4000-8000-00000000fa17</RequestId></ErrorResponse>",
            escape(&self.code),
            escape(&self.message)
        )
    }

    fn json(&self) -> String {
        serde_json::json!({ "__type": self.code, "message": self.message }).to_string()
    }

    /// A map of two texts.
    fn cbor(&self) -> Vec<u8> {
        let text = |text: &str| [&[0x7b], text.len().to_be_bytes().as_slice(), text.as_bytes()].concat();
        let members = [("__type", &self.code), ("message", &self.message)];
        let members = members.iter().flat_map(|(name, value)| [text(name), text(value)].concat());
        [0xa2].into_iter().chain(members).collect()
    }

    fn rest_json(&self, service: &str) -> String {
        let mut body = serde_json::json!({ "message": self.message });
        if service == "lambda" {
            body = serde_json::json!({ "Type": "User", "Message": self.message });
        }
        body.to_string()
    }
}
