//! `[audit]`

use std::collections::BTreeMap;

use super::Part;
use crate::controls;
use crate::spec::field::{Key, Nested, Reasons};
use crate::spec::reader::{Reader, Table};
use crate::spec::section::section;
use crate::spelling::nearest;

static KEY: Nested<AuditKeys> = Nested::table("audit", &AUDIT, "Controls that `audit` accepts although they fail.");

section! {
    AUDIT: AuditKeys = "audit";
    accept: Reasons = of(
        "Controls that may fail, each with the reason, as in { \"Lambda.3\" = \"the functions reach nothing private\" }.",
    );
}

/// The controls of `audit` that may fail, by id, each with the reason.
pub type Accepted = BTreeMap<String, String>;

impl Part for Accepted {
    fn key() -> &'static Key {
        &KEY.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        let AuditKeys { accept } = &AUDIT;
        let Some(table) = reader.table(root, &KEY) else { return Self::new() };
        let reasons = reader.reasons(&table, accept);
        let known = controls::ids();
        for (id, span) in reasons.iter().map(|(id, (_, span))| (id, span)) {
            if !known.contains(&id.as_str()) {
                let help = nearest(id, &known).map(|near| format!("did you mean \"{near}\"?"));
                let help = help.unwrap_or_else(|| "`securelambda audit` lists the controls".to_owned());
                reader.diagnostic(span, format!("audit has no control {id}"), Some(help));
            }
        }
        reasons.into_iter().map(|(id, (reason, _))| (id, reason)).collect()
    }
}
