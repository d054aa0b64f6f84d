//! `ci github`: third-party linters check every workflow that it can write, and this repository's own.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::program::User;
use crate::support::workflows::complaints;

const STACK: &str = r#"
[stack]
name = "orders"
state = "s3://acme-states/orders"
permissions_boundary = "arn:aws:iam::123456789012:policy/functions"
[secrets.Partner]
API_KEY = { env = "PARTNER_KEY" }
[tables.notes]
key = "id"
[topics.news]
[environments.prod]
[environments.prod.topics.more]
"#;

const OFFLINE: [&str; 4] = ["--account", "123456789012", "--region", "eu-central-1"];
const FILE: &str = ".github/workflows/securelambda.yml";

fn user(stack: &str) -> User {
    let user = User::bare();
    user.write("securelambda.toml", stack);
    user
}

fn github(user: &User, args: &[&str]) -> crate::support::program::CommandOutput {
    user.run(&[&["ci", "github"], &OFFLINE[..], args].concat())
}

fn written(user: &User, file: &str) -> String {
    std::fs::read_to_string(user.folder.path().join(file)).unwrap()
}

#[test]
fn every_workflow_passes_actionlint_and_zizmor() {
    let user = user(STACK);
    user.write("apps/api/stack.toml", &STACK.replace("[secrets.Partner]\nAPI_KEY = { env = \"PARTNER_KEY\" }\n", ""));
    let variants: [(&str, &[&str]); 7] = [
        ("plain", &[]),
        ("branch", &["--branch", "release/2.0"]),
        ("environment", &["--env", "prod"]),
        ("previews", &["--previews"]),
        ("both", &["--previews", "--ttl", "12h", "--env", "prod"]),
        ("elsewhere", &["--file", "apps/api/stack.toml", "--previews"]),
        ("named", &["--stack", "other", "--previews", "--region", "us-gov-west-1"]),
    ];
    for (name, args) in variants {
        let out = format!(".github/workflows/{name}.yml");
        let region = args.contains(&"--region");
        let offline = &OFFLINE[..if region { 2 } else { 4 }];
        user.run(&[&["ci", "github", "--out", &out], offline, args].concat()).ends(0);
    }
    assert_eq!(complaints(user.folder.path()), "");
    let of = |name: &str| written(&user, &format!(".github/workflows/{name}.yml"));
    assert!(of("branch").contains("branches: [\"release/2.0\"]"));
    assert!(
        of("environment").contains("SECURELAMBDA_ENV: \"prod\"") && of("environment").contains("orders-prod-deploy")
    );
    assert!(!of("plain").contains("schedule:") && !of("plain").contains("closed]"));
    let both = of("both");
    assert!(both.contains("SECURELAMBDA_STACK: orders-pr-${{ github.event.pull_request.number }}"), "{both}");
    assert!(both.contains("--ttl 12h") && both.contains("--remove-table=notes") && both.contains("PARTNER_KEY"));
    assert!(of("elsewhere").contains("SECURELAMBDA_FILE: \"apps/api/stack.toml\""));
    assert!(of("named").contains("arn:aws-us-gov:iam::123456789012:role/securelambda-ci/other/"));

    // The linters can fail.
    let plain = of("plain");
    for (what, broken) in [
        ("a misspelt property", plain.replace("github.event_name", "github.evnt_name")),
        ("an action by its tag", plain.replace("@3d3c42e5aac5ba805825da76410c181273ba90b1", "@v7")),
        (
            "untrusted input in a script",
            plain
                .replace("\"$PULL_REQUEST\"", "${{ github.event.pull_request.title }}")
                .replace("/$PULL_REQUEST/", "/${{ github.head_ref }}/"),
        ),
        ("secrets for forks", plain.replace("  pull_request:\n", "  pull_request_target:\n")),
    ] {
        assert_ne!(broken, plain, "{what}");
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::create_dir_all(folder.path().join(".github/workflows")).unwrap();
        std::fs::write(folder.path().join(".github/workflows/broken.yml"), broken).unwrap();
        assert_ne!(complaints(folder.path()), "", "{what}");
    }
}

/// A workflow with credentials must not run for forks, and no job has more permissions than it needs.
#[test]
fn a_workflow_gives_nothing_to_forks() {
    let user = user(STACK);
    let workflow = github(&user, &["--print", "--previews"]).ends(0).stdout;
    assert!(!workflow.contains("pull_request_target"), "{workflow}");
    let jobs: Vec<&str> = workflow.split("\n    runs-on:").collect();
    let of_pull_requests = jobs.iter().filter(|job| job.contains("event_name == 'pull_request'"));
    for job in of_pull_requests.clone() {
        assert!(job.contains("head.repo.full_name == github.repository"), "{job}");
    }
    assert_eq!((of_pull_requests.count(), jobs.len() - 1), (3, 5));
    assert_eq!(workflow.matches("pull-requests: write").count(), 1);
    assert_eq!(workflow.matches("id-token: write").count(), 5);
    assert_eq!(workflow.matches("persist-credentials: false").count(), workflow.matches("actions/checkout@").count());
    assert_eq!(workflow.matches("permissions: {}").count(), 1);
}

#[test]
fn nothing_is_overwritten_and_what_cannot_work_is_refused() {
    let user = user(STACK);
    let ran = github(&user, &[]).ends(0).says("ci role --repository OWNER@ID/NAME@ID").says("PARTNER_KEY");
    assert_eq!(ran.stdout, format!("{FILE}\n"));
    let first = written(&user, FILE);
    assert_eq!(github(&user, &["--print"]).ends(0).stdout, first);
    github(&user, &["--branch", "next"]).ends(2).says("exists already").says("--force");
    assert_eq!(written(&user, FILE), first);
    github(&user, &["--branch", "next", "--force"]).ends(0);
    assert_ne!(written(&user, FILE), first);

    github(&user, &["--print", "--branch", "a b"]).ends(2);
    github(&user, &["--print", "--previews", "--ttl", "none"]).ends(2).says("expire");
    github(&user, &["--print", "--file", "/nowhere.toml"]).ends(2);
    let without = |key: &str| STACK.lines().filter(|line| !line.starts_with(key)).collect::<Vec<_>>().join("\n");
    user.write("securelambda.toml", &without("state"));
    github(&user, &["--print"]).ends(2).says("state bucket").says("state = \"s3://BUCKET/PREFIX\"");
    user.write("securelambda.toml", &without("permissions_boundary"));
    github(&user, &["--print"]).ends(0);
    github(&user, &["--print", "--previews"]).ends(2).says("permissions boundary");
    user.write("securelambda.toml", &STACK.replace("\"orders\"", "\"orders-and-invoices\""));
    github(&user, &["--print", "--previews"]).ends(2).says("too long");
    std::fs::remove_file(user.folder.path().join("securelambda.toml")).unwrap();
    github(&user, &["--print"]).ends(2).says("securelambda init");
}

/// The step that comments on a pull request, with a GitHub that records its calls.
#[test]
fn a_pull_request_has_one_comment_which_is_updated() {
    let user = user(STACK);
    let workflow = github(&user, &["--print"]).ends(0).stdout;
    let step = workflow.split("      - name: Comment on the pull request\n").nth(1).unwrap();
    let script: String = step.split("        run: |\n").nth(1).unwrap().split("\n\n").next().unwrap().to_owned();
    let script: String =
        script.lines().map(|line| line.strip_prefix("          ").unwrap_or(line).to_owned() + "\n").collect();
    let folder = user.folder.path();
    user.write("script.sh", &script);
    // Answers the list with the id of the comment, if there is one, and records everything else.
    user.write(
        "bin/gh",
        "#!/bin/sh\ncase \"$*\" in\n*--paginate*) [ ! -f id ] || cat id ;;\n*) printf '%s\\n' \"$*\" >> calls; for last; do :; done; cat \"${last#body=@}\" >> bodies ;;\nesac\n",
    );
    std::fs::set_permissions(folder.join("bin/gh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = || {
        let ran = Command::new("bash")
            .args(["-e", "script.sh"])
            .current_dir(folder)
            .env("PATH", format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap()))
            .envs([("RUNNER_TEMP", "."), ("GITHUB_REPOSITORY", "octo/orders"), ("PULL_REQUEST", "7")])
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    // Without a plan there is nothing to say.
    user.write("plan.md", "");
    run();
    assert!(!Path::new(&folder.join("calls")).exists());
    user.write("plan.md", "### Plan of `orders`\n");
    run();
    assert_eq!(read("calls"), "api --silent repos/octo/orders/issues/7/comments --field body=@./comment.md\n");
    assert_eq!(read("bodies"), "<!-- securelambda plan orders -->\n\n### Plan of `orders`\n");
    user.write("id", "4711\n");
    run();
    let updated = "api --silent --method PATCH repos/octo/orders/issues/comments/4711 --field body=@./comment.md";
    assert_eq!(read("calls").lines().last(), Some(updated));
    user.write("plan.md", &"x".repeat(100_000));
    std::fs::remove_file(folder.join("bodies")).unwrap();
    run();
    assert!(read("bodies").len() < 65_536);
}
