//! The audit as a page for an auditor: one file without scripts and without requests to the network. It has the style
//! sheet of the proof. `maud` escapes every value. Text from outside the program also goes through [`Visible`].

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::markup::Visible;
use super::super::timestamp::Timestamp;
use super::{Audit, Group, Outcome, chosen, counts, groups, reasons, statement, tally, title};
use crate::audit::Evaluation;
use crate::report::proof::{POLICY, STYLE};

/// A self-contained HTML page.
pub fn audit_html(audit: &Audit) -> String {
    let at = Timestamp(audit.at_unix_ms);
    let verdict = if audit.passes() { "PASS" } else { "FAIL" };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (verdict) ": stack " (Visible(&audit.stack)) ", audited " (at.day()) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (heading(audit, verdict))
                    @for outcome in [Outcome::Fail, Outcome::Accepted] { (details(audit, outcome)) }
                    (not_tried(audit))
                    section.checks.controls {
                        h2 { "All controls" }
                        @for standard in &audit.standards { (table(audit, standard)) }
                    }
                    (footer())
                }
            }
        }
    };
    page.into_string()
}

fn heading(audit: &Audit, verdict: &str) -> Markup {
    let at = Timestamp(audit.at_unix_ms);
    let endpoint = match (&audit.endpoint, &audit.emulator) {
        (Some(url), Some(_)) => format!("{url}, an emulator"),
        (Some(url), None) => url.clone(),
        (None, _) => "AWS".to_owned(),
    };
    let facts = [
        ("Stack", audit.stack.clone()),
        ("Account", audit.account.clone()),
        ("Region", audit.region.clone()),
        ("Endpoint", endpoint),
        ("Audited", format!("{} {} UTC", at.day(), at.time())),
        ("Controls", audit.controls.len().to_string()),
        ("Audited with", audit.tool.clone()),
    ];
    html! {
        header {
            @if let Some(emulator) = &audit.emulator {
                p.notice {
                    strong { "Not an audit of AWS. " } (Visible(&emulator.to_string()))
                    " A value that it stores is no proof that AWS enforces it."
                }
            }
            p.kind { "Audit of the stack " strong { (Visible(&audit.stack)) } }
            h1 {
                span.badge.pass[audit.passes()].fail[!audit.passes()] { (verdict) } " " (statement(audit))
            }
            p.lead { (tally(|outcome| audit.count(outcome))) }
            dl.facts {
                @for (name, value) in &facts {
                    div { dt { (name) } dd { (Visible(value)) } }
                }
            }
        }
    }
}

/// The controls that failed, or that the stack file accepts, with their findings; empty if there are none.
fn details(audit: &Audit, outcome: Outcome) -> Markup {
    let controls: Vec<&Evaluation> = audit.controls.iter().filter(|control| control.outcome == outcome).collect();
    let failed = outcome == Outcome::Fail;
    html! {
        @if !controls.is_empty() {
            section.failures[failed] {
                h2 { (if failed { "Failed" } else { "Accepted" }) " " span { "(" (controls.len()) ")" } }
                @for control in controls {
                    article.quiet[!failed] {
                        h3 { (mark(outcome)) " " (control.id) ": " (control.title) }
                        p.where { (title(control.standard)) " · severity " (control.severity) }
                        @if let Some(reason) = &control.accepted {
                            p.reason { strong { "Accepted: " } (Visible(reason)) }
                        }
                        dl.findings {
                            @for group in groups(control, outcome) { (entry(&group)) }
                        }
                    }
                }
            }
        }
    }
}

fn entry(group: &Group<'_>) -> Markup {
    html! {
        dt { (Visible(&group.resources.join(", "))) }
        dd {
            (Visible(group.observed))
            @for line in group.key.iter().flat_map(|key| key.lines()) {
                br; span.fix { (label(line)) } code { (Visible(line)) }
            }
        }
    }
}

/// The label of a finding's key. A key with a value is a line of the stack file.
fn label(key: &str) -> &'static str {
    if key.contains(" = ") { "In the stack file: " } else { "To fix it, " }
}

/// The controls that were not tried, by reason; empty if there are none.
fn not_tried(audit: &Audit) -> Markup {
    let reasons = reasons(audit);
    html! {
        @if !reasons.is_empty() {
            section.untried {
                h2 { "Not tried " span { "(" (audit.count(Outcome::NotTried)) ")" } }
                p { "The values that were read are not enough to decide these controls. They neither failed nor passed." }
                dl {
                    @for (reason, controls) in reasons {
                        dt { (Visible(reason)) }
                        @for (control, resources) in controls {
                            dd {
                                strong { (control.id) } ": " (control.title)
                                @if !resources.is_empty() { " (" (Visible(&resources.join(", "))) ")" }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn table(audit: &Audit, standard: &str) -> Markup {
    html! {
        details {
            summary { h3 { (title(standard)) } " " span.counts { (counts(audit, standard)) } }
            table {
                caption { "Every control of " (title(standard)) ", with what was observed" }
                thead {
                    tr {
                        th.result scope="col" { "Result" }
                        th.control scope="col" { "Control" }
                        th.severity scope="col" { "Severity" }
                        th scope="col" { "Observed" }
                    }
                }
                tbody {
                    @for outcome in Outcome::ALL {
                        @for control in chosen(audit, standard, outcome) { (row(control)) }
                    }
                }
            }
        }
    }
}

fn row(control: &Evaluation) -> Markup {
    html! {
        tr class=(class(control.outcome)) {
            td.result data-label="Result" { (mark(control.outcome)) }
            th scope="row" { (control.id) ": " (control.title) }
            td data-label="Severity" { (control.severity) }
            td data-label="Observed" {
                @for (index, group) in Outcome::ALL.into_iter().flat_map(|one| groups(control, one)).enumerate() {
                    @if index > 0 { br; }
                    strong { (Visible(&group.resources.join(", "))) } ": " (Visible(group.observed))
                }
            }
        }
    }
}

fn mark(outcome: Outcome) -> Markup {
    let text = match outcome {
        Outcome::Fail => "✗ Fail",
        Outcome::Accepted => "✓ Accepted",
        Outcome::NotTried => "– Not tried",
        Outcome::Pass => "✓ Pass",
        Outcome::NotApplicable => "– N/A",
    };
    html! { span class={ "mark " (class(outcome)) } { (text) } }
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Fail => "fail",
        Outcome::Pass => "pass",
        Outcome::Accepted | Outcome::NotTried | Outcome::NotApplicable => "na",
    }
}

/// Explains the words of the page.
fn footer() -> Markup {
    html! {
        footer {
            p {
                "Each value was read from the live stack. "
                strong { "Accepted" } " means that the control fails, but the stack file accepts this and gives a reason. "
                strong { "Not tried" } " means that the values that were read are not enough to decide the control; the reason is shown. "
                strong { "N/A" } " means that the control cannot apply to this stack. This page contains no secret."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::audit;
    use super::*;

    #[test]
    fn failures_come_first_and_the_page_says_that_the_endpoint_is_an_emulator() {
        let page = audit_html(&audit());
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text:?} is not in {page}"));
        assert!(at("an emulator, not AWS") < at("pools.Users.mfa"));
        assert!(page.contains("no proof that AWS enforces it") && page.contains("It cannot show "));
        assert!(at("Not tried ") < at("All controls"));
        assert!(at("pools.Users.mfa") < at("programs sign in") && at("programs sign in") < at("All controls"));
        assert!(page.contains("&lt;OFF&gt;") && !page.contains("<OFF>"));
    }
}
