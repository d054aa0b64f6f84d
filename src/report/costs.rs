//! The costs of a stack, for `plan`.

use crate::costs::{Cost, Price, UsageCost, monthly_sum};

/// As in `Cost when idle: about 6.40 USD a month (web ACL 5.00, 1 firewall rule 1.00, 1 secret 0.40).`; `None` if AWS
/// charges for nothing of the stack.
pub fn costs_text(costs: &[Cost]) -> Option<String> {
    let fixed: Vec<String> = costs
        .iter()
        .filter_map(|cost| match cost.price {
            Price::Monthly(cents) => Some(format!("{} {}", cost.what, dollars(cents))),
            Price::ByUse(_) => None,
        })
        .collect();
    let by_use: Vec<String> = costs
        .iter()
        .filter_map(|cost| match cost.price {
            Price::Monthly(_) => None,
            Price::ByUse(price) => Some(format!("{} ({price})", cost.what)),
        })
        .collect();
    let idle = (!fixed.is_empty())
        .then(|| format!("Cost when idle: about {} USD a month ({}).", dollars(monthly_sum(costs)), fixed.join(", ")));
    let used = (!by_use.is_empty()).then(|| format!("Charged by use: {}.", by_use.join(", ")));
    let lines: Vec<String> = idle.into_iter().chain(used).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The costs of a month as a table: those that exist anyway, and those of use.
pub fn cost_text(stack: &str, fixed: &[Cost], used: &[UsageCost]) -> String {
    let idle: Vec<(String, u64)> = fixed
        .iter()
        .filter_map(|cost| match cost.price {
            Price::Monthly(cents) => Some((cost.what.clone(), u64::from(cents) * 10_000)),
            Price::ByUse(_) => None,
        })
        .collect();
    let used: Vec<(String, u64)> = used.iter().map(|cost| (cost.what.clone(), cost.micros)).collect();
    let width = idle.iter().chain(&used).map(|(what, _)| what.len()).max().unwrap_or(0).max(12);
    let table = |rows: &[(String, u64)]| {
        let sum = rows.iter().fold(0, |sum: u64, (_, micros)| sum.saturating_add(*micros));
        let line = |what: &str, micros: u64| format!("  {what:<width$}  {:>10}", cents(micros));
        let mut lines: Vec<String> = rows.iter().map(|(what, micros)| line(what, *micros)).collect();
        lines.push(line(if rows.is_empty() { "nothing" } else { "together" }, sum));
        lines.join("\n")
    };
    let mut text =
        format!("Cost of {stack} in a month, in USD, by the prices of us-east-1\n\nWhen idle\n{}\n", table(&idle));
    if !used.is_empty() {
        text += &format!("\nWith this use\n{}\n", table(&used));
    }
    let others: Vec<String> = fixed
        .iter()
        .filter_map(|cost| match cost.price {
            Price::ByUse(price) => Some(format!("{} ({price})", cost.what)),
            Price::Monthly(_) => None,
        })
        .collect();
    if !others.is_empty() {
        text += &format!("\nNot estimated: {}.\n", others.join(", "));
    }
    text + "\nNot included: what the functions use, data transfer, taxes, and the free tier of the account."
}

/// Millionths of a US dollar, rounded up to cents.
fn cents(micros: u64) -> String {
    let cents = micros.div_ceil(10_000);
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn dollars(cents: u32) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_prices_are_summed_and_prices_by_use_are_listed() {
        let cost = |what: &str, price| Cost { what: what.to_owned(), price };
        let fixed = [cost("web ACL", Price::Monthly(500)), cost("2 secrets", Price::Monthly(80))];
        let expected = "Cost when idle: about 5.80 USD a month (web ACL 5.00, 2 secrets 0.80).";
        assert_eq!(costs_text(&fixed).as_deref(), Some(expected));
        let used = [cost("X-Ray", Price::ByUse("5 USD per million traces"))];
        assert_eq!(costs_text(&used).as_deref(), Some("Charged by use: X-Ray (5 USD per million traces)."));
        assert_eq!(costs_text(&[]), None);
    }
}
