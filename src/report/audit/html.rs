//! The audit as a page for an auditor: one file without scripts and without requests to the network. It has the style
//! sheet of the proof. `maud` escapes every value. Text from outside the program also goes through [`Visible`].

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::markup::Visible;
use super::super::timestamp::Timestamp;
use super::{Audit, Outcome, chosen, counts, tally, title};
use crate::audit::{Evaluation, Finding};
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
                    @for outcome in [Outcome::Fail, Outcome::Accepted, Outcome::NotTried] { (details(audit, outcome)) }
                    section.checks {
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
    let endpoint = match &audit.endpoint {
        Some(endpoint) => format!("{endpoint} (an emulator, not AWS)"),
        None => "AWS".to_owned(),
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
    let result = if audit.passes() { "No control failed" } else { "Some controls failed" };
    html! {
        header {
            p.kind { "Audit of the stack " strong { (Visible(&audit.stack)) } }
            h1 {
                span.badge.pass[audit.passes()].fail[!audit.passes()] { (verdict) } " " (result)
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

/// The controls with this outcome, with all their findings; empty if there are none.
fn details(audit: &Audit, outcome: Outcome) -> Markup {
    let controls: Vec<&Evaluation> = audit.controls.iter().filter(|control| control.outcome == outcome).collect();
    let heading = match outcome {
        Outcome::Fail => "Failed",
        Outcome::Accepted => "Accepted",
        _ => "Not tried",
    };
    html! {
        @if !controls.is_empty() {
            section.failures[outcome == Outcome::Fail] {
                h2 { (heading) " " span { "(" (controls.len()) ")" } }
                @for control in controls {
                    article {
                        h3 { (mark(outcome)) " " (control.id) ": " (control.title) }
                        p.where { (title(control.standard)) " · severity " (control.severity) }
                        @if let Some(reason) = &control.accepted { p { "Accepted: " (Visible(reason)) } }
                        dl {
                            @for finding in control.findings.iter().filter(|finding| finding.outcome == outcome) {
                                (entry(finding))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn entry(finding: &Finding) -> Markup {
    html! {
        dt { @if finding.resource.is_empty() { "Stack" } @else { (Visible(&finding.resource)) } }
        dd {
            (Visible(&finding.observed))
            @if let Some(key) = &finding.key { br; "To fix it: " code { (Visible(key)) } }
        }
    }
}

fn table(audit: &Audit, standard: &str) -> Markup {
    html! {
        details {
            summary { h3 { (title(standard)) } " " span.counts { (counts(audit, standard)) } }
            table {
                caption { (title(standard)) }
                thead {
                    tr {
                        th.result scope="col" { "Result" }
                        th scope="col" { "Control" }
                        th scope="col" { "Severity" }
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
                @for (index, finding) in control.findings.iter().enumerate() {
                    @if index > 0 { br; }
                    @if !finding.resource.is_empty() { (Visible(&finding.resource)) ": " }
                    (Visible(&finding.observed))
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
                strong { "Accepted" } " means that the control fails and that the stack file gives the reason why it may. "
                strong { "Not tried" } " means that nothing that was read decides the control; the reason is shown. "
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
        assert!(at("pools.Users.mfa") < at("programs sign in") && at("programs sign in") < at("All controls"));
        assert!(page.contains("&lt;OFF&gt;") && !page.contains("<OFF>"));
    }
}
