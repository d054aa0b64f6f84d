//! A changed setting on one line.

use console::{measure_text_width, truncate_str};

use super::palette::Palette;
use super::words::one_line;
use crate::engine::Drift;

/// The maximum width of a value. Policy documents are long and usually differ in one place.
const VALUE: usize = 60;

/// The number of equal characters that are kept before the first difference.
const BEFORE: usize = 12;

/// `  rate limit: 10000 → 50`: the live value and then the value of the stack file. The line begins with `!` if the
/// live value reduces protection.
pub(super) fn line(drift: &Drift, palette: Palette) -> String {
    let mark = if drift.weakens { palette.warn("!") } else { " ".to_owned() };
    let (live, want) = (one_line(&drift.live), one_line(&drift.want));
    // Hashes say nothing to people.
    if drift.field == "CodeSha256" {
        return format!("{mark} code changed");
    }
    // A sentence instead of two values.
    if live.is_empty() && want.is_empty() {
        return format!("{mark} {}", drift.field);
    }
    // Values of secrets are hidden.
    if live == want {
        return format!("{mark} {}: different", drift.field);
    }
    let cut = if measure_text_width(&live).max(measure_text_width(&want)) > VALUE { shared(&live, &want) } else { 0 };
    let [live, want] = [live, want].map(|value| shorten(&value, cut, palette));
    format!("{mark} {}: {} {} {}", drift.field, palette.before(&live), palette.arrow(), palette.after(&want))
}

/// A line for each changed setting. Settings that reduce protection come first.
pub(super) fn lines(drift: &[Drift], palette: Palette) -> Vec<String> {
    let (weakening, other): (Vec<_>, Vec<_>) = drift.iter().partition(|drift| drift.weakens);
    weakening.into_iter().chain(other).map(|drift| line(drift, palette)).collect()
}

/// The number of equal characters at the beginning that can be omitted.
fn shared(a: &str, b: &str) -> usize {
    let equal = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    equal.saturating_sub(BEFORE)
}

/// A value without its first `cut` characters, no longer than [`VALUE`].
fn shorten(value: &str, cut: usize, palette: Palette) -> String {
    let kept: String = value.chars().skip(cut).collect();
    let before = if cut > 0 { palette.ellipsis() } else { "" };
    let shown = if kept.is_empty() { "(none)" } else { &kept };
    truncate_str(&format!("{before}{shown}"), VALUE, palette.ellipsis()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNICODE: Palette = Palette { color: false, unicode: true };

    #[test]
    fn the_live_value_comes_before_the_wanted_value() {
        let drift = Drift::new("rate limit", 50, 10000);
        assert_eq!(line(&drift, UNICODE), "  rate limit: 10000 → 50");
        assert_eq!(line(&drift, Palette::default()), "  rate limit: 10000 -> 50");
        assert_eq!(line(&Drift::new("description", "", "old"), UNICODE), "  description: old → (none)");
    }

    #[test]
    fn settings_that_reduce_protection_come_first_and_are_marked() {
        let drift = [Drift::new("memory", 128, 256), Drift::weakening("authorizer", "AGAuthorizer1", "NONE")];
        assert_eq!(lines(&drift, UNICODE), ["! authorizer: NONE → AGAuthorizer1", "  memory: 256 → 128"]);
    }

    #[test]
    fn hidden_values_are_not_shown() {
        assert_eq!(line(&Drift::new("value", "(hidden)", "(hidden)"), UNICODE), "  value: different");
        assert_eq!(line(&Drift::weakening("CodeSha256", "eEr2", "yt3R"), UNICODE), "! code changed");
        assert_eq!(line(&Drift::new("code: a.mjs changed", "", ""), UNICODE), "  code: a.mjs changed");
    }

    #[test]
    fn long_values_are_shortened_to_their_difference() {
        let document = |action: &str| {
            format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}"}}]}}"#)
        };
        let drift = Drift::new("policy", document("sns:Publish"), document("sns:*"));
        assert_eq!(line(&drift, UNICODE), r#"  policy: …ction":"sns:*"}]} → …ction":"sns:Publish"}]}"#);
    }
}
