//! `[identity_pools]`

use std::collections::BTreeMap;

use super::allow::{self, ALLOW, AllowKeys, Allowed};
use super::{Api, ApiKind, Auth, Part, Route, Stack, api, pools};
use crate::choices::{Hook, STANDARD_ATTRIBUTES};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Key, List, NamedTexts, Nested, Required};
use crate::spec::grants::{Grant, granted_to_callers, granted_to_members};
use crate::spec::names::{caller_role, member_role};
use crate::spec::policies;
use crate::spec::reader::{Reader, Table, joined};
use crate::spec::rules::Names;
use crate::spec::section::section;

/// An identity pool's role has a longer name than the pool itself: the name and `-caller`.
const NAME: Names = Names { form: "^[A-Za-z0-9_-]{1,32}$", longest: 32 };

pub(super) static KEY: Nested<IdentityPoolKeys> =
    Nested::named("identity_pools", NAME, &IDENTITY_POOL, "Cognito identity pools, by name.");

section! {
    IDENTITY_POOL: IdentityPoolKeys = "an identity pool";
    pool: Required = text("The user pool whose users get temporary credentials.");
    invokes: List = texts(
        "The routes that these credentials may call, as in \"Age GET /age\": the API's name and the route. Optional beside `allow`.",
    );
    allow: Nested<AllowKeys> = some_tables(
        &ALLOW,
        "Further permissions of these credentials. IAM's variables distinguish users: ${cognito-identity.amazonaws.com:sub} is the id that the identity pool gives a user.",
    );
    tags: NamedTexts = of(
        "Tags of the credentials' sessions, each with the claim of the ID token that has the value, as in { tenant = \"custom:tenant\" }. In `allow`, ${aws:PrincipalTag/tenant} stands for the value. Users must not be able to set the attribute themselves.",
    );
    groups: Nested<AllowKeys> = named_tables(
        &ALLOW,
        "Further permissions of the members of a group of the pool, by the group's name. Members also have all permissions of the other users. A user in several of these groups has the permissions of the first one in the stack file.",
    );
}

/// Temporary credentials for a pool's users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityPool {
    pub pool: String,
    /// The routes that the credentials may call.
    pub invokes: Vec<Invoke>,
    /// The further permissions of the credentials.
    pub allow: Vec<Allowed>,
    /// The claim of the ID token from which the tag of a session gets its value, by the tag.
    pub tags: BTreeMap<String, String>,
    /// The further permissions of the members of groups. A user in several of the groups has those of the first one.
    pub groups: Vec<GroupAllow>,
}

/// The further permissions of the members of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupAllow {
    /// The name of a group of the user pool.
    pub group: String,
    pub allow: Vec<Allowed>,
}

impl IdentityPool {
    /// The keys of the entry `name` with permissions, each with its place.
    pub(super) fn allowed(&self, name: &str) -> impl Iterator<Item = (String, &Vec<Allowed>)> {
        let groups = self.groups.iter().map(|of| (of.group.as_str(), &of.allow));
        let groups: Vec<_> = groups.map(|(group, allow)| (format!("{}.{group}", groups_of(name)), allow)).collect();
        std::iter::once((format!("identity_pools.{name}.allow"), &self.allow)).chain(groups)
    }
}

/// The place of the key `groups` of an identity pool.
fn groups_of(name: &str) -> String {
    format!("identity_pools.{name}.groups")
}

/// A reference to a route, as in `Age GET /age`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoke {
    /// The API's name; `None` for the API without a name.
    pub api: Option<String>,
    pub route: String,
}

impl Stack {
    /// The groups of this pool whose members get a role of an identity pool.
    pub fn groups_with_roles<'a>(&'a self, pool: &'a str) -> impl Iterator<Item = &'a String> {
        let identities = self.identity_pools.values().filter(move |identity| identity.pool == pool);
        identities.flat_map(|identity| identity.groups.iter().map(|of| &of.group))
    }

    /// The names of the roles of groups' members, without the stack's name.
    pub fn member_roles(&self) -> impl Iterator<Item = String> {
        let identities = self.identity_pools.iter();
        identities.flat_map(|(name, identity)| identity.groups.iter().map(move |of| member_role(name, &of.group)))
    }

    /// The routes that an identity pool's credentials may call, each with its API. Entries without such a route are
    /// left out; reading the file reports them.
    pub fn opened<'a>(&'a self, invokes: &'a [Invoke]) -> impl Iterator<Item = (&'a Invoke, &'a Api, &'a Route)> {
        invokes.iter().filter_map(|invoke| {
            let (_, api) = self.all_apis().find(|(name, _)| *name == invoke.api.as_deref())?;
            let route = api.routes.iter().find(|route| route.name() == invoke.route)?;
            Some((invoke, api, route))
        })
    }
}

impl Part for BTreeMap<String, IdentityPool> {
    fn key() -> &'static Key {
        &KEY.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        reader.each(root, &KEY, identity_pool)
    }

    fn check(&self, checks: &mut Checks) {
        for (name, identity) in self {
            checks.exists(format!("identity_pools.{name}.pool"), "pool", &identity.pool, &[&pools::KEY.key]);
            for (index, invoke) in identity.invokes.iter().enumerate() {
                self::invoke(checks, format!("identity_pools.{name}.invokes.{index}"), invoke);
            }
            for (place, allow) in identity.allowed(name) {
                allow::check(&place, allow, checks);
            }
            groups(name, identity, checks);
            tags(name, identity, checks);
            checks.report(opened_beside(checks.stack, name, identity));
            checks.report(too_large(checks, name, identity));
        }
        twins(self, checks);
        groups_with_two_roles(self, checks);
    }
}

/// How many characters the names of an identity pool and of one of its groups may have together. IAM allows 64 for the
/// name of a role. The stack's name, a hyphen and a dot take up to 26 of them.
const POOL_AND_GROUP: usize = 38;

/// Checks the groups whose members get a role of their own.
fn groups(name: &str, identity: &IdentityPool, checks: &mut Checks) {
    let place = |group: &str| format!("{}.{group}", groups_of(name));
    let stack = checks.stack;
    let known = stack.pools.get(&identity.pool).map(|pool| pool.groups.iter().map(String::as_str).collect::<Vec<_>>());
    for GroupAllow { group, .. } in &identity.groups {
        if stack.existing_pools.contains_key(&identity.pool) {
            let message = format!("{} is only read, so its groups cannot get roles", identity.pool);
            checks.report([Diagnostic::new(place(group), message).help("remove `groups`")]);
            continue;
        }
        if let Some(known) = &known {
            checks.one_of(place(group), "group", group, known);
        }
        if name.len() + group.len() > POOL_AND_GROUP {
            let message = format!(
                "the name of the role of {group}'s members would be too long: {name} and {group} may have \
                 {POOL_AND_GROUP} characters together"
            );
            checks.report([Diagnostic::new(place(group), message).help("give one of them a shorter name")]);
        }
    }
}

/// The claims of every ID token that are no attributes.
const CLAIMS: [&str; 7] =
    ["sub", "email_verified", "phone_number_verified", "cognito:username", "cognito:groups", "aud", "iss"];

/// How many tags a session may have, and how many characters a tag (docs/aws.md, Identity pools).
const MOST_TAGS: usize = 50;
const LONGEST_TAG: usize = 128;

/// Reports tags that AWS does not take, and those whose value users could choose.
fn tags(name: &str, identity: &IdentityPool, checks: &mut Checks) {
    let pool = checks.stack.pools.get(&identity.pool);
    if identity.tags.len() > MOST_TAGS {
        let message = format!("a session has at most {MOST_TAGS} tags");
        checks.report([Diagnostic::new(format!("identity_pools.{name}.tags"), message)]);
    }
    for (tag, claim) in &identity.tags {
        let mut flaw = |message: String, help: &str| {
            checks.report([Diagnostic::new(format!("identity_pools.{name}.tags.{tag}"), message).help(help)]);
        };
        let charset = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
        if tag.is_empty()
            || tag.chars().count() > LONGEST_TAG
            || !tag.chars().all(charset)
            || tag.to_lowercase().starts_with("aws:")
        {
            let help = "tags have 1 to 128 letters, digits, spaces and _ . : / = + - @, and do not begin with aws:";
            flaw(format!("{tag:?} is not a valid tag of a session"), help);
        }
        if claim == "cognito:groups" {
            flaw("a tag has one value, and a user may be in several groups".to_owned(), "use `groups` instead");
        }
        // STS compares tags without case.
        let is_twin = |other: &String| other != tag && other.to_lowercase() == tag.to_lowercase();
        if identity.tags.keys().any(is_twin) {
            flaw(format!("there is another tag {tag}, because upper and lower case are the same here"), "rename one");
        }
        let Some(pool) = pool else { continue };
        let is_known = STANDARD_ATTRIBUTES.contains(&claim.as_str())
            || CLAIMS.contains(&claim.as_str())
            || claim.starts_with("custom:")
            || pool.hooks.functions.contains_key(&Hook::PreToken);
        if !is_known {
            let own = pool.attributes.iter().find(|attribute| attribute.custom() == Some(claim));
            let help = own.map_or_else(
                || "use an attribute of the pool, or add the claim with the function of `hooks.pre_token`".to_owned(),
                |own| format!("did you mean {}?", own.name),
            );
            flaw(format!("ID tokens of the pool {} have no claim {claim}", identity.pool), &help);
        }
        match pool.attributes.iter().find(|attribute| attribute.name == *claim) {
            Some(attribute) if attribute.writable || attribute.required => {
                let message = format!("users could choose their tag {tag}, because they can set {claim} themselves");
                flaw(message, "remove `writable` and `required` of the attribute, or take another claim");
            }
            None if claim.starts_with("custom:") => {
                let attribute = claim.trim_start_matches("custom:");
                let help = "add it to `attributes` of the pool";
                flaw(format!("the pool {} has no attribute {attribute}", identity.pool), help);
            }
            _ => {}
        }
    }
}

/// Reports groups to which two identity pools would give a role: a group has at most one.
fn groups_with_two_roles(all: &BTreeMap<String, IdentityPool>, checks: &mut Checks) {
    let mut first: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (name, identity) in all {
        for GroupAllow { group, .. } in &identity.groups {
            if let Some(other) = first.insert((&identity.pool, group), name) {
                let message = format!("the members of {group} already get a role of the identity pool {other}");
                let help = "AWS gives a group one role: leave the group out of one of the identity pools";
                checks.report([Diagnostic::new(format!("{}.{group}", groups_of(name)), message).help(help)]);
            }
        }
    }
}

/// Checks that an entry of `invokes` is the route of a REST API.
fn invoke(checks: &mut Checks, place: String, invoke: &Invoke) {
    let wanted = |(name, _): &(Option<&str>, &Api)| *name == invoke.api.as_deref();
    let routes: Vec<String> =
        checks.stack.all_apis().filter(wanted).flat_map(|(_, api)| api.routes.iter().map(Route::name)).collect();
    let known: Vec<&str> = routes.iter().map(String::as_str).collect();
    match &invoke.api {
        Some(name) if !checks.has(&[&api::FURTHER.key], name) => {
            checks.exists(place.clone(), "api", name, &[&api::FURTHER.key]);
        }
        _ => checks.one_of(place.clone(), "route", &invoke.route, &known),
    }
    if checks.stack.all_apis().filter(wanted).any(|(_, api)| api.kind == ApiKind::Http) {
        let message =
            format!("{} is a route of an HTTP API; identity pools can allow routes of REST APIs only", invoke.route);
        checks.report([Diagnostic::new(place, message)]);
    }
}

/// Reports routes that the role would allow although `invokes` does not name them: in policies, `*` stands for slashes
/// too.
fn opened_beside(stack: &Stack, name: &str, identity: &IdentityPool) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    for (of, api) in stack.all_apis() {
        let named = |route: &Route| {
            identity.invokes.iter().any(|invoke| invoke.api.as_deref() == of && invoke.route == route.name())
        };
        let (invoked, others): (Vec<&Route>, Vec<&Route>) = api.routes.iter().partition(|route| named(route));
        let signed: Vec<&Route> = others.into_iter().filter(|route| route.auth == Auth::Iam).collect();
        let allowed: Vec<(&str, &str)> =
            invoked.iter().map(|route| (route.method.as_str(), route.path.as_str())).collect();
        for opened in api.requests_opened_by(&allowed, &signed) {
            let message = format!(
                "the role would also allow {}, which the route {} answers: the resource that the policy must allow for {} covers it",
                opened.request, opened.signed, opened.allowed_for
            );
            let help = "in policies `*` stands for slashes too: add the route to `invokes`, move it to an API of its own, \
                        [apis.NAME], or give it a path that the other route's does not cover";
            flaws.push(Diagnostic::new(format!("identity_pools.{name}.invokes"), message).help(help));
        }
    }
    flaws
}

/// Reports identity pools whose role would have the same name as the role of a function or of an earlier identity pool.
fn twins(all: &BTreeMap<String, IdentityPool>, checks: &mut Checks) {
    // Role names are unique regardless of case (docs/aws.md, Roles). Of two functions with the same lower-case name,
    // the map has the later one.
    let functions: BTreeMap<String, &String> =
        checks.stack.functions.keys().map(|name| (name.to_lowercase(), name)).collect();
    let mut callers: BTreeMap<String, &str> = BTreeMap::new();
    let mut members: BTreeMap<String, String> = BTreeMap::new();
    for (name, group) in all.iter().flat_map(|(name, of)| of.groups.iter().map(move |of| (name, &of.group))) {
        let role = member_role(name, group);
        if let Some(twin) = members.insert(role.to_lowercase(), role.clone()) {
            let message = format!("the roles {twin} and {role} would have the same name: IAM ignores case");
            let place = format!("{}.{group}", groups_of(name));
            checks.report([Diagnostic::new(place, message).help("rename one of the groups")]);
        }
    }
    for name in all.keys() {
        let role = caller_role(name).to_lowercase();
        let message = if let Some(twin) = functions.get(&role) {
            format!("the function {twin} and the identity pool {name} would have the same role name")
        } else if let Some(twin) = callers.insert(role, name) {
            format!("the identity pools {twin} and {name} would have the same role name: IAM ignores case")
        } else {
            continue;
        };
        checks.report([Diagnostic::new(format!("identity_pools.{name}"), message).help("rename one of them")]);
    }
}

/// Reports roles whose policy would be too large.
fn too_large(checks: &Checks, name: &str, wanted: &IdentityPool) -> Vec<Diagnostic> {
    let opened = checks.stack.opened(&wanted.invokes);
    let arns: Vec<String> = opened.map(|(_, api, route)| api::invoke_arn(api, route, &checks.longest)).collect();
    let size = |granted: Vec<Grant>| {
        let granted = granted.into_iter().map(|grant| grant.with_pools(&|_| Some(longest_pool(checks))).statement());
        policies::callers(&arns, granted).to_string().len()
    };
    let of_all = granted_to_callers(wanted, checks.stack, &checks.longest);
    let of_all = (format!("identity_pools.{name}"), format!("the identity pool {name}"), of_all);
    let of_group = |group: &GroupAllow| {
        let granted = granted_to_members(wanted, group, checks.stack, &checks.longest);
        (format!("{}.{}", groups_of(name), group.group), format!("the members of {}", group.group), granted)
    };
    let roles = std::iter::once(of_all).chain(wanted.groups.iter().map(of_group));
    let flaw = |(place, whose, granted)| {
        let size = size(granted);
        (size > policies::MAX_POLICY).then(|| {
            let message = format!(
                "the role of {whose} would need a policy of {size} characters; IAM allows {}",
                policies::MAX_POLICY
            );
            Diagnostic::new(place, message).help("allow fewer routes, or a greedy route such as ANY /files/{proxy+}")
        })
    };
    roles.filter_map(flaw).collect()
}

/// A sample ARN with the greatest length that a pool's ARN can have.
fn longest_pool(checks: &Checks) -> String {
    checks.longest.arn("cognito-idp", &format!("userpool/{}_123456789", checks.longest.region))
}

fn identity_pool(reader: &mut Reader, _name: &str, table: &Table) -> IdentityPool {
    let IdentityPoolKeys { pool, invokes, allow, tags, groups } = &IDENTITY_POOL;
    let pool = reader.required_or(table, pool);
    let routes = reader.list(table, invokes);
    if let Some(span) = Reader::nothing_in(table, invokes)
        && table.get(&allow.key).is_none()
        && table.get(&groups.key).is_none()
    {
        let help = "name the routes that its credentials may call, as in invokes = [\"GET /items\"], or what else they \
                    allow, with `allow`, or with `groups` for the members of a group";
        reader.diagnostic(&span, "the credentials of this identity pool may do nothing", Some(help.into()));
    }
    let allow = allow::read(reader, table, allow);
    let tags = reader.named_texts(table, tags);
    let tags = tags.into_iter().map(|(tag, (claim, _))| (tag, claim)).collect();
    let groups = allow::read_by_name(reader, table, groups);
    let groups = groups.into_iter().map(|(group, allow)| GroupAllow { group, allow }).collect();
    let mut opened = Vec::new();
    for (text, span) in routes {
        reader.remember(joined(&table.at(&invokes.key), &opened.len().to_string()), span);
        // `Age GET /age`, or `GET /age` of the API without a name.
        let (api, route) = match text.splitn(3, ' ').collect::<Vec<_>>().as_slice() {
            [api, method, path] => (Some((*api).to_owned()), format!("{method} {path}")),
            _ => (None, text),
        };
        opened.push(Invoke { api, route });
    }
    IdentityPool { pool, invokes: opened, allow, tags, groups }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{parse, rules};

    /// The messages of all mistakes in a stack with this identity pool and these routes, all of which are signed.
    fn mistakes(identity: &str, routes: &[&str]) -> Vec<String> {
        let route = |route: &&str| format!("[[api.routes]]\nroute = \"{route}\"\nfunction = \"F\"\nauth = \"iam\"\n");
        let routes: String = routes.iter().map(route).collect();
        let text = format!(
            "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[pools.P]\n[identity_pools.I]\npool = \"P\"\n\
             {identity}\n[api]\n{routes}"
        );
        parse(&text).err().unwrap_or_default().into_iter().map(|flaw| flaw.message).collect()
    }

    #[test]
    fn a_route_that_an_invoked_one_covers_must_be_invoked_too() {
        let routes = ["GET /a/{id}", "GET /a/{id}/admin"];
        let found = mistakes("invokes = [\"GET /a/{id}\"]", &routes);
        assert!(found.len() == 1 && found[0].contains("also allow GET /a/x/admin"), "{found:?}");
        for invokes in ["\"GET /a/{id}\", \"GET /a/{id}/admin\"", "\"GET /a/{id}/admin\""] {
            assert_eq!(mistakes(&format!("invokes = [{invokes}]"), &routes), Vec::<String>::new(), "{invokes}");
        }
        assert_eq!(mistakes("invokes = [\"GET /a\"]", &["GET /a", "GET /a/{id}"]), Vec::<String>::new());
        let greedy = ["GET /a/{proxy+}", "GET /a/b/{id}"];
        let found = mistakes("invokes = [\"GET /a/b/{id}\"]", &greedy);
        assert!(found.len() == 1 && found[0].contains("also allow GET /a/b/x/x"), "{found:?}");
    }

    #[test]
    fn credentials_may_do_what_the_entries_of_allow_say() {
        let photos = "[{ actions = [\"s3:GetObject\"], resources = [\"arn:{partition}:s3:::photos/${cognito-identity.amazonaws.com:sub}/*\"] }]";
        assert_eq!(mistakes(&format!("allow = {photos}"), &["GET /a"]), Vec::<String>::new());
        assert_eq!(mistakes("", &["GET /a"]), ["the credentials of this identity pool may do nothing"]);
        let unknown = "[{ actions = [\"dynamodb:GetItem\"], resources = [\"{table.notes}\"] }]";
        assert_eq!(mistakes(&format!("allow = {unknown}"), &["GET /a"]), ["there is no table called notes"]);
        let wide = "[{ actions = [\"s3:*\"], resources = [\"arn:{partition}:s3:::photos/*\"] }]";
        assert!(mistakes(&format!("allow = {wide}"), &["GET /a"])[0].contains("stands for"));
    }

    #[test]
    fn users_cannot_choose_the_tags_of_their_sessions() {
        let said = |attributes: &str, tags: &str| {
            let text = format!(
                "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[pools.P]\nattributes = {{ {attributes} }}\n\
                 [identity_pools.I]\npool = \"P\"\ninvokes = [\"GET /a\"]\ntags = {{ {tags} }}\n\
                 [[api.routes]]\nroute = \"GET /a\"\nfunction = \"F\"\nauth = \"iam\"\n"
            );
            parse(&text).map(|stack| stack.identity_pools["I"].tags.clone())
        };
        let tags = said("tenant = {}", "tenant = \"custom:tenant\", user = \"sub\"").expect("a sound file");
        assert_eq!(tags["tenant"], "custom:tenant");
        for (attributes, tags, expected) in [
            ("tenant = { writable = true }", "tenant = \"custom:tenant\"", "users could choose their tag tenant"),
            ("name = { required = true }", "name = \"name\"", "users could choose their tag name"),
            ("", "tenant = \"custom:tenant\"", "the pool P has no attribute tenant"),
            ("", "group = \"cognito:groups\"", "a tag has one value"),
            ("", "\"a,b\" = \"sub\"", "is not a valid tag"),
            ("", "\"\" = \"sub\"", "is not a valid tag"),
            ("tenant = {}", "tenant = \"tenant\"", "have no claim tenant"),
            ("", "\"aws:a\" = \"sub\"", "is not a valid tag"),
            ("", "tenant = 1", "tenant"),
        ] {
            let flaws = said(attributes, tags).expect_err(tags);
            assert!(flaws.len() == 1 && flaws[0].message.contains(expected), "{tags}: {flaws:?}");
        }
    }

    #[test]
    fn mistakes_of_groups_are_reported() {
        const PHOTOS: &str = "[{ actions = [\"s3:GetObject\"], resources = [\"arn:{partition}:s3:::photos/*\"] }]";
        let long = "g".repeat(38);
        let pool = format!("groups = [\"staff\", \"Staff\", \"{long}\"]");
        let said = |pools: &str, identities: &str| {
            let text = format!(
                "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n{pools}\n{identities}\n\
                 [[api.routes]]\nroute = \"GET /a\"\nfunction = \"F\"\nauth = \"iam\"\n"
            );
            parse(&text).err().unwrap_or_default().into_iter().map(|flaw| flaw.message).collect::<Vec<_>>()
        };
        let own = format!("[pools.P]\n{pool}");
        let identity = |name: &str, groups: &str| {
            format!("[identity_pools.{name}]\npool = \"P\"\ninvokes = [\"GET /a\"]\ngroups = {{ {groups} }}\n")
        };
        let staff = format!("staff = {PHOTOS}");
        assert_eq!(said(&own, &identity("I", &staff)), Vec::<String>::new());
        for (pools, identities, says) in [
            (own.as_str(), identity("I", &format!("stuff = {PHOTOS}")), "there is no group called stuff"),
            ("[pools.P]\nexisting = \"eu-central-1_AbCdEfGhI\"", identity("I", &staff), "P is only read"),
            (&own, identity("I", &staff) + &identity("J", &staff), "already get a role of the identity pool I"),
            (&own, identity("I", &format!("{staff}, Staff = {PHOTOS}")), "the roles I.staff and I.Staff would have"),
            (&own, identity("I", &format!("{long} = {PHOTOS}")), "may have 38 characters together"),
            (&own, identity("I", "staff = []"), "the list of staff is empty"),
            (&own, identity("I", "staff = \"x\""), "a list of tables"),
            (
                &own,
                identity("I", "staff = [{ actions = [\"sqs:SendMessage\"], resources = [\"{queue.q}\"] }]"),
                "there is no queue called q",
            ),
        ] {
            let found = said(pools, &identities);
            assert!(found.len() == 1 && found[0].contains(says), "{says}: {found:?}");
        }
    }

    #[test]
    fn a_user_in_several_groups_has_the_role_of_the_first_one_in_the_file() {
        let photos = "[{ actions = [\"s3:GetObject\"], resources = [\"arn:{partition}:s3:::photos/*\"] }]";
        let text = format!(
            "[stack]\nname = \"s\"\n[functions.F]\nsource = \"f\"\n[pools.P]\ngroups = [\"a\", \"b\"]\n\
             [identity_pools.I]\npool = \"P\"\nallow = {photos}\ngroups.b = {photos}\ngroups.a = {photos}\n[api]\n\
             [[api.routes]]\nroute = \"GET /a\"\nfunction = \"F\"\nauth = \"none\"\n"
        );
        let stack = parse(&text).expect("a sound file");
        let identity = &stack.identity_pools["I"];
        assert_eq!(identity.groups.iter().map(|of| of.group.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        let granted = granted_to_members(identity, &identity.groups[0], &stack, &crate::scope::Scope::default());
        let sids: Vec<&str> = granted.iter().map(|grant| grant.sid.as_str()).collect();
        assert_eq!(sids, ["Allow1", "Allow2"]);
    }

    #[test]
    fn the_longest_name_leaves_room_for_the_name_of_the_role() {
        assert_eq!(NAME.longest + caller_role("").len(), rules::NAME.longest);
        let fits = |length| rules::name("identity_pools", &"i".repeat(length), NAME).is_ok();
        assert!(fits(32) && !fits(33));
    }
}
