//! Patterns of policies: texts in which `*` stands for any characters and `?` for one.

/// How many parts every ARN has. The last one may contain further colons.
const ARN_PARTS: usize = 6;

/// Whether every text that matches `small` also matches `big`. Policy variables of `small` (`${aws:username}`) can
/// stand for any text; a `big` one with variables covers only itself.
pub(crate) fn covers(big: &str, small: &str) -> bool {
    if big == small || big == "*" {
        return true;
    }
    if big.contains("${") {
        return false;
    }
    glob(&big.chars().collect::<Vec<_>>(), &without_variables(small).chars().collect::<Vec<_>>())
}

/// [`covers`] for resources, which are ARNs or shorter names such as `execute-api:/*`. The parts between colons are
/// compared one by one. AWS matches ARNs part by part in some places, and as one text in others. An ARN that is covered
/// part by part is also covered as one text.
pub(super) fn covers_arn(big: &str, small: &str) -> bool {
    if big == small || !big.starts_with("arn:") {
        return covers(big, small);
    }
    let small = without_variables(small);
    let (big, small) = (arn(big), arn(&small));
    big.len() == ARN_PARTS && big.len() == small.len() && big.iter().zip(small).all(|(big, small)| covers(big, small))
}

fn arn(text: &str) -> Vec<&str> {
    text.splitn(ARN_PARTS, ':').collect()
}

/// Whether no text matches both patterns, as far as the characters before the first and after the last wildcard show.
pub(super) fn are_disjoint(one: &str, other: &str) -> bool {
    let (one, other) = (without_variables(one), without_variables(other));
    let wildcards = |text: &str| text.contains(['*', '?']);
    if !wildcards(&one) && !wildcards(&other) {
        return one != other;
    }
    let starts = |text: &str| text.split(['*', '?']).next().unwrap_or_default().to_owned();
    let ends = |text: &str| text.rsplit(['*', '?']).next().unwrap_or_default().to_owned();
    let (first, second) = (starts(&one), starts(&other));
    let (last, final_) = (ends(&one), ends(&other));
    !(first.starts_with(&second) || second.starts_with(&first)) || !(last.ends_with(&final_) || final_.ends_with(&last))
}

/// The text with `*` in place of each variable.
fn without_variables(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, variable)) = rest.split_once("${") {
        plain.push_str(before);
        plain.push('*');
        rest = variable.split_once('}').map_or("", |(_, after)| after);
    }
    plain + rest
}

/// Whether `big` matches `small`. It must match each wildcard of `small` with a wildcard that is at least as wide.
fn glob(big: &[char], small: &[char]) -> bool {
    // Whether the part of `big` before `at` matches the characters of `small` seen so far.
    let mut reached = vec![false; big.len() + 1];
    reached[0] = true;
    for at in 0..big.len() {
        reached[at + 1] = reached[at] && big[at] == '*';
    }
    for next in small {
        let before = reached.clone();
        reached[0] = false;
        for at in 0..big.len() {
            reached[at + 1] = match big[at] {
                '*' => before[at + 1] || reached[at] || before[at],
                '?' => before[at] && *next != '*',
                literal => before[at] && literal == *next,
            };
        }
    }
    reached[big.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_covered_by_wildcards_that_are_as_wide() {
        for (big, small) in [
            ("*", "anything"),
            ("*", "*"),
            ("a*", "a"),
            ("a*", "ab"),
            ("a*", "a*"),
            ("a*", "ab*"),
            ("a*", "a?"),
            ("a?", "ab"),
            ("a?", "a?"),
            ("*b", "ab"),
            ("a*c*", "abcd"),
            ("a**", "a*"),
            ("a*", "a${aws:username}"),
            ("a/${aws:username}", "a/${aws:username}"),
        ] {
            assert!(covers(big, small), "{big} {small}");
        }
        for (big, small) in [
            ("a", "ab"),
            ("ab", "a"),
            ("a?", "a"),
            ("a?", "a*"),
            ("a", "a*"),
            ("ab*", "a*"),
            ("*b", "*"),
            ("a*c", "abd"),
            ("a?????", "a${aws:x}"),
            ("a/${aws:username}", "a/b"),
            ("a/${*}", "a/b"),
            ("", "a"),
        ] {
            assert!(!covers(big, small), "{big} {small}");
        }
    }

    #[test]
    fn arns_are_covered_part_by_part() {
        let topic = "arn:aws:sns:eu-central-1:123456789012:t";
        for big in [topic, "*", "arn:aws:sns:*:123456789012:t", "arn:aws:sns:eu-central-1:123456789012:*"] {
            assert!(covers_arn(big, topic), "{big}");
        }
        for big in ["arn:aws:*", "arn:aws:sns:*:t", "arn:aws:sns:eu-central-1:123456789012:u", "a"] {
            assert!(!covers_arn(big, topic), "{big}");
        }
        assert!(covers_arn("arn:aws:logs:r:1:log-group:g:*", "arn:aws:logs:r:1:log-group:g:log-stream:s"));
        assert!(!covers_arn("arn:aws:sns:r:1:t", "*"));
    }

    #[test]
    fn patterns_are_disjoint_if_a_fixed_part_differs() {
        for (one, other) in [("a", "b"), ("a*", "b*"), ("sns:*", "sqs:send"), ("*a", "*b"), ("x*a", "x*b")] {
            assert!(are_disjoint(one, other), "{one} {other}");
        }
        for (one, other) in [("a", "a"), ("a*", "ab"), ("*", "a"), ("a?", "ab"), ("${x}", "b"), ("a*b", "a*")] {
            assert!(!are_disjoint(one, other), "{one} {other}");
        }
    }
}
