//! Commands for the users of a pool.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::candidates;

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a user who can sign in
    AddUser(AddUser),
    /// List the users of the stack's pools
    Users(Users),
    /// List the groups of the stack's pools, and how many members they have
    Groups(Groups),
    /// Remove a user
    RemoveUser(RemoveUser),
    /// Print a pool's users as a CSV file, without passwords
    ExportUsers(ExportUsers),
    /// Add the users of a CSV file to a pool
    ImportUsers(ImportUsers),
    /// Sign in in a browser, so that `token` and `call` need no password
    Login(Login),
    /// End the session of `login`
    Logout(Logout),
    /// Sign in and print the user's ID token, or get a token for a program
    Token(Token),
}

#[derive(Debug, Args)]
pub struct User {
    /// The name that the user signs in with: an e-mail address, unless the pool's `sign_in` has another value
    #[arg(value_name = "EMAIL")]
    pub name: String,
    /// The pool's name in the stack file; optional if the stack has only one pool
    #[arg(long, value_name = "POOL", add = candidates::pools())]
    pub pool: Option<String>,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent flag")]
#[command(
    group = clap::ArgGroup::new("password").args(["password_stdin", "generate", "invite"]),
    after_help = "The password is never a command-line argument, because other users of the machine can read those.

Examples:
  securelambda add-user you@example.com --pool MyUserPool1                     ask for the password
  securelambda add-user you@example.com --pool MyUserPool1 --password-stdin < password.txt
  securelambda add-user you@example.com --pool MyUserPool1 --generate          generate it and print it once
  securelambda add-user you@example.com --group staff                          also add the user to a group
  securelambda add-user you@example.com --attribute tenant=acme                also set an attribute"
)]
pub struct AddUser {
    #[command(flatten)]
    pub user: User,
    /// Read the password from standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// Generate a password and print it on standard output
    #[arg(long)]
    pub generate: bool,
    /// Replace the password of a user who exists already, without a question
    #[arg(long, conflicts_with_all = ["invite", "sign_up", "code"])]
    pub reset_password: bool,
    /// Let Cognito send a temporary password by e-mail
    #[arg(long, conflicts_with_all = ["sign_up", "code"])]
    pub invite: bool,
    /// Let the user sign up, as in an app, and confirm with the code that Cognito sends by e-mail
    #[arg(long)]
    pub sign_up: bool,
    /// Add the user to this group of the pool; can be repeated
    #[arg(long = "group", value_name = "GROUP", value_delimiter = ',', add = candidates::groups())]
    pub groups: Vec<String>,
    /// Set this attribute of the user, which the pool has; can be repeated
    #[arg(long = "attribute", value_name = "NAME=VALUE", conflicts_with = "code")]
    pub attributes: Vec<String>,
    /// Confirm a user who has signed up, with the code from the e-mail
    #[arg(long, value_name = "CODE", conflicts_with_all = ["password_stdin", "generate"])]
    pub code: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  securelambda users
  securelambda users --pool MyUserPool1
  securelambda users --group staff")]
pub struct Users {
    /// List only the users of this pool
    #[arg(long, value_name = "POOL", add = candidates::pools())]
    pub pool: Option<String>,
    /// List only the members of this group
    #[arg(long, value_name = "GROUP", add = candidates::groups())]
    pub group: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  securelambda groups --pool MyUserPool1")]
pub struct Groups {
    /// List only the groups of this pool
    #[arg(long, value_name = "POOL", add = candidates::pools())]
    pub pool: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  securelambda remove-user you@example.com --pool MyUserPool1")]
pub struct RemoveUser {
    #[command(flatten)]
    pub user: User,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  securelambda export-users --pool MyUserPool1 > users.csv")]
pub struct ExportUsers {
    /// The pool's name in the stack file; optional if the stack has only one pool
    #[arg(long, value_name = "POOL", add = candidates::pools())]
    pub pool: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The first line names the columns: `user` is the name that users sign in with, `groups` the names of their groups with
semicolons between them, and all others are attributes of the pool. A file of `export-users` can be used as it is.
Users who exist stay as they are, apart from their groups, so the command can be repeated.

Examples:
  securelambda import-users users.csv --pool MyUserPool1         each user sets a password with `forgot password`
  securelambda import-users users.csv --pool MyUserPool1 --invite   Cognito sends each user a temporary password"
)]
pub struct ImportUsers {
    /// The file; - reads standard input
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub csv: PathBuf,
    /// The pool's name in the stack file; optional if the stack has only one pool
    #[arg(long, value_name = "POOL", add = candidates::pools())]
    pub pool: Option<String>,
    /// Let Cognito send temporary passwords by e-mail
    #[arg(long)]
    pub invite: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "One of the pool's `login.callbacks` must be an address of this machine, such as http://localhost:8976/callback.
The session is kept in the cache folder, in a file that only you can read.

Example:
  securelambda login --pool MyUserPool1"
)]
pub struct Login {
    /// The pool's name in the stack file; optional if the stack has only one pool
    #[arg(long, value_name = "POOL", add = candidates::pools())]
    pub pool: Option<String>,
    /// Print the address of the page without opening a browser
    #[arg(long)]
    pub no_browser: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  securelambda logout --pool MyUserPool1")]
pub struct Logout {
    /// The pool's name in the stack file; optional if the stack has only one pool
    #[arg(long, value_name = "POOL", add = candidates::pools())]
    pub pool: Option<String>,
}

/// How to obtain the user's password.
#[derive(Debug, Args)]
pub struct SignIn {
    /// Read the password, and in a second line the code of an authenticator app, from standard input
    #[arg(long)]
    pub password_stdin: bool,
}

#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("which").args(["access", "refresh"]),
    after_help = "Examples:
  securelambda token you@example.com --pool MyUserPool1  sign in, and print the ID token
  securelambda token                                     print the ID token of the user who is signed in with `login`
  securelambda token --client partner                    print the access token that a machine client gets for itself"
)]
pub struct Token {
    /// The name that the user signs in with: an e-mail address, unless the pool's `sign_in` has another value. Without
    /// it, the user who is signed in with `login`
    #[arg(value_name = "EMAIL")]
    pub name: Option<String>,
    /// The pool's name in the stack file; optional if the stack has only one pool
    #[arg(long, value_name = "POOL", add = candidates::pools())]
    pub pool: Option<String>,
    /// Print the access token that this machine client of a pool gets for itself, instead of signing a user in
    #[arg(long, value_name = "NAME", conflicts_with_all = ["name", "password_stdin", "refresh"])]
    pub client: Option<String>,
    #[command(flatten)]
    pub sign_in: SignIn,
    /// Print the access token instead
    #[arg(long)]
    pub access: bool,
    /// Print the refresh token instead
    #[arg(long)]
    pub refresh: bool,
}
