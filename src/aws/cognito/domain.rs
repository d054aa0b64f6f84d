//! The domain of a user pool, at which programs get their tokens.
//!
//! A domain has no tags: it is ours if the pool is ours. Its name is unique in the region. After it is deleted, anybody
//! can take the name.

use aws_sdk_cognitoidentityprovider::types::DomainStatusType;
use serde::{Deserialize, Serialize};

use super::refusals::{COGNITO_BUSY, POOL_DOMAIN_TAKEN};
use super::{Cognito, POOLS, TARGET};
use crate::aws::cognito::COGNITO_IDP;
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::{confirmed, settled, until};
use crate::engine::{Cause, Comparison, Drift, Failure, Found, Provider, Resource, Task};
use crate::layer::Layer;
use crate::scope::Scope;

/// The shortest and the longest pause between two reads of a domain that is being created or deleted, in milliseconds.
const PACE: (u64, u64) = (1000, 4000);

/// For how many seconds we wait for a domain. AWS needs up to a minute (docs/aws.md, Scopes and machine clients).
const BUDGET: u64 = 120;

/// The prefix domain of a pool.
#[derive(Debug, Clone)]
pub struct PoolDomain {
    pub pool_id: String,
    /// 1 to 63 of `a-z 0-9 -`.
    pub domain: String,
}

/// A pool has at most one prefix domain, beside a custom domain with its own certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolDomainKey {
    pub(super) pool_id: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolDomainOutputs {
    pub pool_id: String,
    pub domain: String,
}

/// A domain, as read from AWS.
#[derive(Debug, Clone)]
pub struct PoolDomainLive {
    domain: String,
    /// The domain that the state records for the pool.
    recorded: Option<String>,
}

/// The drift's field if no run gave the pool its live domain.
const THEIRS: &str = "Domain that no run created";

/// The drift's field if the pool has the wanted domain, but an interrupted run left the old domain in the state.
const RECORDED: &str = "recorded Domain";

/// A command with which a person can take a domain from a pool.
fn removal_command(pool_id: &str, domain: &str) -> String {
    format!("aws cognito-idp delete-user-pool-domain --user-pool-id {pool_id} --domain {domain}")
}

fn domain_of(pool_id: &str, domain: &str) -> PoolDomainOutputs {
    PoolDomainOutputs { pool_id: pool_id.to_owned(), domain: domain.to_owned() }
}

/// The hint for a domain that belongs to another pool.
const ANOTHER: &str = "choose another `login.domain`; this one may be another account's";

/// The URL at which applications and programs get tokens of the pool with this domain.
pub fn token_url(endpoint: Option<&str>, scope: &Scope, domain: &str) -> String {
    format!("{}/oauth2/token", address(endpoint, scope, domain))
}

/// The URL to which an application sends a user to sign in.
pub fn sign_in_url(endpoint: Option<&str>, scope: &Scope, domain: &str) -> String {
    format!("{}/oauth2/authorize", address(endpoint, scope, domain))
}

/// The address of a domain. On an emulator, all pools have the same address.
fn address(endpoint: Option<&str>, scope: &Scope, domain: &str) -> String {
    match endpoint {
        Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
        None => format!("https://{domain}.{}", scope.sign_in_pages()),
    }
}

impl Resource for PoolDomain {
    const KIND: &'static str = "cognito.domain";
    // AWS refuses to delete a pool that has a domain.
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    // The domain of this name may belong to another pool by now, but a deletion also names our pool by its id.
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = false;
    type Key = PoolDomainKey;
    type Outputs = PoolDomainOutputs;
    type Live = PoolDomainLive;

    fn key(&self) -> PoolDomainKey {
        PoolDomainKey { pool_id: self.pool_id.clone() }
    }

    fn identity(outputs: &PoolDomainOutputs) -> String {
        format!("{}/{}", outputs.pool_id, outputs.domain)
    }

    fn removal_command(outputs: &PoolDomainOutputs) -> Option<String> {
        Some(removal_command(&outputs.pool_id, &outputs.domain))
    }

    fn compare(&self, live: &PoolDomainLive) -> Comparison {
        let compared = Comparison::default();
        match &live.recorded {
            Some(recorded) if *recorded == live.domain => compared.guard("Domain", &self.domain, &live.domain),
            Some(recorded) if live.domain == self.domain => compared.plain(RECORDED, &self.domain, recorded),
            None if live.domain == self.domain => compared.guard("Domain", &self.domain, &live.domain),
            _ => compared.guard(THEIRS, "none", &live.domain),
        }
    }

    /// Somebody may sign in at a domain that no run made, and once it is deleted anybody in the region may take its name.
    fn requires_replacement(&self, drift: &[Drift]) -> Option<Failure> {
        let theirs = drift.iter().find(|drift| drift.field == THEIRS)?;
        let command = removal_command(&self.pool_id, &theirs.live);
        Some(Failure::foreign("a domain of the user pool", &theirs.live).hint(format!(
            "a pool has one domain: remove it with `{command}`, then run the same command again; it was not touched"
        )))
    }
}

impl Described for PoolDomain {
    const ABOUT: Kind = Kind {
        service: COGNITO_IDP,
        label: "domain of a user pool",
        listed: Listed::WithParent,
        cleanup: CleanupGroup::Cognito,
        gone_before: &[],
        permissions: &[
            StatementTemplate {
                sid: Sid::FindOwn,
                on: POOLS,
                rights: &[Permissions { needs: &[Usage::Read], actions: &["cognito-idp:DescribeUserPool"] }],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Update, Usage::Delete],
                    actions: &["cognito-idp:DescribeUserPoolDomain"],
                }],
            },
            StatementTemplate {
                sid: Sid::OwnByTag,
                on: POOLS,
                rights: &[
                    Permissions { needs: &[Usage::Create], actions: &["cognito-idp:CreateUserPoolDomain"] },
                    Permissions {
                        needs: &[Usage::Update],
                        actions: &["cognito-idp:CreateUserPoolDomain", "cognito-idp:DeleteUserPoolDomain"],
                    },
                    Permissions { needs: &[Usage::Delete], actions: &["cognito-idp:DeleteUserPoolDomain"] },
                ],
            },
        ],
        rates: &[
            Rate::per_second(20, Calls::Operations(TARGET, &["DescribeUserPoolDomain"])),
            Rate::per_second(15, Calls::Operations(TARGET, &["CreateUserPoolDomain"])),
        ],
        check: SettingsCheck {
            layer: Layer::Authentication,
            subject: "domain of {}",
            holds: "the domain matches the stack file",
            read: "DescribeUserPool",
        },
    };
}

impl Cognito {
    /// The status of a domain and the id of its pool; `None` if nobody has the domain. In that case AWS answers with an
    /// empty description.
    async fn pool_of_domain(&self, domain: &str) -> Result<Option<(String, DomainStatusType)>, Failure> {
        let call = self.client.describe_user_pool_domain().domain(domain);
        let answer = call.send().await.or_fail(&format!("read the domain {domain}")).or_absent()?;
        let found = answer.and_then(|answer| answer.domain_description);
        let pool =
            found.and_then(|found| Some((found.user_pool_id?, found.status.unwrap_or(DomainStatusType::Active))));
        Ok(pool.filter(|(pool, _)| !pool.is_empty()))
    }

    /// The id of this account's pool that has the domain; `None` if no pool has it.
    ///
    /// # Errors
    /// The domain could not be read.
    pub async fn pool_with(&self, domain: &str) -> Result<Option<String>, Failure> {
        Ok(self.pool_of_domain(domain).await?.map(|(pool, _)| pool))
    }

    /// Fails if another pool has the domain. If a pool of another account has it, only the creation of our domain
    /// fails.
    async fn is_free(&self, want: &PoolDomain) -> Result<(), Failure> {
        let of_another = self.pool_of_domain(&want.domain).await?.filter(|(pool, _)| *pool != want.pool_id);
        let Some((pool, _)) = of_another else { return Ok(()) };
        Err(Failure::refused(format!("the domain {} belongs to the user pool {pool}", want.domain)).hint(ANOTHER))
    }

    /// Waits until AWS can delete a domain of a pool, deletes it, and waits until its name is free. It is no failure if
    /// the domain does not exist, or belongs to another pool by now.
    pub(super) async fn delete_domain(&self, pool_id: &str, domain: &str, task: &Task) -> Result<(), Failure> {
        let ours = async || Ok::<_, Failure>(self.pool_of_domain(domain).await?.filter(|(pool, _)| pool == pool_id));
        let ready = until(task, "the domain is being created", PACE, BUDGET, || async {
            Ok(match ours().await? {
                Some((_, DomainStatusType::Creating | DomainStatusType::Updating)) => None,
                found => Some(found.filter(|(_, status)| *status != DomainStatusType::Deleting)),
            })
        });
        let is_there = match ready.await {
            // A caller that may not read the domain may still delete it.
            Err(failure) if failure.call.is_some() && !failure.ends_all() => true,
            ready => ready?.is_some(),
        };
        if is_there {
            let deleted = settled(task, &[&COGNITO_BUSY], || async {
                let call = self.client.delete_user_pool_domain().user_pool_id(pool_id).domain(domain);
                call.send().await.or_fail(&format!("delete the domain {domain}"))
            });
            deleted.await.or_absent()?;
        }
        let gone = until(task, "the domain is being deleted", PACE, BUDGET, || async {
            Ok(ours().await?.is_none().then_some(()))
        });
        confirmed(gone.await)
    }
}

impl Provider<PoolDomain> for Cognito {
    async fn read(
        &self,
        key: &PoolDomainKey,
        known: Option<&PoolDomainOutputs>,
        _: &Task,
    ) -> Result<Option<Found<PoolDomain>>, Failure> {
        let domain = self.pool(&key.pool_id).await?.and_then(|pool| pool.domain).filter(|domain| !domain.is_empty());
        Ok(domain.map(|domain| Found {
            // With these outputs, a deletion removes the recorded domain, and not a domain that somebody else set
            // instead.
            outputs: known.cloned().unwrap_or_else(|| domain_of(&key.pool_id, &domain)),
            live: PoolDomainLive { domain, recorded: known.map(|known| known.domain.clone()) },
        }))
    }

    async fn create(&self, want: &PoolDomain, task: &Task) -> Result<PoolDomainOutputs, Failure> {
        let made = settled(task, &[&COGNITO_BUSY], || async {
            let call = self.once.create_user_pool_domain().user_pool_id(&want.pool_id).domain(&want.domain);
            call.send().await.or_fail(&format!("create the domain {}", want.domain))
        });
        made.await.map_err(|failure| if POOL_DOMAIN_TAKEN.is(&failure) { failure.hint(ANOTHER) } else { failure })?;
        Ok(domain_of(&want.pool_id, &want.domain))
    }

    async fn update(
        &self,
        want: &PoolDomain,
        found: &Found<PoolDomain>,
        task: &Task,
    ) -> Result<PoolDomainOutputs, Failure> {
        let old = &found.live.domain;
        if *old == want.domain {
            return Ok(domain_of(&want.pool_id, &want.domain));
        }
        self.is_free(want).await?;
        // A pool cannot have a second prefix domain.
        self.delete_domain(&want.pool_id, old, task).await?;
        let refused = match self.create(want, task).await {
            Err(failure) if failure.cause == Cause::Refused => failure,
            made => return made,
        };
        // We create the old domain again, because programs still get their tokens there.
        let old = PoolDomain { domain: old.clone(), ..want.clone() };
        match self.create(&old, task).await {
            Ok(_) => Err(refused),
            Err(lost) => Err(refused.hint(format!("the pool has no domain now: {lost}. {ANOTHER}"))),
        }
    }

    async fn delete(&self, gone: &PoolDomainOutputs, task: &Task) -> Result<(), Failure> {
        self.delete_domain(&gone.pool_id, &gone.domain, task).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    fn want() -> PoolDomain {
        PoolDomain { pool_id: "p1".into(), domain: "demo-login".into() }
    }

    fn outputs() -> PoolDomainOutputs {
        of("demo-login")
    }

    async fn read(pool: &str) -> Result<Option<Found<PoolDomain>>, Failure> {
        read_knowing(pool, None).await
    }

    async fn read_knowing(pool: &str, known: Option<&PoolDomainOutputs>) -> Result<Option<Found<PoolDomain>>, Failure> {
        let (clients, _) = replay(vec![(200, pool)]);
        Provider::<PoolDomain>::read(&Cognito::new(&clients), &want().key(), known, &Task::detached("x")).await
    }

    fn of(domain: &str) -> PoolDomainOutputs {
        domain_of("p1", domain)
    }

    const OTHER: &str = r#"{"UserPool":{"Id":"p1","Domain":"older"}}"#;

    #[tokio::test]
    async fn a_pool_has_the_domain_another_one_or_none() {
        let found =
            read(r#"{"UserPool":{"Id":"p1","Domain":"demo-login"}}"#).await.expect("an answer").expect("a domain");
        assert_eq!((found.outputs, want().drift(&found.live)), (outputs(), vec![]));
        let older = read_knowing(OTHER, Some(&of("older"))).await.expect("an answer").expect("a domain");
        assert_eq!(want().drift(&older.live), [Drift::weakening("Domain", "demo-login", "older")]);
        assert_eq!(want().requires_replacement(&want().drift(&older.live)), None);
        assert!(read(r#"{"UserPool":{"Id":"p1"}}"#).await.expect("an answer").is_none());
    }

    #[tokio::test]
    async fn a_domain_that_no_run_made_is_named_and_kept() {
        for known in [None, Some(of("demo-login"))] {
            let found = read_knowing(OTHER, known.as_ref()).await.expect("an answer").expect("a domain");
            let drift = want().drift(&found.live);
            assert_eq!(drift, [Drift::weakening(THEIRS, "none", "older")]);
            let failure = want().requires_replacement(&drift).expect("a refusal");
            assert_eq!(failure.cause, Cause::Foreign);
            let hint = failure.hint.expect("a hint");
            assert!(hint.contains("delete-user-pool-domain --user-pool-id p1 --domain older`"), "{hint}");
            // This domain is deleted when the stack file has no domain any more.
            assert_eq!(found.outputs, known.unwrap_or_else(|| of("older")));
        }
    }

    #[tokio::test]
    async fn a_domain_that_an_interrupted_run_gave_is_recorded() {
        let live = r#"{"UserPool":{"Id":"p1","Domain":"demo-login"}}"#;
        let found = read_knowing(live, Some(&of("older"))).await.expect("an answer").expect("a domain");
        assert_eq!(want().drift(&found.live), [Drift::new(RECORDED, "demo-login", "older")]);
        let (clients, http) = replay(vec![]);
        assert_eq!(Cognito::new(&clients).update(&want(), &found, &Task::detached("x")).await, Ok(outputs()));
        assert_eq!(asked(&http), []);
    }

    /// The calls of an update from the domain `older`, and its result.
    async fn updated(answers: &[(u16, &str)]) -> (Vec<String>, Result<PoolDomainOutputs, Failure>) {
        let found = read_knowing(OTHER, Some(&of("older"))).await.expect("an answer").expect("a domain");
        let (clients, http) = replay(answers.to_vec());
        let made = Cognito::new(&clients).update(&want(), &found, &Task::detached("x")).await;
        (asked(&http).into_iter().map(|(call, _)| call).collect(), made)
    }

    const TAKEN: &str =
        r#"{"__type":"InvalidParameterException","message":"Domain already associated with another user pool."}"#;

    #[tokio::test]
    async fn a_pool_keeps_its_domain_if_another_pool_has_the_wanted_one() {
        let theirs = r#"{"DomainDescription":{"UserPoolId":"p9","Status":"ACTIVE"}}"#;
        let (calls, made) = updated(&[(200, theirs)]).await;
        assert_eq!(calls, ["DescribeUserPoolDomain"]);
        assert!(made.expect_err("refused").to_string().contains("belongs to the user pool p9"));
    }

    #[tokio::test]
    async fn a_pool_gets_its_domain_back_if_it_cannot_have_the_wanted_one() {
        let active = r#"{"DomainDescription":{"UserPoolId":"p1","Status":"ACTIVE"}}"#;
        let free = r#"{"DomainDescription":{}}"#;
        let before = [(200, free), (200, active), (200, "{}"), (200, free), (400, TAKEN)];
        let (calls, made) = updated(&[&before[..], &[(200, "{}")]].concat()).await;
        assert_eq!(calls[calls.len() - 2..], ["CreateUserPoolDomain", "CreateUserPoolDomain"]);
        assert_eq!(made.expect_err("refused").hint.as_deref(), Some(ANOTHER));
        let (_, made) = updated(&[&before[..], &[(400, TAKEN)]].concat()).await;
        assert!(made.expect_err("refused").hint.is_some_and(|hint| hint.contains("has no domain now")));
    }

    #[tokio::test]
    async fn a_pool_gives_up_its_domain_before_it_takes_another_one() {
        let active = r#"{"DomainDescription":{"UserPoolId":"p1","Status":"ACTIVE"}}"#;
        let free = r#"{"DomainDescription":{}}"#;
        let (calls, made) = updated(&[free, active, "{}", free, "{}"].map(|body| (200, body))).await;
        assert_eq!(made, Ok(outputs()));
        let look = "DescribeUserPoolDomain";
        assert_eq!(calls, [look, look, "DeleteUserPoolDomain", look, "CreateUserPoolDomain"]);
    }

    #[tokio::test]
    async fn a_domain_that_is_taken_leads_to_another_one() {
        let (clients, http) = replay(vec![(400, TAKEN)]);
        let made = Cognito::new(&clients).create(&want(), &Task::detached("x")).await;
        assert_eq!(made.expect_err("refused").hint.as_deref(), Some(ANOTHER));
        let other = r#"{"__type":"InvalidParameterException","message":"Custom domain is not a valid subdomain"}"#;
        let (clients, _) = replay(vec![(400, other)]);
        let made = Cognito::new(&clients).create(&want(), &Task::detached("x")).await;
        assert_ne!(made.expect_err("refused").hint.as_deref(), Some(ANOTHER));
        assert_eq!(asked(&http)[0].1, r#"{"Domain":"demo-login","UserPoolId":"p1"}"#);
    }

    #[tokio::test]
    async fn a_domain_is_deleted_once_it_is_ready_and_gone_when_its_name_is_free() {
        let is = |status: &str| format!(r#"{{"DomainDescription":{{"UserPoolId":"p1","Status":"{status}"}}}}"#);
        let (creating, active, deleting) = (is("CREATING"), is("ACTIVE"), is("DELETING"));
        let free = (200, r#"{"DomainDescription":{}}"#);
        let answers = vec![(200, &*creating), (200, &*active), (200, "{}"), (200, &*deleting), free];
        let (clients, http) = replay(answers);
        let cognito = Cognito::new(&clients);
        let task = Task::detached("x");
        assert_eq!(Provider::<PoolDomain>::delete(&cognito, &outputs(), &task).await, Ok(()));
        let calls: Vec<String> = asked(&http).into_iter().map(|(call, _)| call).collect();
        let look = "DescribeUserPoolDomain";
        assert_eq!(calls, [look, look, "DeleteUserPoolDomain", look, look]);
        // Another pool has the name by now.
        let theirs = (200, r#"{"DomainDescription":{"UserPoolId":"p9","Status":"ACTIVE"}}"#);
        let (clients, http) = replay(vec![theirs, theirs]);
        assert_eq!(Cognito::new(&clients).delete_domain("p1", "demo-login", &task).await, Ok(()));
        assert!(!asked(&http).iter().any(|(call, _)| call.starts_with("Delete")));
    }

    #[test]
    fn tokens_come_from_the_domain_or_from_the_emulator() {
        let scope = |region: &str| Scope {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: region.into(),
            stack: "demo".into(),
            ..Scope::default()
        };
        let at = |region: &str| token_url(None, &scope(region), "demo-login");
        assert_eq!(at("eu-central-1"), "https://demo-login.auth.eu-central-1.amazoncognito.com/oauth2/token");
        assert_eq!(at("us-gov-west-1"), "https://demo-login.auth-fips.us-gov-west-1.amazoncognito.com/oauth2/token");
        let local = token_url(Some("http://127.0.0.1:4577/"), &scope("eu-central-1"), "demo-login");
        assert_eq!(local, "http://127.0.0.1:4577/oauth2/token");
    }
}
