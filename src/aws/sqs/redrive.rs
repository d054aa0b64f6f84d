//! The redrive policy of a queue, which moves messages that were delivered too often to a dead-letter queue.

use std::fmt;

use serde_json::{Value, json};

use crate::engine::Effect;

/// The live value of a queue without a redrive policy.
pub(super) const NOWHERE: &str = "none";

/// Moves a message to another queue, instead of delivering it once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// The ARN of the dead-letter queue.
    pub queue: String,
    /// The maximum number of deliveries of a message: 1 to 1000.
    pub after: u32,
}

impl Redrive {
    /// Reads a queue's attribute. AWS writes the count as a number, other tools write it as text.
    fn parse(policy: &str) -> Option<Self> {
        let policy: Value = serde_json::from_str(policy).ok()?;
        let after = &policy["maxReceiveCount"];
        let after = after.as_u64().or_else(|| after.as_str()?.parse().ok())?;
        Some(Self { queue: policy["deadLetterTargetArn"].as_str()?.to_owned(), after: u32::try_from(after).ok()? })
    }

    /// The effect of the live attribute. With a wrong dead-letter queue, somebody else may get the messages, and the
    /// stack loses them.
    pub(super) fn judge(wanted: Option<&Self>, live: &str) -> Effect {
        match (wanted, Self::parse(live)) {
            (None, _) => Effect::weakens_unless(live == NOWHERE),
            (Some(wanted), Some(live)) if live == *wanted => Effect::Same,
            (Some(wanted), Some(live)) if live.queue == wanted.queue => Effect::Differs,
            (Some(_), None) if live == NOWHERE => Effect::Differs,
            (Some(_), _) => Effect::Weakens,
        }
    }
}

impl fmt::Display for Redrive {
    /// The policy in JSON, as SQS accepts it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = json!({ "deadLetterTargetArn": self.queue, "maxReceiveCount": self.after });
        fmt::Display::fmt(&policy, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_queue_behind_it_weakens() {
        let wanted = Redrive { queue: "arn:q".into(), after: 5 };
        for (live, effect) in [
            (r#"{"deadLetterTargetArn":"arn:q","maxReceiveCount":5}"#, Effect::Same),
            (r#"{"maxReceiveCount":"5","deadLetterTargetArn":"arn:q"}"#, Effect::Same),
            (r#"{"deadLetterTargetArn":"arn:q","maxReceiveCount":1}"#, Effect::Differs),
            (NOWHERE, Effect::Differs),
            (r#"{"deadLetterTargetArn":"arn:other","maxReceiveCount":5}"#, Effect::Weakens),
            ("odd", Effect::Weakens),
        ] {
            assert_eq!(Redrive::judge(Some(&wanted), live), effect, "{live}");
        }
        assert_eq!(Redrive::judge(None, NOWHERE), Effect::Same);
        assert_eq!(Redrive::judge(None, &wanted.to_string()), Effect::Weakens);
        assert_eq!(Redrive::parse(&wanted.to_string()), Some(wanted));
    }
}
