//! Settings with the same choices in the stack file and in AWS. Both use one type, so no conversion is needed.

use std::collections::BTreeSet;

/// The beginning of the name of a group's copy, which the program makes while it creates the group again.
pub const GROUP_COPY: &str = "securelambda-copy-of-";

/// The name of the alias by which a function with provisioned concurrency is called.
pub const LIVE: &str = "live";

/// Whether users of a pool need a second factor: the code of a TOTP app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mfa {
    /// No user has one.
    Off,
    /// Users who have set one up need it.
    Optional,
    /// All users need one.
    On,
}

/// Whether Cognito watches sign-ins for stolen passwords and unusual behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ThreatProtection {
    Off,
    /// Cognito logs stolen passwords and unusual sign-ins.
    Audit,
    /// Cognito refuses stolen passwords and unusual sign-ins.
    Enforced,
}

/// Cognito's feature plans, the cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plan {
    Lite,
    Essentials,
    Plus,
}

/// A way to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInFlow {
    /// The password is proved and never sent (Secure Remote Password).
    Srp,
    /// The client sends the password.
    Password,
    /// A program with AWS credentials sends the password.
    AdminPassword,
    /// The pool's hooks define custom challenges and verify the answers.
    Custom,
}

/// A moment at which a pool calls a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// Before somebody is signed up, or added by an administrator.
    PreSignUp,
    PostConfirmation,
    PreAuthentication,
    PostAuthentication,
    /// Before tokens are issued.
    PreToken,
    /// Before a message is sent.
    CustomMessage,
    /// This and the next two are the hooks of [`SignInFlow::Custom`].
    DefineAuthChallenge,
    CreateAuthChallenge,
    VerifyAuthChallenge,
    /// When somebody signs in whom the pool does not know.
    UserMigration,
}

/// The version of the event that a pool sends to the function of [`Hook::PreToken`]. It decides which tokens the
/// function can change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenEvent {
    /// ID tokens.
    #[default]
    V1,
    /// Also access tokens of users, and their scopes.
    V2,
    /// Also access tokens of programs.
    V3,
}

/// The kind of name with which users sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignIn {
    Email,
    Phone,
    /// A name that is chosen when the user is added. Beside it, a verified address or number can be used.
    Username,
}

/// What Cognito replaces in the texts of e-mails: by the code or the temporary password, and by the user's name.
pub const CODE: &str = "{####}";
pub const USERNAME: &str = "{username}";

/// The sender and the texts of a pool's e-mails.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mail {
    /// `None`: Cognito's own sender, or the one that somebody set by hand.
    pub sender: Option<MailSender>,
    /// The e-mail with a code. `None`: Cognito's own text, or the one that somebody set by hand.
    pub verification: Option<MailText>,
    /// The e-mail with a temporary password. `None`: Cognito's own text, or the one that somebody set by hand.
    pub invitation: Option<MailText>,
}

/// The sender of a pool's e-mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSender {
    /// The ARN of the SES identity that sends them.
    pub ses: String,
    /// As in `Orders <no-reply@example.com>`.
    pub from: String,
    pub reply_to: Option<String>,
}

/// An e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailText {
    pub subject: String,
    pub text: String,
}

/// The protocol of an identity provider of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderKind {
    Google,
    /// OpenID Connect.
    Oidc {
        /// The URL below which Cognito finds the provider's endpoints and keys.
        issuer: String,
    },
    Saml {
        /// The URL of the provider's metadata.
        metadata: String,
    },
}

/// The type of an attribute of a pool's users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserAttributeType {
    String,
    Number,
    DateTime,
    Boolean,
}

/// The attributes that the users of every pool can have. All but `updated_at` are text.
pub const STANDARD_ATTRIBUTES: [&str; 17] = [
    "address",
    "birthdate",
    "email",
    "family_name",
    "gender",
    "given_name",
    "locale",
    "middle_name",
    "name",
    "nickname",
    "phone_number",
    "picture",
    "preferred_username",
    "profile",
    "updated_at",
    "website",
    "zoneinfo",
];

/// An attribute of a pool's users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAttribute {
    /// Cognito's name: `family_name`, or `custom:tenant`.
    pub name: String,
    pub kind: UserAttributeType,
    /// Whether its value can be changed after the user was created.
    pub mutable: bool,
    /// Whether users may set it themselves.
    pub writable: bool,
    /// Whether every user must have it.
    pub required: bool,
}

impl UserAttribute {
    /// The name in the stack file, if it is an attribute of the stack's own.
    pub fn custom(&self) -> Option<&str> {
        self.name.strip_prefix("custom:")
    }
}

/// The level of API Gateway's execution logs. They never contain bodies and tokens (`dataTrace`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExecutionLog {
    Off,
    Error,
    Info,
}

/// The time for which a usage plan counts the requests of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaPeriod {
    Day,
    Week,
    Month,
}

/// The oldest version of TLS that a REST API accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tls {
    V1_2,
    V1_3,
}

/// The type of an attribute of a table's key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttributeType {
    #[default]
    Text,
    Number,
    Binary,
}

/// An attribute of a table's key.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attribute {
    pub name: String,
    pub kind: AttributeType,
}

/// A second key by which the items of a table are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    pub key: Attribute,
    pub sort: Option<Attribute>,
    pub projection: Projection,
}

/// The attributes of its items that an index contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Projection {
    All,
    /// The attributes of the keys.
    Keys,
    /// The attributes of the keys, and these.
    With(BTreeSet<String>),
}

/// The images of a changed item that a table's stream contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamView {
    NewAndOld,
    New,
    Old,
    Keys,
}

/// Where reading a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamStart {
    /// With the oldest record that the stream still has.
    Oldest,
    /// With the first record that is written afterwards.
    Latest,
}
