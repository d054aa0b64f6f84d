//! Checks that a package has the file of its handler. Lambda would accept a package without it, but the first call
//! would fail.

use super::files::{File, Files};
use super::place;
use crate::spec::{Diagnostic, Language, Packed};

/// The program that `provided` runtimes start.
const BOOTSTRAP: &str = "bootstrap";

/// Reports a handler whose file is not in the package. `on_lambda` is false for an emulator, which runs programs as
/// processes of this machine.
pub(super) fn missing(name: &str, function: &Packed, files: &Files, on_lambda: bool) -> Option<Diagnostic> {
    let handler = &function.handler;
    let candidates = match Language::of(&function.runtime) {
        Language::Provided => return without_program(name, function, files, on_lambda),
        // Classes may be in any archive.
        Language::Java => return None,
        Language::Dotnet => vec![format!("{}.dll", handler.split("::").next().unwrap_or(handler))],
        Language::Python => {
            let module = handler.rsplit_once('.')?.0.replace('.', "/");
            [".py", "/__init__.py", ".so"].map(|end| format!("{module}{end}")).to_vec()
        }
        Language::Ruby => vec![format!("{}.rb", handler.split('.').next().unwrap_or(handler))],
        Language::Node => {
            let module = module(handler);
            if let Some(typed) = TYPED.iter().map(|end| format!("{module}{end}")).find(|path| files.contains_key(path))
            {
                let message =
                    format!("{} has {typed}, which Node.js on Lambda does not run", function.source.display());
                return Some(
                    Diagnostic::new(place(name), message).help("set `bundler = \"esbuild\"` for this function"),
                );
            }
            [".mjs", ".js", ".cjs"].map(|end| format!("{module}{end}")).to_vec()
        }
    };
    let shown = |path: &String| path.trim_start_matches("./").to_owned();
    if candidates.iter().any(|path| files.contains_key(&shown(path))) {
        return None;
    }
    let message = format!(
        "{} has no file {}, which the handler {handler} needs",
        function.source.display(),
        shown(&candidates[0])
    );
    Some(Diagnostic::new(place(name), message).help("correct `handler` or `source`"))
}

/// Files of TypeScript.
const TYPED: [&str; 4] = [".ts", ".mts", ".cts", ".tsx"];

/// The path of a handler's file without its extension.
fn module(handler: &str) -> String {
    let (folder, file) = handler.rsplit_once('/').map_or((None, handler), |(folder, file)| (Some(folder), file));
    let stem = file.split('.').next().unwrap_or(file);
    folder.map_or(stem.to_owned(), |folder| format!("{}/{stem}", folder.trim_start_matches("./")))
}

/// The file that a bundle of a Node.js function begins with.
pub(super) fn entry(name: &str, function: &Packed, files: &Files) -> Result<String, Diagnostic> {
    let module = module(&function.handler);
    let ends = TYPED.into_iter().chain([".mjs", ".js", ".cjs", ".jsx"]);
    let found = ends.map(|end| format!("{module}{end}")).find(|path| files.contains_key(path));
    found.ok_or_else(|| {
        let (source, handler) = (function.source.display(), &function.handler);
        let message = format!("{source} has no file {module}.ts or {module}.js, which the handler {handler} needs");
        Diagnostic::new(place(name), message).help("correct `handler` or `source`")
    })
}

fn without_program(name: &str, function: &Packed, files: &Files, on_lambda: bool) -> Option<Diagnostic> {
    let source = function.source.display();
    let flaw = |message: String, help: String| Some(Diagnostic::new(place(name), message).help(help));
    let Some(program) = files.get(BOOTSTRAP) else {
        let message = format!("{source} has no file {BOOTSTRAP}, which the runtime {} starts", function.runtime);
        return flaw(message, "build the program for Linux, and call it bootstrap".to_owned());
    };
    if !program.executable {
        return flaw(format!("{BOOTSTRAP} in {source} is not executable"), format!("run `chmod +x {BOOTSTRAP}`"));
    }
    let built = processor(program).filter(|built| on_lambda && *built != function.architecture)?;
    let message =
        format!("{BOOTSTRAP} in {source} is built for {built}, but the function runs on {}", function.architecture);
    flaw(message, format!("set `architecture = \"{built}\"`, or build it for {}", function.architecture))
}

/// The processor that a program for Linux is built for; `None` for a script and for other processors.
fn processor(program: &File) -> Option<&'static str> {
    let bytes = program.read().ok()?;
    match (bytes.get(..4)?, bytes.get(18..20)?) {
        (b"\x7fELF", [0xb7, 0]) => Some("arm64"),
        (b"\x7fELF", [0x3e, 0]) => Some("x86_64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    fn said(runtime: &str, handler: &str, files: &[(&str, File)]) -> Option<String> {
        let text = format!(
            "[stack]\nname = \"demo\"\n[functions.F]\nsource = \"f\"\nruntime = \"{runtime}\"\nhandler = \"{handler}\"\n"
        );
        let stack = parse(&text).expect("a stack");
        let files: Files = files.iter().map(|(path, file)| ((*path).to_owned(), file.clone())).collect();
        missing("F", stack.functions["F"].packed().expect("packed"), &files, true).map(|flaw| flaw.message)
    }

    fn file(text: &str) -> File {
        File::made(text.to_owned())
    }

    #[test]
    fn the_file_of_a_handler_must_be_in_the_package() {
        for (runtime, handler, path) in [
            ("nodejs24.x", "src/app.handler", "src/app.mjs"),
            ("python3.14", "src.app.handler", "src/app/__init__.py"),
            ("ruby4.0", "app.Orders.process", "app.rb"),
            ("dotnet10", "Orders::Orders.Function::Handle", "Orders.dll"),
            ("dotnet10", "Orders", "Orders.dll"),
        ] {
            assert_eq!(said(runtime, handler, &[(path, file(""))]), None, "{handler}");
            assert!(said(runtime, handler, &[("x", file(""))]).is_some_and(|said| said.contains("has no file")));
        }
        let typed = said("nodejs24.x", "index.handler", &[("index.ts", file(""))]).unwrap_or_default();
        assert!(typed.contains("has index.ts, which Node.js on Lambda does not run"), "{typed}");
        assert_eq!(said("java25", "com.example.Handler::handle", &[("lib/a.jar", file(""))]), None);
    }

    #[test]
    fn a_program_must_be_there_executable_and_for_the_processor() {
        let program = |processor: u8, executable: bool| {
            let mut elf = vec![0x7f, b'E', b'L', b'F'];
            elf.resize(18, 1);
            elf.extend([processor, 0]);
            let mut file = file(&String::from_utf8_lossy(&elf));
            file.executable = executable;
            said("provided.al2023", "bootstrap", &[("bootstrap", file)]).unwrap_or_default()
        };
        assert!(said("provided.al2023", "x", &[]).is_some_and(|said| said.contains("has no file bootstrap")));
        assert!(program(0x3e, false).contains("is not executable"));
        assert!(program(0x3e, true).contains("is built for x86_64"));
        let mut script = file("#!/bin/sh\n");
        script.executable = true;
        assert_eq!(said("provided.al2023", "x", &[("bootstrap", script)]), None);
    }
}
