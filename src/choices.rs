//! Settings with the same choices in the stack file and at AWS. One type serves both, so nothing translates between them.

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
    /// It logs what it sees.
    Audit,
    /// It refuses stolen passwords and unusual sign-ins.
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
}

/// What API Gateway logs about the execution of requests. It never logs bodies and tokens (`dataTrace`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExecutionLog {
    Off,
    Error,
    Info,
}

/// The oldest version of TLS that a REST API accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tls {
    V1_2,
    V1_3,
}
