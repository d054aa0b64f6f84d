//! Patterns with wildcards on both sides: `*` stands for any characters, `%` for any but a slash, `?` for one.

/// Whether some text matches both patterns.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    // `met[at][there]`: whether the rest of `one` from index `at` and the rest of `other` from index `there` overlap.
    let mut met = vec![vec![false; other.len() + 1]; one.len() + 1];
    for at in (0..=one.len()).rev() {
        for there in (0..=other.len()).rev() {
            let (first, second) = (one.get(at).copied(), other.get(there).copied());
            met[at][there] = match (first, second) {
                (None, None) => true,
                (Some(open), _) if is_open(open) && met[at + 1][there] => true,
                (_, Some(open)) if is_open(open) && met[at][there + 1] => true,
                // A wildcard for several characters may match further ones, so its index stays.
                (Some(first), Some(second)) if fits(first, second) => match (is_open(first), is_open(second)) {
                    (true, true) => false,
                    (true, false) => met[at][there + 1],
                    (false, true) => met[at + 1][there],
                    (false, false) => met[at + 1][there + 1],
                },
                _ => false,
            };
        }
    }
    met[0][0]
}

/// Whether a wildcard stands for any number of characters.
fn is_open(part: char) -> bool {
    part == '*' || part == '%'
}

/// Whether a character matches both parts.
fn fits(one: char, other: char) -> bool {
    match (one, other) {
        ('%', '/') | ('/', '%') => false,
        ('*' | '%' | '?', _) | (_, '*' | '%' | '?') => true,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_if_a_text_matches_both() {
        for (one, other) in [
            ("", ""),
            ("a", "a"),
            ("a", "*"),
            ("", "*"),
            ("a*", "*b"),
            ("a?", "ab"),
            ("a/*", "%/*"),
            ("*", "%/*"),
            ("a*b", "a%b"),
            ("table/*", "table/notes/index/*"),
            ("a*c*e", "abcde"),
        ] {
            assert!(overlap(one, other) && overlap(other, one), "{one} {other}");
        }
        for (one, other) in
            [("a", "b"), ("a*", "b*"), ("a/b", "%"), ("a", "?b"), ("ab", "a"), ("photos", "%/*"), ("a*b", "a%c")]
        {
            assert!(!overlap(one, other) && !overlap(other, one), "{one} {other}");
        }
    }
}
