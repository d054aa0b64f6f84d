//! AWS's partitions: groups of regions with their own accounts, ARNs and hosts. All differences between partitions are
//! in this file. Sources: docs/aws.md, What differs between partitions.
//!
//! These principals are the same in all of them: `lambda.amazonaws.com`, `sns.amazonaws.com` and
//! `apigateway.amazonaws.com`.

#[derive(Debug, PartialEq, Eq)]
pub struct Partition {
    /// As in ARNs.
    pub name: &'static str,
    /// As in AWS's documentation.
    pub title: &'static str,
    pub dns_suffix: &'static str,
    /// The region whose STS serves every account of the partition.
    pub main_region: &'static str,
    /// The prefixes of its regions.
    prefixes: &'static [&'static str],
    /// Whether stacks can be created there.
    pub supported: bool,
}

const PARTITIONS: [Partition; 8] = [
    Partition {
        name: "aws",
        title: "AWS",
        dns_suffix: "amazonaws.com",
        main_region: "us-east-1",
        prefixes: &["us-", "eu-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-"],
        supported: true,
    },
    Partition {
        name: "aws-cn",
        title: "AWS China",
        dns_suffix: "amazonaws.com.cn",
        main_region: "cn-northwest-1",
        prefixes: &["cn-"],
        supported: true,
    },
    Partition {
        name: "aws-us-gov",
        title: "AWS GovCloud (US)",
        dns_suffix: "amazonaws.com",
        main_region: "us-gov-west-1",
        prefixes: &["us-gov-"],
        supported: true,
    },
    unsupported("aws-iso", "AWS Top Secret", "c2s.ic.gov", "us-iso-east-1", &["us-iso-"]),
    unsupported("aws-iso-b", "AWS Secret", "sc2s.sgov.gov", "us-isob-east-1", &["us-isob-"]),
    unsupported("aws-iso-e", "AWS ISOE", "cloud.adc-e.uk", "eu-isoe-west-1", &["eu-isoe-"]),
    unsupported("aws-iso-f", "AWS ISOF", "csp.hci.ic.gov", "us-isof-south-1", &["us-isof-"]),
    unsupported("aws-eusc", "AWS European Sovereign Cloud", "amazonaws.eu", "eusc-de-east-1", &["eusc-"]),
];

const fn unsupported(
    name: &'static str,
    title: &'static str,
    dns_suffix: &'static str,
    main_region: &'static str,
    prefixes: &'static [&'static str],
) -> Partition {
    Partition { name, title, dns_suffix, main_region, prefixes, supported: false }
}

impl Partition {
    /// The partition of a region, by the region's prefix. An unknown region counts as one of the partition `aws`.
    pub fn of(region: &str) -> &'static Self {
        let begins = |partition: &Self| {
            partition.prefixes.iter().filter(|prefix| region.starts_with(**prefix)).map(|prefix| prefix.len()).max()
        };
        // The longest matching prefix: `us-gov-west-1` also begins with `us-`.
        PARTITIONS
            .iter()
            .max_by_key(|partition| begins(partition))
            .filter(|best| begins(best).is_some())
            .unwrap_or(&PARTITIONS[0])
    }

    pub fn all() -> impl Iterator<Item = &'static Self> {
        PARTITIONS.iter()
    }

    /// Whether a region's name has a prefix of this partition.
    pub fn may_have(&self, region: &str) -> bool {
        self.prefixes.iter().any(|prefix| region.starts_with(prefix))
    }
}

/// A service's host in a region, such as `sts.eu-central-1.amazonaws.com`.
pub fn host(service: &str, region: &str) -> String {
    format!("{service}.{region}.{}", Partition::of(region).dns_suffix)
}

/// The parent of the domains of user pools. It is different in GovCloud (docs/aws.md, Scopes and machine clients).
pub fn sign_in_pages(region: &str) -> String {
    let auth = if Partition::of(region).name == "aws-us-gov" { "auth-fips" } else { "auth" };
    format!("{auth}.{region}.amazoncognito.com")
}

/// Whether API Gateway supports security policies with the prefix `SecurityPolicy_`. GovCloud does not.
pub fn has_enhanced_tls(region: &str) -> bool {
    Partition::of(region).name != "aws-us-gov"
}

/// Whether functions can send traces to X-Ray. In China they cannot (docs/aws.md, Tracing).
pub fn has_tracing(region: &str) -> bool {
    Partition::of(region).name != "aws-cn"
}

/// The principal of identity pools in trust policies, which is also the prefix of their condition keys.
pub fn identity_pools_principal(region: &str) -> String {
    match region {
        "us-gov-west-1" => "cognito-identity-us-gov.amazonaws.com".to_owned(),
        gov if Partition::of(gov).name == "aws-us-gov" => host("cognito-identity", gov),
        _ => "cognito-identity.amazonaws.com".to_owned(),
    }
}

/// The values of `iam:PassedToService` when a role is passed to identity pools. For us-gov-east-1 AWS documents none,
/// so these are all known principals.
pub fn identity_pools_passed_to(region: &str) -> Vec<String> {
    let mut names = vec![identity_pools_principal(region)];
    if region == "us-gov-east-1" {
        names.extend(["us-gov-west-1", "us-east-1"].map(identity_pools_principal));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_of_a_region() {
        for (region, name, suffix) in [
            ("eu-central-1", "aws", "amazonaws.com"),
            ("us-east-1", "aws", "amazonaws.com"),
            ("xx-new-1", "aws", "amazonaws.com"),
            ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
            ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
            ("us-iso-east-1", "aws-iso", "c2s.ic.gov"),
            ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov"),
            ("us-isof-south-1", "aws-iso-f", "csp.hci.ic.gov"),
            ("eu-isoe-west-1", "aws-iso-e", "cloud.adc-e.uk"),
            ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
        ] {
            let partition = Partition::of(region);
            assert_eq!((partition.name, partition.dns_suffix), (name, suffix), "{region}");
        }
    }

    #[test]
    fn identity_pools_have_other_principals_in_govcloud() {
        for (region, principal) in [
            ("eu-central-1", "cognito-identity.amazonaws.com"),
            ("us-east-1", "cognito-identity.amazonaws.com"),
            ("us-gov-west-1", "cognito-identity-us-gov.amazonaws.com"),
            ("us-gov-east-1", "cognito-identity.us-gov-east-1.amazonaws.com"),
        ] {
            assert_eq!(identity_pools_principal(region), principal);
            let passed = identity_pools_passed_to(region);
            assert_eq!((passed[0].as_str(), passed.len() == 1), (principal, region != "us-gov-east-1"));
        }
    }
}
