//! The list of all roles under our path, with their inline policies. It does not show tags (docs/aws.md, Roles).

use std::collections::BTreeSet;

use super::role::outputs;
use super::{Iam, Role, RoleKey, RolePolicy, RolePolicyOutputs};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::pages::{as_far_as_it_goes, closer};
use crate::engine::{Failure, Id, InventoryItem, Listing, Unread};
use crate::scope::{Owner, Whose, role_path};

/// The size of a list's page; the most that AWS allows.
const PAGE: i32 = 1000;

impl Iam {
    async fn listed_role(&self, name: String) -> Result<Listing, Failure> {
        let doing = format!("read the role {name}");
        let (role, policies) = tokio::join!(self.client.get_role().role_name(&name).send(), self.inline(&name));
        let Some(role) = role.or_fail(&doing).or_absent()?.and_then(|answer| answer.role) else {
            return Ok(Listing::default());
        };
        // A role is ours if it has the tag and the path of the same stack.
        let owner = Owner::read(role.tags().iter().map(|tag| (tag.key(), tag.value())));
        let owner = owner.filter(|owner| role_path(&Whose::Stack(owner.stack.clone())) == role.path());
        let key = |id| RoleKey { id, name: name.clone() };
        let listed = InventoryItem::new::<Role>((&name, role.arn()), owner, key, &outputs(&role));
        let (policies, unread): (BTreeSet<String>, _) = match policies.or_absent() {
            Ok(policies) => (policies.unwrap_or_default(), None),
            Err(failure) => (BTreeSet::new(), Some(Unread::new::<RolePolicy>(format!("of {name}"), failure))),
        };
        let under = policies.into_iter().map(|policy| {
            let outputs = RolePolicyOutputs { role: name.clone(), name: policy };
            let id = Id::new("policy", listed.id.parts().1);
            let (what, place) = (format!("{} of {name}", outputs.name), format!("{}/{}", role.arn(), outputs.name));
            InventoryItem::under::<RolePolicy>(&listed, id, (&what, &place), &outputs, &outputs)
        });
        let under: Vec<InventoryItem> = under.collect();
        Ok(Listing::from([vec![listed], under].concat()).and_unread(unread))
    }
}

impl Iam {
    pub(super) async fn list_roles(&self, whose: &Whose) -> Result<Listing, Failure> {
        let call = self.client.list_roles().path_prefix(role_path(whose)).max_items(PAGE);
        let (roles, cut) = as_far_as_it_goes!(call.into_paginator().items().send(), "list the roles");
        let looks = roles.into_iter().map(|role| (role.role_name.clone(), self.listed_role(role.role_name)));
        let listing = closer::<Role, _>(looks.collect()).await;
        Ok(listing.and_unread(cut.map(|failure| Unread::new::<Role>(None, failure))))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::aws::testing::{replay, requests};

    fn answer(operation: &str, inside: &str) -> String {
        format!("<{operation}Response><{operation}Result>{inside}</{operation}Result></{operation}Response>")
    }

    fn role(name: &str, stack: &str) -> String {
        format!(
            "<Path>/securelambda/demo/</Path><RoleName>{name}</RoleName><RoleId>AROA{name}</RoleId>\
             <Arn>arn:aws:iam::123456789012:role/securelambda/demo/{name}</Arn><CreateDate>2026-11-21T00:00:00Z</CreateDate>\
             <Tags><member><Key>securelambda:stack</Key><Value>{stack}</Value></member></Tags>"
        )
    }

    fn list(names: &[&str], more: &str) -> String {
        let members: Vec<String> = names.iter().map(|name| format!("<member>{}</member>", role(name, ""))).collect();
        answer("ListRoles", &format!("<Roles>{}</Roles>{more}", members.concat()))
    }

    #[tokio::test]
    async fn roles_on_all_pages_are_listed_with_their_policies() {
        let first = list(&["demo-f"], "<IsTruncated>true</IsTruncated><Marker>m2</Marker>");
        let second = list(&["demo-g", "demo-gone"], "<IsTruncated>false</IsTruncated>");
        let get = |name, stack| answer("GetRole", &format!("<Role>{}</Role>", role(name, stack)));
        let policies = |names: &str| answer("ListRolePolicies", &format!("<PolicyNames>{names}</PolicyNames>"));
        let (f, g) = (get("demo-f", "demo"), get("demo-g", "other"));
        let (one, none) = (policies("<member>access</member>"), policies(""));
        let absent = "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>no</Message></Error></ErrorResponse>";
        let reads = [(200, &*f), (200, &*one), (200, &*g), (200, &*none), (404, absent), (404, absent)];
        let (clients, http) = replay([vec![(200, &*first), (200, &*second)], reads.to_vec()].concat());
        let listed = Iam::new(&clients).list_roles(&Whose::Stack("demo".into())).await.unwrap().listed;
        let seen: Vec<_> = listed.iter().map(|one| (one.kind, one.name.as_str(), one.stack.as_deref())).collect();
        let expected = [
            ("iam.role", "demo-f", Some("demo")),
            ("iam.role_policy", "access of demo-f", Some("demo")),
            ("iam.role", "demo-g", None),
        ];
        assert_eq!(seen, expected, "a tag alone, under another stack's path, proves nothing");
        let requests = requests(&http);
        assert!(requests[0].contains("PathPrefix=%2Fsecurelambda%2Fdemo%2F"), "{requests:?}");
        assert!(requests[1].contains("Marker=m2"), "{requests:?}");
    }
}
