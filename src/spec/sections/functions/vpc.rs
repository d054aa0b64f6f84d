//! `vpc`: the network that a function runs in.

use super::rules;
use crate::spec::field::{List, Nested};
use crate::spec::reader::{Reader, Table};
use crate::spec::section::section;

section! {
    VPC: VpcKeys = "a VPC";
    subnets: List = texts(
        "The ids of up to 16 subnets, in several zones if possible. Without subnets and security groups, the function runs in no VPC.",
    );
    security_groups: List = texts("The ids of up to 5 security groups.");
}

/// The network that a function runs in. Both lists are empty for a function in no VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vpc {
    /// Up to 16 ids, as in `subnet-0a1b2c3d4e5f60718`.
    pub subnets: Vec<String>,
    /// Up to 5 ids, as in `sg-0a1b2c3d4e5f60718`.
    pub security_groups: Vec<String>,
}

pub(super) fn read(reader: &mut Reader, table: &Table, key: &Nested<VpcKeys>) -> Option<Vpc> {
    let VpcKeys { subnets, security_groups } = &VPC;
    let table = reader.table(table, key)?;
    let vpc = Vpc {
        subnets: ids(reader, &table, subnets, "subnet", 16),
        security_groups: ids(reader, &table, security_groups, "sg", 5),
    };
    if vpc.subnets.is_empty() != vpc.security_groups.is_empty() {
        let help = "name at least one of each, or none of either for a function in no VPC";
        reader.diagnostic(&table.span, "a VPC needs subnets and security groups", Some(help.into()));
    }
    Some(vpc)
}

/// Up to `most` ids of EC2 that begin with `kind` and a hyphen.
fn ids(reader: &mut Reader, table: &Table, key: &List, kind: &str, most: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for (id, span) in reader.list(table, key) {
        if let Err(why) = rules::ec2_id(kind, &id) {
            reader.diagnostic(&span, why, Some(format!("as in {kind}-0a1b2c3d4e5f60718")));
        } else if ids.len() == most {
            reader.diagnostic(&span, format!("a function has at most {most} {}", key.key.name), None);
        }
        ids.push(id);
    }
    ids
}
