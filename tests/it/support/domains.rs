//! The prerequisites of custom domains that no stack creates: a certificate and a hosted zone.

use serde_json::{Value, json};

use super::botocore;
use super::program::User;

/// The placeholder in stack files for the ARN of a certificate for `*.example.com`.
const CERTIFICATE: &str = "{certificate}";

/// The name of the hosted zone.
pub const ZONE: &str = "example.com";

#[track_caller]
fn call(user: &User, service: &str, operation: &str, arguments: &Value) -> Value {
    let answer = botocore::call(user, service, operation, arguments);
    assert!(answer.get("Error").is_none(), "{operation}: {answer}");
    answer
}

/// The ARN of the certificate for this name in the user's account.
pub fn certificate(user: &User, name: &str) -> String {
    let listed = call(user, "acm", "list_certificates", &json!({}));
    let mut known = listed["CertificateSummaryList"].as_array().unwrap().iter();
    if let Some(known) = known.find(|one| one["DomainName"] == name) {
        return known["CertificateArn"].as_str().unwrap().to_owned();
    }
    let made = call(user, "acm", "request_certificate", &json!({ "DomainName": name, "ValidationMethod": "DNS" }));
    made["CertificateArn"].as_str().unwrap().to_owned()
}

/// The id of the hosted zone, which is made if the account has none.
pub fn zone(user: &User) -> String {
    let listed = call(user, "route53", "list_hosted_zones", &json!({}));
    let known = listed["HostedZones"].as_array().unwrap().iter().find(|zone| zone["Name"] == "example.com.");
    let made = || call(user, "route53", "create_hosted_zone", &json!({ "Name": ZONE, "CallerReference": "tests" }));
    let zone = known.cloned().unwrap_or_else(|| made()["HostedZone"].clone());
    zone["Id"].as_str().unwrap().trim_start_matches("/hostedzone/").to_owned()
}

/// The stack file with the ARN of a certificate, if the file has the placeholder. Then the account gets the hosted zone
/// too.
pub fn filled_in(user: &User, file: &str) -> String {
    if !file.contains(CERTIFICATE) {
        return file.to_owned();
    }
    zone(user);
    file.replace(CERTIFICATE, &certificate(user, "*.example.com"))
}

/// The A, AAAA and CNAME records of the zone, as in `api.example.com A d-1.example`.
pub fn records(user: &User) -> Vec<String> {
    let listed = call(user, "route53", "list_resource_record_sets", &json!({ "HostedZoneId": zone(user) }));
    let sets = listed["ResourceRecordSets"].as_array().unwrap().iter();
    let leading = sets.filter(|set| ["A", "AAAA", "CNAME"].contains(&set["Type"].as_str().unwrap()));
    let text = |value: &Value| value.as_str().unwrap_or_default().trim_end_matches('.').to_owned();
    leading
        .map(|set| {
            let alias = text(&set["AliasTarget"]["DNSName"]);
            let value = if alias.is_empty() { text(&set["ResourceRecords"][0]["Value"]) } else { alias };
            format!("{} {} {value}", text(&set["Name"]), text(&set["Type"]))
        })
        .collect()
}

/// Lets Route 53 evaluate the health of the target of an alias.
pub fn watch_health(user: &User, name: &str) {
    let zone = zone(user);
    let listed = call(user, "route53", "list_resource_record_sets", &json!({ "HostedZoneId": zone }));
    let mut sets = listed["ResourceRecordSets"].as_array().unwrap().iter();
    let own = sets.find(|set| set["Type"] == "A" && set["Name"] == format!("{name}.")).unwrap();
    let mut watched = own.clone();
    watched["AliasTarget"]["EvaluateTargetHealth"] = json!(true);
    let batch = json!({ "Changes": [
        { "Action": "DELETE", "ResourceRecordSet": own }, { "Action": "CREATE", "ResourceRecordSet": watched },
    ] });
    call(user, "route53", "change_resource_record_sets", &json!({ "HostedZoneId": zone, "ChangeBatch": batch }));
}

/// Makes or removes a record of somebody else's.
pub fn change(user: &User, action: &str, name: &str, address: &str) {
    let set = json!({ "Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{ "Value": address }] });
    let batch = json!({ "Changes": [{ "Action": action, "ResourceRecordSet": set }] });
    call(user, "route53", "change_resource_record_sets", &json!({ "HostedZoneId": zone(user), "ChangeBatch": batch }));
}
