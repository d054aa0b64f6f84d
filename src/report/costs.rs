//! The costs of a stack, for `plan`.

use crate::costs::{Cost, Price, monthly_sum};

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
