//! IP sets.

use std::collections::BTreeSet;

use aws_sdk_wafv2::types::{IpAddressVersion, IpSetSummary};
use ipnet::IpNet;

use super::refusals::{WAF_IN_USE, WAF_LOCK, WAF_TROUBLE};
use super::{Key, Outputs, PAGE, SCOPE, SETS_AND_ACLS, TARGET, Wafv2, WebAcl, locked, removal_command, token};
use crate::aws::error::{OrAbsent, OrFail, empty};
use crate::aws::kind::{Calls, CleanupGroup, Described, Kind, Listed, Rate, SettingsCheck};
use crate::aws::pages::{as_far_as_pages_go, whole};
use crate::aws::rights::{Permissions, Sid, StatementTemplate, Usage};
use crate::aws::settle::settled;
use crate::aws::wafv2::SERVICE;
use crate::engine::{Comparison, Drift, Effect, Failure, Found, Listing, Provider, Resource, Retag, Tags, Task};
use crate::layer::Layer;
use crate::scope::Whose;

/// The field that AWS cannot change later.
const FAMILY: &str = "IPAddressVersion";

/// How many differing addresses of a long set a message names.
const NAMED: usize = 4;

/// A list of address ranges that a web ACL's rules may refer to.
#[derive(Debug, Clone)]
pub struct IpSet {
    /// Its id in the stack, for its tags.
    pub id: String,
    /// 1 to 128 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// See [`is_description`]. `None` keeps the existing one.
    pub description: Option<String>,
    /// At most 10,000 ranges of the one family, none of them a /0. Bits beyond the prefix do not matter.
    pub addresses: Vec<IpNet>,
    /// Whether the addresses are IPv6.
    pub v6: bool,
    /// The way in which rules treat its addresses.
    pub membership: Membership,
}

/// The way in which rules treat the addresses of an IP set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// They get through, so an additional address weakens the stack.
    LetsIn,
    /// They are blocked or counted, so a missing address weakens the stack.
    KeepsOut,
}

/// An IP set as AWS has it.
#[derive(Debug, Clone)]
pub struct IpSetLive {
    description: Option<String>,
    addresses: Vec<String>,
    v6: bool,
}

impl IpSet {
    /// The ranges in canonical form, each once. It is not known whether AWS corrects or refuses others
    /// (docs/aws.md, IP sets).
    fn canonical(&self) -> BTreeSet<IpNet> {
        self.addresses.iter().map(IpNet::trunc).collect()
    }

    fn cidrs(&self) -> Vec<String> {
        self.canonical().iter().map(ToString::to_string).collect()
    }

    fn check(&self) -> Result<(), Failure> {
        match &self.description {
            Some(text) if !is_description(text) => {
                Err(Failure::refused(format!("AWS does not accept {text:?} as the description of {}", self.name)))
            }
            _ => Ok(()),
        }
    }
}

/// Whether WAF takes this as a description: 3 to 256 letters, digits or `_+=:#@/-,.`, with spaces between them only
/// (docs/aws.md, IP sets).
pub fn is_description(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "_+=:#@/-,.".contains(c);
    (3..=256).contains(&text.len())
        && text.chars().all(|c| inner(c) || c == ' ')
        && !text.starts_with(' ')
        && !text.ends_with(' ')
}

impl Resource for IpSet {
    const KIND: &'static str = "wafv2.ip_set";
    const GOES_WITH_PARENT: bool = false;
    const NAME_IS_UNIQUE: bool = true;
    const ID_IS_GIVEN_ONCE: bool = true;
    const GUARDS: bool = true;
    type Key = Key;
    type Outputs = Outputs;
    type Live = IpSetLive;

    fn key(&self) -> Key {
        Key { name: self.name.clone() }
    }

    fn identity(outputs: &Outputs) -> String {
        outputs.arn.clone()
    }

    fn removal_command(outputs: &Outputs) -> Option<String> {
        Some(removal_command("ip-set", outputs))
    }

    fn compare(&self, live: &IpSetLive) -> Comparison {
        // WAF has its own notation for IPv6, so addresses are not compared as text.
        let want = self.canonical();
        let parsed: Option<BTreeSet<IpNet>> = live.addresses.iter().map(|text| read(text)).collect();
        let effect = parsed.as_ref().map_or(Effect::Weakens, |live| self.membership.effect(&want, live));
        let found = parsed.unwrap_or_default();
        let (family_wanted, family_found) = (family(self.v6), family(live.v6));
        let compared = Comparison::default().guard(FAMILY, family_wanted, family_found).judged(
            "Addresses",
            list(&want, &found),
            list(&found, &want),
            effect,
        );
        let described = live.description.as_deref().unwrap_or("none");
        // Without a wanted description, an existing one is kept.
        compared.plain("Description", self.description.as_deref().unwrap_or(described), described)
    }

    fn requires_replacement(&self, drift: &[Drift]) -> Option<Failure> {
        let fixed = drift.iter().find(|drift| drift.field == FAMILY)?;
        let Drift { live, want, .. } = fixed;
        let message = format!("AWS cannot change the IP set {} from {live} to {want}", self.name);
        Some(
            Failure::refused(message)
                .hint("only a new IP set can have this address version: run `securelambda down`, then `up`"),
        )
    }
}

impl Described for IpSet {
    const ABOUT: Kind = Kind {
        service: SERVICE,
        label: "IP set",
        listed: Listed::ByItself,
        cleanup: CleanupGroup::Waf,
        gone_before: &[WebAcl::KIND],
        permissions: &[
            StatementTemplate {
                sid: Sid::RetagOwn,
                on: SETS_AND_ACLS,
                rights: &[Permissions {
                    needs: &[Usage::Update],
                    actions: &["wafv2:TagResource", "wafv2:UntagResource"],
                }],
            },
            StatementTemplate {
                sid: Sid::FindOwn,
                on: SETS_AND_ACLS,
                rights: &[
                    Permissions { needs: &[Usage::Read, Usage::Update, Usage::Delete], actions: &["wafv2:GetIPSet"] },
                    Permissions { needs: &[Usage::Read, Usage::Survivors], actions: &["wafv2:ListTagsForResource"] },
                ],
            },
            StatementTemplate {
                sid: Sid::OwnByName,
                on: SETS_AND_ACLS,
                rights: &[
                    Permissions { needs: &[Usage::Update], actions: &["wafv2:UpdateIPSet"] },
                    Permissions { needs: &[Usage::Delete], actions: &["wafv2:DeleteIPSet"] },
                ],
            },
            StatementTemplate {
                sid: Sid::MakeOwn,
                on: SETS_AND_ACLS,
                rights: &[Permissions {
                    needs: &[Usage::Create],
                    actions: &["wafv2:CreateIPSet", "wafv2:TagResource"],
                }],
            },
            StatementTemplate {
                sid: Sid::OnAnything,
                on: &["*"],
                rights: &[Permissions {
                    needs: &[Usage::Read, Usage::Survivors, Usage::Doctor],
                    actions: &["wafv2:ListIPSets"],
                }],
            },
        ],
        rates: &[
            Rate::one_in(1, Calls::Operations(TARGET, &["CreateIPSet"])),
            Rate::one_in(1, Calls::Operations(TARGET, &["UpdateIPSet"])),
            Rate::one_in(1, Calls::Operations(TARGET, &["DeleteIPSet"])),
            Rate::per_second(5, Calls::Operations(TARGET, &["GetIPSet"])),
            Rate::per_second(5, Calls::Operations(TARGET, &["ListIPSets"])),
        ],
        check: SettingsCheck {
            layer: Layer::Firewall,
            subject: "IP set {}",
            holds: "addresses match the stack file",
            read: "GetIPSet",
        },
    };
}

impl Membership {
    /// The effect of a set that contains `live` instead of `want`. A network may be written as several smaller ones.
    fn effect(self, want: &BTreeSet<IpNet>, live: &BTreeSet<IpNet>) -> Effect {
        let covers = |some: &BTreeSet<IpNet>, others: &BTreeSet<IpNet>| {
            let all = IpNet::aggregate(&others.iter().copied().collect());
            some.iter().all(|net| all.iter().any(|other| other.contains(net)))
        };
        let kept = match self {
            Self::LetsIn => covers(live, want),
            Self::KeepsOut => covers(want, live),
        };
        if want == live {
            Effect::Same
        } else if kept {
            Effect::Differs
        } else {
            Effect::Weakens
        }
    }
}

fn read(text: &str) -> Option<IpNet> {
    text.parse().ok().map(|net: IpNet| net.trunc())
}

fn family(v6: bool) -> IpAddressVersion {
    if v6 { IpAddressVersion::Ipv6 } else { IpAddressVersion::Ipv4 }
}

/// A set in words: a short one completely, a long one by its size and some addresses that `other` lacks.
fn list(set: &BTreeSet<IpNet>, other: &BTreeSet<IpNet>) -> String {
    let names = |nets: &mut dyn Iterator<Item = &IpNet>| nets.map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if set.is_empty() {
        "none".to_owned()
    } else if set.len() <= 2 * NAMED {
        names(&mut set.iter())
    } else {
        let only = names(&mut set.difference(other).take(NAMED));
        if only.is_empty() { format!("{} ranges", set.len()) } else { format!("{} ranges, with {only}", set.len()) }
    }
}

impl Wafv2 {
    /// Reads a set by its ids; `None` if there is none.
    async fn ip_set(&self, name: &str, id: &str, arn: &str) -> Result<Option<Found<IpSet>>, Failure> {
        let get = self.client.get_ip_set().name(name).id(id).scope(SCOPE);
        let (answer, owned) = tokio::join!(get.send(), self.owns(arn));
        let answer = answer.or_fail(&format!("read the IP set {name}")).or_absent()?;
        let (Some(answer), Some(owned)) = (answer, owned?) else { return Ok(None) };
        if !owned {
            return Err(Failure::foreign("the IP set", arn));
        }
        let set = answer.ip_set.ok_or_else(|| empty(name))?;
        let live = IpSetLive {
            description: set.description.filter(|text| !text.is_empty()),
            addresses: set.addresses,
            v6: set.ip_address_version == IpAddressVersion::Ipv6,
        };
        let lock_token = answer.lock_token.unwrap_or_default();
        Ok(Some(Found { outputs: Outputs { name: set.name, id: set.id, arn: set.arn, lock_token }, live }))
    }

    /// All IP sets of the account, and the failure if the list could not be read to its end.
    pub(super) async fn ip_sets(&self) -> (Vec<IpSetSummary>, Option<Failure>) {
        let list = |marker| async move {
            let call = self.client.list_ip_sets().scope(SCOPE).limit(PAGE).set_next_marker(marker);
            let page = call.send().await.or_fail("list the IP sets")?;
            Ok((page.ip_sets, page.next_marker))
        };
        as_far_as_pages_go(list).await
    }

    async fn ip_set_token(&self, set: &Outputs) -> Result<String, Failure> {
        let call = self.client.get_ip_set().name(&set.name).id(&set.id).scope(SCOPE);
        let answer = call.send().await.or_fail(&format!("read the IP set {}", set.name));
        token(&set.name, answer.map(|answer| answer.lock_token), async {
            let listed = self.ip_sets().await.0.into_iter().find(|one| one.id() == Some(&set.id));
            listed.and_then(|one| one.lock_token)
        })
        .await
    }
}

impl Provider<IpSet> for Wafv2 {
    async fn read(&self, key: &Key, known: Option<&Outputs>, _: &Task) -> Result<Option<Found<IpSet>>, Failure> {
        if let Some(known) = known
            && let Some(found) = self.ip_set(&known.name, &known.id, &known.arn).await?
        {
            return Ok(Some(found));
        }
        match whole(self.ip_sets().await)?.into_iter().find(|set| set.name() == Some(&key.name)) {
            Some(IpSetSummary { id: Some(id), arn: Some(arn), .. }) => self.ip_set(&key.name, &id, &arn).await,
            _ => Ok(None),
        }
    }

    async fn create(&self, want: &IpSet, task: &Task) -> Result<Outputs, Failure> {
        want.check()?;
        let made = settled(task, &[&WAF_TROUBLE], || async {
            let call =
                self.once.create_ip_set().name(&want.name).scope(SCOPE).set_description(want.description.clone());
            let call = call.ip_address_version(family(want.v6)).set_addresses(Some(want.cidrs()));
            let call = call.set_tags(Some(self.tags(&want.id)?));
            call.send().await.or_fail(&format!("create the IP set {}", want.name))
        });
        let made = made.await?.summary.ok_or_else(|| empty(&want.name))?;
        match (made.id, made.arn) {
            (Some(id), Some(arn)) => {
                Ok(Outputs { name: want.name.clone(), id, arn, lock_token: made.lock_token.unwrap_or_default() })
            }
            _ => Err(empty(&want.name)),
        }
    }

    async fn update(&self, want: &IpSet, found: &Found<IpSet>, task: &Task) -> Result<Outputs, Failure> {
        let seen = &found.outputs;
        want.check()?;
        // An update resets the settings that it leaves out.
        let description = want.description.as_ref().or(found.live.description.as_ref());
        let read = || self.ip_set_token(seen);
        let updated = locked(task, &[&WAF_LOCK, &WAF_TROUBLE], seen, read, |token| async move {
            let call = self.client.update_ip_set().name(&seen.name).id(&seen.id).scope(SCOPE).lock_token(token);
            let call = call.set_description(description.cloned()).set_addresses(Some(want.cidrs()));
            call.send().await.or_fail(&format!("update the IP set {}", seen.name))
        });
        let lock_token = updated.await?.next_lock_token.unwrap_or_default();
        Ok(Outputs { lock_token, ..seen.clone() })
    }

    async fn tags(&self, of: &Outputs, _: &Task) -> Result<Option<Tags>, Failure> {
        self.tags_at(&of.arn).await
    }

    async fn retag(&self, of: &Outputs, change: &Retag, task: &Task) -> Result<(), Failure> {
        self.retag_at(&of.arn, change, task).await
    }

    async fn delete(&self, gone: &Outputs, task: &Task) -> Result<(), Failure> {
        let read = || self.ip_set_token(gone);
        let deleted = locked(task, &[&WAF_IN_USE, &WAF_LOCK, &WAF_TROUBLE], gone, read, |token| async move {
            let call = self.client.delete_ip_set().name(&gone.name).id(&gone.id).scope(SCOPE).lock_token(token);
            call.send().await.or_fail(&format!("delete the IP set {}", gone.name))
        });
        deleted.await.or_absent().map(drop)
    }

    async fn list(&self, whose: &Whose) -> Result<Listing, Failure> {
        self.list_sets(whose).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};
    use crate::engine::Cause;

    const ARN: &str = "arn:aws:wafv2:eu-central-1:123456789012:regional/ipset/demo-office/1-2";
    const GET: &str = r#"{"LockToken": "t1", "IPSet": {"Name": "demo-office", "Id": "1-2",
        "ARN": "arn:aws:wafv2:eu-central-1:123456789012:regional/ipset/demo-office/1-2",
        "IPAddressVersion": "IPV4", "Addresses": ["203.0.113.0/24"]}}"#;
    const TAGS: &str = r#"{"TagInfoForResource": {"TagList": [{"Key": "securelambda:stack", "Value": "demo"}]}}"#;
    const NO_TAGS: &str = r#"{"TagInfoForResource": {"TagList": []}}"#;
    const ABSENT: &str = r#"{"__type": "WAFNonexistentItemException", "Message": "no such thing"}"#;
    const LISTED: &str = r#"{"NextMarker": "", "IPSets": [{"Name": "demo-office", "Id": "1-2", "LockToken": "t1",
        "ARN": "arn:aws:wafv2:eu-central-1:123456789012:regional/ipset/demo-office/1-2"}]}"#;

    fn want(addresses: &[&str]) -> IpSet {
        IpSet {
            id: "ip_set.office".into(),
            name: "demo-office".into(),
            description: None,
            addresses: addresses.iter().map(|text| text.parse().expect("a range")).collect(),
            v6: addresses.iter().any(|text| text.contains(':')),
            membership: Membership::KeepsOut,
        }
    }

    fn live(addresses: &[&str]) -> IpSetLive {
        IpSetLive {
            description: Some("The office".into()),
            addresses: addresses.iter().map(|&text| text.to_owned()).collect(),
            v6: addresses.iter().any(|text| text.contains(':')),
        }
    }

    fn ids() -> Outputs {
        Outputs { name: "demo-office".into(), id: "1-2".into(), arn: ARN.into(), lock_token: "t1".into() }
    }

    fn operations(http: &aws_smithy_http_client::test_util::StaticReplayClient) -> Vec<String> {
        asked(http).into_iter().map(|(operation, _)| operation).collect()
    }

    #[test]
    fn addresses_are_compared_as_sets_of_networks() {
        let same = [
            (vec![], vec![]),
            (vec!["203.0.113.7/24"], vec!["203.0.113.0/24"]),
            (vec!["10.0.0.0/8", "203.0.113.0/24", "10.9.9.9/8"], vec!["203.0.113.0/24", "10.0.0.0/8"]),
            (vec!["2001:db8::1/128"], vec!["2001:0DB8:0000:0000:0000:0000:0000:0001/128"]),
        ];
        for (wanted, has) in same {
            assert_eq!(want(&wanted).drift(&live(&has)), [], "{wanted:?}");
        }
        // The addresses that are wanted and found, in words, and whether the difference weakens a set that keeps out, and
        // one that lets in.
        let differ = [
            (vec!["203.0.113.0/24"], vec![], "203.0.113.0/24", "none", [true, false]),
            (vec!["203.0.113.0/24"], vec!["203.0.113.0/25"], "203.0.113.0/24", "203.0.113.0/25", [true, false]),
            (vec![], vec!["10.0.0.0/8"], "none", "10.0.0.0/8", [false, true]),
            (
                vec!["10.0.0.0/9", "10.128.0.0/9"],
                vec!["10.0.0.0/8"],
                "10.0.0.0/9, 10.128.0.0/9",
                "10.0.0.0/8",
                [false; 2],
            ),
            (vec!["10.0.0.0/8"], vec!["192.0.2.0/24"], "10.0.0.0/8", "192.0.2.0/24", [true, true]),
            (vec!["10.0.0.0/8"], vec!["10.0.0.0/8", "what is this"], "10.0.0.0/8", "none", [true, true]),
        ];
        for (wanted, has, in_words, has_in_words, weakens) in differ {
            for (membership, weakens) in [Membership::KeepsOut, Membership::LetsIn].into_iter().zip(weakens) {
                let drift = IpSet { membership, ..want(&wanted) }.drift(&live(&has));
                let expected = Drift { weakens, ..Drift::new("Addresses", in_words, has_in_words) };
                assert_eq!(drift, [expected], "{membership:?}");
            }
        }
    }

    #[test]
    fn family_and_description_are_compared() {
        let six = IpSet { v6: true, ..want(&[]) };
        assert_eq!(six.drift(&live(&[])), [Drift::weakening("IPAddressVersion", "IPV6", "IPV4")]);
        let described = IpSet { description: Some("Partners".into()), ..want(&[]) };
        assert_eq!(described.drift(&live(&[])), [Drift::new("Description", "Partners", "The office")]);
    }

    #[test]
    fn long_sets_are_shortened_in_messages() {
        let many: Vec<String> = (0..30).map(|n| format!("10.0.{n}.0/24")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let drift = want(&many).drift(&live(&many[1..]));
        assert_eq!(drift, [Drift::weakening("Addresses", "30 ranges, with 10.0.0.0/24", "29 ranges")]);
    }

    #[test]
    fn descriptions_follow_wafs_rule() {
        for good in ["abc", "Made by securelambda, for /demo.", "a b"] {
            assert!(is_description(good), "{good}");
        }
        for bad in ["", "ab", " abc", "abc ", "it's", "a (b) c", "a;b", &"x".repeat(257)] {
            assert!(!is_description(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn an_unchanged_set_costs_two_concurrent_reads() {
        let (clients, http) = replay(vec![(200, GET), (200, TAGS)]);
        let (waf, task) = (Wafv2::new(&clients), Task::detached("ip_set.office"));
        let want = want(&["203.0.113.9/24"]);
        let found =
            Provider::<IpSet>::read(&waf, &want.key(), Some(&ids()), &task).await.expect("an answer").expect("a set");
        assert_eq!(found.outputs, ids());
        assert_eq!(want.drift(&found.live), []);
        assert_eq!(operations(&http), ["GetIPSet", "ListTagsForResource"]);
    }

    #[tokio::test]
    async fn a_set_without_its_recorded_id_is_found_by_name() {
        let other_page = r#"{"NextMarker": "demo-a", "IPSets": [{"Name": "demo-a", "Id": "9", "ARN": "arn:9"}]}"#;
        let (clients, http) =
            replay(vec![(400, ABSENT), (400, ABSENT), (200, other_page), (200, LISTED), (200, GET), (200, TAGS)]);
        let (waf, task) = (Wafv2::new(&clients), Task::detached("ip_set.office"));
        let stale = Outputs { id: "0-0".into(), arn: "arn:old".into(), ..ids() };
        let found = Provider::<IpSet>::read(&waf, &want(&[]).key(), Some(&stale), &task).await.expect("an answer");
        assert_eq!(found.expect("a set").outputs, ids());
        assert!(asked(&http)[3].1.contains(r#""NextMarker":"demo-a""#));
    }

    #[tokio::test]
    async fn an_empty_marker_ends_the_list() {
        let (clients, http) = replay(vec![(200, r#"{"NextMarker": "", "IPSets": []}"#)]);
        let (waf, task) = (Wafv2::new(&clients), Task::detached("ip_set.office"));
        let found = Provider::<IpSet>::read(&waf, &want(&[]).key(), None, &task).await.expect("an answer");
        assert!(found.is_none());
        assert_eq!(operations(&http), ["ListIPSets"]);
    }

    #[tokio::test]
    async fn a_set_without_our_tag_is_foreign() {
        let (clients, _) = replay(vec![(200, LISTED), (200, GET), (200, NO_TAGS)]);
        let (waf, task) = (Wafv2::new(&clients), Task::detached("ip_set.office"));
        let result = Provider::<IpSet>::read(&waf, &want(&[]).key(), None, &task).await;
        let failure = result.expect_err("a stranger's");
        assert_eq!(failure.cause, Cause::Foreign);
        assert!(failure.to_string().contains(ARN));
    }

    #[tokio::test]
    async fn a_create_sends_canonical_ranges_and_tags_at_once() {
        let made = r#"{"Summary": {"Name": "demo-office", "Id": "1-2", "LockToken": "t1",
            "ARN": "arn:aws:wafv2:eu-central-1:123456789012:regional/ipset/demo-office/1-2"}}"#;
        let (clients, http) = replay(vec![(200, made)]);
        let (waf, task) = (Wafv2::new(&clients), Task::detached("ip_set.office"));
        assert_eq!(waf.create(&want(&["10.1.2.3/8", "10.0.0.0/8"]), &task).await, Ok(ids()));
        let body: serde_json::Value = serde_json::from_str(&asked(&http)[0].1).expect("JSON");
        assert_eq!(body["Addresses"], serde_json::json!(["10.0.0.0/8"]));
        assert_eq!(body["Scope"], "REGIONAL");
        assert_eq!(body["Tags"][1], serde_json::json!({"Key": "securelambda:stack", "Value": "demo"}));
        assert_eq!(body.get("Description"), None);
    }

    #[tokio::test]
    async fn creates_that_fail_have_the_right_cause() {
        let duplicate = r#"{"__type": "WAFDuplicateItemException", "Message": "a duplicate of an existing one"}"#;
        let broken = r#"{"__type": "WAFInternalErrorException", "Message": "try again"}"#;
        for (status, body, cause) in [(400, duplicate, Cause::Exists), (500, broken, Cause::Unknown)] {
            let (clients, http) = replay(vec![(status, body)]);
            let (waf, task) = (Wafv2::new(&clients), Task::detached("ip_set.office"));
            let failure = waf.create(&want(&[]), &task).await.expect_err("a refusal");
            assert_eq!(failure.cause, cause);
            assert_eq!(asked(&http).len(), 1, "a create is sent once");
        }
        let (clients, http) = replay(vec![]);
        let wordy = IpSet { description: Some("it's".into()), ..want(&[]) };
        let failure = Wafv2::new(&clients).create(&wordy, &Task::detached("x")).await.expect_err("a refusal");
        assert_eq!((failure.cause, asked(&http).len()), (Cause::Refused, 0));
    }

    #[tokio::test]
    async fn a_stale_lock_token_is_read_again() {
        let stale = r#"{"__type": "WAFOptimisticLockException", "Message": "changed by another request"}"#;
        let fresh = GET.replace("t1", "t2");
        let (clients, http) = replay(vec![(400, stale), (200, &fresh), (200, r#"{"NextLockToken": "t3"}"#)]);
        let (waf, task) = (Wafv2::new(&clients), Task::detached("ip_set.office"));
        let found = Found { outputs: ids(), live: live(&[]) };
        let outputs = waf.update(&want(&["10.0.0.0/8"]), &found, &task).await;
        assert_eq!(outputs, Ok(Outputs { lock_token: "t3".into(), ..ids() }));
        let asked = asked(&http);
        assert!(asked[0].1.contains(r#""LockToken":"t1""#) && asked[2].1.contains(r#""LockToken":"t2""#));
        assert!(asked[2].1.contains(r#""Description":"The office""#), "what is left out is reset");
    }

    #[test]
    fn a_family_is_never_changed() {
        let want = want(&["2001:db8::/32"]);
        let failure = want.requires_replacement(&want.drift(&live(&[]))).expect("a refusal");
        assert_eq!(failure.cause, Cause::Refused);
        assert!(failure.hint.is_some_and(|hint| hint.contains("`securelambda down`")));
    }

    #[tokio::test]
    async fn deleting_a_set_is_one_call_and_a_missing_one_is_success() {
        for (status, body) in [(200, "{}"), (400, ABSENT)] {
            let (clients, http) = replay(vec![(status, body)]);
            let waf = Wafv2::new(&clients);
            assert_eq!(Provider::<IpSet>::delete(&waf, &ids(), &Task::detached("x")).await, Ok(()));
            assert_eq!(operations(&http), ["DeleteIPSet"]);
        }
    }
}
