//! All integration tests, in one binary, because each binary links the AWS SDK again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by panicking, its name documents it, and no other crate uses this one"
)]

mod access;
mod alarms;
mod api_keys;
mod api_to_api;
mod architecture;
mod attributes;
mod audit;
mod audit_looks;
mod aws_rules;
mod bad_input;
mod call;
mod change;
mod changed_stack;
mod ci;
mod ci_role;
mod cli;
mod clock;
mod crash;
mod credentials;
mod dev;
mod disk_full;
mod doctor;
mod drift;
mod e2e;
mod edge;
mod engine;
mod examples;
mod existing_pools;
mod exit_codes;
mod export;
mod facts;
mod faults;
mod firewall;
mod function_access;
mod gateway_holes;
mod group_roles;
mod group_routes;
mod groups;
mod hooks;
mod html;
mod http_jwt;
mod images;
mod init;
mod keys;
mod killed;
mod kinds;
mod local;
mod locks;
mod logs;
mod mail;
mod mistakes;
mod models;
mod moto;
mod neighbours;
mod network;
mod operator;
mod ordering;
mod own_key;
mod own_stack;
mod ownership;
mod pacing;
mod packages;
mod packaging;
mod pages;
mod permissions;
mod policies;
mod pools;
mod previews;
mod promises;
mod proof;
mod provisioned;
mod queues;
mod rates;
mod readme;
mod regions;
mod registries;
mod replacement;
mod scopes;
mod secrets;
mod services;
mod shared_state;
mod sign_in;
mod signals;
mod states;
mod store;
mod support;
mod sweep;
mod tables;
mod tags;
mod takeover;
mod throttle;
mod triggers;
mod unreadable;
mod user_files;
mod verify;

/// A file without a `mod` line is silently never compiled.
#[test]
fn every_test_file_is_listed_as_a_module() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for (folder, lists) in
        [(here.clone(), "main.rs"), (here.join("support"), "mod.rs"), (here.join("services"), "mod.rs")]
    {
        let list = std::fs::read_to_string(folder.join(lists)).unwrap();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let (name, stem) = (path.file_name().unwrap(), path.file_stem().unwrap().to_str().unwrap());
            let rust = path.join("mod.rs").exists() || path.extension().is_some_and(|extension| extension == "rs");
            // The services are arguments of a macro that lists them as modules.
            let is_it = |line: &str| {
                line.trim_start_matches("pub ") == format!("mod {stem};") || line == format!("    {stem},")
            };
            let listed = list.lines().any(is_it);
            assert!(!rust || name == lists || listed, "{} is not listed in {lists}", path.display());
        }
    }
}
