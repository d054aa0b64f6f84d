//! The HTML reports of `verify` and `audit` in a real browser.
//!
//! Needs Chromium (Debian: `chromium`). Without it, these tests print a message and pass; if `CI` is set, they fail.

use std::path::PathBuf;
use std::process::Command;

use securelambda::audit::{Audit, Evaluation, Finding, Outcome};
use securelambda::emulator::Emulator;
use securelambda::report::{audit_html, proof_html, proof_junit};
use securelambda::verify::Verification;
use tempfile::TempDir;

use crate::support::browser::{Browser, Seen};
use crate::support::sample;

/// A report in its own folder, and the browser.
struct Opened {
    folder: TempDir,
    browser: Browser,
}

impl Opened {
    fn new(proof: &Verification) -> Option<Self> {
        Self::page(&proof_html(proof))
    }

    /// `None`, with a message, if there is no browser and `CI` is not set.
    fn page(html: &str) -> Option<Self> {
        let browser = Browser::find()?;
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("page.html"), html).unwrap();
        Some(Self { folder, browser })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Opens a file of the folder without a window.
    fn open(&self, file: &str, flags: &[&str]) -> Seen {
        self.browser.open(&format!("file://{}", self.path(file).display()), flags)
    }
}

#[test]
fn a_browser_shows_the_report_without_errors_and_failures_first() {
    let proof = sample::broken();
    let Some(page) = Opened::new(&proof) else { return };
    let seen = page.open("page.html", &["--dump-dom"]).without_console_messages();
    let first = |text: &str| seen.dom.find(text).unwrap_or_else(|| panic!("{text:?} is not in:\n{}", seen.dom));

    assert!(first(sample::FIRST_FAILURE) < first(sample::FIRST_PASS));
    assert!(seen.dom.trim_end().ends_with("</html>"), "cut short:\n{}", seen.dom);
    // The hostile answer is shown as text, with its escape character spelt out.
    first("&lt;script&gt;console.error('escaped')&lt;/script&gt;");
    first(r"\u{1b}[2J");
    for parsed in ["<script", "<img"] {
        assert!(!seen.dom.contains(parsed), "{parsed} became an element:\n{}", seen.dom);
    }
    // Every check is shown once.
    assert_eq!(seen.dom.matches("<th scope=\"row\">").count(), proof.checks.len());
}

/// An audit with long names and values, and a control of each outcome.
fn audit() -> Audit {
    let control = |outcome: Outcome| {
        let finding = Finding {
            resource: "function.AFunctionWithALongName".into(),
            outcome,
            observed: "UserPoolAddOns.AdvancedSecurityAdditionalFlows.CustomAuthMode: OFF".into(),
            key: (outcome == Outcome::Fail).then(|| {
                "functions.AFunctionWithALongName.vpc = { subnets = [\"SUBNET_1\", \"SUBNET_2\"], security_groups = [] }"
                    .to_owned()
            }),
        };
        Evaluation {
            id: "cognito_user_pool_blocks_compromised_credentials_sign_in_attempts",
            standard: "prowler",
            severity: "medium",
            title: "User pools block leaked passwords",
            outcome,
            accepted: (outcome == Outcome::Accepted).then(|| "the owner says so".to_owned()),
            findings: vec![finding],
        }
    };
    let endpoint = Some("http://127.0.0.1:4577".to_owned());
    Audit {
        schema_version: 1,
        tool: "securelambda".into(),
        stack: "demo".into(),
        account: "123456789012".into(),
        region: "eu-central-1".into(),
        emulator: Emulator::of(endpoint.as_deref()),
        endpoint,
        at_unix_ms: 1_795_000_000_000,
        standards: vec!["prowler"],
        controls: Outcome::ALL.map(control).into(),
    }
}

#[test]
fn the_report_fits_the_width_of_a_phone() {
    for report in [proof_html(&sample::broken()), proof_html(&sample::sound()), audit_html(&audit())] {
        let Some(page) = Opened::page(&report) else { return };
        // A window cannot be as narrow as a phone, but a frame can. A script beside the frame measures the report.
        let measure = "<!doctype html><title>?</title><iframe src=\"page.html\" width=\"390\" height=\"844\"></iframe>\
                       <script>onload = () => {\
                         const inside = document.querySelector('iframe').contentDocument;\
                         inside.querySelectorAll('details').forEach(details => details.open = true);\
                         const widest = Math.max(...[...inside.querySelectorAll('main *')]\
                           .map(element => element.getBoundingClientRect().right));\
                         document.title = [inside.documentElement.clientWidth, inside.documentElement.scrollWidth, \
                           Math.ceil(widest)].join(' ');\
                       }</script>";
        std::fs::write(page.path("phone.html"), measure).unwrap();
        let seen = page.open("phone.html", &["--allow-file-access-from-files", "--window-size=800,1000", "--dump-dom"]);
        let seen = seen.without_console_messages();
        let title = seen.dom.split("<title>").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
        let widths: Vec<u32> = title.split(' ').map(|width| width.parse().expect(title)).collect();
        let [viewport, page, widest] = widths[..] else { panic!("{title}") };
        assert!((300..=390).contains(&viewport), "{viewport}");
        assert!(page <= viewport && widest <= viewport, "{page} and {widest} of {viewport}");
    }
}

#[test]
fn the_report_can_be_printed_and_captured() {
    let Some(page) = Opened::new(&sample::sound()) else { return };
    let (shot, paper) = (page.path("shot.png"), page.path("paper.pdf"));
    page.open("page.html", &["--window-size=1280,1600", &format!("--screenshot={}", shot.display())])
        .without_console_messages();
    assert!(std::fs::metadata(shot).unwrap().len() > 20_000, "an empty picture");
    page.open("page.html", &["--no-pdf-header-footer", &format!("--print-to-pdf={}", paper.display())])
        .without_console_messages();
    // If the layers were folded as on the screen, the report would be one page.
    let pages = String::from_utf8_lossy(&std::fs::read(paper).unwrap()).matches("/Type /Page\n").count();
    assert!(pages >= 4, "{pages} pages");
}

#[test]
fn pythons_xml_parser_reads_the_junit_report() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("report.xml");
    std::fs::write(&file, proof_junit(&sample::broken())).unwrap();
    let script = "import sys, xml.etree.ElementTree as e; r = e.parse(sys.argv[1]).getroot(); \
                  print(len(r), *(len(list(r.iter(t))) for t in ['testcase', 'failure', 'skipped', 'system-out']))";
    let ran = Command::new("python3").args(["-c", script]).arg(&file).output().unwrap();
    let counts = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let all = sample::broken().checks.len();
    assert_eq!(counts.trim(), format!("5 {all} 3 4 {}", all - 7));
}
