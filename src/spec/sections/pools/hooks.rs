//! The functions that a pool calls.

use std::collections::BTreeMap;

use super::{POOL, Pool};
use crate::choices::{Hook, Plan, SignInFlow, TokenEvent};
use crate::spec::checks::Checks;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Number, Text};
use crate::spec::reader::{Reader, Table};
use crate::spec::section::section;
use crate::spec::sections::functions;

section! {
    HOOKS: HooksKeys = "hooks";
    pre_sign_up: Text = any(
        "The function that is called before somebody signs up or an administrator adds a user. It can refuse.",
    );
    post_confirmation: Text = any("Called after a user has confirmed a sign-up or a new password.");
    pre_authentication: Text = any("Called before a password is checked. It can refuse.");
    post_authentication: Text = any("Called after a user has signed in.");
    pre_token: Text = any("Called before tokens are issued. It can add, change and remove claims.");
    pre_token_version: Number = one_of(
        &[1, 2, 3],
        1,
        "The version of the event for pre_token, which decides the tokens that it can change. 1: ID tokens. 2: access tokens of users and their scopes too. 3: also access tokens of programs. 2 and 3 need the plan essentials or plus.",
    );
    custom_message: Text = any("Called before a message is sent. It can replace the subject and the text.");
    define_auth_challenge: Text = any(
        "Called for each step of the flow custom. It decides which challenge is next, and whether the user is signed in.",
    );
    create_auth_challenge: Text = any("Makes a challenge of the flow custom.");
    verify_auth_challenge: Text = any("Judges the answer to a challenge of the flow custom.");
    user_migration: Text = any(
        "Called when a user whom the pool does not know signs in, or has forgotten the password. It can make the user. Signing in needs the flow password or admin-password.",
    );
}

/// The functions that a pool calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// The names of the functions.
    pub functions: BTreeMap<Hook, String>,
    /// The version of the event that the function of [`Hook::PreToken`] gets.
    pub token_event: TokenEvent,
}

impl Hooks {
    /// The function that can give users scopes.
    pub fn gives_scopes(&self) -> Option<&String> {
        self.functions.get(&Hook::PreToken).filter(|_| self.token_event > TokenEvent::V1)
    }

    /// The function that can change the scopes of programs.
    pub fn changes_programs(&self) -> Option<&String> {
        self.functions.get(&Hook::PreToken).filter(|_| self.token_event > TokenEvent::V2)
    }

    /// The functions, each once.
    pub fn called(&self) -> impl Iterator<Item = &String> {
        self.functions.values().collect::<std::collections::BTreeSet<_>>().into_iter()
    }
}

/// The key of each hook.
fn keys() -> [(Hook, &'static Text); 10] {
    let HooksKeys {
        pre_sign_up,
        post_confirmation,
        pre_authentication,
        post_authentication,
        pre_token,
        pre_token_version: _,
        custom_message,
        define_auth_challenge,
        create_auth_challenge,
        verify_auth_challenge,
        user_migration,
    } = &HOOKS;
    [
        (Hook::PreSignUp, pre_sign_up),
        (Hook::PostConfirmation, post_confirmation),
        (Hook::PreAuthentication, pre_authentication),
        (Hook::PostAuthentication, post_authentication),
        (Hook::PreToken, pre_token),
        (Hook::CustomMessage, custom_message),
        (Hook::DefineAuthChallenge, define_auth_challenge),
        (Hook::CreateAuthChallenge, create_auth_challenge),
        (Hook::VerifyAuthChallenge, verify_auth_challenge),
        (Hook::UserMigration, user_migration),
    ]
}

pub(super) fn hooks(reader: &mut Reader, table: &Table) -> Hooks {
    let version = &HOOKS.pre_token_version;
    let functions = keys().into_iter().filter_map(|(hook, key)| Some((hook, reader.text(table, key)?.0)));
    let functions: BTreeMap<Hook, String> = functions.collect();
    if let Some(item) = table.get(&version.key).filter(|_| !functions.contains_key(&Hook::PreToken)) {
        let message = "`pre_token_version` is for the function of `pre_token`, and there is none";
        reader.diagnostic(&item.span(), message, Some("add `pre_token`, or remove the key".to_owned()));
    }
    let token_event = match reader.number(table, version) {
        3 => TokenEvent::V3,
        2 => TokenEvent::V2,
        _ => TokenEvent::V1,
    };
    Hooks { functions, token_event }
}

/// Checks the hooks of a pool.
pub(super) fn check(name: &str, pool: &Pool, checks: &mut Checks) {
    let at = |key: &str| format!("pools.{name}.{key}");
    for (hook, key) in keys() {
        if let Some(function) = pool.hooks.functions.get(&hook) {
            let place = at(&format!("{}.{}", POOL.hooks.key.name, key.key.name));
            checks.exists(place, "function", function, &[&functions::KEY.key]);
        }
    }
    let mut flaw = |key: &str, message: &str, help: &str| {
        checks.report([Diagnostic::new(at(key), message.to_owned()).help(help)]);
    };
    if pool.hooks.gives_scopes().is_some() && pool.plan == Some(Plan::Lite) {
        let message = "a pre_token_version above 1 needs the plan essentials or plus";
        flaw("plan", message, "remove the key, or set pre_token_version = 1");
    }
    let has = |hook: Hook| pool.hooks.functions.contains_key(&hook);
    let is_custom = |flows: &[SignInFlow]| flows.contains(&SignInFlow::Custom);
    let clients = pool.clients.iter().filter(|(_, client)| is_custom(&client.flows));
    let mut with_custom: Vec<String> = clients.map(|(client, _)| format!("clients.{client}.flows")).collect();
    with_custom.extend(is_custom(&pool.flows).then(|| "flows".to_owned()));
    if !has(Hook::DefineAuthChallenge) {
        for key in &with_custom {
            let message = "the flow custom needs a function that decides about its steps";
            flaw(key, message, &format!("name it in `define_auth_challenge` of [pools.{name}.hooks]"));
        }
    }
    let challenges =
        [Hook::DefineAuthChallenge, Hook::CreateAuthChallenge, Hook::VerifyAuthChallenge].into_iter().any(has);
    if challenges && with_custom.is_empty() {
        let message = "no app client allows the flow custom, so the functions of its challenges are never called";
        flaw("hooks", message, "add \"custom\" to `flows` of the pool or of one of its clients");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn file(pool: &str) -> String {
        format!(
            "[stack]\nname = \"demo\"\n[functions.Claims]\nsource = \"c\"\n[functions.Check]\nsource = \"c\"\n\
             [pools.People]\n{pool}\n"
        )
    }

    #[test]
    fn each_hook_has_its_function() {
        let stack = parse(&file("hooks = { pre_token = \"Claims\", pre_token_version = 2, pre_sign_up = \"Check\" }"));
        let hooks = stack.expect("a sound file").pools["People"].hooks.clone();
        let functions = [(Hook::PreSignUp, "Check"), (Hook::PreToken, "Claims")];
        assert_eq!(hooks.functions, functions.map(|(hook, name)| (hook, name.to_owned())).into());
        assert_eq!((hooks.token_event, hooks.gives_scopes()), (TokenEvent::V2, Some(&"Claims".to_owned())));
        assert_eq!(hooks.changes_programs(), None);
        let none = parse(&file("")).expect("a sound file").pools["People"].hooks.clone();
        assert_eq!(none, Hooks::default());
    }

    #[test]
    fn what_cannot_work_is_a_mistake() {
        for (pool, expected) in [
            ("hooks = { pre_token = \"Claim\" }", "there is no function called Claim"),
            ("hooks = { pre_token_version = 2 }", "there is none"),
            ("hooks = { pre_token = \"Claims\", pre_token_version = 4 }", "1, 2, 3"),
            ("plan = \"lite\"\nhooks = { pre_token = \"Claims\", pre_token_version = 2 }", "needs the plan essentials"),
            ("flows = [\"custom\"]", "needs a function that decides about its steps"),
            ("clients = { app = { flows = [\"custom\"] } }", "needs a function that decides about its steps"),
            ("hooks = { define_auth_challenge = \"Check\" }", "are never called"),
            (
                "existing = \"eu-central-1_AbCdEfGhI\"\nhooks = { pre_token = \"Claims\" }",
                "`hooks` would change the pool",
            ),
        ] {
            let mistakes = parse(&file(pool)).expect_err("a mistake");
            assert!(mistakes.len() == 1 && mistakes[0].message.contains(expected), "{pool}: {mistakes:?}");
        }
        let sound = "flows = [\"srp\", \"custom\"]\nhooks = { define_auth_challenge = \"Check\", \
                     create_auth_challenge = \"Check\", verify_auth_challenge = \"Check\" }";
        assert_eq!(parse(&file(sound)).expect("a sound file").pools["People"].hooks.called().count(), 1);
    }
}
