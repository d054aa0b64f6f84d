//! The proof as a page for an auditor: one file without scripts that asks nothing of the network, readable on a screen,
//! a phone and paper, with the failures first.
//!
//! Whatever is not written in this file goes through [`Text`].

use std::time::Duration;

use super::super::markup::Text;
use super::super::timestamp::{Timestamp, seconds};
use super::super::words::duration;
use super::drawing::{class, drawings};
use super::{Section, State, tally, verdict};
use crate::verify::{Check, Verdict, Verification};

const STYLE: &str = include_str!("page.css");

/// No script, no request, no form: the page can show and nothing else, even if a text were to slip through unescaped.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// A self-contained HTML page.
pub fn proof_html(proof: &Verification) -> String {
    let sections = Section::all(proof);
    [
        head(proof),
        "<body>\n<main>\n".to_owned(),
        heading(proof, &sections),
        format!("<section class=\"layers\">\n<h2>The five layers</h2>\n{}</section>\n", drawings(&sections)),
        failures(proof),
        "<section class=\"checks\">\n<h2>Every check</h2>\n".to_owned(),
        sections.iter().map(layer).collect(),
        "</section>\n".to_owned(),
        FOOTER.to_owned(),
        "</main>\n</body>\n</html>\n".to_owned(),
    ]
    .concat()
}

fn head(proof: &Verification) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}: stack {}, verified {}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}</style>\n</head>\n",
        verdict(proof),
        Text(&proof.stack),
        Timestamp(proof.began_unix_ms).day(),
    )
}

fn heading(proof: &Verification, sections: &[Section; 5]) -> String {
    let counts = tally(|verdict| proof.count(verdict));
    let counts = if counts.is_empty() { String::new() } else { format!("<p class=\"lead\">{counts}</p>\n") };
    let began = Timestamp(proof.began_unix_ms);
    let facts = [
        ("Stack", &*proof.stack),
        ("Account", &proof.account),
        ("Region", &proof.region),
        ("Endpoint", proof.endpoint.as_deref().unwrap_or("AWS")),
        ("Verified", &format!("{} {} UTC", began.day(), began.time())),
        ("Took", &duration(Duration::from_millis(proof.elapsed_ms))),
        ("Checks", &proof.checks.len().to_string()),
        ("Verified with", &proof.tool),
    ]
    .map(|(name, value)| format!("<div><dt>{name}</dt><dd>{}</dd></div>\n", Text(value)));
    format!(
        "<header>\n<p class=\"kind\">Proof of the stack <strong>{}</strong></p>\n\
         <h1><span class=\"badge {}\">{}</span> {}</h1>\n{counts}<dl class=\"facts\">\n{}</dl>\n</header>\n",
        Text(&proof.stack),
        if proof.holds() { "pass" } else { "fail" },
        verdict(proof),
        statement(sections),
        facts.concat(),
    )
}

/// The outcome as a sentence. That every layer holds is said only if every layer was looked at.
fn statement(sections: &[Section; 5]) -> String {
    let titles = |state: State| -> Vec<&str> {
        sections.iter().filter(|section| section.state() == state).map(|section| section.layer.title()).collect()
    };
    let (holding, broken) = (titles(State::Holds), titles(State::Broken));
    match (broken.as_slice(), holding.len()) {
        ([], 0) => "Nothing was verified".to_owned(),
        ([], 5) => "Every layer holds".to_owned(),
        ([], holding) => format!("{holding} of 5 layers hold, the others were not verified"),
        ([layer], _) => format!("{layer} does not hold"),
        (layers, _) => format!("{} of 5 layers do not hold", layers.len()),
    }
}

/// What failed, in full. Nothing at all where nothing did.
fn failures(proof: &Verification) -> String {
    let failed: Vec<&Check> = proof.checks.iter().filter(|check| check.verdict == Verdict::Fail).collect();
    if failed.is_empty() {
        return String::new();
    }
    let articles: String = failed.iter().map(|check| failure(check)).collect();
    format!(
        "<section class=\"failures\">\n<h2>What failed <span>({})</span></h2>\n{articles}</section>\n",
        failed.len()
    )
}

fn failure(check: &Check) -> String {
    let at = Timestamp(check.at_unix_ms);
    format!(
        "<article>\n<h3><span class=\"mark fail\">✗ Fail</span> {}</h3>\n\
         <p class=\"where\">{} · <strong>{}</strong> · <time datetime=\"{}\">{} {} UTC</time> · took {} s</p>\n\
         <dl>\n<dt>Sent</dt><dd>{}</dd>\n<dt>Expected</dt><dd>{}</dd>\n\
         <dt>Received</dt><dd class=\"received\">{}</dd>\n</dl>\n</article>\n",
        Text(&check.claim),
        check.layer.title(),
        Text(&check.subject),
        at.iso(),
        at.day(),
        at.time(),
        seconds(check.elapsed_ms),
        Text(&check.sent),
        Text(&check.expected),
        Text(&check.received),
    )
}

/// A layer's checks, folded away where it holds.
fn layer(section: &Section) -> String {
    let state = section.state();
    let open = if state == State::Broken { " open" } else { "" };
    let table = if section.checks.is_empty() {
        "<p>Nothing of this layer was checked.</p>\n".to_owned()
    } else {
        let bodies: String = section.subjects().iter().map(|(subject, checks)| rows(subject, checks)).collect();
        format!(
            "<table>\n<caption>{} checks, times in UTC</caption>\n\
             <thead><tr><th scope=\"col\" class=\"result\">Result</th><th scope=\"col\" class=\"claim\">Claim</th>\
             <th scope=\"col\">Sent</th><th scope=\"col\">Expected</th><th scope=\"col\">Received</th>\
             <th scope=\"col\" class=\"at\">At, took</th></tr></thead>\n{bodies}</table>\n",
            section.layer.title(),
        )
    };
    format!(
        "<details{open}>\n<summary><h3>{}</h3> <span class=\"mark {}\">{} {}</span> \
         <span class=\"counts\">{}</span></summary>\n{table}</details>\n",
        section.layer.title(),
        class(state),
        mark(state),
        state.words(),
        section.counts(),
    )
}

fn rows(subject: &str, checks: &[&Check]) -> String {
    let rows: String = checks.iter().map(|check| row(check)).collect();
    format!(
        "<tbody>\n<tr class=\"subject\"><th colspan=\"6\" scope=\"rowgroup\">{} <span>{}</span></th></tr>\n{rows}</tbody>\n",
        Text(subject),
        tally(|verdict| checks.iter().filter(|check| check.verdict == verdict).count()),
    )
}

fn row(check: &Check) -> String {
    let (class, result) = match check.verdict {
        Verdict::Pass => ("pass", "✓ Pass"),
        Verdict::Fail => ("fail", "✗ Fail"),
        Verdict::NotApplicable => ("na", "– N/A"),
    };
    let came = match check.verdict {
        Verdict::NotApplicable => format!("<td colspan=\"3\" data-label=\"Why\">{}</td>", Text(&check.received)),
        Verdict::Pass | Verdict::Fail => {
            [("Sent", &check.sent), ("Expected", &check.expected), ("Received", &check.received)]
                .map(|(label, text)| format!("<td data-label=\"{label}\">{}</td>", Text(text)))
                .concat()
        }
    };
    let at = Timestamp(check.at_unix_ms);
    format!(
        "<tr class=\"{class}\"><td class=\"result\" data-label=\"Result\"><span class=\"mark {class}\">{result}</span></td>\
         <th scope=\"row\">{}</th>{came}<td class=\"at\" data-label=\"At\"><div><time datetime=\"{}\">{}</time> \
         <span>{} s</span></div></td></tr>\n",
        Text(&check.claim),
        at.iso(),
        at.time(),
        seconds(check.elapsed_ms),
    )
}

/// What the words of the page mean.
const FOOTER: &str = "<footer>\n<p>Each claim was put to the stack while it was live, at the time given in UTC. \
    <strong>Fail</strong> means that it does not hold, or that it could not be found out. \
    <strong>N/A</strong> means that it does not apply to this stack or cannot be tried there; the reason is beside it. \
    No password and no token is on this page.</p>\n</footer>\n";

fn mark(state: State) -> &'static str {
    match state {
        State::Holds => "✓",
        State::Broken => "✗",
        State::NotApplicable | State::Unchecked => "–",
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::fixture;
    use super::*;

    /// Where a text first is.
    #[track_caller]
    fn at(page: &str, text: &str) -> usize {
        page.find(text).unwrap_or_else(|| panic!("{text:?} is not in:\n{page}"))
    }

    #[test]
    fn failures_come_first_and_in_full() {
        let page = proof_html(&fixture::proof());
        assert!(at(&page, "a token of MyUserPool2 is refused") < at(&page, "a user can sign in"));
        assert!(at(&page, "its policy is exactly the derived one") < at(&page, "a user can sign in"));
        assert_snapshot!(failure(&fixture::check(Verdict::Fail)));
    }

    #[test]
    fn a_row_says_its_result_and_why_it_does_not_apply() {
        assert_snapshot!([Verdict::Pass, Verdict::NotApplicable].map(|verdict| row(&fixture::check(verdict))).concat());
    }

    #[test]
    fn the_heading_says_what_where_and_when() {
        let proof = fixture::proof();
        assert_snapshot!(heading(&proof, &Section::all(&proof)));
    }

    #[test]
    fn the_outcome_in_a_sentence() {
        let said = |proof: &Verification| statement(&Section::all(proof));
        let mut proof = fixture::sound();
        assert_eq!(said(&proof), "4 of 5 layers hold, the others were not verified");
        proof.checks.push(Check { layer: crate::verify::Layer::Secrets, ..fixture::check(Verdict::Pass) });
        assert_eq!(said(&proof), "Every layer holds");
        assert!(proof_html(&proof).contains("PASS"));
        proof.checks.push(Check { layer: crate::verify::Layer::Secrets, ..fixture::check(Verdict::Fail) });
        assert_eq!(said(&proof), "Secrets does not hold");
        assert_eq!(said(&fixture::proof()), "2 of 5 layers do not hold");
        proof.checks.clear();
        assert_eq!(said(&proof), "Nothing was verified");
        assert!(proof_html(&proof).contains("FAIL"));
    }

    #[test]
    fn only_what_is_broken_is_unfolded_and_what_was_not_checked_is_named() {
        let page = proof_html(&fixture::proof());
        let folds: Vec<&str> = page.lines().filter(|line| line.starts_with("<details")).collect();
        assert_eq!(folds, ["<details>", "<details>", "<details open>", "<details>", "<details open>"]);
        at(&page, "Nothing of this layer was checked.");
        assert!(!super::failures(&fixture::sound()).contains("article"));
    }

    #[test]
    fn no_text_becomes_markup_wherever_it_stands() {
        let page = proof_html(&fixture::hostile());
        assert!(!page.contains("<script") && !page.contains("alert(\"x\""), "{page}");
        assert!(!page.contains("</td></svg>]]"), "{page}");
        assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "{page}");
        // Stack (thrice), account, region, endpoint and tool; four or more texts a check.
        assert!(page.matches("&lt;script&gt;").count() > 6 + 4 * fixture::hostile().checks.len());
    }

    #[test]
    fn nothing_is_asked_of_the_network() {
        let page = proof_html(&fixture::proof());
        assert!(!page.contains("://") && !page.contains("src=") && !page.contains("url(") && !page.contains("@import"));
        assert_eq!(page.matches("href=").count(), page.matches("href=\"data:,\"").count());
        at(&page, "default-src 'none'");
    }

    #[test]
    fn every_element_that_is_opened_is_closed() {
        let page = proof_html(&fixture::proof());
        for element in [
            "html", "body", "main", "section", "article", "details", "table", "tr", "td", "th", "dl", "svg", "g",
            "text",
        ] {
            let opened = page.matches(&format!("<{element}>")).count() + page.matches(&format!("<{element} ")).count();
            assert_eq!(opened, page.matches(&format!("</{element}>")).count(), "{element}");
        }
    }
}
