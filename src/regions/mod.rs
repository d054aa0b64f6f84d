//! The services that each region lacks, and the check that a stack can be created in a region. `table.rs` is generated
//! from botocore's data. A region that is not in the table is accepted.

mod table;

use std::collections::BTreeSet;
use std::fmt;

use self::table::REGIONS;
use crate::partition::Partition;

/// A service of AWS. Its module in `aws` declares it, and scripts/regions.py reads the names from these declarations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// Its name in botocore and in host names, as in `sqs`.
    pub name: &'static str,
    /// Its name for people, as in `SQS`.
    title: &'static str,
}

impl Service {
    pub const fn new(name: &'static str, title: &'static str) -> Self {
        Self { name, title }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.title, self.name)
    }
}

/// The requirements of a stack on its region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    pub services: BTreeSet<Service>,
    /// The names of roles that identity pools assume.
    pub assumed_by_pools: Vec<String>,
}

/// Why a stack cannot be created in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    pub message: String,
    pub hint: String,
}

/// Regions that are enabled in every account. An account must enable the other regions of the partition `aws` before it
/// can use them. The other partitions have no such regions.
const ALWAYS_ENABLED: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// The maximum length of the name of a role that identity pools can certainly assume in us-gov-east-1.
const LONGEST_ROLE_IN_GOV_EAST: usize = 20;

/// The names of all known regions.
pub fn known() -> Vec<&'static str> {
    REGIONS.iter().map(|(name, _)| *name).collect()
}

/// Whether a region is known to lack a service.
pub fn lacks(region: &str, service: Service) -> bool {
    REGIONS.iter().any(|(name, lacks)| *name == region && lacks.contains(&service.name))
}

/// Whether an account has to enable this region before it can use it.
pub fn is_opt_in(region: &str) -> bool {
    Partition::of(region).name == "aws" && !ALWAYS_ENABLED.contains(&region)
}

/// Whether a name has the form of a region name: `eu-central-9` has, `eu-cental-1` does not.
pub fn is_well_formed(region: &str) -> bool {
    const DIRECTIONS: [&str; 9] =
        ["north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest"];
    let Some((place, number)) = region.rsplit_once('-') else { return false };
    let Some((area, direction)) = place.rsplit_once('-') else { return false };
    let in_a_partition = Partition::all().any(|partition| partition.may_have(region));
    let one_word = |area: &str| !area.is_empty() && area.chars().all(|c| c.is_ascii_lowercase());
    let number =
        number.len() <= 2 && number.starts_with(|c: char| ('1'..='9').contains(&c)) && number.parse::<u8>().is_ok();
    in_a_partition && area.split('-').all(one_word) && DIRECTIONS.contains(&direction) && number
}

/// Refuses a region where a stack with these needs cannot be created.
///
/// # Errors
/// The partition is not supported, or the region lacks a service.
pub fn check(region: &str, needs: &Needs) -> Result<(), Unfit> {
    let partition = Partition::of(region);
    if !partition.supported {
        let message = format!(
            "the region {region} belongs to {} (the partition {}), which securelambda does not support",
            partition.title, partition.name
        );
        let hint = "its services, principals and host names could not be confirmed; use another region";
        return Err(Unfit { message, hint: hint.to_owned() });
    }
    let missing: Vec<String> =
        needs.services.iter().filter(|service| lacks(region, **service)).map(Service::to_string).collect();
    if !missing.is_empty() {
        let message = format!("{region} does not have {}, which this stack requires", missing.join(" and "));
        let hint = match nearest_with(region, &needs.services) {
            Some(near) => format!("use a region that has everything, such as {near}"),
            None => format!(
                "no region of {} has all services that this stack requires: remove the missing services from the stack file, or use a region and an account of another partition",
                partition.title
            ),
        };
        return Err(Unfit { message, hint });
    }
    if region == "us-gov-east-1"
        && let Some(role) = needs.assumed_by_pools.iter().find(|role| role.len() > LONGEST_ROLE_IN_GOV_EAST)
    {
        return Err(Unfit {
            message: format!(
                "in us-gov-east-1 identity pools may be unable to assume a role whose name is longer than \
                 {LONGEST_ROLE_IN_GOV_EAST} characters, but {role} has {}",
                role.len()
            ),
            hint: "give the stack or the identity pool a shorter name, or use us-gov-west-1".to_owned(),
        });
    }
    Ok(())
}

/// A region of the same partition that has all these services, preferably nearby.
fn nearest_with(region: &str, services: &BTreeSet<Service>) -> Option<&'static str> {
    let partition = Partition::of(region);
    let area = region.split('-').next().unwrap_or(region);
    let fits = |name: &&str| {
        *name != region && Partition::of(name) == partition && !services.iter().any(|service| lacks(name, *service))
    };
    let rank = |name: &str| {
        // In this order: the same part of the world, enabled by default, the partition's main region.
        (name.split('-').next() != Some(area), is_opt_in(name), name != partition.main_region)
    };
    known().into_iter().filter(fits).min_by_key(|name| rank(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::cognito::{COGNITO_IDENTITY, COGNITO_IDP};
    use crate::aws::{apigateway, iam, lambda, logs, wafv2};

    fn needs(services: &[Service]) -> Needs {
        Needs { services: services.iter().copied().collect(), assumed_by_pools: Vec::new() }
    }

    #[test]
    fn a_region_that_lacks_a_required_service_is_refused() {
        let pools = needs(&[lambda::SERVICE, COGNITO_IDP]);
        let unfit = check("cn-north-1", &pools).expect_err("refused");
        assert_eq!(
            unfit.message,
            "cn-north-1 does not have Cognito user pools (cognito-idp), which this stack requires"
        );
        assert!(unfit.hint.starts_with("no region of AWS China has all services"), "{}", unfit.hint);
        let both = check("cn-northwest-1", &needs(&[COGNITO_IDP, COGNITO_IDENTITY])).expect_err("refused");
        assert!(both.message.contains("cognito-idp") && both.message.contains("cognito-identity"), "{}", both.message);
        let identities = check("cn-northwest-1", &needs(&[COGNITO_IDENTITY])).expect_err("refused");
        assert_eq!(identities.hint, "use a region that has everything, such as cn-north-1");
    }

    #[test]
    fn a_stack_without_pools_is_possible_in_china_and_any_stack_elsewhere() {
        let without = needs(&[apigateway::SERVICE, iam::SERVICE, lambda::SERVICE, logs::SERVICE, wafv2::SERVICE]);
        for region in known() {
            assert_eq!(check(region, &without), Ok(()), "{region}");
            if !region.starts_with("cn-") {
                assert_eq!(check(region, &needs(&[COGNITO_IDP, COGNITO_IDENTITY])), Ok(()), "{region}");
            }
        }
    }

    #[test]
    fn unknown_regions_are_accepted() {
        let all = needs(&[COGNITO_IDP, COGNITO_IDENTITY, wafv2::SERVICE]);
        for region in ["eu-central-9", "cn-south-1", "us-gov-north-1"] {
            assert_eq!(check(region, &all), Ok(()), "{region}");
        }
    }

    #[test]
    fn unsupported_partitions_are_refused() {
        for (region, title) in [
            ("eusc-de-east-1", "AWS European Sovereign Cloud"),
            ("us-iso-east-1", "AWS Top Secret"),
            ("us-isob-west-1", "AWS Secret"),
        ] {
            let unfit = check(region, &Needs::default()).expect_err("refused");
            assert!(unfit.message.contains(title) && unfit.message.contains("does not support"), "{}", unfit.message);
        }
    }

    #[test]
    fn long_role_names_of_identity_pools_are_refused_in_gov_east() {
        let named = |role: &str| Needs { services: BTreeSet::new(), assumed_by_pools: vec![role.to_owned()] };
        assert_eq!(check("us-gov-east-1", &named(&"r".repeat(20))), Ok(()));
        let unfit = check("us-gov-east-1", &named(&"r".repeat(21))).expect_err("refused");
        assert!(unfit.message.contains("longer than 20") && unfit.hint.contains("us-gov-west-1"), "{unfit:?}");
        assert_eq!(check("us-gov-west-1", &named(&"r".repeat(64))), Ok(()));
    }

    #[test]
    fn only_the_main_partition_has_opt_in_regions() {
        for region in
            ["af-south-1", "ap-east-1", "eu-south-2", "il-central-1", "me-south-1", "mx-central-1", "eu-west-9"]
        {
            assert!(is_opt_in(region), "{region}");
        }
        for region in ["eu-central-1", "us-east-1", "cn-north-1", "us-gov-east-1"] {
            assert!(!is_opt_in(region), "{region}");
        }
        let enabled = known().into_iter().filter(|region| Partition::of(region).name == "aws" && !is_opt_in(region));
        assert_eq!(enabled.count(), ALWAYS_ENABLED.len(), "every always-enabled region is known");
    }

    #[test]
    fn mistyped_regions_are_distinguished_from_new_ones() {
        for region in ["eu-central-9", "cn-south-1", "us-gov-north-1", "me-west-1", "eusc-de-east-1", "ap-southeast-12"]
        {
            assert!(is_well_formed(region), "{region}");
        }
        for no in
            ["", "eu-central", "eu-cental-1", "eu.central-1", "a-b-c", "eu-central-1a", "EU-central-1", "eu-central-0"]
        {
            assert!(!is_well_formed(no), "{no}");
        }
        assert!(known().into_iter().all(is_well_formed));
    }

    #[test]
    fn the_nearest_region_is_in_the_same_part_of_the_world() {
        let any = BTreeSet::new();
        assert_eq!(nearest_with("eu-south-2", &any), Some("eu-central-1"));
        assert_eq!(nearest_with("us-gov-east-1", &any), Some("us-gov-west-1"));
        assert_eq!(nearest_with("il-central-1", &any), Some("us-east-1"));
    }
}
