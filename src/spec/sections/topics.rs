//! `[topics]`

use std::collections::BTreeMap;

use super::Part;
use crate::spec::field::{Flag, Key, Nested, Number};
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::NAME;
use crate::spec::section::section;

pub(super) static KEY: Nested<TopicKeys> =
    Nested::named("topics", NAME, &TOPIC, "SNS topics, by name. All their keys can be left out.");

section! {
    TOPIC: TopicKeys = "a topic";
    tls_only: Flag = hardened(false, true, "Whether its policy denies messages that are published without TLS.");
    signature_version: Number = hardened(
        1, 2, 1, 2, "How SNS signs messages: 1 with SHA-1, 2 with SHA-256. Only receivers that check signatures notice.",
    );
    tracing: Flag = or(
        false,
        "Whether SNS sends traces of messages to X-Ray. The account needs an X-Ray resource policy that allows it, which `up` does not make.",
    );
}

/// A topic's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Messages that are published without TLS are denied.
    pub tls_only: bool,
    /// 1 for SHA-1, 2 for SHA-256.
    pub signature_version: u8,
    /// SNS sends traces to X-Ray.
    pub tracing: bool,
}

impl Part for BTreeMap<String, Topic> {
    fn key() -> &'static Key {
        &KEY.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        reader.each(root, &KEY, topic)
    }
}

fn topic(reader: &mut Reader, _name: &str, table: &Table) -> Topic {
    let TopicKeys { tls_only, signature_version, tracing } = &TOPIC;
    Topic {
        tls_only: reader.flag(table, tls_only),
        // The key's range ends at 2.
        signature_version: u8::try_from(reader.number(table, signature_version)).unwrap_or(1),
        tracing: reader.flag(table, tracing),
    }
}
