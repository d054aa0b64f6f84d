//! A pool's password policy: its description, the check of a password before a call, and the generator.

use rand::RngExt;

use crate::secret::SecretValue;

/// The longest password that Cognito accepts.
const LONGEST: usize = 256;

/// The shortest generated password.
const GENERATED: usize = 24;

/// The characters that Cognito counts as symbols. A space counts too, unless it is the first or the last character
/// (docs/aws.md, Users and passwords).
const SYMBOLS: &str = "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+-";

/// The characters of generated passwords: at least one of each group. Characters that look alike, and quotes, are left
/// out.
const MADE_OF: [&[u8]; 4] =
    [b"abcdefghijkmnopqrstuvwxyz", b"ABCDEFGHJKLMNPQRSTUVWXYZ", b"23456789", b"!@#%^*_-+=.,:?~"];

/// A pool's password policy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "the four are AWS's own, and each stands for itself")]
pub struct PasswordPolicy {
    /// The minimum number of characters, 6 to 99.
    pub minimum_length: u8,
    /// Whether at least one of `a-z` is required.
    pub lowercase: bool,
    /// Whether at least one of `A-Z` is required.
    pub uppercase: bool,
    /// Whether at least one of `0-9` is required.
    pub numbers: bool,
    /// Whether at least one symbol is required.
    pub symbols: bool,
    /// The number of days for which a temporary password can be used, 1 to 365.
    pub temporary_validity_days: u16,
    /// How many earlier passwords cannot be chosen again, 0 to 24.
    pub history: u8,
}

/// A class of characters: its name, and whether a character belongs to it.
type Kind = (&'static str, fn(char) -> bool);

impl PasswordPolicy {
    /// A password that meets this policy meets every policy.
    pub(super) const STRICTEST: Self = Self {
        minimum_length: 99,
        lowercase: true,
        uppercase: true,
        numbers: true,
        symbols: true,
        temporary_validity_days: 1,
        history: 0,
    };

    /// The required classes of characters.
    fn kinds(&self) -> impl Iterator<Item = Kind> {
        let kinds: [(bool, Kind); 4] = [
            (self.lowercase, ("a lower-case letter", |c| c.is_ascii_lowercase())),
            (self.uppercase, ("an upper-case letter", |c| c.is_ascii_uppercase())),
            (self.numbers, ("a digit", |c| c.is_ascii_digit())),
            (self.symbols, ("a symbol", |c| c == ' ' || SYMBOLS.contains(c))),
        ];
        kinds.into_iter().filter(|(asked, _)| *asked).map(|(_, kind)| kind)
    }

    /// The policy as text: "at least 12 characters, with a lower-case letter, a digit and a symbol".
    pub fn describe(&self) -> String {
        let names: Vec<&str> = self.kinds().map(|(name, _)| name).collect();
        let length = format!("at least {} characters", self.minimum_length);
        match names.split_last() {
            None => length,
            Some((last, [])) => format!("{length}, with {last}"),
            Some((last, rest)) => format!("{length}, with {} and {last}", rest.join(", ")),
        }
    }

    /// Checks a password against the policy.
    ///
    /// # Errors
    /// All rules that the password breaks, as texts that do not contain it: "it needs a digit". Never empty.
    pub fn check(&self, password: &SecretValue) -> Result<(), Vec<String>> {
        let text = password.reveal();
        let length = text.chars().count();
        let mut lacks = Vec::new();
        if length < usize::from(self.minimum_length) {
            lacks.push(format!("it needs at least {} characters and has {length}", self.minimum_length));
        }
        if length > LONGEST {
            lacks.push(format!("it may have at most {LONGEST} characters and has {length}"));
        }
        if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
            lacks.push("it must not begin or end with a space".to_owned());
        }
        let inner = text.trim();
        lacks.extend(self.kinds().filter(|(_, is)| !inner.contains(*is)).map(|(name, _)| format!("it needs {name}")));
        if lacks.is_empty() { Ok(()) } else { Err(lacks) }
    }
}

/// A new random password, from a generator that the operating system seeds. It meets every policy.
pub fn generate(policy: &PasswordPolicy) -> SecretValue {
    let mut rng = rand::rng();
    let length = GENERATED.max(policy.minimum_length.into());
    let mut pick = |from: &[u8]| char::from(from[rng.random_range(0..from.len())]);
    // One character of each class, the rest of any class, in random order.
    let all = MADE_OF.concat();
    let mut text: Vec<char> = MADE_OF.iter().map(|kind| pick(kind)).collect();
    text.extend((text.len()..length).map(|_| pick(&all)));
    for last in (1..text.len()).rev() {
        text.swap(last, rng.random_range(0..=last));
    }
    SecretValue::new(text.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy() -> PasswordPolicy {
        PasswordPolicy { minimum_length: 12, ..PasswordPolicy::STRICTEST }
    }

    fn lacks(text: &str) -> Vec<String> {
        policy().check(&SecretValue::new(text.to_owned())).err().unwrap_or_default()
    }

    #[test]
    fn each_rule_is_checked_and_named() {
        assert_eq!(lacks("Correct-horse-7"), Vec::<String>::new());
        assert_eq!(lacks("Correct horse 7"), Vec::<String>::new(), "an inner space is a symbol");
        assert_eq!(lacks("Ab1-"), ["it needs at least 12 characters and has 4"]);
        assert_eq!(lacks("correct-horse-7"), ["it needs an upper-case letter"]);
        assert_eq!(lacks("CORRECT-HORSE-7"), ["it needs a lower-case letter"]);
        assert_eq!(lacks("Correct-horse-x"), ["it needs a digit"]);
        assert_eq!(lacks("Correct1horse2x"), ["it needs a symbol"]);
        assert_eq!(lacks(" Correct1horse2"), ["it must not begin or end with a space", "it needs a symbol"]);
        assert_eq!(lacks("Correcthorse7€"), ["it needs a symbol"], "Cognito counts ASCII's alone");
        assert_eq!(lacks(&"Aa1-".repeat(65)), ["it may have at most 256 characters and has 260"]);
    }

    #[test]
    fn an_empty_policy_checks_nothing() {
        let none = PasswordPolicy {
            minimum_length: 6,
            lowercase: false,
            uppercase: false,
            numbers: false,
            symbols: false,
            temporary_validity_days: 7,
            history: 0,
        };
        assert_eq!(none.check(&SecretValue::new("aaaaaa".into())), Ok(()));
        assert_eq!(none.describe(), "at least 6 characters");
        assert_eq!(PasswordPolicy { numbers: true, ..none.clone() }.describe(), "at least 6 characters, with a digit");
        assert_eq!(
            policy().describe(),
            "at least 12 characters, with a lower-case letter, an upper-case letter, a digit and a symbol"
        );
    }

    prop_compose! {
        fn any_policy()(
            minimum_length in 6_u8..=99,
            lowercase: bool, uppercase: bool, numbers: bool, symbols: bool,
            temporary_validity_days in 1_u16..=365, history in 0_u8..=24,
        ) -> PasswordPolicy {
            PasswordPolicy { minimum_length, lowercase, uppercase, numbers, symbols, temporary_validity_days, history }
        }
    }

    proptest! {
        #[test]
        fn generated_passwords_meet_every_policy(policy in any_policy()) {
            let password = generate(&policy);
            prop_assert_eq!(policy.check(&password), Ok(()));
            // It has characters of all four kinds, even if the policy requires none.
            let wide = PasswordPolicy { minimum_length: policy.minimum_length, ..PasswordPolicy::STRICTEST };
            prop_assert_eq!(wide.check(&password), Ok(()));
        }

        #[test]
        fn the_strictest_policy_implies_all_others(policy in any_policy()) {
            prop_assert_eq!(policy.check(&generate(&PasswordPolicy::STRICTEST)), Ok(()));
        }

        #[test]
        fn messages_never_contain_the_password(text in "[a-z€ ]{12,40}") {
            for lack in policy().check(&SecretValue::new(text.clone())).err().unwrap_or_default() {
                prop_assert!(!lack.contains(&text));
            }
        }
    }

    #[test]
    fn generated_passwords_differ() {
        let made: std::collections::HashSet<String> =
            (0..1000).map(|_| generate(&policy()).reveal().to_owned()).collect();
        assert_eq!(made.len(), 1000);
    }
}
