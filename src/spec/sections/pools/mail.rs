//! `mail` of a pool: the sender and the texts of its e-mails.

use super::Pool;
use crate::choices::{CODE, Mail, MailSender, MailText, USERNAME};
use crate::spec::advice::forms;
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Nested, Required, Text};
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::is_account;
use crate::spec::section::section;
use crate::spec::sections::alarms;

/// The form of the ARN of an SES identity.
const IDENTITY: &str = "^arn:[a-z-]+:ses:[a-z0-9-]+:[0-9]{12}:identity/\\S+$";

/// How many characters a subject and a text may have (docs/aws.md, E-mails of user pools).
const LONGEST_SUBJECT: usize = 140;
const LONGEST_TEXT: usize = 20_000;

section! {
    MAIL: MailKeys = "mail";
    ses: Text = form(
        IDENTITY,
        "The ARN of the SES identity that sends the e-mails, a verified domain or address. Left out: Cognito's own sender, which sends at most 50 e-mails a day for the whole account.",
    );
    from: Text = any("The sender, as in Orders <no-reply@example.com>. Its address must belong to the identity in `ses`.");
    reply_to: Text = any("The address that gets the answers to the e-mails.");
    verification: Nested<MailTextKeys> = table(&MAIL_TEXT, "The e-mail with the code of a sign-up, a new address or a forgotten password. The text must contain {####}, which becomes the code.");
    invitation: Nested<MailTextKeys> = table(&MAIL_TEXT, "The e-mail of `add-user --invite`. The text must contain {username} and {####}, which becomes the temporary password.");
}

section! {
    MAIL_TEXT: MailTextKeys = "an e-mail";
    subject: Required = text("The subject: at most 140 characters.");
    text: Required = text("The text, which may be HTML: at most 20000 characters.");
}

pub(super) fn mail(reader: &mut Reader, table: &Table) -> Mail {
    let MailKeys { ses, from, reply_to, verification, invitation } = &MAIL;
    let given = (reader.text(table, ses), reader.text(table, from));
    let reply_to = reader.text(table, reply_to);
    if let Some((address, span)) = reply_to.as_ref().filter(|(address, _)| !alarms::is_address(address)) {
        reader.diagnostic(span, format!("{address:?} is not an e-mail address"), None);
    }
    let reply_to = reply_to.map(|(address, _)| address);
    let sender = match given {
        (Some((ses, _)), Some((from, span))) => {
            if let Err((why, help)) = sends_as(&ses, &from) {
                reader.diagnostic(&span, why, Some(help));
            }
            Some(MailSender { ses, from, reply_to })
        }
        (None, None) if reply_to.is_none() => None,
        (ses, _) => {
            let missing = if ses.is_none() { "ses" } else { "from" };
            let help = forms::of(&table.what, &table.path);
            reader.diagnostic(&table.span, format!("{} lacks `{missing}`", table.what), help);
            None
        }
    };
    let mut text = |key| reader.table(table, key).map(|table| text(reader, &table));
    let (verification, invitation) = (text(verification), text(invitation));
    Mail { sender, verification, invitation }
}

fn text(reader: &mut Reader, table: &Table) -> MailText {
    let MailTextKeys { subject, text } = &MAIL_TEXT;
    MailText { subject: reader.required_or(table, subject), text: reader.required_or(table, text) }
}

/// Checks that an SES identity may send with this address. The error says what is wrong and what to write instead.
fn sends_as(ses: &str, from: &str) -> Result<(), (String, String)> {
    let address = from.rsplit_once('<').map_or(from, |(_, rest)| rest.trim_end_matches('>')).trim();
    let name = from.rsplit_once('<').map_or("", |(name, _)| name.trim());
    if name.contains([',', ';', ':']) && !name.starts_with('"') {
        let help = format!("write the name in quotes: '\"{name}\" <{address}>'");
        return Err((format!("{from:?} would be read as several addresses"), help));
    }
    if !alarms::is_address(address) {
        let help = "write it as in Orders <no-reply@example.com>".to_owned();
        return Err((format!("{from:?} has no e-mail address"), help));
    }
    let parts: Vec<&str> = ses.splitn(6, ':').collect();
    let identity = match parts.as_slice() {
        ["arn", _, "ses", region, account, resource] if !region.is_empty() && is_account(account) => {
            resource.strip_prefix("identity/").filter(|identity| !identity.is_empty() && !identity.contains('*'))
        }
        _ => None,
    };
    let Some(identity) = identity else {
        let help = "as in arn:aws:ses:eu-central-1:123456789012:identity/example.com".to_owned();
        return Err((format!("{ses:?} is not the ARN of an SES identity"), help));
    };
    let (address, identity) = (address.to_lowercase(), identity.to_lowercase());
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let is_below = domain.strip_suffix(&identity).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if address != identity && !is_below {
        let help = format!("use an address of {identity}, or another identity in `ses`");
        return Err((format!("SES does not let {identity} send as {address}"), help));
    }
    Ok(())
}

/// Checks the texts of a pool's e-mails.
pub(super) fn check(name: &str, pool: &Pool, checks: &mut Checks) {
    for (key, given, needed) in [
        ("verification", &pool.mail.verification, &[CODE][..]),
        ("invitation", &pool.mail.invitation, &[USERNAME, CODE]),
    ] {
        let Some(given) = given else { continue };
        let mut flaw = |field: &str, message: String| {
            checks.report([Diagnostic::new(format!("pools.{name}.mail.{key}.{field}"), message)]);
        };
        if given.subject.chars().count() > LONGEST_SUBJECT {
            flaw("subject", format!("a subject has at most {LONGEST_SUBJECT} characters"));
        }
        if given.subject.contains(char::is_control) {
            flaw("subject", "a subject is one line".to_owned());
        }
        if given.text.chars().count() > LONGEST_TEXT {
            flaw("text", format!("a text has at most {LONGEST_TEXT} characters"));
        }
        for word in needed.iter().filter(|word| !given.text.is_empty() && !given.text.contains(**word)) {
            flaw("text", format!("the text must contain {word}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Mail, sends_as};
    use crate::spec::parse;

    const SES: &str = "arn:aws:ses:eu-central-1:123456789012:identity/example.com";

    fn file(mail: &str) -> String {
        format!("[stack]\nname = \"demo\"\n[pools.People]\nmail = {{ {mail} }}\n")
    }

    fn read(mail: &str) -> Mail {
        parse(&file(mail)).expect("a sound file").pools["People"].mail.clone()
    }

    #[test]
    fn a_sender_needs_an_identity_and_texts_their_placeholders() {
        assert_eq!(read(""), Mail::default());
        let full = read(&format!(
            "ses = {SES:?}, from = \"Orders <no-reply@mail.example.com>\", reply_to = \"help@example.com\", \
             verification = {{ subject = \"Code\", text = \"It is {{####}}.\" }}"
        ));
        assert_eq!(full.sender.expect("a sender").reply_to.as_deref(), Some("help@example.com"));
        assert_eq!((full.verification.expect("a text").subject.as_str(), full.invitation), ("Code", None));
    }

    #[test]
    fn an_identity_sends_only_with_its_own_addresses() {
        let one = "arn:aws:ses:eu-central-1:123456789012:identity/ann@example.com";
        for (ses, from, fits) in [
            (SES, "ann@example.com", true),
            (SES, "Ann <ann@Mail.Example.com>", true),
            (SES, "ann@notexample.com", false),
            (SES, "Ann", false),
            (one, "ann@example.com", true),
            (one, "bob@example.com", false),
            ("arn:aws:sns:eu-central-1:123456789012:identity/example.com", "ann@example.com", false),
            ("arn:aws:ses:{region}:{account}:identity/example.com", "ann@example.com", false),
            ("arn:aws:ses:eu-central-1:123456789012:identity/*", "ann@example.com", false),
            (SES, "Orders, Inc. <ann@example.com>", false),
            (SES, "\"Orders, Inc.\" <ann@example.com>", true),
        ] {
            assert_eq!(sends_as(ses, from).is_ok(), fits, "{ses} {from}");
        }
    }

    #[test]
    fn what_would_not_be_sent_is_a_mistake() {
        let text = |text: &str| format!("invitation = {{ subject = \"Hello\", text = {text:?} }}");
        for (mail, expected) in [
            (format!("ses = {SES:?}"), "lacks `from`"),
            ("from = \"ann@example.com\"".to_owned(), "lacks `ses`"),
            ("reply_to = \"ann@example.com\"".to_owned(), "lacks `ses`"),
            (format!("ses = {SES:?}, from = \"ann@example.com\", reply_to = \"nope\""), "is not an e-mail address"),
            ("verification = { subject = \"a\\nBcc: b\", text = \"{####}\" }".to_owned(), "a subject is one line"),
            (format!("ses = {SES:?}, from = \"ann@example.org\""), "SES does not let example.com send"),
            (text("Your password is {####}."), "must contain {username}"),
            ("verification = { subject = \"Code\", text = \"none\" }".to_owned(), "must contain {####}"),
            ("verification = { text = \"{####}\" }".to_owned(), "lacks `subject`"),
            (
                format!("verification = {{ subject = {:?}, text = \"{{####}}\" }}", "s".repeat(141)),
                "a subject has at most 140 characters",
            ),
        ] {
            let mistakes = parse(&file(&mail)).expect_err(&mail);
            assert!(mistakes.len() == 1 && mistakes[0].message.contains(expected), "{mail}: {mistakes:?}");
        }
    }
}
