//! Package registries that require credentials: the program sends these to the registry, and shows them nowhere. The
//! registry is a server of this test, which repeats the credentials in each refusal.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::packages::Project;

const PASSWORD: &str = "correct-horse@battery";
/// The password as it is encoded in a URL.
const IN_URL: &str = "correct-horse%40battery";
const TOKEN: &str = "npm_sent1nel";

struct Registry {
    address: String,
    /// The credentials of each request.
    got: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    /// Answers requests whose `Authorization` header is `wanted`, and refuses other requests.
    fn start(wanted: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let got = Arc::new(Mutex::new(Vec::new()));
        let (wanted, noted, host) = (wanted.to_owned(), Arc::clone(&got), address.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (wanted, noted, host) = (wanted.clone(), Arc::clone(&noted), host.clone());
                std::thread::spawn(move || serve(stream, &wanted, &noted, &host));
            }
        });
        Self { address, got }
    }

    fn got(&self, credentials: &str) -> bool {
        self.got.lock().unwrap().iter().any(|got| got == credentials)
    }
}

/// Answers one request and closes the connection.
fn serve(mut stream: TcpStream, wanted: &str, noted: &Mutex<Vec<String>>, host: &str) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut credentials = String::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("authorization")
        {
            value.trim().clone_into(&mut credentials);
        }
    }
    noted.lock().unwrap().push(credentials.clone());
    let (status, kind, body) = match content(&path, host) {
        _ if credentials.is_empty() => (401, "application/json", br#"{"error":"who are you?"}"#.to_vec()),
        _ if credentials != wanted => {
            let decoded = BASE64_STANDARD.decode(credentials.trim_start_matches("Basic ")).unwrap_or_default();
            let decoded = String::from_utf8_lossy(&decoded).into_owned();
            let body = serde_json::json!({ "error": format!("{credentials} ({decoded}) may not read this") });
            (403, "application/json", body.to_string().into_bytes())
        }
        Some((kind, body)) => (200, kind, body),
        None => (404, "application/json", b"{}".to_vec()),
    };
    let asks = if status == 401 { "WWW-Authenticate: Basic realm=\"own\"\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{asks}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let body = if first.starts_with("HEAD ") { &[] } else { body.as_slice() };
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// The content of the registry: the package `own`, for pip and for npm.
fn content(path: &str, host: &str) -> Option<(&'static str, Vec<u8>)> {
    match path {
        "/simple/own/" => {
            Some(("text/html", b"<a href=\"/files/own-1-py3-none-any.whl\">own-1-py3-none-any.whl</a>".to_vec()))
        }
        "/files/own-1-py3-none-any.whl" => {
            Some(("application/octet-stream", crate::packages::wheel("own", "1", "py3-none-any", "")))
        }
        "/own" => {
            let version = serde_json::json!({
                "name": "own", "version": "1.0.0", "dist": { "tarball": format!("http://{host}/files/own-1.0.0.tgz") },
            });
            let about = serde_json::json!({
                "name": "own", "dist-tags": { "latest": "1.0.0" }, "versions": { "1.0.0": version },
            });
            Some(("application/json", about.to_string().into_bytes()))
        }
        "/files/own-1.0.0.tgz" => Some(("application/octet-stream", tarball())),
        _ => None,
    }
}

fn tarball() -> Vec<u8> {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("package")).unwrap();
    std::fs::write(folder.path().join("package/package.json"), r#"{"name":"own","version":"1.0.0"}"#).unwrap();
    std::fs::write(folder.path().join("package/index.js"), "module.exports = 1;").unwrap();
    let packed = std::process::Command::new("tar").args(["czf", "-", "package"]).current_dir(folder.path()).output();
    packed.unwrap().stdout
}

/// A way to store credentials: in variables, in files of the home folder, or in files of the function.
struct Case {
    name: &'static str,
    runtime: &'static str,
    variables: Vec<(&'static str, String)>,
    home: Vec<(&'static str, String)>,
    own: Vec<(&'static str, String)>,
    /// The `Authorization` header that the registry must get.
    sent: String,
}

impl Case {
    /// The files of the function that have the credentials themselves, and are packed as they are.
    fn packed_with_credentials(&self) -> Vec<&'static str> {
        let own = self.own.iter().filter(|(path, text)| *path != ".npmrc" && text.contains(IN_URL));
        own.map(|(path, _)| *path).collect()
    }
}

fn basic(text: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(text))
}

fn cases(address: &str) -> Vec<Case> {
    let case = |name, runtime, variables, home, own, sent: &str| Case {
        name,
        runtime,
        variables,
        home,
        own,
        sent: sent.into(),
    };
    let python = |name, variables, home, mut own: Vec<(&'static str, String)>| {
        if own.is_empty() {
            own.push(("requirements.txt", "own==1\n".into()));
        }
        case(name, "python3.13", variables, home, own, &basic(&format!("ann:{PASSWORD}")))
    };
    let node = |name, variables, home, mut own: Vec<(&'static str, String)>, sent: &str| {
        own.push(("package.json", r#"{"dependencies":{"own":"^1"}}"#.into()));
        case(name, "nodejs24.x", variables, home, own, sent)
    };
    let index = format!("http://ann:{IN_URL}@{address}/simple");
    let open = format!("http://{address}/simple");
    let registry = format!("registry=http://{address}/\n");
    let bearer = format!("Bearer {TOKEN}");
    let password = BASE64_STANDARD.encode(PASSWORD);
    vec![
        python("PIP_INDEX_URL", vec![("PIP_INDEX_URL", index.clone())], vec![], vec![]),
        python("pip.conf", vec![], vec![(".config/pip/pip.conf", format!("[global]\nindex-url = {index}\n"))], vec![]),
        python(
            "a netrc file",
            vec![("PIP_INDEX_URL", open.clone())],
            vec![(".netrc", format!("machine 127.0.0.1\nlogin ann\npassword {PASSWORD}\n"))],
            vec![],
        ),
        python(
            "a variable in requirements.txt",
            vec![("SECRET", IN_URL.into())],
            vec![],
            vec![("requirements.txt", format!("--index-url http://ann:${{SECRET}}@{address}/simple\nown==1\n"))],
        ),
        python(
            "requirements.txt",
            vec![],
            vec![],
            vec![("requirements.txt", format!("--index-url {index}\nown==1\n"))],
        ),
        python(
            "the URL of a wheel",
            vec![],
            vec![],
            vec![("requirements.txt", format!("own @ http://ann:{IN_URL}@{address}/files/own-1-py3-none-any.whl\n"))],
        ),
        python(
            "pyproject.toml",
            vec![],
            vec![],
            vec![(
                "pyproject.toml",
                format!(
                    "[project]\nname = 'x'\ndependencies = ['own']\n[[tool.uv.index]]\nurl = '{index}'\ndefault = true\n"
                ),
            )],
        ),
        node(
            "a token in the user's .npmrc",
            vec![],
            vec![(".npmrc", format!("{registry}//{address}/:_authToken={TOKEN}\n"))],
            vec![],
            &bearer,
        ),
        node(
            "a password in the user's .npmrc",
            vec![],
            vec![(".npmrc", format!("{registry}//{address}/:username=ann\n//{address}/:_password={password}\n"))],
            vec![],
            &basic(&format!("ann:{PASSWORD}")),
        ),
        node(
            "_auth in the user's .npmrc",
            vec![],
            vec![(
                ".npmrc",
                format!("{registry}//{address}/:_auth={}\n", BASE64_STANDARD.encode(format!("ann:{PASSWORD}"))),
            )],
            vec![],
            &basic(&format!("ann:{PASSWORD}")),
        ),
        node(
            "a variable in the function's .npmrc",
            vec![("SECRET", TOKEN.into())],
            vec![],
            vec![(".npmrc", format!("{registry}//{address}/:_authToken=${{SECRET}}\n"))],
            &bearer,
        ),
        node(
            "the function's .npmrc",
            vec![],
            vec![],
            vec![(".npmrc", format!("{registry}//{address}/:_authToken={TOKEN}\n"))],
            &bearer,
        ),
    ]
}

/// A project with the files and variables of a case, in a home folder of its own.
fn project(case: &Case) -> (Project, tempfile::TempDir) {
    let home = tempfile::TempDir::new().unwrap();
    for (path, text) in &case.home {
        let path = home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let files: Vec<(&str, &str)> = case.own.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let project = Project::new(case.runtime, &files).with("HOME", home.path().to_str().unwrap());
    // The requests must go to the test's registry, not to this machine's registry or proxy.
    let project = project.without_settings();
    let project = project.with("NO_PROXY", "127.0.0.1").with("no_proxy", "127.0.0.1");
    let variables = case.variables.iter();
    (variables.fold(project, |project, (name, value)| project.with(name, value)), home)
}

/// Fails if a text has the credentials in any form.
fn is_silent(text: &str, place: &str) {
    let forms = [
        PASSWORD.to_owned(),
        IN_URL.to_owned(),
        TOKEN.to_owned(),
        BASE64_STANDARD.encode(PASSWORD),
        BASE64_STANDARD.encode(format!("ann:{PASSWORD}")),
    ];
    for form in forms {
        assert!(!text.contains(&form), "{place} has {form}:\n{text}");
    }
}

/// Visits every file below a folder. Links are not followed.
fn files(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files(&entry.path(), visit);
        } else if kind.is_file() {
            visit(&entry.path());
        }
    }
}

fn nothing_kept(folder: &Path, case: &Case) {
    files(folder, &mut |file| {
        let text = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
        // The tools themselves are large, and contain no credentials.
        if text.len() < 1 << 20 {
            is_silent(&text, &format!("{}: {}", case.name, file.display()));
        }
    });
}

#[test]
fn credentials_of_a_registry_are_sent_to_it_and_shown_nowhere() {
    for number in 0..cases("").len() {
        // Each registry requires the credentials of its case.
        let registry = Registry::start(&cases("")[number].sent);
        let case = &cases(&registry.address)[number];
        let (project, home) = project(case);
        let packed = project.pack().unwrap_or_else(|why| panic!("{}: {why}", case.name));
        assert!(
            packed.keys().any(|path| path.starts_with("own/") || path.starts_with("node_modules/own/")),
            "{}",
            case.name
        );
        assert!(registry.got(&case.sent), "{}: {:?}", case.name, registry.got.lock().unwrap());
        let with = case.packed_with_credentials();
        for (path, text) in packed.iter().filter(|(path, _)| !with.contains(&path.as_str())) {
            is_silent(text, &format!("{}: {path} in the package", case.name));
        }
        let notes = project.notes.lock().unwrap().concat();
        is_silent(&notes, case.name);
        for path in with.into_iter().filter(|path| *path != "pyproject.toml") {
            assert!(
                notes.contains(&format!("{path} has a password and is part of the package")),
                "{}: {notes}",
                case.name
            );
        }
        nothing_kept(&project.folder.path().join("cache"), case);
        nothing_kept(&home.path().join(".npm"), case);
    }
}

#[test]
fn an_error_has_no_credentials_although_the_registry_repeats_them() {
    for number in 0..cases("").len() {
        let registry = Registry::start("nothing is right");
        let case = &cases(&registry.address)[number];
        let (project, home) = project(case);
        let why = project.pack().expect_err(case.name);
        assert!(registry.got(&case.sent), "{}: {:?}\n{why}", case.name, registry.got.lock().unwrap());
        assert!(why.contains("403") || why.contains("Forbidden"), "{}: {why}", case.name);
        is_silent(&why, case.name);
        is_silent(&project.notes.lock().unwrap().concat(), case.name);
        nothing_kept(&project.folder.path().join("cache"), case);
        nothing_kept(&home.path().join(".npm"), case);
    }
}
