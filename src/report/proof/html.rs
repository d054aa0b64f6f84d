//! The proof as a page for an auditor: one file without scripts and without requests to the network, readable on a
//! screen, on a phone and on paper. Failures come first.
//!
//! `maud` escapes every value. Text from outside the program also goes through [`Visible`].

use std::time::Duration;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::markup::Visible;
use super::super::timestamp::{Timestamp, seconds};
use super::super::words::duration;
use super::{Section, State, reasons, statement, tally, verdict};
use crate::verify::{Check, Layer, Verdict, Verification};

pub(in crate::report) const STYLE: &str = include_str!("page.css");

/// A browser runs no script and sends no request or form for this page, even if text were not escaped.
pub(in crate::report) const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// A self-contained HTML page.
pub fn proof_html(proof: &Verification) -> String {
    let sections = Section::all(proof);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(proof))
            body {
                main {
                    (heading(proof))
                    section.layers {
                        h2 { "The five layers" }
                        ol { @for section in &sections { (summary(section)) } }
                    }
                    (failures(proof))
                    (not_tried(proof))
                    section.checks {
                        h2 { "All checks" }
                        @for section in &sections { (details(section)) }
                    }
                    (footer())
                }
            }
        }
    };
    page.into_string()
}

fn head(proof: &Verification) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(POLICY);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title {
                (verdict(proof)) ": stack " (Visible(&proof.stack)) ", verified " (Timestamp(proof.began_unix_ms).day())
            }
            link rel="icon" href="data:,";
            style { (PreEscaped(STYLE)) }
        }
    }
}

fn heading(proof: &Verification) -> Markup {
    let counts = tally(|verdict| proof.count(verdict));
    let began = Timestamp(proof.began_unix_ms);
    let endpoint = match (&proof.endpoint, &proof.emulator) {
        (Some(url), Some(_)) => format!("{url}, an emulator"),
        (Some(url), None) => url.clone(),
        (None, _) => "AWS".to_owned(),
    };
    let facts = [
        ("Stack", &*proof.stack),
        ("Account", &proof.account),
        ("Region", &proof.region),
        ("Endpoint", &endpoint),
        ("Verified", &format!("{} {} UTC", began.day(), began.time())),
        ("Duration", &duration(Duration::from_millis(proof.elapsed_ms))),
        ("Checks", &proof.checks.len().to_string()),
        ("Verified with", &proof.tool),
    ];
    html! {
        header {
            @if let Some(emulator) = &proof.emulator {
                p.notice { strong { "Not a proof about AWS. " } (Visible(&emulator.to_string())) }
            }
            p.kind { "Proof of the stack " strong { (Visible(&proof.stack)) } }
            h1 {
                span.badge.pass[proof.holds()].fail[!proof.holds()] { (verdict(proof)) }
                " " (statement(proof))
            }
            @if !counts.is_empty() { p.lead { (counts) } }
            @for note in &proof.notes { p.note { (Visible(note)) } }
            dl.facts {
                @for (name, value) in facts {
                    div { dt { (name) } dd { (Visible(value)) } }
                }
            }
        }
    }
}

/// A layer in the overview. The style sheet draws the arrow to the next layer.
fn summary(section: &Section) -> Markup {
    let (state, counts) = (section.state(), section.counts());
    html! {
        li class=(class(state)) {
            span.name { (section.layer.title()) }
            span.role { (role(section.layer)) }
            span class={ "mark " (class(state)) } { (mark(state)) " " (section.words()) }
            @if !counts.is_empty() { span.counts { (counts) } }
        }
    }
}

/// The role of a layer, in a sentence.
fn role(layer: Layer) -> &'static str {
    match layer {
        Layer::Authentication => "A user signs in and gets a token.",
        Layer::Firewall => "The firewall filters the request.",
        Layer::Authorization => "API Gateway checks the token or the signature.",
        Layer::Secrets => "A function gets valid input and its own secrets only.",
        Layer::Functions => "Each function runs with a role of its own.",
    }
}

/// All failed checks with all their details; empty if no check failed.
fn failures(proof: &Verification) -> Markup {
    let failed: Vec<&Check> = proof.checks.iter().filter(|check| check.verdict == Verdict::Fail).collect();
    html! {
        @if !failed.is_empty() {
            section.failures {
                h2 { "Failures " span { "(" (failed.len()) ")" } }
                @for check in failed { (failure(check)) }
            }
        }
    }
}

fn failure(check: &Check) -> Markup {
    let at = Timestamp(check.at_unix_ms);
    html! {
        article {
            h3 { span.mark.fail { "✗ Fail" } " " (Visible(&check.claim)) }
            p.where {
                (check.layer.title()) " · " strong { (Visible(&check.subject)) } " · "
                time datetime=(at.iso()) { (at.day()) " " (at.time()) " UTC" }
                " · took " (seconds(check.elapsed_ms)) " s"
            }
            dl {
                dt { "Sent" } dd { (Visible(&check.sent)) }
                dt { "Expected" } dd { (Visible(&check.expected)) }
                dt { "Received" } dd.received { (Visible(&check.received)) }
            }
        }
    }
}

/// The checks that were not tried, by reason; empty if there are none.
fn not_tried(proof: &Verification) -> Markup {
    let reasons = reasons(proof);
    html! {
        @if !reasons.is_empty() {
            section.untried {
                h2 { "Not tried " span { "(" (proof.count(Verdict::NotTried)) ")" } }
                p { "These claims are neither shown to hold nor shown not to hold." }
                dl {
                    @for (reason, checks) in reasons {
                        dt { (Visible(reason)) }
                        @for check in checks {
                            dd { strong { (Visible(&check.subject)) } ": " (Visible(&check.claim)) }
                        }
                    }
                }
            }
        }
    }
}

/// The checks of a layer. They are unfolded only if the layer does not hold.
fn details(section: &Section) -> Markup {
    let state = section.state();
    html! {
        details open[state == State::Broken] {
            summary {
                h3 { (section.layer.title()) } " "
                span class={ "mark " (class(state)) } { (mark(state)) " " (section.words()) } " "
                span.counts { (section.counts()) }
            }
            @if section.checks.is_empty() {
                p { "No check of this layer was made." }
            } @else {
                table {
                    caption { (section.layer.title()) " checks, times in UTC" }
                    thead {
                        tr {
                            th.result scope="col" { "Result" }
                            th.claim scope="col" { "Claim" }
                            th scope="col" { "Sent" }
                            th scope="col" { "Expected" }
                            th scope="col" { "Received" }
                            th.at scope="col" { "Time, duration" }
                        }
                    }
                    @for (subject, checks) in section.subjects() { (rows(subject, &checks)) }
                }
            }
        }
    }
}

fn rows(subject: &str, checks: &[&Check]) -> Markup {
    html! {
        tbody {
            tr.subject {
                th colspan="6" scope="rowgroup" {
                    (Visible(subject)) " "
                    span { (tally(|verdict| checks.iter().filter(|check| check.verdict == verdict).count())) }
                }
            }
            @for check in checks { (row(check)) }
        }
    }
}

fn row(check: &Check) -> Markup {
    let (class, result) = match check.verdict {
        Verdict::Pass => ("pass", "✓ Pass"),
        Verdict::Fail => ("fail", "✗ Fail"),
        Verdict::NotTried => ("na", "– Not tried"),
    };
    let at = Timestamp(check.at_unix_ms);
    html! {
        tr class=(class) {
            td.result data-label="Result" { span class={ "mark " (class) } { (result) } }
            th scope="row" { (Visible(&check.claim)) }
            @if check.verdict == Verdict::NotTried {
                td colspan="3" data-label="Reason" { (Visible(&check.received)) }
            } @else {
                td data-label="Sent" { (Visible(&check.sent)) }
                td data-label="Expected" { (Visible(&check.expected)) }
                td data-label="Received" { (Visible(&check.received)) }
            }
            td.at data-label="Time" {
                div { time datetime=(at.iso()) { (at.time()) } " " span { (seconds(check.elapsed_ms)) " s" } }
            }
        }
    }
}

/// Explains the words of the page.
fn footer() -> Markup {
    html! {
        footer {
            p {
                "Each check ran against the live stack at the time shown. All times are in UTC. "
                strong { "Fail" } " means that the claim does not hold, or that reading or sending failed. "
                strong { "Not tried" } " means that nothing is known about the claim; the reason is shown next to it. "
                "This page contains no password and no token."
            }
        }
    }
}

/// The name of a state in the style sheet.
fn class(state: State) -> &'static str {
    match state {
        State::Holds => "pass",
        State::Broken => "fail",
        State::NotTried | State::Unchecked => "na",
    }
}

fn mark(state: State) -> &'static str {
    match state {
        State::Holds => "✓",
        State::Broken => "✗",
        State::NotTried | State::Unchecked => "–",
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::fixture;
    use super::*;

    /// The position of a text's first occurrence.
    #[track_caller]
    fn at(page: &str, text: &str) -> usize {
        page.find(text).unwrap_or_else(|| panic!("{text:?} is not in:\n{page}"))
    }

    /// A tag on each line, for snapshots that can be read.
    fn readable(markup: Markup) -> String {
        markup.into_string().replace("><", ">\n<")
    }

    #[test]
    fn failures_come_first_with_all_details() {
        let page = proof_html(&fixture::proof());
        assert!(at(&page, "a token of MyUserPool2 is refused") < at(&page, "a user can sign in"));
        assert!(at(&page, "its policy equals the policy that the program derives") < at(&page, "a user can sign in"));
        assert_snapshot!(readable(failure(&fixture::check(Verdict::Fail))));
    }

    #[test]
    fn a_row_shows_the_result_or_the_reason_why_it_was_not_tried() {
        let rows = [Verdict::Pass, Verdict::NotTried].map(|verdict| readable(row(&fixture::check(verdict))));
        assert_snapshot!(rows.join("\n"));
    }

    #[test]
    fn the_heading_shows_stack_result_place_and_time() {
        let proof = fixture::proof();
        assert_snapshot!(readable(heading(&proof)));
    }

    #[test]
    fn the_page_says_that_the_endpoint_is_an_emulator_before_anything_else() {
        let mut proof = fixture::sound();
        assert!(!proof_html(&proof).contains("Not a proof about AWS"));
        proof.endpoint = Some("http://127.0.0.1:4577".into());
        proof.emulator = crate::emulator::Emulator::of(proof.endpoint.as_deref());
        let page = proof_html(&proof);
        assert!(at(&page, "Not a proof about AWS") < at(&page, "Proof of the stack"));
        at(&page, "http://127.0.0.1:4577, an emulator");
    }

    #[test]
    fn what_was_not_tried_has_a_section_with_the_reason() {
        let page = proof_html(&fixture::sound());
        assert!(at(&page, "<section class=\"untried\">") < at(&page, "All checks"));
        at(&page, "<dt>the firewall only counts: its mode is count</dt>");
        at(&page, "The firewall blocks nothing: its mode is count.");
    }

    #[test]
    fn the_overview_says_the_state_of_each_layer_in_words() {
        let proof = fixture::proof();
        let shown = Section::all(&proof).each_ref().map(|section| summary(section).into_string());
        for (layer, expected) in
            shown.iter().zip(["✓ holds", "✓ holds as far as tried", "✗ does not hold", "– not checked"])
        {
            assert!(layer.contains(&format!(">{expected}<")), "{layer}");
        }
        assert!(shown[2].contains("1 failed, 5 passed"), "{}", shown[2]);
    }

    #[test]
    fn only_broken_layers_are_unfolded_and_unchecked_layers_are_listed() {
        let page = proof_html(&fixture::proof());
        let folds: Vec<&str> = page.split("<details").skip(1).filter_map(|rest| rest.split('>').next()).collect();
        assert_eq!(folds, ["", "", " open", "", " open"]);
        at(&page, "No check of this layer was made.");
        assert_eq!(failures(&fixture::sound()).into_string(), "");
    }

    #[test]
    fn hostile_text_stays_text_everywhere() {
        let page = proof_html(&fixture::hostile());
        assert!(!page.contains("<script") && !page.contains("alert(\"x\""), "{page}");
        assert!(!page.contains("</td></svg>]]"), "{page}");
        assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "{page}");
        // Stack (three times), account, region, endpoint and tool; four or more texts for each check.
        assert!(page.matches("&lt;script&gt;").count() > 6 + 4 * fixture::hostile().checks.len());
    }

    /// `maud` writes the class first, so a second one would follow another attribute. Browsers ignore it.
    #[test]
    fn no_element_has_two_class_attributes() {
        let page = proof_html(&fixture::proof());
        assert!(!page.contains("\" class="), "{page}");
    }

    #[test]
    fn the_page_sends_no_request_to_the_network() {
        let page = proof_html(&fixture::proof());
        assert!(!page.contains("://") && !page.contains("src=") && !page.contains("url(") && !page.contains("@import"));
        assert_eq!(page.matches("href=").count(), page.matches("href=\"data:,\"").count());
        at(&page, "default-src 'none'");
    }
}
