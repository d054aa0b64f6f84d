//! The output of `doctor`: a line for each check, and below it a hint unless the check passed.

use super::Palette;
use super::commands::completed;
use super::words::one_line;
use crate::doctor::{Health, HealthCheck};

/// All checks, and the number of each result.
pub fn checkup_text(checks: &[HealthCheck], palette: Palette) -> String {
    let width = checks.iter().map(|check| console::measure_text_width(&check.subject)).max().unwrap_or(0);
    let mut text = String::new();
    let mut area = None;
    for check in checks {
        if area.replace(check.area).is_some_and(|before| before != check.area) {
            text.push('\n');
        }
        let subject = console::pad_str(&check.subject, width, console::Alignment::Left, None).into_owned();
        text += &format!("{} {subject}  {}\n", mark(check.health, palette), one_line(&check.finding));
        if let Some(hint) = &check.hint {
            text += &format!("  {:width$}  {}\n", "", palette.dim(&format!("hint: {}", one_line(&completed(hint)))));
        }
    }
    let count = |health| checks.iter().filter(|check| check.health == health).count();
    let counts = [
        (count(Health::Good), "passed".to_owned()),
        (count(Health::Warning), plural("warning", count(Health::Warning))),
        (count(Health::Bad), plural("error", count(Health::Bad))),
        (count(Health::NotApplicable), "not applicable".to_owned()),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    text + "\n" + &counts.collect::<Vec<_>>().join(", ") + "."
}

fn plural(word: &str, count: usize) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

fn mark(health: Health, palette: Palette) -> String {
    let (fancy, plain) = match health {
        Health::Good => ("✓", "ok"),
        Health::Warning => ("!", "! "),
        Health::Bad => ("✗", "x "),
        Health::NotApplicable => ("–", "- "),
    };
    let mark = if palette.unicode { fancy } else { plain };
    match health {
        Health::Good => palette.good(mark),
        Health::Warning => palette.warn(mark),
        Health::Bad => palette.bad(mark),
        Health::NotApplicable => palette.dim(mark),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Area;

    #[test]
    fn each_check_has_a_mark_and_a_hint_unless_it_passed() {
        let checks = [
            HealthCheck::new(Area::Credentials, "who", Health::Good, "arn:aws:iam::123456789012:user/ada"),
            HealthCheck::new(Area::Credentials, "expiry", Health::Warning, "in 5 min").hint("sign in again first"),
            HealthCheck::new(Area::Account, "user pools", Health::Bad, "1000 of 1000 used, 2 to create")
                .hint("request an increase"),
            HealthCheck::new(Area::Account, "permissions", Health::NotApplicable, "not available\nhere").hint("x"),
        ];
        insta::assert_snapshot!(checkup_text(&checks, Palette { unicode: true, ..Palette::default() }));
        let plain = checkup_text(&checks, Palette::default());
        assert!(plain.is_ascii() && plain.contains("x  user pools"), "{plain}");
    }
}
