//! `traffic`: shows which requests the web ACL counted, allowed and blocked, from the samples that AWS keeps.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::Ending;
use super::session::{Session, Sources};
use crate::args;
use crate::aws::wafv2::{RuleTraffic, Sample, Wafv2};
use crate::config::Config;
use crate::error::Error;
use crate::outputs::SCHEMA_VERSION;
use crate::report::{answer, clock, date, one_line, table};

/// How long AWS keeps samples.
const KEPT: Duration = Duration::from_hours(3);

/// The number of samples that are listed; `--json` prints all of them.
const LISTED: usize = 20;

/// How many seconds AWS may round its times by.
const SLACK: i64 = 60;

pub(super) async fn run(args: &args::Traffic, config: Config) -> Result<Ending, Error> {
    if args.since > KEPT {
        return Err(Error::usage("--since must be at most 3h, because AWS keeps samples for 3 hours")
            .hint("use --since 3h or less"));
    }
    if config.stack.firewall.is_none() {
        return Err(Error::other("this stack has no firewall").hint("add a [firewall] section to the stack file"));
    }
    let session = Session::existing(config, Sources::Untouched).await?;
    let Some(firewall) = session.outputs(&session.state().await?).firewall else {
        return Err(Error::other("the firewall does not exist yet").hint("run `securelambda up`"));
    };
    let rules = Wafv2::new(&session.clients).traffic(&firewall.web_acl_arn, args.since).await?;
    if session.config.output.json {
        answer(&super::pretty(&document(&firewall.web_acl_arn, &rules)));
    } else {
        answer(&text(&rules));
    }
    Ok(Ending::Done)
}

/// The requests on which a rule took one action.
#[derive(Debug, PartialEq)]
struct Share {
    action: String,
    sampled: usize,
    /// The number of requests, estimated from the samples.
    requests: i64,
}

/// The requests of a rule by action. Each sample represents a number of requests in proportion to its weight.
fn shares(rule: &RuleTraffic) -> Vec<Share> {
    let mut by_action: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
    for sample in &rule.samples {
        let (count, weight) = by_action.entry(&sample.action).or_default();
        *count += 1;
        *weight += sample.weight.max(1);
    }
    let all: i64 = by_action.values().map(|(_, weight)| weight).sum();
    let share = |(action, (sampled, weight)): (&str, (usize, i64))| {
        let requests = (rule.population.saturating_mul(weight) + all / 2) / all.max(1);
        let requests = if is_whole(rule) { i64::try_from(sampled).unwrap_or(i64::MAX) } else { requests };
        Share { action: action.to_owned(), sampled, requests }
    };
    by_action.into_iter().map(share).collect()
}

/// Whether every request was sampled.
fn is_whole(rule: &RuleTraffic) -> bool {
    i64::try_from(rule.samples.len()).is_ok_and(|sampled| sampled >= rule.population)
}

fn text(rules: &[RuleTraffic]) -> String {
    let window = rules.iter().map(|rule| rule.window).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let (from, to) = window.unwrap_or_default();
    let mut text = format!("Requests by rule, from {} to {}\n\n", moment(from), moment(to));
    let rows = rules.iter().flat_map(|rule| {
        let name = one_line(&rule.rule);
        let row = |action: String, requests: String, how: String| vec![name.clone(), action, requests, how];
        let shares = shares(rule);
        if !rule.sampling {
            return vec![row("-".into(), "?".into(), "sampling is off".into())];
        }
        if shares.is_empty() {
            return vec![row("-".into(), "0".into(), String::new())];
        }
        let share = |share: Share| {
            let action = one_line(&share.action);
            if is_whole(rule) {
                return row(action, share.requests.to_string(), "all requests sampled".into());
            }
            let mut how =
                format!("{} of {} samples, from {} requests", share.sampled, rule.samples.len(), rule.population);
            // AWS samples only the first 5,000 requests of the window, and reports until when it sampled.
            if rule.window.1 + SLACK < to {
                how += &format!(", all before {}", moment(rule.window.1));
            }
            row(action, format!("about {}", share.requests), how)
        };
        shares.into_iter().map(share).collect()
    });
    text += &table(&["RULE", "ACTION", "REQUESTS", "FROM"], rows);
    let latest = latest(rules);
    if latest.is_empty() {
        text += "\n\nNo requests were sampled.";
        return text;
    }
    let shown = latest.len().min(LISTED);
    text += &format!(
        "\n\nThe latest {shown} of {} samples. A request is listed once for each rule that matched it.\n\n",
        latest.len()
    );
    let rows = latest.iter().take(LISTED).map(|(rule, sample)| {
        let rule = sample.inner_rule.as_ref().map_or(rule.rule.clone(), |inner| format!("{}: {inner}", rule.rule));
        let cells = [&sample.address, &sample.country, &sample.method, &sample.path, &rule, &sample.action];
        std::iter::once(moment(sample.at)).chain(cells.map(|cell| one_line(cell))).collect()
    });
    text += &table(&["TIME", "ADDRESS", "COUNTRY", "METHOD", "PATH", "RULE", "ACTION"], rows);
    text
}

/// All samples, the latest first.
fn latest(rules: &[RuleTraffic]) -> Vec<(&RuleTraffic, &Sample)> {
    let mut all: Vec<_> = rules.iter().flat_map(|rule| rule.samples.iter().map(move |sample| (rule, sample))).collect();
    all.sort_by_key(|(_, sample)| std::cmp::Reverse(sample.at));
    all
}

/// `2026-11-28 12:34:56Z`.
fn moment(unix: i64) -> String {
    format!("{} {}", date(unix), clock(unix.saturating_mul(1000)).replace(".000", ""))
}

fn document(web_acl_arn: &str, rules: &[RuleTraffic]) -> Value {
    let actions = |rule: &RuleTraffic| -> Vec<Value> {
        let shares = shares(rule).into_iter();
        shares
            .map(|share| json!({ "action": share.action, "sampled": share.sampled, "requests": share.requests }))
            .collect()
    };
    let summaries = rules.iter().map(|rule| {
        json!({
            "rule": rule.rule, "sampling": rule.sampling, "sampled": rule.samples.len(), "population": rule.population,
            "exact": is_whole(rule), "from_unix": rule.window.0, "to_unix": rule.window.1, "actions": actions(rule),
        })
    });
    let samples = latest(rules).into_iter().map(|(rule, sample)| {
        json!({
            "time_unix": sample.at, "address": sample.address, "country": sample.country, "method": sample.method,
            "path": sample.path, "rule": rule.rule, "inner_rule": sample.inner_rule, "action": sample.action,
        })
    });
    json!({
        "schema_version": SCHEMA_VERSION,
        "web_acl_arn": web_acl_arn,
        "rules": summaries.collect::<Vec<_>>(),
        "samples": samples.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: i64, action: &str, weight: i64) -> Sample {
        Sample {
            at,
            address: "203.0.113.7".into(),
            country: "DE".into(),
            method: "POST".into(),
            path: "/development/lambda1\u{1b}[2J".into(),
            action: action.into(),
            inner_rule: None,
            weight,
        }
    }

    fn rules() -> Vec<RuleTraffic> {
        let rule = |rule: &str, population, samples| RuleTraffic {
            rule: rule.into(),
            sampling: true,
            population,
            window: (1_795_824_000, 1_795_834_800),
            samples,
        };
        let (first, second) = (1_795_830_000, 1_795_830_001);
        vec![
            rule("addresses-v4", 1, vec![sample(first, "COUNT", 1)]),
            rule("rate-per-ip", 0, Vec::new()),
            RuleTraffic { sampling: false, ..rule("common", 0, Vec::new()) },
            RuleTraffic {
                window: (1_795_824_000, 1_795_831_200),
                ..rule("default action", 1000, vec![sample(first, "ALLOW", 3), sample(second, "BLOCK", 1)])
            },
        ]
    }

    #[test]
    fn exact_and_estimated_counts_are_distinguished() {
        insta::assert_snapshot!(text(&rules()), @r"
        Requests by rule, from 2026-11-28 00:00:00Z to 2026-11-28 03:00:00Z

        RULE            ACTION  REQUESTS   FROM
        addresses-v4    COUNT   1          all requests sampled
        rate-per-ip     -       0
        common          -       ?          sampling is off
        default action  ALLOW   about 750  1 of 2 samples, from 1000 requests, all before 2026-11-28 02:00:00Z
        default action  BLOCK   about 250  1 of 2 samples, from 1000 requests, all before 2026-11-28 02:00:00Z

        The latest 3 of 3 samples. A request is listed once for each rule that matched it.

        TIME                  ADDRESS      COUNTRY  METHOD  PATH                      RULE            ACTION
        2026-11-28 01:40:01Z  203.0.113.7  DE       POST    /development/lambda1 [2J  default action  BLOCK
        2026-11-28 01:40:00Z  203.0.113.7  DE       POST    /development/lambda1 [2J  addresses-v4    COUNT
        2026-11-28 01:40:00Z  203.0.113.7  DE       POST    /development/lambda1 [2J  default action  ALLOW
        ");
    }

    #[test]
    fn samples_represent_requests_in_proportion_to_their_weight() {
        let share = |action: &str, requests| Share { action: action.into(), sampled: 1, requests };
        assert_eq!(shares(&rules()[3]), [share("ALLOW", 750), share("BLOCK", 250)]);
        assert_eq!(shares(&rules()[0]), [share("COUNT", 1)]);
        assert_eq!(shares(&rules()[1]), []);
    }

    #[test]
    fn the_json_document() {
        let document = document("arn:acl", &rules());
        assert_eq!(document["rules"][3]["actions"][0], json!({ "action": "ALLOW", "sampled": 1, "requests": 750 }));
        assert_eq!((&document["rules"][0]["exact"], &document["rules"][3]["exact"]), (&json!(true), &json!(false)));
        assert_eq!(document["samples"][0]["action"], "BLOCK");
        assert_eq!(document["samples"].as_array().map(Vec::len), Some(3));
    }
}
