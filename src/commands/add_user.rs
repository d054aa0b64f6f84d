//! `add-user`: adds a confirmed user who can sign in. The command can be repeated.

use serde_json::json;

use super::session::{Session, Sources};
use super::{Ending, ask};
use crate::args;
use crate::aws::cognito::{AddUser, Added, PasswordPolicy, Users, generate, is_email};
use crate::config::Config;
use crate::error::Error;
use crate::outputs::SCHEMA_VERSION;
use crate::outputs::{Outputs, Pool};
use crate::report::{answer, say};
use crate::secret::SecretValue;

pub(super) async fn run(args: &args::AddUser, config: Config) -> Result<Ending, Error> {
    let email = &check_email(&args.user.email)?;
    let session = Session::open(config, Sources::Untouched).await?;
    let (name, pool) = pool_of(&session, args.user.pool.as_deref()).await?;
    let users = Users::new(&session.clients);
    if args.invite {
        let added = users.add(&pool.id, email, AddUser::Invite).await?;
        done(&session, email, &name, word(added), None);
        return Ok(Ending::Done);
    }
    if let Some(code) = &args.code {
        users.confirm_sign_up(&pool.client_id, email, code).await?;
        done(&session, email, &name, "confirmed", None);
        return Ok(Ending::Done);
    }
    let rule = users.password_rule(&pool.id).await?;
    let password = password(args, &session, &rule).await?;
    if let Err(missing) = rule.check(&password) {
        let message = format!("the password does not meet the policy of {name}: {}", missing.join("; "));
        return Err(Error::usage(message).hint(format!("password policy: {}", rule.describe())));
    }
    let shown = args.generate.then_some(&password);
    if args.sign_up {
        users.sign_up(&pool.client_id, email, password.clone()).await?;
        if !session.config.output.quiet {
            say(&format!("{email} has signed up. Cognito sends a code by e-mail."));
        }
        if let Some(code) = ask::code(session.config.output).await? {
            users.confirm_sign_up(&pool.client_id, email, &code).await?;
            done(&session, email, &name, "confirmed", shown);
        } else {
            done(&session, email, &name, "signed_up", shown);
            say(&format!("Confirm with `securelambda add-user {email} --pool {name} --code CODE`."));
        }
        return Ok(Ending::Done);
    }
    let added = users.add(&pool.id, email, AddUser::Password(password.clone())).await?;
    done(&session, email, &name, word(added), shown);
    Ok(Ending::Done)
}

/// Checks an e-mail address and converts it to lower case. The stack's pools ignore case, but an emulator may not.
pub(super) fn check_email(email: &str) -> Result<String, Error> {
    if is_email(email) {
        return Ok(email.to_lowercase());
    }
    Err(Error::usage(format!("{email:?} is not an e-mail address")).hint("write it as in you@example.com"))
}

/// The named pool, or the only pool, from the state file.
pub(super) async fn pool_of(session: &Session, named: Option<&str>) -> Result<(String, Pool), Error> {
    pool_in(&session.outputs(&session.state().await?), session, named)
}

/// The named pool, or the only pool, from `outputs`.
pub(super) fn pool_in(outputs: &Outputs, session: &Session, named: Option<&str>) -> Result<(String, Pool), Error> {
    let known: Vec<&str> = session.config.stack.pools.keys().map(String::as_str).collect();
    let name = match (named, known.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, _) => {
            return Err(Error::usage("the stack has several pools")
                .hint(format!("choose one with --pool: {}", known.join(", "))));
        }
    };
    if !known.contains(&name) {
        return Err(Error::unknown("pool", name, &known));
    }
    match outputs.pools.get(name) {
        Some(pool) => Ok((name.to_owned(), pool.clone())),
        None => Err(Error::other(format!("the pool {name} does not exist yet")).hint("run `securelambda up`")),
    }
}

async fn password(args: &args::AddUser, session: &Session, rule: &PasswordPolicy) -> Result<SecretValue, Error> {
    if args.password_stdin {
        return ask::standard_input("password").await;
    }
    if args.generate {
        return Ok(generate(rule));
    }
    let output = session.config.output;
    if output.can_ask {
        say(&format!("Password policy: {}", rule.describe()));
    }
    let question = format!("Password for {}", args.user.email);
    ask::password(output, &question, true, "--password-stdin, --generate or --invite").await
}

fn word(added: Added) -> &'static str {
    match added {
        Added::Created => "created",
        Added::PasswordSet => "password_set",
        Added::Invited => "invited",
        Added::Reinvited => "invited_again",
    }
}

fn done(session: &Session, email: &str, pool: &str, result: &str, generated: Option<&SecretValue>) {
    let output = session.config.output;
    if output.json {
        let mut document = json!({ "schema_version": SCHEMA_VERSION, "email": email, "pool": pool, "result": result });
        if let Some(password) = generated {
            document["password"] = json!(password.reveal());
        }
        answer(&super::pretty(&document));
        return;
    }
    let text = match result {
        "created" => format!("{email} can sign in to {pool}"),
        "password_set" => format!("{email} already existed in {pool}; the password was changed"),
        "invited" => format!("{email} is invited to {pool}; Cognito sends a temporary password by e-mail"),
        "invited_again" => format!("{email} already existed; Cognito sends the invitation to {pool} again"),
        "confirmed" => format!("{email} is confirmed and can sign in to {pool}"),
        _ => format!("{email} has signed up to {pool} and is not confirmed yet"),
    };
    if !output.quiet {
        say(&text);
    }
    if let Some(password) = generated {
        answer(password.reveal());
    }
}
