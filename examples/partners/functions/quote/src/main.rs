//! Quotes the price of an article.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(quote)).await
}

/// Answers a request of API Gateway for `GET /quotes/{article}`.
async fn quote(request: LambdaEvent<Value>) -> Result<Value, Error> {
    let article = request.payload["pathParameters"]["article"].as_str().unwrap_or_default();
    let (status, body) = match price(article) {
        Some(cents) => (200, json!({ "article": article, "cents": cents })),
        None => (404, json!({ "message": "No such article" })),
    };
    Ok(json!({
        "statusCode": status,
        "headers": { "content-type": "application/json" },
        "body": body.to_string(),
    }))
}

/// In euro cents.
fn price(article: &str) -> Option<u32> {
    match article {
        "bolt" => Some(12),
        "gear" => Some(990),
        _ => None,
    }
}
