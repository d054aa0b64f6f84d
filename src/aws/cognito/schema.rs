//! The attributes of a pool's users. AWS can add custom attributes to an existing pool, but never changes or removes an
//! attribute.

use aws_sdk_cognitoidentityprovider::types::{AttributeDataType, SchemaAttributeType, UserPoolType};

use super::refusals::COGNITO_BUSY;
use super::{Cognito, UserPool, UserPoolLive};
use crate::aws::error::OrFail;
use crate::aws::settle::settled;
use crate::choices::{UserAttribute, UserAttributeType};
use crate::engine::{Comparison, Drift, Effect, Failure, Task};

/// The prefix of the fields of attributes in a comparison.
const FIELD: &str = "SchemaAttributes.";

/// The live value of a custom attribute that the pool lacks. A run can add it.
const MISSING: &str = "missing";

/// The maximum number of attributes that one call adds.
const AT_ONCE: usize = 25;

impl UserPoolLive {
    /// The limits that AWS gave an attribute: of its length or, for a number, of its value.
    pub(crate) fn limits(&self, attribute: &str) -> (Option<&str>, Option<&str>) {
        let Some(live) = live(&self.pool, attribute) else { return (None, None) };
        match (live.string_attribute_constraints(), live.number_attribute_constraints()) {
            (Some(texts), _) => (texts.min_length(), texts.max_length()),
            (None, Some(numbers)) => (numbers.min_value(), numbers.max_value()),
            (None, None) => (None, None),
        }
    }
}

impl UserAttribute {
    /// AWS's name of its type.
    pub(crate) fn type_name(&self) -> String {
        self.to_aws().attribute_data_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default()
    }

    fn to_aws(&self) -> SchemaAttributeType {
        let kind = match self.kind {
            UserAttributeType::String => AttributeDataType::String,
            UserAttributeType::Number => AttributeDataType::Number,
            UserAttributeType::DateTime => AttributeDataType::Datetime,
            UserAttributeType::Boolean => AttributeDataType::Boolean,
        };
        SchemaAttributeType::builder()
            .name(self.custom().unwrap_or(&self.name))
            .attribute_data_type(kind)
            .mutable(self.mutable)
            .required(self.required)
            .build()
    }
}

/// The attributes as `CreateUserPool` takes them; `None` if there are none beside Cognito's own.
pub(super) fn wanted(want: &UserPool) -> Option<Vec<SchemaAttributeType>> {
    (!want.attributes.is_empty()).then(|| want.attributes.iter().map(UserAttribute::to_aws).collect())
}

/// The names that the state records, so that a run still knows attributes that the stack file no longer has.
pub(super) fn recorded(want: &UserPool) -> Vec<String> {
    want.attributes.iter().map(|attribute| attribute.name.clone()).collect()
}

fn live<'a>(pool: &'a UserPoolType, name: &str) -> Option<&'a SchemaAttributeType> {
    pool.schema_attributes().iter().find(|attribute| attribute.name() == Some(name))
}

fn field(name: &str) -> String {
    format!("{FIELD}{name}")
}

/// Whether a drift is about an attribute, which `UpdateUserPool` does not change.
pub(super) fn is_attribute(field: &str) -> bool {
    field.starts_with(FIELD)
}

/// Compares the attributes of the stack file with the pool's. `recorded` are the attributes of an earlier stack file.
pub(super) fn compare(want: &UserPool, pool: &UserPoolType, recorded: &[String]) -> Comparison {
    let mut found = Comparison::default();
    for attribute in &want.attributes {
        let name = field(&attribute.name);
        let Some(live) = live(pool, &attribute.name) else {
            // Every pool has the standard attributes. By default, they are mutable and not required.
            found = match attribute.custom() {
                Some(_) => found.plain(name, "there", MISSING),
                None => settings(found, attribute, true, false),
            };
            continue;
        };
        let wanted = attribute.to_aws();
        let kind =
            |one: &SchemaAttributeType| one.attribute_data_type().map_or("none", |kind| kind.as_str()).to_owned();
        found = found.plain(format!("{name}.AttributeDataType"), kind(&wanted), kind(live));
        found = settings(found, attribute, live.mutable().unwrap_or_default(), live.required().unwrap_or_default());
    }
    let gone = recorded.iter().filter(|name| want.attributes.iter().all(|attribute| attribute.name != **name));
    for name in gone {
        let Some(live) = live(pool, name) else { continue };
        if name.starts_with("custom:") {
            found = found.plain(field(name), "none", "there");
        } else {
            // The defaults of a standard attribute that the stack file does not name.
            found = found.plain(format!("{}.Mutable", field(name)), true, live.mutable().unwrap_or_default()).plain(
                format!("{}.Required", field(name)),
                false,
                live.required().unwrap_or_default(),
            );
        }
    }
    found
}

fn settings(found: Comparison, want: &UserAttribute, mutable: bool, required: bool) -> Comparison {
    let name = field(&want.name);
    let effect = |wanted: bool, has: bool, weaker: bool| {
        if wanted == has { Effect::Same } else { Effect::of_difference(has == weaker) }
    };
    found.judged(format!("{name}.Mutable"), want.mutable, mutable, effect(want.mutable, mutable, true)).judged(
        format!("{name}.Required"),
        want.required,
        required,
        effect(want.required, required, false),
    )
}

/// The failure for a difference in an attribute that AWS cannot change.
pub(super) fn unchangeable(want: &UserPool, drift: &[Drift]) -> Option<Failure> {
    let of_attribute = drift.iter().filter(|drift| is_attribute(&drift.field) && drift.live != MISSING);
    let Drift { field, live, want: wanted, .. } = of_attribute.into_iter().next()?;
    let name = field.strip_prefix(FIELD).unwrap_or(field);
    let pool = &want.name;
    if live == "there" {
        return Some(Failure::refused(format!("AWS cannot remove the attribute {name} of the user pool {pool}")).hint(
            "keep the attribute in the stack file: without `writable = true` users cannot set it. Only a new pool can lack the attribute: give the pool another name in the stack file, and `securelambda up --remove-pool NAME` removes the old pool and deletes its users",
        ));
    }
    let (name, member) = name.rsplit_once('.').unwrap_or((name, ""));
    let what =
        format!("AWS cannot change {member} of the attribute {name} of the user pool {pool} from {live} to {wanted}");
    Some(Failure::refused(what).hint(
        "change the stack file to the pool's settings of the attribute, or give a custom attribute another name: `securelambda up` then adds the new attribute. Only a new pool can have the same attribute with other settings",
    ))
}

impl Cognito {
    /// Adds the custom attributes that the pool lacks.
    pub(super) async fn add_attributes(
        &self,
        want: &UserPool,
        pool: &UserPoolType,
        task: &Task,
    ) -> Result<(), Failure> {
        let lacks = |attribute: &&UserAttribute| attribute.custom().is_some() && live(pool, &attribute.name).is_none();
        let missing: Vec<SchemaAttributeType> =
            want.attributes.iter().filter(lacks).map(UserAttribute::to_aws).collect();
        for some in missing.chunks(AT_ONCE) {
            let added = settled(task, &[&COGNITO_BUSY], || async {
                let call = self.client.add_custom_attributes().user_pool_id(pool.id().unwrap_or_default());
                let call = call.set_custom_attributes(Some(some.to_vec()));
                call.send().await.or_fail(&format!("add attributes to the user pool {}", want.name))
            });
            added.await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{asked, replay};

    fn attribute(name: &str, kind: UserAttributeType) -> UserAttribute {
        UserAttribute { name: name.into(), kind, mutable: false, writable: false, required: false }
    }

    fn want(attributes: Vec<UserAttribute>) -> UserPool {
        UserPool { name: "demo-Users".into(), attributes, ..UserPool::bare() }
    }

    fn pool(attributes: &[(&str, AttributeDataType, bool, bool)]) -> UserPoolType {
        let one = |(name, kind, mutable, required): &(&str, AttributeDataType, bool, bool)| {
            let one = SchemaAttributeType::builder().name(*name).attribute_data_type(kind.clone());
            one.mutable(*mutable).required(*required).build()
        };
        UserPoolType::builder().id("p1").set_schema_attributes(Some(attributes.iter().map(one).collect())).build()
    }

    fn tenant() -> UserAttribute {
        attribute("custom:tenant", UserAttributeType::String)
    }

    fn drift(want: &UserPool, pool: &UserPoolType, recorded: &[&str]) -> Vec<Drift> {
        compare(want, pool, &recorded.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).drift()
    }

    #[tokio::test]
    async fn missing_attributes_are_added_to_the_pool() {
        let (want, live) = (want(vec![tenant(), attribute("custom:age", UserAttributeType::Number)]), pool(&[]));
        let missing = drift(&want, &live, &[]);
        let fields: Vec<&str> = missing.iter().map(|drift| drift.field.as_str()).collect();
        assert_eq!(fields, ["SchemaAttributes.custom:tenant", "SchemaAttributes.custom:age"]);
        assert_eq!(unchangeable(&want, &missing), None);
        let (clients, http) = replay(vec![(200, "{}")]);
        Cognito::new(&clients).add_attributes(&want, &live, &Task::detached("x")).await.expect("added");
        let (call, body) = &asked(&http)[0];
        let sent: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let expected = serde_json::json!({
            "Name": "tenant", "AttributeDataType": "String", "Mutable": false, "Required": false
        });
        assert_eq!((call.as_str(), &sent["CustomAttributes"][0]), ("AddCustomAttributes", &expected));
        assert_eq!(sent["CustomAttributes"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn what_aws_cannot_change_is_refused_with_a_way_out() {
        let family =
            UserAttribute { required: true, mutable: true, ..attribute("family_name", UserAttributeType::String) };
        let there = |kind, mutable| pool(&[("custom:tenant", kind, mutable, false)]);
        for (want, live, recorded, field, weakens, message) in [
            (
                want(vec![tenant()]),
                there(AttributeDataType::Number, false),
                &[][..],
                "SchemaAttributes.custom:tenant.AttributeDataType",
                false,
                "cannot change AttributeDataType of the attribute custom:tenant of the user pool demo-Users from Number to \
                 String",
            ),
            (
                want(vec![tenant()]),
                there(AttributeDataType::String, true),
                &[],
                "SchemaAttributes.custom:tenant.Mutable",
                true,
                "cannot change Mutable of the attribute custom:tenant of the user pool demo-Users from true to false",
            ),
            (
                want(vec![family]),
                pool(&[("family_name", AttributeDataType::String, true, false)]),
                &[],
                "SchemaAttributes.family_name.Required",
                true,
                "cannot change Required of the attribute family_name of the user pool demo-Users from false to true",
            ),
            (
                want(vec![]),
                there(AttributeDataType::String, false),
                &["custom:tenant"],
                "SchemaAttributes.custom:tenant",
                false,
                "cannot remove the attribute custom:tenant of the user pool demo-Users",
            ),
            (
                want(vec![]),
                pool(&[("family_name", AttributeDataType::String, true, true)]),
                &["family_name"],
                "SchemaAttributes.family_name.Required",
                false,
                "cannot change Required of the attribute family_name of the user pool demo-Users from true to false",
            ),
        ] {
            let drift = drift(&want, &live, recorded);
            let told: Vec<_> = drift.iter().map(|drift| (drift.field.as_str(), drift.weakens)).collect();
            assert_eq!(told, [(field, weakens)]);
            let failure = unchangeable(&want, &drift).expect("a refusal");
            assert!(failure.to_string().contains(message), "{failure}");
            assert!(failure.hint.is_some());
        }
    }

    #[test]
    fn attributes_that_another_tool_added_and_those_of_every_pool_are_no_drift() {
        let live = pool(&[
            ("sub", AttributeDataType::String, false, true),
            ("email", AttributeDataType::String, true, false),
            ("family_name", AttributeDataType::String, true, false),
            ("custom:theirs", AttributeDataType::String, true, false),
        ]);
        assert_eq!(drift(&want(vec![]), &live, &["family_name", "custom:gone"]), []);
        let family = UserAttribute { mutable: true, ..attribute("family_name", UserAttributeType::String) };
        assert_eq!(drift(&want(vec![family.clone()]), &live, &[]), []);
        assert_eq!(drift(&want(vec![family]), &pool(&[]), &[]), [], "an emulator may not show it");
    }
}
