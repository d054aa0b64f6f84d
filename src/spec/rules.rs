//! The form of the names that users choose in the stack file. Names in AWS begin with the stack's name, so the limits
//! here leave room for it.

/// The form of the names in a section.
#[derive(Clone, Copy)]
pub(super) struct Names {
    /// A regular expression of ECMAScript.
    pub form: &'static str,
    /// In characters.
    pub longest: usize,
}

/// Lambda's name limit of 64 is the smallest; the stack's name and a hyphen take up to 25 of it.
pub(super) const NAME: Names = Names { form: "^[A-Za-z0-9_-]{1,39}$", longest: 39 };

/// Checks a name that the user chose in a section of the stack file.
pub(super) fn name(section: &str, name: &str, Names { longest, .. }: Names) -> Result<(), String> {
    let charset = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > longest || !name.chars().all(charset) {
        return Err(format!(
            "{name:?} is not a valid name: names in {section} have 1 to {longest} characters of A-Z, a-z, 0-9, _ and -"
        ));
    }
    Ok(())
}

/// Whether this is the id of an account.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.chars().all(|c| c.is_ascii_digit())
}

/// The form of an HTTPS URL without a user, a query or a fragment, which may be secrets.
pub(super) const HTTPS: &str = "^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^?#@ ]*)?$";

/// Whether a URL has the form [`HTTPS`].
pub(super) fn is_https(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = place.split_once(':').unwrap_or((place, "0"));
    let is_host = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
    let is_port = (1..=5).contains(&port.len()) && port.chars().all(|c| c.is_ascii_digit());
    is_host && is_port && !path.contains(['?', '#', '@']) && !path.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_host_and_no_secret() {
        for url in ["https://a.example.com", "https://a.example.com/", "https://a.example.com:8443/b/c"] {
            assert!(is_https(url), "{url}");
        }
        for url in [
            "http://a.example.com",
            "https://",
            "https:///a",
            "https://me@a.example.com",
            "https://a.example.com/b?c",
            "https://a.example.com/b#c",
            "https://a.example.com/b c",
            "https://a.example.com:",
            "https://a.example.com:80x/",
            "https://a_b.example.com",
        ] {
            assert!(!is_https(url), "{url}");
        }
    }

    #[test]
    fn names_have_at_most_the_length_that_fits_into_every_name_at_aws() {
        let fits = |section: &str, text: &str| name(section, text, NAME).is_ok();
        assert!(fits("functions", &"f".repeat(39)) && !fits("functions", &"f".repeat(40)));
        // These names look like the suffix that AWS adds to a secret's name in its ARN. The program can tell them
        // apart.
        for six in ["Stripe", "OpenAI", "GitHub", "ApiKey", "db-abcdef"] {
            assert!(fits("secrets", six) && fits("service_users", six), "{six}");
        }
    }
}
