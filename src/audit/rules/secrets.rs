//! Rules about secrets: their policies and their rotation.

use super::super::Finding;
use super::super::estate::{Estate, Resource, found, not_applicable, not_tried};
use super::super::fix::Fix;
use super::days::between;
use super::number;
use crate::aws::secretsmanager;
use crate::engine::Resource as Kind;

/// The maximum number of days between two rotations.
const DAYS: i64 = 90;

/// The table of the stack file that describes a secret. For the secret of a service user, it is the table of that user.
fn table(estate: &Estate<'_>, secret: &Resource<'_>) -> String {
    let name = secret.name();
    let service_user = estate.stack.service_users.contains_key(name);
    if service_user { format!("service_users.{name}") } else { format!("secrets.{name}.settings") }
}

/// Whether this is the client secret of an app client.
fn is_of_client(secret: &Resource<'_>) -> bool {
    secret.id.parts().0 == "client-secret"
}

/// The fix for a secret that is not rotated. No function can rotate a service user's password, which `up --rotate`
/// replaces, or the secret of an app client, which Cognito makes.
fn rotate(estate: &Estate<'_>, secret: &Resource<'_>) -> Fix {
    if estate.stack.service_users.contains_key(secret.name()) || is_of_client(secret) {
        return Fix::Accept;
    }
    Fix::set(format!("{}.rotation = {{ function = \"FUNCTION\", days = 30 }}", table(estate, secret)))
}

/// The rotation of a secret, if it has one.
fn rotation<'a>(estate: &Estate<'a>, secret: &Resource<'_>) -> Option<Resource<'a>> {
    estate.resource(&format!("rotation.{}", secret.name()))
}

pub(super) fn rotated(estate: &Estate<'_>) -> Vec<Finding> {
    estate.each(secretsmanager::Secret::KIND, |secret| match rotation(estate, secret) {
        None => found(secret.id, false, "not rotated", rotate(estate, secret)),
        Some(rotation) => {
            let function = rotation.value("RotationLambdaARN").unwrap_or_default();
            found(secret.id, !function.is_empty(), format!("RotationLambdaARN: {function}"), Fix::Up)
        }
    })
}

/// Whether each secret was rotated within 90 days, and will be.
pub(super) fn in_time(estate: &Estate<'_>) -> Vec<Finding> {
    estate.each(secretsmanager::Secret::KIND, |secret| {
        let Some(rotation) = rotation(estate, secret) else {
            return found(secret.id, false, "not rotated", rotate(estate, secret));
        };
        let days = rotation.value("RotationRules.AutomaticallyAfterDays").unwrap_or("not read");
        if number(days).is_none_or(|days| days > DAYS) {
            let key = Fix::set(format!("{}.rotation.days = {DAYS}", table(estate, secret)));
            return found(secret.id, false, format!("RotationRules.AutomaticallyAfterDays: {days}"), key);
        }
        aged(estate, secret, &rotation, DAYS)
    })
}

/// Whether rotations that were due took place. Secrets Manager may take one day for each.
pub(super) fn succeeds(estate: &Estate<'_>) -> Vec<Finding> {
    estate.each(secretsmanager::Secret::KIND, |secret| {
        let Some(rotation) = rotation(estate, secret) else {
            return not_applicable(secret.id, "the secret is not rotated");
        };
        let days = rotation.value("RotationRules.AutomaticallyAfterDays").and_then(number);
        match days {
            None => not_tried(secret.id, "a schedule expression decides when it is rotated"),
            Some(days) => aged(estate, secret, &rotation, days + 1),
        }
    })
}

/// Whether the last rotation, or else the creation of the secret, is at most `most` days ago.
fn aged(estate: &Estate<'_>, secret: &Resource<'_>, rotation: &Resource<'_>, most: i64) -> Finding {
    let last = rotation.value("LastRotatedDate").unwrap_or("not read");
    // As in `2026-11-29`, or `never, created on 2026-11-29`.
    let day = last.rsplit(' ').next().unwrap_or_default();
    match between(day, &estate.today) {
        None => not_tried(secret.id, format!("LastRotatedDate: {last}")),
        Some(age) => {
            let function = estate.stack.secrets.get(secret.name()).and_then(|it| it.settings.rotation.as_ref());
            let function = function.map(|rotation| rotation.function.as_str()).unwrap_or_default();
            found(secret.id, age <= most, format!("LastRotatedDate: {last}"), Fix::Logs(function.to_owned()))
        }
    }
}

/// Whether secrets have a resource policy.
pub(super) fn has_a_policy(estate: &Estate<'_>) -> Vec<Finding> {
    estate.field(
        secretsmanager::Secret::KIND,
        "ResourcePolicy",
        |value| value != "none",
        |secret| {
            if is_of_client(secret) {
                return Fix::Accept;
            }
            Fix::set(format!("{}.resource_policy = true", table(estate, secret)))
        },
    )
}
