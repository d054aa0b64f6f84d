//! Adds an address to a stack file as text, so that its comments and its layout stay as they are.

use std::ops::Range;

use ipnet::IpNet;
use toml::de::{DeTable, DeValue};

use super::sections::{NoNetwork, network};
use super::{Mode, Stack, parse};

/// The reason why an address cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    #[error("{}", .0.message)]
    NoNetwork(NoNetwork),
    #[error("the stack file has no [firewall]")]
    NoFirewall,
    #[error("the firewall's mode is \"block\", which blocks its addresses instead of allowing them")]
    WouldBlock,
    #[error("the stack file's addresses are written in a form that this command cannot edit")]
    Form,
}

/// Adds addresses to the text of a stack file. Returns the new text and the addresses that were added. The text is
/// `None` if the file has all addresses already.
pub fn allow(text: &str, stack: &Stack, asked: &[String]) -> Result<(Option<String>, Vec<IpNet>), Unwritable> {
    let firewall = stack.firewall.as_ref().ok_or(Unwritable::NoFirewall)?;
    if firewall.mode == Mode::Block {
        return Err(Unwritable::WouldBlock);
    }
    let mut new: Vec<IpNet> = Vec::new();
    for address in asked {
        let network = network(address).map_err(Unwritable::NoNetwork)?;
        if !firewall.addresses.contains(&network) && !new.contains(&network) {
            new.push(network);
        }
    }
    if new.is_empty() {
        return Ok((None, new));
    }
    let written = insert(text, &new).ok_or(Unwritable::Form)?;
    // The new text must have the old settings and the new addresses, and nothing else.
    let mut expected = firewall.clone();
    expected.addresses = new.iter().chain(&firewall.addresses).copied().collect();
    let said = parse(&written).ok().and_then(|stack| stack.firewall);
    if said.as_ref() != Some(&expected) {
        return Err(Unwritable::Form);
    }
    Ok((Some(written), new))
}

fn insert(text: &str, new: &[IpNet]) -> Option<String> {
    let document = DeTable::parse(text).ok()?;
    let DeValue::Table(firewall) = document.get_ref().get("firewall")?.get_ref() else { return None };
    let quoted: Vec<String> = new.iter().map(|network| format!("\"{network}\"")).collect();
    let Some(addresses) = firewall.get("addresses") else {
        // In front of the section's first key, on a line of its own.
        let first = firewall.keys().map(|key| key.span().start).min()?;
        let line = text[..first].rfind('\n').map_or(0, |end| end + 1);
        return Some(format!("{}addresses = [{}]\n{}", &text[..line], quoted.join(", "), &text[line..]));
    };
    let DeValue::Array(items) = addresses.get_ref() else { return None };
    let list = addresses.span();
    let Some(first) = items.iter().next() else {
        let Range { start, .. } = list;
        return Some(format!("{}{}{}", &text[..=start], quoted.join(", "), &text[start + 1..]));
    };
    // The new addresses go in front of the first old one, because a comment may follow the last one. Each gets its own
    // line if the old addresses have lines of their own.
    let start = first.span().start;
    let before = &text[list.start..start];
    let indent = before.rfind('\n').map(|line| &before[line..]).filter(|indent| indent.trim().is_empty());
    let between = indent.map_or(", ".to_owned(), |indent| format!(",{indent}"));
    Some(format!("{}{}{between}{}", &text[..start], quoted.join(&between), &text[start..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(firewall: &str) -> String {
        format!(
            "# ours\n[functions.F]\nsource = \"f\"\n\n[api]\n[[api.routes]]\nroute = \"GET /\"\nfunction = \"F\"\nauth = \"none\"\n\n{firewall}"
        )
    }

    fn added(firewall: &str, asked: &[&str]) -> Result<String, Unwritable> {
        let text = file(firewall);
        let stack = parse(&text).expect("a sound file");
        let asked: Vec<String> = asked.iter().map(|one| (*one).to_owned()).collect();
        let (written, _) = allow(&text, &stack, &asked)?;
        Ok(written.unwrap_or(text).strip_prefix(&file("")).expect("the rest is as it was").to_owned())
    }

    #[test]
    fn addresses_are_added_and_the_rest_of_the_file_stays() {
        let one = "198.51.100.4/32";
        let table = [
            (
                "[firewall]\naddresses = [\"203.0.113.7/32\"] # office\n",
                "[firewall]\naddresses = [\"198.51.100.4/32\", \"203.0.113.7/32\"] # office\n",
            ),
            ("[firewall]\naddresses = []\n", "[firewall]\naddresses = [\"198.51.100.4/32\"]\n"),
            (
                "[firewall]\nmode = \"count\" # careful\n",
                "[firewall]\naddresses = [\"198.51.100.4/32\"]\nmode = \"count\" # careful\n",
            ),
            (
                "[firewall]\naddresses = [\n  \"203.0.113.7/32\",  # office\n  \"10.0.0.0/8\", # home\n]\n",
                "[firewall]\naddresses = [\n  \"198.51.100.4/32\",\n  \"203.0.113.7/32\",  # office\n  \"10.0.0.0/8\", # home\n]\n",
            ),
        ];
        for (before, after) in table {
            assert_eq!(added(before, &[one]).as_deref(), Ok(after));
            assert_eq!(added(after, &[one]).as_deref(), Ok(after), "twice is fine");
        }
    }

    #[test]
    fn addresses_of_both_families_are_added_once_each() {
        let before = "[firewall]\naddresses = [\"203.0.113.7/32\"]\n";
        let asked = ["2001:DB8::1/128", "10.0.0.9/24", "2001:db8::1/128", "203.0.113.7/32"];
        let after = "[firewall]\naddresses = [\"2001:db8::1/128\", \"10.0.0.0/24\", \"203.0.113.7/32\"]\n";
        assert_eq!(added(before, &asked).as_deref(), Ok(after));
    }

    #[test]
    fn an_address_is_refused_if_the_firewall_would_not_let_it_in() {
        let list = "addresses = [\"203.0.113.7/32\"]\n";
        assert_eq!(
            added(&format!("[firewall]\nmode = \"block\"\n{list}"), &["10.0.0.1/32"]),
            Err(Unwritable::WouldBlock)
        );
        assert_eq!(added("", &["10.0.0.1/32"]), Err(Unwritable::NoFirewall));
        assert!(matches!(added(&format!("[firewall]\n{list}"), &["0.0.0.0/0"]), Err(Unwritable::NoNetwork(_))));
        assert!(matches!(added(&format!("[firewall]\n{list}"), &["me"]), Err(Unwritable::NoNetwork(_))));
        assert_eq!(added("[firewall]\n", &["10.0.0.1/32"]), Err(Unwritable::Form), "nothing to put it beside");
    }
}
