//! Custom domains: what must be true before `up` changes anything, and the DNS records that people have to make.

use futures_util::future::join_all;

use super::pools::Kept;
use super::session::Session;
use crate::aws::acm::Certificates;
use crate::aws::apigatewayv2::DomainName;
use crate::aws::route53::Record;
use crate::engine::{Change, Failure, Plan, Resource as _};
use crate::error::Error;
use crate::outputs::Outputs;
use crate::topology::ids;

/// The domains whose certificate API Gateway could not use. Nothing is asked if `plan` changes nothing.
///
/// # Errors
/// The credentials are not accepted.
pub(super) async fn unusable(session: &Session, plan: &Plan) -> Result<Vec<Kept>, Error> {
    if plan.is_empty() {
        return Ok(Vec::new());
    }
    let certificates = &Certificates::new(&session.clients);
    let reads = session.config.stack.domains().map(|domain| async move {
        let why = match certificates.read(&domain.certificate).await {
            Ok(Some(certificate)) => certificate.unfit_for(&domain.name)?,
            Ok(None) => "does not exist".to_owned(),
            Err(failure) => return Some(Err(failure)),
        };
        Some(Ok(Kept {
            id: ids::custom_domain(&domain.name).into(),
            why: format!("the certificate of {} {why} ({})", domain.name, domain.certificate),
            hint: "`aws acm describe-certificate` shows what is missing; a certificate must be issued first".into(),
        }))
    });
    let certificates: Result<Vec<Kept>, Failure> = join_all(reads).await.into_iter().flatten().collect();
    Ok(certificates?)
}

/// The domains and DNS records that are somebody else's, so that `up` must change nothing.
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

/// A line for each domain whose DNS record is not the program's to make.
pub(super) fn records_to_make(outputs: &Outputs) -> Vec<String> {
    let domains = outputs.all_apis().filter_map(|(_, api)| api.domain.as_ref());
    let open = domains.filter(|domain| !domain.has_record);
    let line = |domain: &crate::outputs::Domain| {
        format!(
            "{}: make a DNS record that leads to {}: a CNAME, or an alias with the hosted zone {}.",
            domain.name, domain.target, domain.target_zone
        )
    };
    open.map(line).collect()
}
