//! The audit for the terminal: the failed controls, each with the value that was read and the key that changes it, and
//! counts.

use super::{Audit, Group, Outcome, WHOLE, chosen, counts, groups, statement, tally, title};
use crate::audit::Evaluation;
use crate::report::Palette;
use crate::report::words::{hanging, one_line, wrap};

/// The indent of findings and of a control's text.
const INDENT: &str = "        ";

/// The controls that failed, were accepted or were not tried, by standard; with `all`, every control. The lines are at
/// most `width` columns wide, except those that can be pasted into the stack file.
pub fn audit_text(audit: &Audit, all: bool, palette: Palette, width: usize) -> String {
    let place = format!("Audit of {} in account {}, {}", audit.stack, audit.account, audit.region);
    let mut lines = wrap(&place, width);
    for standard in &audit.standards {
        lines.push(String::new());
        lines.extend(hanging(&format!("{}: ", palette.strong(title(standard))), &counts(audit, standard), width));
        for outcome in Outcome::ALL {
            let controls = chosen(audit, standard, outcome);
            let shown = all || matches!(outcome, Outcome::Fail | Outcome::Accepted | Outcome::NotTried);
            lines.extend(controls.iter().filter(|_| shown).flat_map(|control| control_lines(control, palette, width)));
        }
    }
    lines.push(String::new());
    let counts = tally(|outcome| audit.count(outcome));
    let result = if audit.passes() { format!("{}: {counts}.", statement(audit)) } else { format!("{counts}.") };
    lines.extend(wrap(&result, width));
    lines.join("\n")
}

fn control_lines(control: &Evaluation, palette: Palette, width: usize) -> Vec<String> {
    let mark = match control.outcome {
        Outcome::Fail => palette.bad("FAIL"),
        Outcome::Accepted => "accepted".to_owned(),
        Outcome::NotTried => "not tried".to_owned(),
        Outcome::Pass => palette.good("pass"),
        Outcome::NotApplicable => "n/a".to_owned(),
    };
    let text = format!("{}: {} ({})", control.id, control.title, control.severity);
    let mut lines = hanging(&format!("  {mark}  "), &text, width);
    if let Some(reason) = &control.accepted {
        lines.extend(hanging(&format!("{INDENT}accepted: "), &one_line(reason), width));
    }
    // Findings of another outcome are in the reports and in JSON.
    for Group { resources, observed, key } in groups(control, control.outcome) {
        let of = if resources == [WHOLE] { String::new() } else { format!("{}: ", resources.join(", ")) };
        let text = one_line(&format!("{of}{observed}"));
        // Further lines of a finding are indented, so that the next finding can be seen.
        let mut paragraph = wrap(&text, width.saturating_sub(INDENT.len() + 2)).into_iter();
        lines.extend(paragraph.next().map(|line| format!("{INDENT}{line}")));
        lines.extend(paragraph.map(|line| format!("{INDENT}  {line}")));
        lines.extend(key.iter().flat_map(|key| key.lines()).flat_map(|key| fix(key, palette, width)));
    }
    lines
}

/// The fix of a finding. A line of the stack file is broken only where TOML allows a line break, so that it can be
/// pasted.
fn fix(key: &str, palette: Palette, width: usize) -> Vec<String> {
    let (key, label, indent) = (one_line(key), palette.dim("fix:"), format!("{INDENT}  "));
    if indent.len() + "fix: ".len() + key.len() <= width {
        return vec![format!("{indent}{label} {key}")];
    }
    let mut lines = vec![format!("{indent}{label}"), indent.clone()];
    for part in key.split_inclusive(", ").flat_map(|part| part.split_inclusive("{ ")) {
        let last = lines.last().map_or(0, String::len);
        if last > indent.len() && last + part.trim_end().len() > width {
            lines.push(indent.clone());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(part);
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::audit;
    use super::*;

    #[test]
    fn a_failure_shows_the_value_and_the_key_that_changes_it() {
        let text = audit_text(&audit(), false, Palette::default(), 80);
        let expected = "  FAIL  Cognito.5: User pools require a second factor (medium)\n        pool.Users: \
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
        let text = |all| audit_text(&audit(), all, Palette::default(), 80);
        assert!(!text(false).contains("SNS.1") && text(true).contains("  pass  SNS.1"));
    }

    #[test]
    fn lines_break_between_words_and_hang_under_their_text() {
        let mut audit = audit();
        audit.controls[0].findings[0].observed = "a value of many words that does not fit into one line".into();
        let text = audit_text(&audit, true, Palette::default(), 50);
        assert!(text.lines().all(|line| line.len() <= 50), "{text}");
        assert!(text.contains("  FAIL  Cognito.5: User pools require a second\n        factor (medium)\n"), "{text}");
        let hanging = "        pool.Users: a value of many words that\n          does not fit into one line\n          fix: pools";
        assert!(text.contains(hanging), "{text}");
    }

    #[test]
    fn a_fix_that_is_broken_can_still_be_pasted() {
        let key = "functions.Reader.vpc = { subnets = [\"SUBNET_1\", \"SUBNET_2\"], security_groups = [\"GROUP\"] }";
        let whole: toml::Table = toml::from_str(key).expect("TOML");
        for width in [40, 60, 80, 120] {
            let lines = fix(key, Palette::default(), width);
            // The longest part that cannot be broken has 46 characters with its indent.
            assert!(lines.iter().all(|line| line.len() <= width.max(46)), "{lines:#?}");
            let pasted = lines.join("\n").replace("fix:", "");
            assert_eq!(toml::from_str::<toml::Table>(&pasted).expect("TOML"), whole, "{pasted}");
        }
        assert_eq!(fix("api.tracing = true", Palette::default(), 60), ["          fix: api.tracing = true"]);
    }
}
