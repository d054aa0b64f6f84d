//! The packages of functions: for Lambda, not for this machine. The wheels are made here, and uv, npm and pip are the real
//! ones, without any registry.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Mutex;

use securelambda::bundle::{Code, DependencyInstaller, Environment, Machine, OwnFiles, Sources, Unpacked};
use securelambda::spec;

use crate::support::default_account::default_account;
use crate::support::emulator::{cache, endpoint};
use crate::support::program::{User, share_tools};

/// A folder with a stack of one function, `F`, whose source is `f`.
pub struct Project {
    pub folder: tempfile::TempDir,
    source: &'static str,
    runtime: &'static str,
    handler: &'static str,
    /// More lines of the function's table.
    keys: &'static str,
    environment: Vec<(String, String)>,
    pub notes: Mutex<Vec<String>>,
}

/// The files of a package, by their path.
pub type Packed = BTreeMap<String, String>;

impl Project {
    pub fn new(runtime: &'static str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        share_tools(&folder.path().join("cache"));
        let environment = std::env::vars().collect();
        let (source, handler, keys) = ("f", "index.handler", "");
        let project = Self { folder, source, runtime, handler, keys, environment, notes: Mutex::default() };
        let code = if runtime.starts_with("python") {
            ("index.py", "def handler(event, context): pass")
        } else {
            ("index.mjs", "export const handler = () => {};")
        };
        for (path, text) in [code].iter().chain(files) {
            project.write(path, text.as_bytes());
        }
        project
    }

    pub fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.folder.path().join("f").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a wheel to the folder `wheels`. `tag` is as in `py3-none-any`.
    fn wheel(self, name: &str, version: &str, tag: &str, requires: &str) -> Self {
        self.write(&format!("wheels/{name}-{version}-{tag}.whl"), &wheel(name, version, tag, requires));
        self
    }

    /// Removes the settings of pip, npm and uv from the environment.
    pub fn without_settings(mut self) -> Self {
        let is_setting = |name: &str| ["PIP_", "UV_", "NPM_CONFIG_"].iter().any(|start| name.starts_with(start));
        self.environment.retain(|(name, _)| !is_setting(&name.to_uppercase()));
        self
    }

    /// Packs the function for Lambda. An error is a text.
    pub fn pack(&self) -> Result<Packed, String> {
        let Self { source, runtime, handler, keys, .. } = self;
        let text = format!(
            "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"{source}\"\nruntime = \"{runtime}\"\nhandler = \"{handler}\"\n{keys}\n"
        );
        let stack = spec::parse(&text).unwrap();
        let sources = Sources::Folder { root: self.folder.path().to_owned(), own: OwnFiles::default() };
        let flaws = |flaws: Vec<spec::Diagnostic>| {
            let words = |flaw: &spec::Diagnostic| format!("{flaw} {}", flaw.help.clone().unwrap_or_default());
            flaws.iter().map(words).collect::<Vec<_>>().concat()
        };
        let code = Code::find(&stack, &sources, "2026-11-29").map_err(flaws)?;
        self.notes.lock().unwrap().extend(code.notes().cloned());
        let note = |text: &str| self.notes.lock().unwrap().push(text.to_owned());
        let installer = DependencyInstaller {
            cache: Some(self.folder.path().join("cache")),
            machine: Machine::Lambda,
            environment: Environment::new(self.environment.iter().map(|(name, value)| (name.into(), value.into()))),
            note: &note,
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let bundles = runtime.block_on(code.pack(&installer)).map_err(|unpacked| match unpacked {
            Unpacked::Flaws(found) => flaws(found),
            Unpacked::Failed(error) => {
                format!("{error}\n{}\n{}", error.details.as_deref().unwrap_or_default(), error.hints.join("\n"))
            }
        })?;
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bundles.functions["F"].bytes.to_vec())).unwrap();
        let mut packed = Packed::new();
        for index in 0..zip.len() {
            let mut file = zip.by_index(index).unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            packed.insert(file.name().unwrap().into_owned(), text);
        }
        Ok(packed)
    }

    #[track_caller]
    pub fn packs(&self) -> Packed {
        self.pack().unwrap_or_else(|why| panic!("{why}"))
    }

    #[track_caller]
    fn fails(&self, words: &str) {
        let why = self.pack().expect_err("it is refused");
        assert!(why.contains(words), "{words:?} is not in:\n{why}");
    }

    fn kept(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("cache/packages")).map_or(0, Iterator::count)
    }
}

/// A wheel with one module, which depends on `requires`.
pub fn wheel(name: &str, version: &str, tag: &str, requires: &str) -> Vec<u8> {
    let mut wheel = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let about = format!("{name}-{version}.dist-info");
    let requires = if requires.is_empty() { String::new() } else { format!("Requires-Dist: {requires}\n") };
    for (path, text) in [
        (format!("{name}/__init__.py"), format!("version = '{version} {tag}'\n")),
        (format!("{about}/METADATA"), format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}")),
        (format!("{about}/WHEEL"), format!("Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: {tag}\n")),
        (format!("{about}/RECORD"), String::new()),
    ] {
        wheel.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
        wheel.write_all(text.as_bytes()).unwrap();
    }
    wheel.finish().unwrap().into_inner()
}

fn python(files: &[(&str, &str)]) -> Project {
    Project::new("python3.13", files)
}

const LOCAL: &str = "--no-index\n--find-links wheels\n";

#[test]
fn conditions_are_judged_for_the_functions_version_and_platform() {
    let requirements = format!(
        "{LOCAL}newer==1; python_version >= '3.13'\nolder==1; python_version < '3.12'\n\
         mac==1; sys_platform == 'darwin'\narm==1; platform_machine == 'aarch64'\nouter==1  # via -r ../requirements.in\n"
    );
    let project = ["newer", "older", "mac", "arm", "inner"]
        .iter()
        .fold(python(&[("requirements.txt", &requirements)]), |project, name| {
            project.wheel(name, "1", "py3-none-any", "")
        })
        .wheel("outer", "1", "py3-none-any", "inner==1; python_version >= '3.13'");
    let packed = project.packs();
    let has = |name: &str| packed.contains_key(&format!("{name}/__init__.py"));
    assert_eq!(["newer", "arm", "outer", "inner", "older", "mac"].map(has), [true, true, true, true, false, false]);
}

#[test]
fn wheels_fit_the_processor_and_the_glibc_of_lambda() {
    let asked = format!("{LOCAL}native\n");
    let project = python(&[("requirements.txt", &asked)])
        .wheel("native", "1", "cp39-abi3-manylinux_2_24_aarch64", "")
        .wheel("native", "1", "cp39-abi3-manylinux_2_24_x86_64", "")
        .wheel("native", "2", "cp39-abi3-manylinux_2_35_aarch64", "")
        .wheel("native", "3", "cp39-abi3-macosx_11_0_arm64", "");
    assert_eq!(project.packs()["native/__init__.py"], "version = '1 cp39-abi3-manylinux_2_24_aarch64'\n");
    let newer = python(&[("requirements.txt", &asked)]).wheel("native", "2", "cp39-abi3-manylinux_2_35_aarch64", "");
    newer.fails("wheels for python3.13 on arm64");
    assert_eq!(newer.kept(), 0, "nothing half-made is kept");
    // Older runtimes have glibc 2.26, which uv does not know.
    let old = |tag: &str| {
        Project::new("python3.11", &[("requirements.txt", &format!("{asked}pure\n"))])
            .wheel("native", "1", tag, "")
            .wheel("pure", "1", "py3-none-any", "")
    };
    for tag in
        ["cp39-abi3-manylinux2014_aarch64", "cp39-abi3-manylinux_2_24_aarch64", "cp311-cp311-manylinux_2_26_aarch64"]
    {
        assert_eq!(old(tag).packs()["native/__init__.py"], format!("version = '1 {tag}'\n"));
    }
    for tag in
        ["cp39-abi3-manylinux_2_27_aarch64", "cp39-abi3-manylinux_2_28_aarch64", "cp312-cp312-manylinux_2_24_aarch64"]
    {
        old(tag).fails("wheels for python3.11 on arm64");
    }
}

#[test]
fn no_code_of_a_dependency_runs() {
    let ran = tempfile::TempDir::new().unwrap();
    let mark = ran.path().join("ran");
    let setup =
        format!("open({mark:?}, 'w').write('x')\nfrom setuptools import setup\nsetup(name='own', version='1')\n");
    for (requirements, words) in [
        ("./own\n", "build a wheel"),
        ("-e ./own\n", "build a wheel"),
        ("own @ https://127.0.0.1:1/own-1.tar.gz\n", "build a wheel"),
        ("own @ git+https://127.0.0.1:1/own.git\n", "build a wheel"),
        ("--no-index\n--find-links .\nown==1\n", "only wheels can be installed"),
    ] {
        let project = python(&[("requirements.txt", requirements), ("own/setup.py", &setup)]);
        let mut tar = std::process::Command::new("tar");
        tar.args(["czf", "own-1.tar.gz", "--transform", "s/^own/own-1/", "own"]);
        tar.current_dir(project.folder.path().join("f")).status().unwrap();
        project.fails(words);
        assert!(!mark.exists(), "{requirements}");
    }
}

/// Also if npm takes a package from a Git repository, for which npm would run `prepare`.
#[test]
fn no_code_of_a_package_of_npm_runs() {
    let project = Project::new("nodejs24.x", &[]);
    let mark = project.folder.path().join("ran");
    let touch = |script: &str| format!("\"{script}\":\"touch {}\"", mark.display());
    let scripts = ["preinstall", "install", "postinstall", "prepare", "prepack", "build"].map(touch).join(",");
    let manifest = format!(r#"{{"name":"own","version":"1.0.0","scripts":{{{scripts}}}}}"#);
    for path in ["parts/own", "repository"] {
        project.write(&format!("{path}/package.json"), manifest.as_bytes());
        project.write(&format!("{path}/index.js"), b"");
        // npm compiles a package with this file even if no script demands it.
        project.write(&format!("{path}/binding.gyp"), b"{}");
    }
    let repository = project.folder.path().join("f/repository");
    let commit = "git init -q . && git add . && git -c user.email=a@example.com -c user.name=a commit -qm a";
    assert!(std::process::Command::new("sh").args(["-c", commit]).current_dir(&repository).status().unwrap().success());
    let away = project.folder.path().join("repository");
    std::fs::rename(&repository, &away).unwrap();
    project.write(".npmrc", b"ignore-scripts=false\n");
    for from in ["file:./parts/own".to_owned(), format!("git+file://{}", away.display())] {
        let package = format!(r#"{{"dependencies":{{"own":"{from}"}},"scripts":{{{scripts}}}}}"#);
        project.write("package.json", package.as_bytes());
        assert!(project.packs().contains_key("node_modules/own/index.js"), "{from}");
        assert!(!mark.exists(), "{from}");
    }
}

#[test]
fn each_list_of_python_packages_is_read() {
    let pyproject = "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.13'\n\
                     dependencies = ['own; python_version >= \"3.13\"']\n[[tool.uv.index]]\nurl = 'https://127.0.0.1:1/'\n";
    let lock = "version = 1\nrevision = 3\nrequires-python = '>=3.13'\n\n[[package]]\nname = 'own'\nversion = '1'\n\
                source = { registry = 'https://pypi.org/simple' }\n\n[[package]]\nname = 'x'\nversion = '1'\n\
                source = { virtual = '.' }\ndependencies = [{ name = 'own', marker = \"python_full_version >= '3.13'\" }]\n";
    let pipfile = r#"{"_meta":{"sources":[]},"default":{"own":{"version":"==1","markers":"python_version >= '3'"}}}"#;
    // The wheels of this machine's own index are found through pip's settings.
    for files in [
        vec![("uv.lock", lock), ("pyproject.toml", pyproject)],
        vec![("Pipfile.lock", pipfile), ("Pipfile", "")],
        vec![("pyproject.toml", &pyproject[..pyproject.find("[[").unwrap()])],
    ] {
        let project = python(&files).wheel("own", "1", "py3-none-any", "");
        let wheels = project.folder.path().join("f/wheels").display().to_string();
        let project = project.with("PIP_FIND_LINKS", &wheels).with("PIP_NO_INDEX", "1");
        assert!(project.packs().contains_key("own/__init__.py"), "{files:?}");
    }
    // An index of the project replaces those of this machine.
    python(&[("pyproject.toml", pyproject)]).with("PIP_NO_INDEX", "1").fails("127.0.0.1:1");
}

#[test]
fn a_list_that_cannot_be_read_is_refused() {
    python(&[("Pipfile", "")]).fails("run `pipenv lock`");
    python(&[("pyproject.toml", "[tool.poetry.dependencies]\na = '1'\n"), ("poetry.lock", "")]).fails("poetry export");
    let other = python(&[("package.json", r#"{"dependencies":{"a":"1"}}"#)]);
    other.packs();
    assert_eq!(*other.notes.lock().unwrap(), ["f: package.json is not read, because the runtime is python3.13."]);
}

#[test]
fn settings_of_the_user_do_not_change_the_package() {
    let project = python(&[("requirements.txt", &format!("{LOCAL}own\n"))])
        .wheel("own", "1", "py3-none-any", "")
        .with("PIP_REQUIRE_VIRTUALENV", "1")
        .with("PIP_USER", "1")
        .with("UV_OFFLINE", "1")
        .with("UV_NO_DEPS", "1")
        .with("UV_TARGET", "/nonexistent");
    assert!(project.packs().contains_key("own/__init__.py"));
    // The same settings in files.
    let home = tempfile::TempDir::new().unwrap();
    let at = |file: &str| home.path().join(file).display().to_string();
    std::fs::create_dir_all(home.path().join(".config/pip")).unwrap();
    std::fs::create_dir_all(home.path().join(".config/uv")).unwrap();
    let pip = "[global]\nuser = true\nrequire-virtualenv = true\nno-deps = true\n[install]\ntarget = /nonexistent\n";
    std::fs::write(at(".config/pip/pip.conf"), pip).unwrap();
    std::fs::write(at(".config/uv/uv.toml"), "no-index = true\n[pip]\nno-deps = true\ntarget = \"/nonexistent\"\n")
        .unwrap();
    std::fs::write(
        at(".npmrc"),
        "dry-run=true\nglobal=true\nomit[]=optional\nignore-scripts=false\nprefix=/nonexistent\n",
    )
    .unwrap();
    let project = python(&[("requirements.txt", &format!("{LOCAL}own\n"))])
        .wheel("own", "1", "py3-none-any", "other")
        .wheel("other", "1", "py3-none-any", "")
        .with("HOME", &at(""));
    assert!(project.packs().contains_key("other/__init__.py"), "with what it depends on");
    let project = node(r#"{"optionalDependencies":{"own":"file:./parts/own"}}"#).with("HOME", &at(""));
    assert!(project.packs().contains_key("node_modules/own/index.js"));
    let project = node(r#"{"dependencies":{"own":"file:./parts/own"}}"#)
        .with("npm_config_dry_run", "true")
        .with("NPM_CONFIG_GLOBAL", "true")
        .with("npm_config_package_lock_only", "true");
    assert!(project.packs().contains_key("node_modules/own/index.js"));
}

#[test]
fn an_incomplete_installation_is_not_kept() {
    // npm follows the project's own settings, which prevent the installation.
    let project = node(r#"{"dependencies":{"own":"file:./parts/own"}}"#);
    project.write(".npmrc", b"dry-run=true\n");
    project.fails("own was not installed");
    assert_eq!(project.kept(), 0);
    project.write(".npmrc", b"");
    assert!(project.packs().contains_key("node_modules/own/index.js"));
}

/// A Node.js function with this `package.json`, and a package in `parts/own`.
fn node(package: &str) -> Project {
    Project::new(
        "nodejs24.x",
        &[
            ("package.json", package),
            ("parts/own/package.json", r#"{"name":"own","version":"1.0.0"}"#),
            ("parts/own/index.js", "module.exports = 1;"),
        ],
    )
}

#[test]
fn workspaces_are_installed_without_any_dependency() {
    let packed = node(r#"{"workspaces":["parts/*"]}"#).packs();
    assert_eq!(packed["node_modules/own/index.js"], "module.exports = 1;");
}

/// Editors on Windows write a byte order mark.
#[test]
fn a_byte_order_mark_in_front_of_a_list_of_packages_or_of_code_is_ignored() {
    let marked = |text: &str| format!("\u{feff}{text}");
    let packed = node(&marked(r#"{"dependencies":{"own":"file:./parts/own"}}"#)).packs();
    assert!(packed.contains_key("node_modules/own/index.js"));
    // A lock file, and the manifests of installed packages.
    let lock = r#"{"name":"f","lockfileVersion":3,"requires":true,"packages":{"":{"dependencies":{"own":"file:./parts/own"}},
        "node_modules/own":{"resolved":"parts/own","link":true},"parts/own":{"name":"own","version":"1.0.0"}}}"#;
    let locked = node(r#"{"dependencies":{"own":"file:./parts/own"}}"#);
    locked.write("package-lock.json", marked(lock).as_bytes());
    locked.write("parts/own/package.json", marked(r#"{"name":"own","version":"1.0.0"}"#).as_bytes());
    assert!(locked.packs().contains_key("node_modules/own/index.js"));

    let project = "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.13'\ndependencies = ['own']\n";
    let uv_lock = "version = 1\nrevision = 3\nrequires-python = '>=3.13'\n\n[[package]]\nname = 'own'\nversion = '1'\n\
                   source = { registry = 'https://pypi.org/simple' }\n\n[[package]]\nname = 'x'\nversion = '1'\n\
                   source = { virtual = '.' }\ndependencies = [{ name = 'own' }]\n";
    let pipfile = r#"{"_meta":{"sources":[]},"default":{"own":{"version":"==1"}}}"#;
    for files in [
        vec![("requirements.txt", "-r more.txt\n"), ("more.txt", "own==1\n")],
        vec![("requirements.txt", "own\n-c limits.txt\n"), ("limits.txt", "own==1\n")],
        vec![("pyproject.toml", project)],
        vec![("uv.lock", uv_lock), ("pyproject.toml", project)],
        vec![("Pipfile.lock", pipfile)],
    ] {
        let files: Vec<(&str, String)> = files.iter().map(|(path, text)| (*path, marked(text))).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let project = python(&files).wheel("own", "1", "py3-none-any", "");
        let wheels = project.folder.path().join("f/wheels").display().to_string();
        let project = project.with("PIP_FIND_LINKS", &wheels).with("PIP_NO_INDEX", "1");
        assert!(project.packs().contains_key("own/__init__.py"), "{files:?}");
    }

    let code = marked("import lib\n\ndef handler(event, context): pass\n");
    let packed = python(&[("index.py", &code), ("lib.py", &marked("x = 1\n"))]).packs();
    assert!(packed["index.py"].starts_with('\u{feff}'), "it is packed as it is");
    Project::new("python3.10", &[("index.py", &marked("x = = 1\n"))]).fails("index.py, line 1");
    let typescript = Project {
        keys: "bundler = \"esbuild\"",
        ..Project::new(
            "nodejs22.x",
            &[
                ("index.ts", &marked("import { x } from './x';\nexport const handler = async () => x;\n")),
                ("x.ts", &marked("export const x: number = 1;\n")),
                ("tsconfig.json", &marked("{}")),
            ],
        )
    };
    std::fs::remove_file(typescript.folder.path().join("f/index.mjs")).unwrap();
    typescript.packs();
    Project::new("nodejs24.x", &[("index.mjs", &marked("export const handler = () => {};"))]).packs();
}

#[test]
fn a_byte_order_mark_in_the_stack_file_and_in_a_body_schema_is_ignored() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    let stack = "\u{feff}[stack]\nname = \"own\"\n[functions.F]\nsource = \"f\"\n[pools.P]\n[api]\n[[api.routes]]\n\
                 route = \"POST /\"\nfunction = \"F\"\nauth = \"none\"\nbody = \"body.json\"\nverify = true\n";
    user.write("securelambda.toml", stack);
    user.write("f/index.mjs", "\u{feff}export const handler = async () => ({ statusCode: 200, body: 'ran' });\n");
    user.write("body.json", "\u{feff}{\"type\":\"object\",\"required\":[\"a\"]}");
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    assert_eq!(user.run(&["call", "POST /", "--data", "{\"a\":1}"]).ends(0).stdout, "ran");
    user.run(&["call", "POST /", "--data", "{}"]).ends(1).says("does not match the route's schema");
    // A mistake after the mark is shown on its line.
    user.write("securelambda.toml", &stack.replace("auth = \"none\"", "auth = \"nobody\""));
    let ran = user.run(&["plan", "--json"]).ends(2);
    let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(error["mistakes"][0]["line"], 10, "{error:#}");
    user.write("securelambda.toml", stack);
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn the_error_of_npm_is_shown_in_full_and_without_secrets() {
    let project = node(r#"{"dependencies":{"own":"^1"}}"#).with("TOKEN", "hunter22");
    project.write(".npmrc", b"registry=http://ann:${TOKEN}@127.0.0.1:1/\nfetch-retries=0\n");
    let why = project.pack().unwrap_err();
    assert!(why.contains("ECONNREFUSED") && why.contains("npm error code"), "{why}");
    assert!(!why.contains("hunter22"), "{why}");
}

#[test]
fn hidden_and_vendored_files_are_packed_and_what_is_left_out_is_named() {
    let project = Project::new(
        "nodejs24.x",
        &[
            (".well-known/x", "1"),
            ("node_modules/.prisma/client/index.js", "1"),
            ("node_modules/a/test/index.js", "1"),
            ("test/data/x.json", "1"),
            (".env", "KEY=hunter2"),
            (".git/config", "1"),
        ],
    );
    let packed: Vec<String> = project.packs().into_keys().collect();
    let expected = [
        ".well-known/x",
        "index.mjs",
        "node_modules/.prisma/client/index.js",
        "node_modules/a/test/index.js",
        "test/data/x.json",
    ];
    assert_eq!(packed, expected);
    let notes = project.notes.lock().unwrap().concat();
    assert!(notes.starts_with("f: .env is left out"), "{notes}");
}

#[test]
fn a_stack_whose_source_is_its_own_folder_settles() {
    let user = User::newcomer();
    let stack = "[stack]\nname = \"own\"\n[functions.F]\nsource = \".\"\n[pools.P]\n[api]\n[[api.routes]]\nroute = \"GET /\"\n\
                 function = \"F\"\nauth = \"none\"\n";
    user.write("securelambda.toml", stack);
    user.write("index.mjs", "export const handler = async () => ({ statusCode: 200 });");
    std::fs::remove_dir_all(user.folder.path().join("home")).unwrap();
    let user = user.with("HOME", "/nonexistent");
    user.run(&["up", "--yes"]).ends(0);
    user.run(&["plan", "--detailed-exitcode"]).ends(0);
    assert!(Path::new(&user.state()).exists());
    user.run(&["export", "cloudformation", "--out", "out"]).ends(0);
    let package = std::fs::File::open(user.folder.path().join("out/packages/own-F.zip")).unwrap();
    let package = zip::ZipArchive::new(package).unwrap();
    let files: Vec<String> = package.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(files, ["index.mjs"], "neither the state nor the stack file");
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn built_code_is_shipped_as_it_is() {
    let built =
        |runtime, handler, source, files: &[(&str, &str)]| Project { source, handler, ..Project::new(runtime, files) };
    let java =
        built("java25", "com.example.Handler::handle", "f", &[("com/example/Handler.class", "1"), ("lib/a.jar", "1")]);
    assert!(java.packs().contains_key("lib/a.jar"));
    built("dotnet10", "Orders::Orders.Function::Handle", "f", &[("Orders.dll", "1")]).packs();
    built("dotnet10", "Orders::Orders.Function::Handle", "f", &[]).fails("has no file Orders.dll");
    let program = built("provided.al2023", "bootstrap", "f", &[("bootstrap", "#!/bin/sh\n")]);
    program.fails("bootstrap in f is not executable");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(program.folder.path().join("f/bootstrap"), mode).unwrap();
    program.packs();

    // A zip file that this program did not pack.
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("bootstrap", zip::write::SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    zip.write_all(b"#!/bin/sh\n").unwrap();
    let zipped = built("provided.al2023", "bootstrap", "f/built.zip", &[]);
    zipped.write("built.zip", &zip.finish().unwrap().into_inner());
    assert_eq!(zipped.packs().into_keys().collect::<Vec<_>>(), ["bootstrap"]);
}

#[test]
fn a_program_of_ones_own_runs_on_the_emulator() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    let stack = "[stack]\nname = \"own\"\n[functions.F]\nsource = \"f\"\nruntime = \"provided.al2023\"\n[pools.P]\n[api]\n\
                 [[api.routes]]\nroute = \"GET /\"\nfunction = \"F\"\nauth = \"none\"\n";
    user.write("securelambda.toml", stack);
    // Like a program in Rust or Go, this script requests an event and posts its answer.
    let bootstrap = "#!/bin/sh\nset -eu\napi=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation\nwhile true; do\n\
                     curl -sS -D headers -o event $api/next\n\
                     id=$(tr -d '\\r' < headers | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')\n\
                     curl -sS -d '{\"statusCode\":200,\"body\":\"built\"}' $api/$id/response\ndone\n";
    user.write("f/bootstrap", bootstrap);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(user.folder.path().join("f/bootstrap"), mode).unwrap();
    user.run(&["up", "--yes"]).ends(0);
    let answer = user.run(&["call", "GET /", "--anonymous", "--json"]).ends(0).json();
    assert_eq!(answer["body"], "built", "{answer}");
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn a_runtime_that_lambda_no_longer_patches_is_named() {
    let old = Project::new("python3.10", &[]);
    old.packs();
    let notes = old.notes.lock().unwrap().concat();
    assert!(notes.contains("no longer patches the runtime python3.10 since 2026-10-31"), "{notes}");
    assert!(notes.contains("its successor is python3.14"), "{notes}");
}

#[test]
fn a_python_function_sees_what_lambda_has_and_nothing_else() {
    let _alone = default_account();
    let user = User::of("test", &endpoint());
    let stack = "[stack]\nname = \"own\"\n[functions.F]\nsource = \"f\"\nruntime = \"python3.13\"\n[pools.P]\n[api]\n\
                 [[api.routes]]\nroute = \"GET /\"\nfunction = \"F\"\nauth = \"none\"\n";
    user.write("securelambda.toml", stack);
    let code = "import importlib.util\nimport boto3\n\ndef handler(event, context):\n    \
                has = [name for name in ('boto3', 'yaml', 'ministack', 'cryptography') if importlib.util.find_spec(name)]\n    \
                return {'statusCode': 200, 'body': ' '.join(has + [boto3.client('sts').get_caller_identity()['Account']])}\n";
    user.write("f/index.py", code);
    user.run(&["up", "--yes"]).ends(0);
    let answer = user.run(&["call", "GET /", "--anonymous", "--json"]).ends(0).json();
    let body = answer["body"].as_str().unwrap_or_default();
    assert!(body.starts_with("boto3 ") && body.split(' ').count() == 2, "{answer}");
    user.run(&["down", "--yes"]).ends(0);
}

#[test]
fn code_that_cannot_be_loaded_is_refused_before_anything_is_created() {
    let user = User::newcomer();
    let stack = "[stack]\nname = \"own\"\n[functions.P]\nsource = \"p\"\nruntime = \"python3.8\"\n[functions.N]\nsource = \"n\"\nruntime = \"nodejs18.x\"\n\
                 [pools.U]\n[api]\n[[api.routes]]\nroute = \"GET /\"\nfunction = \"P\"\nauth = \"none\"\n";
    user.write("securelambda.toml", stack);
    user.write("p/index.py", "x = = 1\n");
    user.write("n/index.mjs", "export const other = 1;\n");
    let ran = user.run(&["up", "--yes"]).ends(2);
    let said = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("P cannot be loaded: index.py, line 1"), "{said}");
    assert!(said.contains("N cannot be loaded: index.mjs exports no handler"), "{said}");
    assert_eq!(crate::support::inventory::inventory(&user), Vec::<String>::new());
    python(&[("index.py", "import yaml\n\ndef handler(event, context): pass\n")]).fails("imports yaml");
}

/// Finds errors that appear only when the code runs: a missing variable, an exception, a missing handler.
#[test]
fn up_local_loads_the_code_without_calling_the_handler() {
    let _alone = default_account();
    endpoint();
    let user = User::bare().with("SECURELAMBDA_CACHE_DIR", &cache().display().to_string());
    let function = |name: &str, runtime: &str| {
        format!(
            "[functions.{name}]\nsource = \"{name}\"\nruntime = \"{runtime}\"\nenvironment = {{ PLACE = \"here\" }}\n"
        )
    };
    let stack = [
        "[stack]\nname = \"own\"\n".to_owned(),
        function("Sound", "python3.13"),
        function("Js", "nodejs22.x"),
        function("Py", "python3.13"),
        "[pools.U]\n[api]\n[[api.routes]]\nroute = \"GET /\"\nfunction = \"Sound\"\nauth = \"none\"\n".to_owned(),
    ];
    user.write("securelambda.toml", &stack.concat());
    let place = "import os, boto3\nassert os.environ['PLACE'] == 'here' and os.environ['_HANDLER'] == 'index.handler'\n\
                 boto3.client('sts').get_caller_identity()\n\
                 def handler(event, context): open(os.environ['HOME'] + '/called', 'w')\n";
    user.write("Sound/index.py", place);
    user.write("Js/index.mjs", "globalThis.handlers = {};\nexport const { handler } = globalThis.handlers;\n");
    user.write("Py/index.py", "import os\nTABLE = os.environ['TABLE']\ndef handler(event, context): pass\n");
    let ran = user.run(&["up", "--local", "--yes"]).ends(4);
    let ran = ran.says("the code of Js cannot be loaded").says("index.handler is not a function");
    let ran = ran.says("the code of Py cannot be loaded").says("KeyError: 'TABLE'");
    assert!(!ran.stderr.contains("Sound cannot"), "{}", ran.stderr);
    user.write("Js/index.mjs", "import { readFileSync } from 'node:fs';\nexport const handler = () => readFileSync;\n");
    user.write("Py/index.py", "import threading\nthreading.Timer(60, print).start()\nhandler = print\n");
    user.run(&["up", "--local", "--yes"]).ends(0);
    user.run(&["down", "--local", "--yes"]).ends(0);
}

#[test]
fn typescript_is_bundled_with_what_it_imports() {
    let files = [
        (
            "src/index.ts",
            "import own from \"own\";\nimport { S3 } from \"@aws-sdk/client-s3\";\nimport { say } from \"./say\";\n\
                          export const handler = async (event: { n: number }) => [say(event.n), own, S3];\n",
        ),
        ("src/say.ts", "export const say = (n: number): string => `n is ${n}`;\n"),
        ("package.json", r#"{"dependencies":{"own":"file:./parts/own"}}"#),
        ("parts/own/package.json", r#"{"name":"own","version":"1.0.0"}"#),
        ("parts/own/index.js", "const path = require('path'); module.exports = path.sep;"),
        ("templates/mail.txt", "Hello"),
    ];
    let mut project = Project { handler: "src/index.handler", ..Project::new("nodejs22.x", &files) };
    project.fails("set `bundler = \"esbuild\"`");
    project.keys = "bundler = \"esbuild\"";
    let packed = project.packs();
    assert!(packed.contains_key("templates/mail.txt") && !packed.contains_key("src/say.ts"), "{packed:?}");
    let bundle = &packed["src/index.mjs"];
    assert!(
        bundle.contains("n is ") && bundle.contains("path.sep") && bundle.contains("\"@aws-sdk/client-s3\""),
        "{bundle}"
    );
    let again =
        Project { handler: "src/index.handler", keys: "bundler = \"esbuild\"", ..Project::new("nodejs22.x", &files) };
    assert_eq!(again.packs(), packed, "the same in another folder");
    project.write("src/say.ts", b"export const say = (n => ;\n");
    project.fails("src/say.ts:1:");
}
