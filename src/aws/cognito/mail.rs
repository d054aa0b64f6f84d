//! The sender and the texts of a user pool's e-mails.

use aws_sdk_cognitoidentityprovider::types::{
    AdminCreateUserConfigType, EmailConfigurationType, EmailSendingAccountType, MessageTemplateType, UserPoolType,
    VerificationMessageTemplateType,
};

use crate::choices::{Mail, MailSender, MailText};
use crate::engine::{Comparison, Effect};

const SENDER: &str = "EmailConfiguration.EmailSendingAccount";
const SOURCE: &str = "EmailConfiguration.SourceArn";

impl MailSender {
    fn to_aws(&self, live: Option<&EmailConfigurationType>) -> EmailConfigurationType {
        EmailConfigurationType::builder()
            .email_sending_account(EmailSendingAccountType::Developer)
            .source_arn(&self.ses)
            .from(&self.from)
            .set_reply_to_email_address(self.reply_to.clone())
            // No key sets the configuration set of SES, which only observes.
            .set_configuration_set(live.and_then(|live| live.configuration_set.clone()))
            .build()
    }
}

impl Mail {
    /// The sender to put into a call. `live` is the pool, unless it is being created.
    pub(super) fn email_configuration(&self, live: Option<&UserPoolType>) -> Option<EmailConfigurationType> {
        let configuration = live.and_then(UserPoolType::email_configuration);
        match &self.sender {
            Some(sender) => Some(sender.to_aws(configuration)),
            None if live.is_some_and(is_sent_by_another_account) => {
                let sender = EmailSendingAccountType::CognitoDefault;
                Some(EmailConfigurationType::builder().email_sending_account(sender).build())
            }
            None => configuration.cloned(),
        }
    }

    /// The text of the e-mail with a code, to put into a call.
    pub(super) fn verification_template(
        &self,
        live: Option<&VerificationMessageTemplateType>,
    ) -> Option<VerificationMessageTemplateType> {
        let Some(MailText { subject, text }) = &self.verification else { return live.cloned() };
        let template = VerificationMessageTemplateType::builder()
            .set_default_email_option(live.and_then(|live| live.default_email_option.clone()))
            .set_sms_message(live.and_then(|live| live.sms_message.clone()))
            .set_email_message_by_link(live.and_then(|live| live.email_message_by_link.clone()))
            .set_email_subject_by_link(live.and_then(|live| live.email_subject_by_link.clone()));
        Some(template.email_subject(subject).email_message(text).build())
    }

    /// The text of the e-mail with a temporary password, to put into a call.
    pub(super) fn invitation_template(&self, live: Option<&MessageTemplateType>) -> Option<MessageTemplateType> {
        let Some(MailText { subject, text }) = &self.invitation else { return live.cloned() };
        let template = MessageTemplateType::builder().set_sms_message(live.and_then(|live| live.sms_message.clone()));
        Some(template.email_subject(subject).email_message(text).build())
    }

    /// Compares the sender and the texts. Without a wanted sender, an address of this account is kept, because without
    /// it Cognito sends only few messages a day. If the address belongs to another account, somebody else decides
    /// whether users get their codes, and sees when they do.
    pub(super) fn compare(&self, pool: &UserPoolType) -> Comparison {
        let email = pool.email_configuration();
        let account = email.and_then(|email| email.email_sending_account()).map_or("none", |account| account.as_str());
        let source = source(pool);
        let found = Comparison::default();
        let found = match (&self.sender, source) {
            (Some(MailSender { ses, from, reply_to }), source) => {
                let word = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or("none").to_owned();
                found
                    .plain(SENDER, EmailSendingAccountType::Developer.as_str(), account)
                    .guard(SOURCE, ses, source.unwrap_or("none"))
                    .plain("EmailConfiguration.From", from, word(email.and_then(|email| email.from())))
                    .plain(
                        "EmailConfiguration.ReplyToEmailAddress",
                        word(reply_to.as_deref()),
                        word(email.and_then(|email| email.reply_to_email_address())),
                    )
            }
            (None, source) => {
                let found = found.judged(SENDER, account, account, Effect::Same);
                match source {
                    Some(arn) if is_sent_by_another_account(pool) => {
                        found.guard(SOURCE, "no address of another account", arn)
                    }
                    Some(arn) => found.judged(SOURCE, "any address of this account", arn, Effect::Same),
                    None => found.plain(SOURCE, "none", "none"),
                }
            }
        };
        let verification = pool.verification_message_template();
        let invitation = pool.admin_create_user_config().and_then(AdminCreateUserConfigType::invite_message_template);
        let found = texts(
            found,
            "VerificationMessageTemplate",
            self.verification.as_ref(),
            verification.map(|live| (live.email_subject(), live.email_message())),
        );
        texts(
            found,
            "AdminCreateUserConfig.InviteMessageTemplate",
            self.invitation.as_ref(),
            invitation.map(|live| (live.email_subject(), live.email_message())),
        )
    }
}

/// Compares a wanted e-mail with the live one. Without a wanted one, nothing is compared.
fn texts(
    found: Comparison,
    field: &str,
    want: Option<&MailText>,
    live: Option<(Option<&str>, Option<&str>)>,
) -> Comparison {
    let Some(MailText { subject, text }) = want else { return found };
    let (live_subject, live_text) = live.unwrap_or_default();
    found.plain(format!("{field}.EmailSubject"), subject, live_subject.unwrap_or("none")).plain(
        format!("{field}.EmailMessage"),
        text,
        live_text.unwrap_or("none"),
    )
}

/// The ARN of the SES identity that sends the pool's e-mails.
fn source(pool: &UserPoolType) -> Option<&str> {
    pool.email_configuration().and_then(|email| email.source_arn()).filter(|arn| !arn.is_empty())
}

/// Whether the pool's messages come from an SES identity of another account.
fn is_sent_by_another_account(pool: &UserPoolType) -> bool {
    let account = |arn: &str| arn.split(':').nth(4).map(str::to_owned);
    source(pool).is_some_and(|source| account(source) != pool.arn().and_then(account))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Drift;

    const OURS: &str = "arn:aws:ses:eu-central-1:123456789012:identity/example.com";
    const THEIRS: &str = "arn:aws:ses:eu-central-1:999999999999:identity/example.org";

    fn pool(configuration: Option<EmailConfigurationType>) -> UserPoolType {
        let arn = "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/p1";
        UserPoolType::builder().arn(arn).set_email_configuration(configuration).build()
    }

    fn sender(ses: &str) -> MailSender {
        MailSender { ses: ses.into(), from: "Orders <no-reply@example.com>".into(), reply_to: None }
    }

    fn drift(want: &Mail, pool: &UserPoolType) -> Vec<(String, bool)> {
        let drift: Vec<Drift> = want.compare(pool).drift();
        drift.into_iter().map(|one| (one.field, one.weakens)).collect()
    }

    #[test]
    fn a_wanted_sender_is_set_and_another_one_weakens() {
        let want = Mail { sender: Some(sender(OURS)), ..Mail::default() };
        let sent = want.email_configuration(None).expect("a sender");
        assert_eq!(sent.email_sending_account(), Some(&EmailSendingAccountType::Developer));
        assert_eq!(drift(&want, &pool(Some(sent))), []);
        let other = pool(Some(sender(THEIRS).to_aws(None)));
        assert_eq!(drift(&want, &other), [(SOURCE.to_owned(), true)]);
        let fields: Vec<String> = drift(&want, &pool(None)).into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, [SENDER, SOURCE, "EmailConfiguration.From"]);
    }

    #[test]
    fn without_a_wanted_sender_only_that_of_another_account_goes() {
        let none = Mail::default();
        let ours = pool(Some(sender(OURS).to_aws(None)));
        assert_eq!(drift(&none, &ours), []);
        assert_eq!(none.email_configuration(Some(&ours)), ours.email_configuration().cloned());
        let theirs = pool(Some(sender(THEIRS).to_aws(None)));
        assert_eq!(drift(&none, &theirs), [(SOURCE.to_owned(), true)]);
        let sent = none.email_configuration(Some(&theirs)).expect("a sender");
        assert_eq!(sent.email_sending_account(), Some(&EmailSendingAccountType::CognitoDefault));
    }

    #[test]
    fn texts_that_no_key_sets_are_kept() {
        let text = MailText { subject: "Code".into(), text: "It is {####}.".into() };
        let want = Mail { verification: Some(text), ..Mail::default() };
        let live = VerificationMessageTemplateType::builder().sms_message("{####}").email_subject("old").build();
        let sent = want.verification_template(Some(&live)).expect("a template");
        assert_eq!((sent.sms_message(), sent.email_subject()), (Some("{####}"), Some("Code")));
        assert_eq!(Mail::default().verification_template(Some(&live)), Some(live));
        assert_eq!(drift(&want, &pool(None)).len(), 2);
    }
}
