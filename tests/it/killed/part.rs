//! One part of a long suite. The parts of one division together are the whole suite, and no case is in two of them.

use std::str::FromStr;

/// `2/3` is the second of three parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The number of this part, from 1.
    number: usize,
    of: usize,
}

impl Part {
    /// The part that `SECURELAMBDA_TEST_PART` asks for; without it, the whole suite.
    pub fn asked() -> Self {
        match std::env::var("SECURELAMBDA_TEST_PART") {
            Ok(text) => text.parse().unwrap(),
            Err(_) => Self { number: 1, of: 1 },
        }
    }

    /// The first of `of` parts, for samples.
    pub fn first_of(of: usize) -> Self {
        Self { number: 1, of }
    }

    /// Whether a case is in this part. `group` and `index` are the numbers of its group, and of the case in the group.
    /// The cases of a group go to the parts in turn, and each group starts with another part. So every part has cases
    /// of every group, unless the group has fewer cases than there are parts.
    pub fn has(self, group: usize, index: usize) -> bool {
        (group + index) % self.of == self.number - 1
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err(format!("SECURELAMBDA_TEST_PART={text}: a part is written as 2/3")),
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "part {} of {}, SECURELAMBDA_TEST_PART={}/{}", self.number, self.of, self.number, self.of)
    }
}

/// All parts of a suite that is divided into `of` parts.
#[cfg(test)]
pub fn all(of: usize) -> impl Iterator<Item = Part> {
    (1..=of).map(move |number| Part { number, of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_written_as_a_fraction() {
        assert_eq!("2/3".parse(), Ok(Part { number: 2, of: 3 }));
        for wrong in ["", "2", "0/3", "4/3", "1/0", "a/3", "1/3/5"] {
            assert!(wrong.parse::<Part>().unwrap_err().contains("written as 2/3"), "{wrong}");
        }
    }
}
