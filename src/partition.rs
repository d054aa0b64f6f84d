//! AWS's partitions: groups of regions with accounts, names and hosts of their own. Everything that differs between them
//! is known here and nowhere else. The sources: docs/aws.md, What differs between partitions.
//!
//! The same in all of them: the principals `lambda.amazonaws.com`, `sns.amazonaws.com` and `apigateway.amazonaws.com`.

/// A partition.
#[derive(Debug, PartialEq, Eq)]
pub struct Partition {
    /// The second part of its ARNs.
    pub name: &'static str,
    /// What AWS calls it.
    pub title: &'static str,
    /// How the names of its hosts end.
    pub dns_suffix: &'static str,
    /// The region whose STS knows every account of the partition.
    pub main_region: &'static str,
    /// How the names of its regions begin.
    prefixes: &'static [&'static str],
    /// Whether stacks can be built there.
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
    /// The partition of a region, told by the region's name. A region of no known partition counts as AWS's main one.
    pub fn of(region: &str) -> &'static Self {
        let begins = |partition: &Self| {
            partition.prefixes.iter().filter(|prefix| region.starts_with(**prefix)).map(|prefix| prefix.len()).max()
        };
        // The longest prefix: `us-gov-west-1` begins like a region of the main partition too.
        PARTITIONS
            .iter()
            .max_by_key(|partition| begins(partition))
            .filter(|best| begins(best).is_some())
            .unwrap_or(&PARTITIONS[0])
    }

    /// Every partition.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        PARTITIONS.iter()
    }

    /// Whether a region's name begins like those of this partition's regions.
    pub fn may_have(&self, region: &str) -> bool {
        self.prefixes.iter().any(|prefix| region.starts_with(prefix))
    }
}

/// A service's host in a region, as in `sts.eu-central-1.amazonaws.com`.
pub fn host(service: &str, region: &str) -> String {
    format!("{service}.{region}.{}", Partition::of(region).dns_suffix)
}

/// Whether API Gateway has security policies that begin with `SecurityPolicy_` in a region: not in GovCloud.
pub fn has_enhanced_tls(region: &str) -> bool {
    Partition::of(region).name != "aws-us-gov"
}

/// Who identity pools are where a role trusts them: the principal, and how the condition keys of their tokens begin.
pub fn identity_pools_principal(region: &str) -> String {
    match region {
        "us-gov-west-1" => "cognito-identity-us-gov.amazonaws.com".to_owned(),
        gov if Partition::of(gov).name == "aws-us-gov" => host("cognito-identity", gov),
        _ => "cognito-identity.amazonaws.com".to_owned(),
    }
}

/// What IAM may call identity pools when a role is passed to them. In us-gov-east-1 that is not documented, so it is any of
/// the names that they have.
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
    fn a_region_tells_its_partition() {
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
    fn identity_pools_of_govcloud_have_principals_of_their_own() {
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
