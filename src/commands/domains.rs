//! Custom domains: what must be true before `up` changes anything, and the DNS records that people have to make.

use futures_util::future::join_all;

use super::pools::Kept;
use super::session::Session;
use crate::aws::acm::Certificates;
use crate::aws::apigatewayv2::DomainName;
use crate::aws::cognito::Cognito;
use crate::aws::route53::Record;
use crate::engine::{Change, Failure, Id, Plan, Resource as _};
use crate::error::Error;
use crate::outputs::Outputs;
use crate::state::State;
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

/// The domains of `login` that are another pool's of this account. Creating them fails, but in the middle of the run. One of
/// another account is not seen before that.
///
/// # Errors
/// The credentials are not accepted.
pub(super) async fn taken(session: &Session, state: &State, plan: &Plan) -> Result<Vec<Kept>, Error> {
    let changes = |id: &Id| {
        let here = plan.changes.iter().find(|(known, _, _)| known == id).map(|(_, _, change)| change);
        matches!(here, Some(Change::Create | Change::KnownAfterApply | Change::Update { .. } | Change::Replace { .. }))
    };
    let ours: Vec<&str> =
        state.resources.values().filter_map(|record| record.outputs.as_ref()?["id"].as_str()).collect();
    let cognito = &Cognito::new(&session.clients);
    let wanted = session.config.stack.pools.iter().filter_map(|(name, pool)| Some((name, pool.login.as_ref()?)));
    let wanted = wanted.map(|(name, domain)| (Id::from(ids::domain(name)), domain)).filter(|(id, _)| changes(id));
    let reads = wanted.map(|(id, domain)| async move { (id, domain, cognito.pool_with(domain).await) });
    let mut taken = Vec::new();
    for (id, domain, pool) in join_all(reads).await {
        match pool {
            Err(failure) if failure.ends_all() => return Err(failure.into()),
            // A pool of this stack may give its domain up in this run.
            Ok(Some(pool)) if !ours.contains(&pool.as_str()) => taken.push(Kept {
                id,
                why: format!("the domain {domain} is that of the user pool {pool}"),
                hint: "choose another `login.domain`".into(),
            }),
            // Whoever may not look learns it from the refusal.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(taken)
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
