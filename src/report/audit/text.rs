//! The audit for the terminal: what failed, with the value that was read and the key that changes it; the rest as counts.

use super::{Audit, Outcome, chosen, counts, tally, title};
use crate::audit::Evaluation;
use crate::report::Palette;
use crate::report::words::one_line;

/// What failed, was accepted or was not tried, by standard; with `all`, every control.
pub fn audit_text(audit: &Audit, all: bool, palette: Palette) -> String {
    let mut text = format!("Audit of {} in account {}, {}\n", audit.stack, audit.account, audit.region);
    for standard in &audit.standards {
        text += &format!("\n{}: {}\n", title(standard), counts(audit, standard));
        for outcome in Outcome::ALL {
            let controls = chosen(audit, standard, outcome);
            let shown = all || matches!(outcome, Outcome::Fail | Outcome::Accepted | Outcome::NotTried);
            for control in controls.iter().filter(|_| shown) {
                text += &lines(control, palette);
            }
        }
    }
    let result = if audit.passes() { "No control failed" } else { "Some controls failed" };
    text += &format!("\n{result}: {}.", tally(|outcome| audit.count(outcome)));
    text
}

fn lines(control: &Evaluation, palette: Palette) -> String {
    let mark = match control.outcome {
        Outcome::Fail => palette.warn("FAIL"),
        Outcome::Accepted => "accepted".to_owned(),
        Outcome::NotTried => "not tried".to_owned(),
        Outcome::Pass => "pass".to_owned(),
        Outcome::NotApplicable => "n/a".to_owned(),
    };
    let mut text = format!("  {mark}  {}  {} ({})\n", control.id, control.title, control.severity);
    if let Some(reason) = &control.accepted {
        text += &format!("        accepted: {}\n", one_line(reason));
    }
    // Findings of another outcome are in the reports and in JSON.
    for finding in control.findings.iter().filter(|finding| finding.outcome == control.outcome) {
        let of = if finding.resource.is_empty() { String::new() } else { format!("{}: ", finding.resource) };
        text += &format!("        {of}{}\n", one_line(&finding.observed));
        if let Some(key) = &finding.key {
            text += &format!("          fix: {key}\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::fixture::audit;
    use super::*;

    #[test]
    fn a_failure_shows_the_value_and_the_key_that_changes_it() {
        let text = audit_text(&audit(), false, Palette::default());
        let expected = "  FAIL  Cognito.5  User pools require a second factor (medium)\n        pool.Users: \
                        MfaConfiguration: <OFF>\n          fix: pools.Users.mfa = \"on\"\n";
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("accepted: programs sign in"), "{text}");
        assert!(
            text.contains("AWS Security Hub: 1 failed, 1 accepted, 1 not tried, 1 passed, 1 not applicable"),
            "{text}"
        );
    }

    #[test]
    fn passed_controls_are_listed_only_on_request() {
        let text = |all| audit_text(&audit(), all, Palette::default());
        assert!(!text(false).contains("SNS.1") && text(true).contains("  pass  SNS.1"));
    }
}
