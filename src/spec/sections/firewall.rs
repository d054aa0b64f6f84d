//! `[firewall]`

mod countries;
pub mod managed;
mod own_rules;

use std::collections::BTreeSet;

use ipnet::IpNet;
use toml::de::DeTable;

use super::{ApiKind, Part, Posture, Stack};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Flag, Key, List, Nested, Number, OptionalNumber, Word};
use crate::spec::reader::{Reader, Table};
use crate::spec::section::{Choice, Section, section};

use managed::{EXCEPTIONS, ExceptionsKeys};
use own_rules::{FIREWALL_RULE, FirewallRuleKeys};

pub use managed::ManagedRule;
pub use own_rules::{FirewallAction, FirewallRule};

static KEY: Nested<FirewallKeys> = Nested::table(
    "firewall",
    &FIREWALL,
    "The web ACL on the stages of REST APIs and on user pools. With posture = \"hardened\" the stack has one even without this section.",
);

/// The most networks of an IP set (docs/aws.md, IP sets).
const MAX_ADDRESSES: usize = 10_000;

section! {
    FIREWALL: FirewallKeys = "firewall";
    mode: Word<Mode> = of(
        &["count", "allow", "block"],
        &[Mode::Count, Mode::Allow, Mode::Block],
        "count: requests from the addresses are counted and every request passes. allow: only the addresses pass. block: the addresses are blocked.",
    );
    addresses: List = texts("IPv4 and IPv6 networks, as CIDR.");
    rate_per_ip: OptionalNumber = range(
        10, 2_000_000_000, "The most requests of one address in 5 minutes. Above that, the address is blocked.",
    );
    managed_rules: List = hardened_words(
        &managed::WORDS,
        &["ip-reputation:block", "common:block", "known-bad-inputs:block"],
        "AWS's managed rule groups. WAF counts what a group would block, or blocks it with :block.",
    );
    exceptions: Nested<ExceptionsKeys> = table(&EXCEPTIONS, "Rules of the managed rule groups that only count.");
    countries: Nested<CountriesKeys> = table(&COUNTRIES, "The countries whose addresses are blocked.");
    body_limit_kb: Number = one_of(
        &[16, 32, 48, 64],
        16,
        "How many KB of a body WAF inspects before an API. It charges for more than 16.",
    );
    log: Flag = hardened(
        false,
        true,
        "Whether every request is logged to the log group aws-waf-logs-<stack>, without its authorization and cookie headers.",
    );
    rules: Nested<FirewallRuleKeys> = some_tables(
        &FIREWALL_RULE, "Rules of your own, in this order, after all others except the addresses of mode = \"allow\".",
    );
}

section! {
    COUNTRIES: CountriesKeys = "countries", Choice::OneKey;
    block: List = texts("Requests from these countries are blocked: codes of two letters, as in \"DE\" (ISO 3166).");
    allow: List = texts("Requests from all other countries are blocked.");
}

/// The web ACL on the stages of REST APIs and on user pools.
#[derive(Debug, Clone, PartialEq)]
pub struct Firewall {
    pub mode: Mode,
    /// Networks. A single address is a network of one host.
    pub addresses: Vec<IpNet>,
    /// The most requests of one address in five minutes. Above that, WAF blocks the address.
    pub rate_per_ip: Option<u32>,
    pub managed_rules: Vec<ManagedRule>,
    pub countries: Option<Countries>,
    /// How much of a body WAF inspects before an API, in KB: 16, 32, 48 or 64.
    pub body_limit_kb: u32,
    /// Whether every request is logged.
    pub log: bool,
    /// In the order of evaluation.
    pub rules: Vec<FirewallRule>,
}

impl Firewall {
    /// Whether it blocks any request.
    pub fn blocks(&self) -> bool {
        // Without addresses, the mode `block` blocks nobody.
        let addresses = match self.mode {
            Mode::Count => false,
            Mode::Allow => true,
            Mode::Block => !self.addresses.is_empty(),
        };
        addresses || self.may_block_anyone()
    }

    /// Whether it blocks requests by other rules than that on its addresses.
    pub fn may_block_anyone(&self) -> bool {
        self.rate_per_ip.is_some()
            || self.managed_rules.iter().any(|group| group.block)
            || self.countries.is_some()
            || self.rules.iter().any(|rule| rule.action == FirewallAction::Block)
    }
}

/// The countries whose addresses are blocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countries {
    /// Codes of two letters, sorted.
    pub codes: Vec<String>,
    /// Whether all countries except `codes` are blocked, instead of `codes`.
    pub all_others: bool,
}

/// How the firewall uses its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Requests from them are counted, and every request passes.
    Count,
    /// Only requests from them pass.
    Allow,
    /// Requests from them are blocked.
    Block,
}

impl Part for Option<Firewall> {
    fn key() -> &'static Key {
        &KEY.key
    }

    fn read(reader: &mut Reader, root: &Table) -> Self {
        reader.table(root, &KEY).map(|table| firewall(reader, &table))
    }

    fn check(&self, checks: &mut Checks) {
        checks.report(pointless(checks.stack));
        let Some(firewall) = self else { return };
        let of_rules = firewall.rules.iter().enumerate();
        let of_rules =
            of_rules.map(|(index, rule)| (format!("firewall.rules.{index}.unless_address"), &rule.unless_address));
        for (place, addresses) in [("firewall.addresses".to_owned(), &firewall.addresses)].into_iter().chain(of_rules) {
            checks.report([false, true].into_iter().filter_map(|v6| too_many(&place, addresses, v6)));
        }
    }
}

/// The web ACL of the hardened posture if the stack file has no `[firewall]`. Auditors expect a web ACL on every stage
/// and pool that can have one.
pub(super) fn by_posture(reader: &mut Reader, root: &Table, stack: &Stack) -> Option<Firewall> {
    let could_have_one =
        stack.all_apis().any(|(_, api)| api.kind == ApiKind::Rest) || stack.pools.values().any(|pool| pool.firewall);
    if stack.posture != Posture::Hardened || root.get(&KEY.key).is_some() || !could_have_one {
        return None;
    }
    let (entries, path, what) = (DeTable::new(), root.at(&KEY.key), KEY.section.what().to_owned());
    Some(firewall(reader, &Table { span: 0..0, entries: &entries, path, what }))
}

/// Settings that would have no effect, or would lock everyone out.
fn pointless(stack: &Stack) -> Vec<Diagnostic> {
    let mut flaws = Vec::new();
    if let Some(firewall) = &stack.firewall {
        let mut kinds = stack.all_apis().map(|(_, api)| api.kind).peekable();
        if stack.pools.values().any(|pool| pool.firewall) {
            // The firewall protects these pools.
        } else if kinds.peek().is_none() {
            let message = "this stack has a firewall, but no API or pool that it could protect";
            flaws.push(Diagnostic::new("firewall", message));
        } else if kinds.all(|kind| kind == ApiKind::Http) {
            let message = "AWS cannot attach a web ACL to an HTTP API, so this firewall would protect nothing";
            let help = "use `kind = \"rest\"` for the API, set `firewall = true` on a pool, or remove the firewall: an HTTP \
                        API is protected only by its authorizer and its rate limits";
            flaws.push(Diagnostic::new("firewall", message).help(help));
        }
        if firewall.mode == Mode::Allow && firewall.addresses.is_empty() {
            let flaw = Diagnostic::new(
                "firewall.addresses",
                "the mode \"allow\" lets only the listed addresses through, and none is listed",
            );
            flaws.push(flaw.help("add the addresses that may call the API, or set mode = \"count\""));
        }
    } else if let Some((name, _)) = stack.pools.iter().find(|(_, pool)| pool.firewall) {
        let message = "this pool has `firewall = true`, but the stack has no firewall";
        flaws.push(Diagnostic::new(format!("pools.{name}"), message).help("add [firewall]"));
    }
    flaws
}

/// Addresses of one family that do not fit into an IP set.
fn too_many(place: &str, addresses: &[IpNet], v6: bool) -> Option<Diagnostic> {
    let count = addresses.iter().filter(|network| network.addr().is_ipv6() == v6).count();
    let family = if v6 { "IPv6" } else { "IPv4" };
    let message = format!("there are {count} {family} addresses; an IP set of WAF holds at most {MAX_ADDRESSES}");
    let help = "combine neighbouring networks into larger ones";
    (count > MAX_ADDRESSES).then(|| Diagnostic::new(place, message).help(help))
}

fn firewall(reader: &mut Reader, table: &Table) -> Firewall {
    let FirewallKeys { mode, addresses, rate_per_ip, managed_rules, exceptions, countries, body_limit_kb, log, rules } =
        &FIREWALL;
    let groups = managed::groups(reader, table, managed_rules, exceptions);
    let networks = networks(reader, table, addresses);
    let countries = reader.table(table, countries).and_then(|table| self::countries(reader, &table));
    let own = own_rules::read(reader, table, rules);
    Firewall {
        mode: reader.word(table, mode),
        addresses: networks,
        rate_per_ip: reader.optional_number(table, rate_per_ip),
        managed_rules: groups,
        countries,
        body_limit_kb: reader.number(table, body_limit_kb),
        log: reader.flag(table, log),
        rules: own,
    }
}

/// The networks in a list. Duplicates are reported.
fn networks(reader: &mut Reader, table: &Table, key: &List) -> Vec<IpNet> {
    let mut networks: Vec<IpNet> = Vec::new();
    for (address, span) in reader.list(table, key) {
        match network(&address) {
            Ok(network) if networks.contains(&network) => {
                reader.diagnostic(&span, format!("{network} is listed twice"), None);
            }
            Ok(network) => networks.push(network),
            Err(why) => reader.diagnostic(&span, why.message, Some(why.help)),
        }
    }
    networks
}

fn countries(reader: &mut Reader, table: &Table) -> Option<Countries> {
    let CountriesKeys { block, allow } = &COUNTRIES;
    let given = [block, allow].map(|key| table.get(&key.key).is_some());
    let mut codes = BTreeSet::new();
    for (code, span) in [reader.list(table, block), reader.list(table, allow)].concat() {
        if countries::CODES.contains(&code.as_str()) {
            codes.insert(code);
        } else {
            let help = "write the code of two capital letters, as in \"DE\" (ISO 3166)";
            reader.diagnostic(&span, format!("{code:?} is no country that WAF knows"), Some(help.into()));
        }
    }
    if given == [true, true] || given == [false, false] {
        let (block, allow) = (block.key.name, allow.key.name);
        let message = format!("the countries have either `{block}` or `{allow}`");
        reader.diagnostic(&table.span, message, None);
        return None;
    }
    if codes.is_empty() {
        reader.diagnostic(&table.span, "no country is listed", None);
    }
    Some(Countries { codes: codes.into_iter().collect(), all_others: given[1] })
}

/// The reason why a text is no network for WAF, and how to correct it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoNetwork {
    pub message: String,
    pub help: String,
}

/// Reads an address or network as WAF accepts it: CIDR, not /0, host bits cleared (docs/aws.md, IP sets).
pub(in crate::spec) fn network(text: &str) -> Result<IpNet, NoNetwork> {
    let network: IpNet = text.parse().map_err(|_| match text.parse::<std::net::IpAddr>() {
        Ok(address) => NoNetwork {
            message: format!("{text:?} lacks the length of its prefix"),
            help: format!("for this one address, write {}", IpNet::from(address)),
        },
        Err(_) => NoNetwork {
            message: format!("{text:?} is not an IP network"),
            help: "write an address, a slash and the length of the prefix, which is 32 for one address of IPv4".into(),
        },
    })?;
    if network.prefix_len() == 0 {
        return Err(NoNetwork {
            message: format!("{text:?} covers every address, which WAF does not accept in an IP set"),
            help: "without a firewall, or with mode = \"count\", every address is allowed".into(),
        });
    }
    Ok(network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_bits_of_networks_are_cleared_and_the_network_of_all_addresses_is_refused() {
        assert_eq!(network("10.0.0.5/24").map(|n| n.to_string()), Ok("10.0.0.0/24".into()));
        assert_eq!(network("2001:DB8::1/128").map(|n| n.to_string()), Ok("2001:db8::1/128".into()));
        assert!(network("0.0.0.0/0").is_err());
        assert!(network("1.2.3.4").is_err_and(|why| why.help.ends_with("write 1.2.3.4/32")));
        assert!(network("2001:db8::1").is_err_and(|why| why.help.ends_with("write 2001:db8::1/128")));
        assert!(network("1.2.3/24").is_err());
    }
}
