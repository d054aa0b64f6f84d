//! The DynamoDB tables.

use std::collections::BTreeMap;

use super::Input;
use crate::aws::Encryption;
use crate::aws::dynamodb::Table;
use crate::engine::{Graph, Handle};
use crate::spec;

/// The ids of the resources that this file adds.
pub(crate) mod ids {
    use crate::aws::dynamodb::Table;
    use crate::topology::id::IdOf;

    pub(crate) fn table(name: &str) -> IdOf<Table> {
        IdOf::new("table", name)
    }
}

/// The tables, by their names in the stack file.
pub(super) type Tables = BTreeMap<String, Handle<Table>>;

pub(super) fn tables(graph: &mut Graph, Input { stack, scope, encrypted_by, .. }: Input<'_>) -> Tables {
    let add = |(name, wanted): (&String, &spec::DataTable)| {
        let id = ids::table(name);
        let physical = scope.physical(name);
        let table = Table {
            id: id.to_string(),
            arn: scope.arn("dynamodb", &format!("table/{physical}")),
            name: physical,
            account: scope.account.clone(),
            key: wanted.key.clone(),
            sort: wanted.sort.clone(),
            indexes: wanted.indexes.clone(),
            ttl: wanted.ttl.clone(),
            stream: wanted.stream,
            recovery: wanted.recovery,
            deletion_protection: wanted.deletion_protection,
            kms_key: Encryption::default(),
        };
        (name.clone(), id.add(graph, encrypted_by.clone(), move |kms_key| Table { kms_key, ..table.clone() }))
    };
    stack.tables.iter().map(add).collect()
}
