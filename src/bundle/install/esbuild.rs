//! esbuild, which bundles TypeScript or JavaScript and its imports into one file. It is a package on npm, downloaded
//! the first time that a stack needs it. It does not run the code, and does not check types.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;
use tokio::process::Command;

use super::credentials::Credentials;
use super::native::left_out;
use super::{DependencyInstaller, Installed, npm};
use crate::bundle::files::{File, Files};
use crate::error::Error;
use crate::spec::Packed;

const VERSION: &str = "0.28.2";

/// By operating system and processor, as Rust calls them: the package, and its hash as npm's lock files have it.
const PACKAGES: [(&str, &str, &str, &str); 4] = [
    (
        "linux",
        "x86_64",
        "@esbuild/linux-x64",
        "sha512-4xTZr1FUmSoQW4XIWmit3tzQrUTZM+N3P0XV8xROKYF50XfI7xeO90+1bZvNwxIufQ9hDQVRJH5YhgPVF8A/HQ==",
    ),
    (
        "linux",
        "aarch64",
        "@esbuild/linux-arm64",
        "sha512-pW4AC0P3it8c7do9MVM4p51FzHzdM/TZrerurgRcHJ2WTa1VQ1CIq18xncfpBJw4ojkiZZrKW2yIBWBP92j6Ug==",
    ),
    (
        "macos",
        "x86_64",
        "@esbuild/darwin-x64",
        "sha512-uq6suIWYP37qzGddBKPw5QEQPi6HiLGsO7UmkpfyaYNQ3D+rN6w6WfwH+nuqcGXWvawGwxOEroO4YGnFh95azw==",
    ),
    (
        "macos",
        "aarch64",
        "@esbuild/darwin-arm64",
        "sha512-n4KqkOQrraxHJcgjM1RvwbigfQKIKJVpM7xp+KsxiyUSrRdIXnt73VhrPAx0fV44hgfmIVKjxMN9J1t5jySVkw==",
    ),
];

/// Packages in CommonJS call `require`, which an ES module does not have.
const BANNER: &str = "import { createRequire as __createRequire } from \"node:module\"; \
                      globalThis.require ??= __createRequire(import.meta.url);";

/// The extensions of code, which only the bundle contains, and the files that only tools read.
const CODE: [&str; 8] = ["ts", "mts", "cts", "tsx", "js", "mjs", "cjs", "jsx"];
const FOR_TOOLS: [&str; 4] = ["package.json", "package-lock.json", "npm-shrinkwrap.json", "tsconfig.json"];

impl DependencyInstaller<'_> {
    /// Bundles `entry`, a file of the function, and its imports into one file. The function's files that are not code
    /// stay.
    pub(in crate::bundle) async fn bundle(
        &self,
        name: &str,
        function: &Packed,
        own: &Files,
        entry: &str,
        installed: Option<&Installed>,
    ) -> Result<Files, Error> {
        let Some(cache) = &self.cache else {
            return Err(Error::other(format!("there is no cache folder to bundle {name} in"))
                .hint("set SECURELAMBDA_CACHE_DIR to a folder that you can write"));
        };
        let unwritable = |why: io::Error| {
            Error::other(format!("{name} cannot be bundled in {}: {why}", cache.display()))
                .hint("set SECURELAMBDA_CACHE_DIR to another folder")
        };
        let program = self.esbuild(cache).await?;
        // Beside the dependencies, so that the paths in the bundle are the same on every machine.
        let packages = cache.join("packages");
        fs::create_dir_all(&packages).map_err(unwritable)?;
        let work = tempfile::Builder::new().prefix(".bundle-").tempdir_in(&packages).map_err(unwritable)?;
        for (path, file) in own {
            let path = work.path().join(path);
            let copied = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, file.read()?));
            copied.map_err(unwritable)?;
        }
        if let Some(installed) = installed {
            let modules = work.path().join("node_modules");
            let _ = fs::remove_dir_all(&modules);
            std::os::unix::fs::symlink(installed.folder.join("node_modules"), modules).map_err(unwritable)?;
        }
        let stem = entry.rsplit_once('.').map_or(entry, |(stem, _)| stem);
        let (made, output) = (format!("{stem}.mjs"), work.path().join(".made.mjs"));
        let mut esbuild = Command::new(program);
        self.environment.apply(&mut esbuild);
        esbuild.env_remove("NODE_PATH").current_dir(work.path()).kill_on_drop(true);
        let node = function.runtime.trim_start_matches("nodejs").trim_end_matches(".x");
        esbuild.arg(entry).args(["--bundle", "--platform=node", "--format=esm", "--main-fields=module,main"]);
        esbuild.arg(format!("--target=node{node}")).arg(format!("--outfile={}", output.display()));
        // Lambda's runtime contains these packages.
        esbuild.args(["--external:@aws-sdk/*", "--external:@smithy/*", "--external:aws-sdk"]);
        let left_out = installed.map(|installed| left_out(&installed.files)).unwrap_or_default();
        esbuild.args(
            left_out.packages.iter().flat_map(|name| [format!("--external:{name}"), format!("--external:{name}/*")]),
        );
        esbuild.arg(format!("--banner:js={BANNER}"));
        esbuild.args(["--legal-comments=none", "--log-level=warning", "--log-limit=0", "--color=false"]);
        let ran = esbuild.output().await.map_err(unwritable)?;
        let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
        if !ran.status.success() {
            let mut error = Error::other(format!("esbuild could not bundle {name} from {entry}"));
            error.details = Some(said.into());
            return Err(error.hint("a package that is not found must be among the `dependencies` of package.json"));
        }
        let code = fs::read_to_string(&output).map_err(unwritable)?;
        let is_code = |path: &str| {
            let file = path.rsplit('/').next().unwrap_or(path);
            let end = file.rsplit_once('.').map_or("", |(_, end)| end);
            CODE.contains(&end) || FOR_TOOLS.contains(&file) || path.starts_with("node_modules/")
        };
        let kept = own.iter().filter(|(path, _)| !is_code(path)).map(|(path, file)| (path.clone(), file.clone()));
        Ok(kept.chain(left_out.files).chain([(made, File::made(code))]).collect())
    }

    /// esbuild from the cache; downloads it first if it is not there.
    async fn esbuild(&self, cache: &Path) -> Result<PathBuf, Error> {
        let (os, processor) = (std::env::consts::OS, std::env::consts::ARCH);
        let Some((_, _, package, hash)) = PACKAGES.iter().find(|(on, of, ..)| (*on, *of) == (os, processor)) else {
            return Err(Error::other(format!("this version has no esbuild for {os} on {processor}")));
        };
        let folder = cache.join("tools").join(format!("esbuild-{VERSION}"));
        let program = folder.join("node_modules").join(package).join("bin/esbuild");
        if program.exists() {
            return Ok(program);
        }
        (self.note)(&format!("Downloading esbuild {VERSION} (only once)."));
        let unwritable = |why: io::Error| {
            Error::other(format!("esbuild cannot be written to {}: {why}", folder.display()))
                .hint("set SECURELAMBDA_CACHE_DIR to another folder")
        };
        let tools = folder.parent().unwrap_or(&folder);
        fs::create_dir_all(tools).map_err(unwritable)?;
        let work = tempfile::Builder::new().prefix(".new-").tempdir_in(tools).map_err(unwritable)?;
        let file = package.rsplit('/').next().unwrap_or(package);
        let resolved = format!("https://registry.npmjs.org/{package}/-/{file}-{VERSION}.tgz");
        let manifest = json!({ "private": true, "dependencies": { *package: VERSION } });
        let lock = json!({
            "lockfileVersion": 3,
            "packages": {
                "": { "dependencies": { *package: VERSION } },
                format!("node_modules/{package}"): { "version": VERSION, "resolved": resolved, "integrity": hash },
            },
        });
        for (name, text) in [("package.json", &manifest), ("package-lock.json", &lock)] {
            fs::write(work.path().join(name), text.to_string()).map_err(unwritable)?;
        }
        let settings = tempfile::tempdir().map_err(unwritable)?;
        let (mut npm, sources) = npm::isolated("ci", &self.environment, settings.path()).await.map_err(unwritable)?;
        let failed = |details: String| {
            let mut error = Error::other(format!("esbuild {VERSION} could not be downloaded"));
            error.details = Some(Credentials::of([sources.as_str()], &self.environment).hidden_in(&details).into());
            error.hint("npm downloads it from its registry, which must be reachable; `npm --version` must work")
        };
        let ran = npm.current_dir(work.path()).output().await.map_err(|why| failed(why.to_string()))?;
        if !ran.status.success() {
            return Err(failed(String::from_utf8_lossy(&ran.stderr).trim().to_owned()));
        }
        let work = work.keep();
        match fs::rename(&work, &folder) {
            // Another run finished first, with the same result.
            Err(_) if program.exists() => fs::remove_dir_all(&work).map_err(unwritable)?,
            done => done.map_err(unwritable)?,
        }
        Ok(program)
    }
}
