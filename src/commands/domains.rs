//! Custom domains: the conditions that `up` checks before it changes anything, and the DNS records that users have to
//! create.

use futures_util::future::join_all;

use super::consequences::Kept;
use super::session::Session;
use crate::aws::acm::{Certificate, Certificates};
use crate::aws::apigatewayv2::DomainName;
use crate::aws::cognito::Cognito;
use crate::aws::route53::Record;
use crate::engine::{Change, Failure, Id, Plan, Resource as _};
use crate::error::Error;
use crate::outputs::Outputs;
use crate::state::State;
use crate::topology::ids;

/// The domains whose certificate API Gateway could not use. Makes no AWS call if `plan` changes nothing.
///
/// # Errors
/// The credentials are not accepted.
pub(super) async fn unusable(session: &Session, plan: &Plan) -> Result<Vec<Kept>, Error> {
    if plan.is_empty() {
        return Ok(Vec::new());
    }
    let certificates = &Certificates::new(&session.clients);
    let reads = session.config.stack.domains().map(|domain| async move {
        let found = match certificates.read(&domain.certificate).await {
            Ok(found) => found,
            Err(failure) => return Some(Err(failure)),
        };
        Some(Ok(unfit((&domain.name, &domain.certificate), found.as_ref())?))
    });
    let certificates: Result<Vec<Kept>, Failure> = join_all(reads).await.into_iter().flatten().collect();
    Ok(certificates?)
}

/// The domains of `login` that belong to another pool of this account. Without this check, their creation would fail in
/// the middle of the run. A domain that belongs to another account is not visible before that.
///
/// # Errors
/// The credentials are not accepted.
pub(super) async fn taken(session: &Session, state: &State, plan: &Plan) -> Result<Vec<Kept>, Error> {
    let changes = |id: &Id| {
        let here = plan.changes.iter().find(|(known, _, _)| known == id).map(|(_, _, change)| change);
        matches!(
            here,
            Some(Change::Create | Change::KnownAfterApply { .. } | Change::Update { .. } | Change::Replace { .. })
        )
    };
    let ours: Vec<&str> =
        state.resources.values().filter_map(|record| record.outputs.as_ref()?["id"].as_str()).collect();
    let cognito = &Cognito::new(&session.clients);
    let wanted = session.config.stack.pools.iter().filter_map(|(name, pool)| Some((name, pool.login.as_ref()?)));
    let wanted = wanted.map(|(name, login)| (Id::from(ids::domain(name)), &login.domain)).filter(|(id, _)| changes(id));
    let reads = wanted.map(|(id, domain)| async move { (id, domain, cognito.pool_with(domain).await) });
    let mut taken = Vec::new();
    for (id, domain, pool) in join_all(reads).await {
        match pool {
            Err(failure) if failure.ends_all() => return Err(failure.into()),
            // A pool of this stack may release its domain in this run.
            Ok(Some(pool)) if !ours.contains(&pool.as_str()) => taken.push(Kept {
                id,
                why: format!("the domain {domain} already belongs to the user pool {pool}"),
                hint: "choose another `login.domain`".into(),
            }),
            // Without the permission for this call, the user learns of a taken domain when its creation fails.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(taken)
}

/// Why API Gateway cannot use a certificate (an ARN) for a domain, and what to do; `None` if it can.
fn unfit((name, arn): (&str, &str), found: Option<&Certificate>) -> Option<Kept> {
    let region = arn.split(':').nth(3).unwrap_or_default();
    let shows = format!("`aws acm describe-certificate --certificate-arn {arn} --region {region}` shows");
    let (why, hint) = match found {
        None => {
            let hint = "name one of these in `certificate`: `aws acm list-certificates --region";
            ("does not exist".to_owned(), format!("{hint} {region}`"))
        }
        Some(certificate) => {
            let why = certificate.unfit_for(name)?;
            let hint = if certificate.is_issued() {
                format!("name a certificate for {name} in `certificate`; {shows} the names of this one")
            } else {
                format!("a certificate must be issued first; {shows} what is missing")
            };
            (why, hint)
        }
    };
    let why = format!("the certificate of {name} {why} ({arn})");
    Some(Kept { id: ids::custom_domain(name).into(), why, hint })
}

/// The domains and DNS records that belong to somebody else. With any of them, `up` changes nothing.
pub(super) fn foreign(plan: &Plan) -> Vec<Kept> {
    let ours = |kind: &str| [DomainName::KIND, Record::KIND].contains(&kind);
    let refused = plan.changes.iter().filter(|(_, kind, _)| ours(kind)).filter_map(|(id, _, change)| match change {
        Change::Refuse { failure } => {
            Some(Kept { id: id.clone(), why: failure.to_string(), hint: failure.hint.clone().unwrap_or_default() })
        }
        _ => None,
    });
    refused.collect()
}

/// A line for each domain whose DNS record the user has to create.
pub(super) fn records_to_make(outputs: &Outputs) -> Vec<String> {
    let domains = outputs.all_apis().filter_map(|(_, api)| api.domain.as_ref());
    let open = domains.filter(|domain| !domain.has_record);
    let line = |domain: &crate::outputs::Domain| {
        format!(
            "{}: create a DNS record that points to {}: a CNAME record, or an alias record with the hosted zone {}.",
            domain.name, domain.target, domain.target_zone
        )
    };
    open.map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_certificate_is_explained_by_what_is_wrong_with_it() {
        let arn = "arn:aws:acm:eu-west-1:123456789012:certificate/1";
        let of = |status: &str, name: &str| Certificate { status: status.into(), names: vec![name.into()] };
        let said = |found: Option<Certificate>| {
            unfit(("api.example.com", arn), found.as_ref()).map(|kept| (kept.why, kept.hint))
        };
        assert_eq!(said(Some(of("ISSUED", "api.example.com"))), None);
        let command = format!("`aws acm describe-certificate --certificate-arn {arn} --region eu-west-1`");
        let (why, hint) = said(Some(of("ISSUED", "other.example.com"))).expect("unfit");
        assert!(why.contains("is for other.example.com") && !hint.contains("issued"), "{why} {hint}");
        assert!(hint.contains("a certificate for api.example.com") && hint.contains(&command), "{hint}");
        let (_, hint) = said(Some(of("PENDING_VALIDATION", "api.example.com"))).expect("unfit");
        assert!(hint.starts_with("a certificate must be issued first") && hint.contains(&command), "{hint}");
        let (_, hint) = said(None).expect("unfit");
        assert!(hint.contains("`aws acm list-certificates --region eu-west-1`"), "{hint}");
    }
}
