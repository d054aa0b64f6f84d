//! Judges the difference between a wanted and a live policy document: whether the live one may allow more.
//!
//! The judgement is conservative. A document counts as narrower only if every statement shows it: each `Allow` of the
//! live document is part of one `Allow` of the wanted one, and each `Deny` of the wanted document is part of one `Deny`
//! of the live one. Every other difference weakens.

mod patterns;
mod statement;

pub(crate) use self::patterns::covers;
use self::statement::Statement;
use super::Policy;
use crate::engine::Effect;

/// Actions that only send traces to X-Ray. A function that may call them can neither read nor change anything else.
const SEND_TRACES: [&str; 2] = ["xray:puttracesegments", "xray:puttelemetryrecords"];

impl Policy {
    /// The effect of the difference between this wanted document and the live one.
    ///
    /// A live document that allows less, denies more or has further conditions differs and does not weaken. Neither do
    /// the permissions of an identity to send traces to X-Ray. Every further permission, every missing `Deny` and every
    /// missing condition weakens, and so does everything that is not provably narrower.
    pub fn judge(&self, live: &Self) -> Effect {
        if self.means_same(live) || self.allows_all_of(live, &[]) && live.allows_all_of(self, &[]) {
            Effect::Same
        } else if self.allows_all_of(live, &SEND_TRACES) {
            Effect::Differs
        } else {
            Effect::Weakens
        }
    }

    /// Whether the other document provably allows nothing that this one does not allow. The harmless actions, in lower
    /// case, are ignored in statements that allow something to an identity.
    fn allows_all_of(&self, other: &Self, harmless: &[&str]) -> bool {
        // The policy language of 2008 has no variables: `${aws:username}` is plain text in it.
        let has_variables = [self, other].iter().any(|policy| policy.to_string().contains("${"));
        if has_variables && self.version() != other.version() {
            return false;
        }
        let ([ours, theirs], true) = (
            [self, other].map(|policy| policy.statements().map(Statement::read).collect::<Vec<_>>()),
            self.is_well_formed() && other.is_well_formed(),
        ) else {
            return false;
        };
        let denials = ours.iter().filter(|statement| statement.denies());
        let granted: Vec<&Statement> = ours.iter().filter(|statement| statement.allows()).collect();
        let denied: Vec<&Statement> = theirs.iter().filter(|statement| statement.denies()).collect();
        theirs.iter().filter(|statement| !statement.denies()).all(|grant| grant.is_part_of(&granted, harmless))
            && denials.into_iter().all(|denial| denial.is_part_of(&denied, &[]))
    }

    /// Whether the document is a JSON object whose statements are objects.
    fn is_well_formed(&self) -> bool {
        self.0.is_object() && self.statements().all(serde_json::Value::is_object)
    }
}

#[cfg(test)]
mod tests;
