//! The users of a pool as the rows of the CSV file that `export-users` writes and `import-users` reads.

use std::collections::{BTreeMap, BTreeSet};

use csv::{ReaderBuilder, StringRecord, Trim, Writer};

use super::add_user;
use super::user_attributes::{self, Known};
use crate::aws::cognito::{NewUser, User, Users};
use crate::choices::SignIn;
use crate::error::Error;
use crate::report::{counted, date};
use crate::spec::{Pool, Stack};

/// The column with the name that a user signs in with.
const USER: &str = "user";
/// The column with the names of the user's groups, separated by semicolons.
const GROUPS: &str = "groups";
/// The column that says whether the user may sign in: `true` or `false`.
const ENABLED: &str = "enabled";
/// The columns that Cognito decides for a new user, so that `import-users` cannot set them.
const BY_COGNITO: [&str; 5] = ["sub", "status", "created", "email_verified", "phone_number_verified"];

/// How many mistakes of a file are shown.
const MOST_SHOWN: usize = 20;

/// One user of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub user: NewUser,
    pub groups: Vec<String>,
    /// Where it is in the file.
    pub line: u64,
}

/// The users of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rows {
    pub users: Vec<Row>,
    /// The number of users in the file who must not sign in.
    pub disabled: usize,
    /// The columns that are ignored because Cognito decides them.
    pub ignored: Vec<String>,
}

/// A column of a file.
enum Column<'a> {
    User,
    Groups,
    Enabled,
    ByCognito,
    Attribute(Known<'a>),
}

/// Reads a file for this pool. The error names the mistakes, each with its line.
pub(super) fn read(bytes: &[u8], (stack, name, pool): (&Stack, &str, &Pool)) -> Result<Rows, Error> {
    // Spreadsheets begin a file with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(bytes);
    let header = reader.headers().map_err(|error| Error::usage(format!("the file cannot be read: {error}")))?.clone();
    let columns = columns(&header, pool).map_err(|mistakes| refusal(&mistakes, &header))?;
    let mut rows = Rows { users: Vec::new(), disabled: 0, ignored: Vec::new() };
    let ignored = header.iter().zip(&columns).filter(|(_, column)| matches!(column, Column::ByCognito));
    rows.ignored = ignored.map(|(name, _)| name.to_owned()).collect();
    let (mut mistakes, mut seen) = (Vec::new(), BTreeSet::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                mistakes.push(error.to_string());
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != header.len() {
            let (has, names) = (counted(record.len(), "value"), counted(header.len(), "column"));
            mistakes.push(format!("line {line}: has {has}, and the first line names {names}"));
            continue;
        }
        match row(&record, line, &columns, (stack, name, pool)) {
            Ok(Some(row)) if !seen.insert(row.user.name.clone()) => {
                mistakes.push(format!("line {line}: {} is in the file twice", row.user.name));
            }
            Ok(Some(row)) => rows.users.push(row),
            Ok(None) => rows.disabled += 1,
            Err(of_row) => mistakes.extend(of_row.into_iter().map(|mistake| format!("line {line}: {mistake}"))),
        }
    }
    if mistakes.is_empty() { Ok(rows) } else { Err(all(&mistakes)) }
}

/// The error if rows name groups that the pool does not have.
pub(super) fn unknown_groups(rows: &[Row], known: &[String]) -> Option<Error> {
    let unknown = rows.iter().flat_map(|row| row.groups.iter().map(move |group| (row.line, group)));
    let unknown = unknown.filter(|(_, group)| !known.contains(group));
    let mistakes: Vec<String> =
        unknown.map(|(line, group)| format!("line {line}: there is no group called {group}")).collect();
    let known = if known.is_empty() { "no groups".to_owned() } else { format!("the groups {}", known.join(", ")) };
    (!mistakes.is_empty()).then(|| all(&mistakes).hint(format!("the pool has {known}")))
}

/// An error that names all mistakes.
fn all(mistakes: &[String]) -> Error {
    match mistakes {
        [only] => Error::usage(only),
        several => {
            let first = several[..several.len().min(MOST_SHOWN)].join("\n  ");
            Error::usage(format!("the file has {} mistakes:\n  {first}", several.len()))
        }
    }
}

/// The error of a first line with these mistakes. It says what the program read, because a file may have other
/// separators than commas.
fn refusal(mistakes: &[String], header: &StringRecord) -> Error {
    let named = header.iter().collect::<Vec<_>>().join(", ");
    let error = all(mistakes).hint(format!(
        "the first line names {}; `{USER}` is the name that users sign in with, as in a file from `export-users`",
        if named.is_empty() { "no columns".to_owned() } else { format!("these columns: {named}") }
    ));
    match [';', '\t', '|'].into_iter().find(|separator| header.len() == 1 && named.contains(*separator)) {
        Some(separator) => error.hint(format!(
            "the file seems to be separated by {separator:?}; save it with commas, as in `{USER},{GROUPS}`"
        )),
        None => error,
    }
}

/// What each column contains, or all mistakes of the first line.
fn columns<'a>(header: &'a StringRecord, pool: &'a Pool) -> Result<Vec<Column<'a>>, Vec<String>> {
    let own = |name: &str| {
        let name = name.strip_prefix("cognito:").unwrap_or(name);
        let way = |way, attribute: &str| pool.sign_in.contains(&way) && name == attribute;
        // In a pool with user names, an e-mail address is an attribute.
        way(SignIn::Username, "username")
            || !pool.sign_in.contains(&SignIn::Username)
                && (way(SignIn::Email, "email") || way(SignIn::Phone, "phone_number"))
    };
    let mut seen = BTreeSet::new();
    let twice = header.iter().filter(|name| !seen.insert(*name));
    let mut mistakes: Vec<String> = twice.map(|name| format!("the first line names the column {name} twice")).collect();
    let named = header.iter().any(|name| name == USER);
    let is_user = |name: &str| name == USER || !named && own(name);
    if seen.iter().filter(|name| is_user(name)).count() != 1 {
        mistakes.push(format!("the first line must name exactly one column {USER}"));
    }
    let column = |name: &'a str| match name {
        _ if is_user(name) => Ok(Column::User),
        GROUPS => Ok(Column::Groups),
        ENABLED => Ok(Column::Enabled),
        _ if BY_COGNITO.contains(&name) => Ok(Column::ByCognito),
        _ => Known::find(name, &pool.attributes).map(Column::Attribute),
    };
    let mut columns = Vec::new();
    for name in header {
        match column(name) {
            Ok(column) => columns.push(column),
            Err(error) => mistakes.push(error.message),
        }
    }
    if mistakes.is_empty() { Ok(columns) } else { Err(mistakes) }
}

/// Reads one user; `None` if the user must not sign in.
///
/// # Errors
/// All mistakes of the row.
fn row(
    record: &StringRecord,
    line: u64,
    columns: &[Column<'_>],
    (stack, name, pool): (&Stack, &str, &Pool),
) -> Result<Option<Row>, Vec<String>> {
    let (mut user, mut groups, mut attributes, mut enabled) = (None, Vec::new(), Vec::new(), true);
    let mut mistakes = Vec::new();
    for (value, column) in record.iter().zip(columns) {
        let read = match column {
            Column::User => add_user::check_name(stack, Some(name), value).map(|name| user = Some(name)),
            Column::Groups => {
                groups = value.split(';').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect();
                Ok(())
            }
            Column::Enabled => flag(value).map(|flag| enabled = flag),
            Column::Attribute(known) if !value.is_empty() => {
                known.with(value).map(|attribute| attributes.push(attribute))
            }
            Column::ByCognito | Column::Attribute(_) => Ok(()),
        };
        mistakes.extend(read.err().map(|error| error.message));
    }
    if let Some(Err(error)) = user.as_ref().map(|user| user_attributes::agrees(user, &attributes, &pool.sign_in)) {
        mistakes.push(error.message);
    }
    let user = user.map(|user| NewUser::of(&pool.sign_in, &user, attributes));
    if let Some(Err(error)) = user.as_ref().map(|user| user_attributes::complete(user, &pool.attributes)) {
        mistakes.push(error.message);
    }
    match user {
        Some(user) if mistakes.is_empty() => Ok(enabled.then_some(Row { user, groups, line })),
        _ => Err(mistakes),
    }
}

fn flag(value: &str) -> Result<bool, Error> {
    match value {
        "true" | "" => Ok(true),
        "false" => Ok(false),
        _ => Err(Error::usage(format!("{ENABLED} must be true or false, not {value:?}"))),
    }
}

/// Users as a CSV file: a column for each attribute that one of them has.
pub(super) fn write(users: &[(User, Vec<String>)], sign_in: &[SignIn]) -> Result<String, Error> {
    let attributes: BTreeSet<&str> =
        users.iter().flat_map(|(user, _)| user.attributes.keys().map(String::as_str)).collect();
    let has_email = users.iter().any(|(user, _)| !user.email.is_empty());
    let first = [USER, "status", ENABLED, "created", GROUPS].into_iter().chain(has_email.then_some("email"));
    let mut writer = Writer::from_writer(Vec::new());
    let written = writer.write_record(first.chain(attributes.iter().copied())).and_then(|()| {
        users.iter().try_for_each(|(user, groups)| {
            let own =
                [user.called(sign_in).to_owned(), user.status.clone(), user.enabled.to_string(), date(user.created)];
            let email = has_email.then(|| user.email.clone());
            let further = attributes.iter().map(|name| user.attributes.get(*name).cloned().unwrap_or_default());
            writer.write_record(own.into_iter().chain([groups.join(";")]).chain(email).chain(further))
        })
    });
    let unwritten = |error: String| Error::other(format!("the users cannot be written as CSV: {error}"));
    written.map_err(|error| unwritten(error.to_string()))?;
    let bytes = writer.into_inner().map_err(|error| unwritten(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| unwritten(error.to_string()))
}

/// The members of each group of a pool.
pub(super) async fn members(users: &Users, pool_id: &str) -> Result<Vec<(String, Vec<User>)>, Error> {
    let mut members = Vec::new();
    for group in users.groups(pool_id).await? {
        let of_group = users.members(pool_id, &group.name).await?;
        members.push((group.name, of_group));
    }
    Ok(members)
}

/// The names of each user's groups, from the members of each group.
pub(super) fn groups_of(members: &[(String, Vec<User>)]) -> BTreeMap<&str, Vec<String>> {
    let mut of: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (group, users) in members {
        for user in users {
            of.entry(&user.username).or_default().push(group.clone());
        }
    }
    of
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn stack(pool: &str) -> Stack {
        parse(&format!("[stack]\nname = \"demo\"\n[pools.People]\n{pool}\n")).expect("a sound file")
    }

    fn rows(pool: &str, text: &str) -> Result<Rows, String> {
        let stack = stack(pool);
        read(text.as_bytes(), (&stack, "People", &stack.pools["People"])).map_err(|error| error.to_string())
    }

    const TENANT: &str = "attributes = { tenant = {}, family_name = { required = true } }";

    #[test]
    fn a_file_has_a_user_in_each_line_with_attributes_and_groups() {
        let text = "\u{feff}user,family_name,custom:tenant,groups,sub\n\
                    Ada@example.com,Lovelace,acme,staff; admins,123\n\
                    grace@example.com,\"Hopper, Grace\",,,\n";
        let read = rows(TENANT, text).expect("a sound file");
        assert_eq!(read.ignored, ["sub"]);
        assert_eq!(read.disabled, 0);
        let [ada, grace] = read.users.as_slice() else { panic!("two users") };
        assert_eq!(ada.user.name, "ada@example.com");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(ada.user.attributes, [pair("family_name", "Lovelace"), pair("custom:tenant", "acme")]);
        assert_eq!(ada.groups, ["staff", "admins"]);
        assert_eq!(grace.user.attributes, [pair("family_name", "Hopper, Grace")]);
        assert!(grace.groups.is_empty());
    }

    #[test]
    fn the_column_of_the_name_may_have_cognitos_name() {
        for (pool, column, name) in [
            ("", "email", "ada@example.com"),
            ("sign_in = [\"phone\"]\nself_sign_up = false", "phone_number", "+4930123456"),
            ("sign_in = [\"username\"]", "cognito:username", "ada"),
        ] {
            let read = rows(pool, &format!("{column}\n{name}\n")).expect("a sound file");
            assert_eq!(read.users[0].user.name, name);
        }
        // In a pool with user names, an e-mail address is an attribute.
        let read = rows("sign_in = [\"username\"]", "username,email\nada,ada@example.com\n").expect("a sound file");
        assert!(read.users[0].user.has("email"));
    }

    #[test]
    fn a_user_who_must_not_sign_in_is_not_read_as_one_who_may() {
        let read = rows("", "user,enabled\nada@example.com,false\ngrace@example.com,true\n").expect("a sound file");
        assert_eq!((read.users.len(), read.disabled), (1, 1));
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let text = "user,age,family_name,email\nada,old,L,\nada@example.com,,,\nGRACE@example.com,x,H,\n\
                    grace@example.com,1,H,\ngrace@example.com,1,H,\nann@example.com,1\n\
                    eve@example.com,1,E,other@example.com\n";
        let pool = "attributes = { age = { type = \"number\" }, family_name = { required = true } }";
        let said = rows(pool, text).expect_err("mistakes");
        for words in [
            "7 mistakes",
            "line 8: eve@example.com cannot have the email \"other@example.com\"",
            "line 2: \"ada\" is not an e-mail address",
            "line 2: the attribute age must be a number, not \"old\"",
            "line 3: ada@example.com lacks family_name",
            "line 4: the attribute age must be a number, not \"x\"",
            "line 6: grace@example.com is in the file twice",
            "line 7: has 2 values, and the first line names 4 columns",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        for (text, words) in [
            ("name\nAda\n", "exactly one column user"),
            ("", "exactly one column user"),
            ("user,colour\nada@example.com,red\n", "there is no attribute called colour"),
            ("user,enabled\nada@example.com,no\n", "enabled must be true or false"),
            ("user,name,name\nada@example.com,Ada,Eve\n", "names the column name twice"),
            ("login,colour\nada,red\n", "3 mistakes"),
        ] {
            let said = rows("", text).expect_err("a mistake");
            assert!(said.contains(words), "{words}: {said}");
        }
    }

    #[test]
    fn mistakes_of_the_first_line_show_what_was_read() {
        let stack = stack("");
        let refused =
            |text: &str| read(text.as_bytes(), (&stack, "People", &stack.pools["People"])).expect_err("refused");
        let hints = refused("email;groups\nada@example.com;staff\n").hints.join("\n");
        assert!(hints.contains("these columns: email;groups") && hints.contains("separated by ';'"), "{hints}");
        let hints = refused("login,colour\nada,red\n").hints;
        assert!(hints.len() == 1 && hints[0].contains("these columns: login, colour"), "{hints:?}");
        assert!(refused("").hints[0].contains("no columns"));
    }

    #[test]
    fn a_written_file_can_be_read() {
        let user = User {
            username: "0b7c".to_owned(),
            email: "ada@example.com".to_owned(),
            attributes: [
                ("custom:tenant", "acme"),
                ("family_name", "Love\nlace"),
                ("sub", "0b7c"),
                ("email_verified", "true"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            status: "CONFIRMED".to_owned(),
            enabled: true,
            created: 0,
        };
        let text = write(&[(user, vec!["staff".to_owned(), "admins".to_owned()])], &[SignIn::Email]).expect("a file");
        let read = rows(TENANT, &text).expect("a sound file");
        let [row] = read.users.as_slice() else { panic!("one user: {text}") };
        assert_eq!(
            (row.user.name.as_str(), row.groups.as_slice()),
            ("ada@example.com", &["staff".into(), "admins".into()][..])
        );
        assert!(row.user.attributes.contains(&("family_name".to_owned(), "Love\nlace".to_owned())));
        assert_eq!(read.ignored, ["status", "created", "email_verified", "sub"]);
    }
}
