//! `[tables]`

use std::collections::BTreeMap;
use std::ops::Range;

use super::Part;
use crate::choices::{Attribute, AttributeType, Index, Projection, StreamView};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, Key, List, Nested, OptionalWord, Required, Text, Word};
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::{NAME, Names};
use crate::spec::section::section;

/// Names of indexes (docs/aws.md, Tables).
const INDEX_NAME: Names = Names { form: "^[A-Za-z0-9_-]{3,255}$", longest: 255 };

/// How many indexes a table may have, unless the account has another quota.
const MOST_INDEXES: usize = 20;

/// How many attributes an index may have beside its keys.
const MOST_INCLUDED: usize = 20;

/// The form of an attribute of a key.
const ATTRIBUTE: &str = "^[^:]{1,255}(:[SNB])?$";

pub(super) static KEY: Nested<TableKeys> = Nested::named(
    "tables",
    NAME,
    &TABLE,
    "Tables of DynamoDB, by name, on demand. `down` keeps a table and its data, unless --remove-table names it.",
);

section! {
    TABLE: TableKeys = "a table";
    key: Required = form(
        ATTRIBUTE,
        "The attribute by which items are found. It is text; \"userId:N\" is a number and \"userId:B\" is binary. AWS cannot change it later, nor `sort`.",
    );
    sort: Text = form(ATTRIBUTE, "The sort key: the attribute that distinguishes and sorts items with the same `key`. Written like `key`.");
    ttl: Text = any(
        "The attribute with the time at which an item expires, in seconds since 1970. DynamoDB deletes it some time later. AWS accepts one change of this key in an hour.",
    );
    stream: OptionalWord<StreamView> = of(
        &["new-and-old", "new", "old", "keys"],
        &[StreamView::NewAndOld, StreamView::New, StreamView::Old, StreamView::Keys],
        "The parts of a changed item that the table's stream contains. Without this key, the table has no stream.",
    );
    indexes: Nested<IndexKeys> = named(
        INDEX_NAME, &INDEX, "Further keys by which items are found, by the index's name. They are added and removed one at a time.",
    );
    recovery: Flag = hardened(
        false, true, "Whether the table can be restored to any second of the last 35 days, which costs money.",
    );
    deletion_protection: Flag = hardened(
        false, true, "Whether AWS refuses to delete it. `down --remove-table NAME` turns that off before it deletes the table.",
    );
}

section! {
    INDEX: IndexKeys = "an index";
    key: Required = form(ATTRIBUTE, "The attribute by which items are found, as in `[tables.NAME]`.");
    sort: Text = form(ATTRIBUTE, "The attribute by which items of one key are sorted.");
    projection: Word<bool> = of(
        &["all", "keys"], &[true, false], "The attributes that the index contains: all, or only the keys.",
    );
    include: List = texts("Attributes that it has beside the keys. Only with projection = \"keys\".");
}

/// A table of DynamoDB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataTable {
    pub key: Attribute,
    pub sort: Option<Attribute>,
    /// The attribute with the time at which an item expires, in seconds since 1970.
    pub ttl: Option<String>,
    pub stream: Option<StreamView>,
    pub indexes: BTreeMap<String, Index>,
    pub recovery: bool,
    pub deletion_protection: bool,
}

impl Part for BTreeMap<String, DataTable> {
    fn key() -> &'static Key {
        &KEY.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        reader.each(root, &KEY, table)
    }

    fn check(&self, checks: &mut Checks) {
        for (name, table) in self {
            checks.report(two_types(name, table));
            let indexes = table.indexes.len();
            checks.report((indexes > MOST_INDEXES).then(|| {
                let message = format!("the table {name} has {indexes} indexes; DynamoDB allows {MOST_INDEXES}");
                Diagnostic::new(format!("tables.{name}.indexes"), message)
            }));
        }
    }
}

/// The keys of a table that give one attribute two types.
fn two_types(name: &str, table: &DataTable) -> Vec<Diagnostic> {
    let own = [("key", Some(&table.key)), ("sort", table.sort.as_ref())];
    let own = own.into_iter().map(|(key, attribute)| (format!("tables.{name}.{key}"), attribute));
    let of_indexes = table.indexes.iter().flat_map(|(index, wanted)| {
        let place = move |key: &str| format!("tables.{name}.indexes.{index}.{key}");
        [(place("key"), Some(&wanted.key)), (place("sort"), wanted.sort.as_ref())]
    });
    let mut types: BTreeMap<&str, AttributeType> = BTreeMap::new();
    let mut flaws = Vec::new();
    for (place, attribute) in own.chain(of_indexes) {
        let Some(Attribute { name, kind }) = attribute else { continue };
        if types.insert(name, *kind).is_some_and(|before| before != *kind) {
            let message = format!("the attribute {name} has two types");
            flaws.push(Diagnostic::new(place, message).help("give it the same type in all keys of the table"));
        }
    }
    flaws
}

fn table(reader: &mut Reader, _name: &str, table: &Table) -> DataTable {
    let TableKeys { key, sort, ttl, stream, indexes, recovery, deletion_protection } = &TABLE;
    let (key, sort) = self::keys(reader, table, key, sort);
    DataTable {
        key,
        sort,
        ttl: reader.text(table, ttl).map(|(ttl, _)| ttl),
        stream: reader.optional_word(table, stream),
        indexes: reader.each(table, indexes, index),
        recovery: reader.flag(table, recovery),
        deletion_protection: reader.flag(table, deletion_protection),
    }
}

fn index(reader: &mut Reader, name: &str, table: &Table) -> Index {
    let IndexKeys { key, sort, projection, include } = &INDEX;
    if name.len() < 3 {
        reader.diagnostic(
            &table.span,
            format!("the name {name} of an index is too short: DynamoDB asks for 3 characters"),
            None,
        );
    }
    let (key, sort) = self::keys(reader, table, key, sort);
    let all = reader.word(table, projection);
    let included = reader.list(table, include);
    if all && let Some((_, span)) = included.first() {
        let help = "write projection = \"keys\" beside it";
        reader.diagnostic(span, "an index with all attributes includes no others", Some(help.into()));
    }
    if let Some((_, span)) = included.get(MOST_INCLUDED) {
        reader.diagnostic(span, format!("an index includes at most {MOST_INCLUDED} attributes"), None);
    }
    let projection = match (all, included) {
        (true, _) => Projection::All,
        (false, none) if none.is_empty() => Projection::Keys,
        (false, names) => Projection::With(names.into_iter().map(|(name, _)| name).collect()),
    };
    Index { key, sort, projection }
}

/// Reads a key and a sort key, which must be different attributes.
fn keys(reader: &mut Reader, table: &Table, key: &Required, sort: &Text) -> (Attribute, Option<Attribute>) {
    let key = reader.required(table, key).map(|given| attribute(reader, given)).unwrap_or_default();
    let given = reader.text(table, sort);
    let span = given.as_ref().map(|(_, span)| span.clone());
    let sort = given.map(|given| attribute(reader, given));
    if let (Some(span), Some(sort)) = (span, &sort)
        && sort.name == key.name
    {
        reader.diagnostic(&span, format!("{} cannot be the key and the sort key", key.name), None);
    }
    (key, sort)
}

/// An attribute with its type, as in `userId:N`.
fn attribute(reader: &mut Reader, (text, span): (String, Range<usize>)) -> Attribute {
    let (name, kind) = text.split_once(':').unwrap_or((&text, "S"));
    let kind = match kind {
        "S" => Some(AttributeType::Text),
        "N" => Some(AttributeType::Number),
        "B" => Some(AttributeType::Binary),
        _ => None,
    };
    if kind.is_none() || name.is_empty() || name.len() > 255 {
        let help = "write the name of an attribute, as in \"userId\", or with a type: \"userId:S\" (text), \"userId:N\" \
                    (a number) or \"userId:B\" (binary)";
        reader.diagnostic(&span, format!("{text:?} is not an attribute of a key"), Some(help.into()));
    }
    Attribute { name: name.to_owned(), kind: kind.unwrap_or_default() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn read(table: &str) -> Result<DataTable, Vec<String>> {
        let stack = parse(&format!("[stack]\nname = \"demo\"\n[tables.notes]\n{table}\n"));
        let told = |flaws: Vec<Diagnostic>| flaws.into_iter().map(|flaw| flaw.message).collect();
        stack.map(|stack| stack.tables["notes"].clone()).map_err(told)
    }

    #[test]
    fn a_table_has_keys_with_types_and_indexes() {
        let table = read(
            "key = \"userId\"\nsort = \"noteId:N\"\nstream = \"new-and-old\"\nttl = \"expires\"\n\
             indexes = { byDate = { key = \"userId\", sort = \"date\", projection = \"keys\", include = [\"title\"] } }",
        )
        .expect("a table");
        assert_eq!(table.sort, Some(Attribute { name: "noteId".into(), kind: AttributeType::Number }));
        assert_eq!(table.indexes["byDate"].projection, Projection::With(["title".to_owned()].into()));
        assert_eq!((table.stream, table.recovery), (Some(StreamView::NewAndOld), false));
    }

    #[test]
    fn what_dynamodb_does_not_take_is_a_mistake() {
        for (table, why) in [
            ("", "tables.notes lacks `key`"),
            ("key = \"a:X\"", "\"a:X\" is not an attribute of a key"),
            ("key = \"a\"\nsort = \"a\"", "a cannot be the key and the sort key"),
            ("key = \"a\"\nindexes = { byA = { key = \"a:N\" } }", "the attribute a has two types"),
            (
                "key = \"a\"\nindexes = { b = { key = \"b\" } }",
                "the name b of an index is too short: DynamoDB asks for 3 characters",
            ),
            (
                "key = \"a\"\nindexes = { byB = { key = \"b\", include = [\"c\"] } }",
                "an index with all attributes includes no others",
            ),
        ] {
            assert_eq!(read(table).unwrap_err(), [why], "{table}");
        }
    }

    #[test]
    fn the_hardened_posture_protects_tables() {
        let stack =
            parse("[stack]\nname = \"demo\"\nposture = \"hardened\"\n[tables.notes]\nkey = \"a\"\n").expect("a stack");
        assert!(stack.tables["notes"].recovery && stack.tables["notes"].deletion_protection);
    }
}
