//! `cost`: what the stack costs in a month, when idle and when it is used. Makes no call.

use serde_json::json;

use super::Ending;
use crate::args;
use crate::config::Config;
use crate::costs::{Price, Usage, costs, monthly_sum, usage_costs, usage_sum};
use crate::outputs::SCHEMA_VERSION;
use crate::report::{answer, cost_text};

pub(super) fn run(args: &args::Cost, config: &Config) -> Ending {
    let fixed = costs(&config.stack);
    let usage = Usage { requests: args.requests, users: args.users, ms: args.ms };
    let used = usage_costs(&config.stack, usage);
    if config.output.json {
        let monthly = fixed.iter().filter_map(|cost| match cost.price {
            Price::Monthly(cents) => Some(json!({ "what": cost.what, "usd": dollars(u64::from(cents) * 10_000) })),
            Price::ByUse(_) => None,
        });
        let others = fixed.iter().filter_map(|cost| match cost.price {
            Price::ByUse(price) => Some(json!({ "what": cost.what, "price": price })),
            Price::Monthly(_) => None,
        });
        answer(&super::pretty(&json!({
            "schema_version": SCHEMA_VERSION,
            "stack": config.stack.name,
            "usage": { "requests": usage.requests, "users": usage.users, "ms": usage.ms },
            "idle": monthly.collect::<Vec<_>>(),
            "idle_usd": dollars(u64::from(monthly_sum(&fixed)) * 10_000),
            "used": used.iter().map(|cost| json!({ "what": cost.what, "usd": dollars(cost.micros) })).collect::<Vec<_>>(),
            "used_usd": dollars(usage_sum(&used)),
            "not_estimated": others.collect::<Vec<_>>(),
        })));
    } else {
        answer(&cost_text(&config.stack.name, &fixed, &used));
    }
    Ending::Done
}

/// US dollars with cents, from millionths.
#[allow(clippy::cast_precision_loss, reason = "the amount is rounded to cents anyway")]
fn dollars(micros: u64) -> f64 {
    (micros.div_ceil(10_000) as f64) / 100.0
}
