//! Functions with container images.

use serde_json::Value;

use super::{Rule, json, text};

pub const RULES: &[Rule] = &[Rule {
    name: "Lambda: an image beside a handler, a runtime or layers",
    status: 400,
    code: "InvalidParameterValueException",
    message: "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.",
    source: "aws/aws-cdk #13037",
    refuses: |request| {
        let given = |field: &&str| !matches!(&json(request)[*field], Value::Null);
        request.name() == "lambda CreateFunction"
            && text(request, "PackageType") == "Image"
            && ["Handler", "Runtime", "Layers"].iter().any(given)
    },
}];
