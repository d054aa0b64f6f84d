//! `down` and `sweep` with moto, an emulator that lacks some calls: they remove everything that moto can remove, and name the
//! rest.

use serde_json::{Value, json};

use crate::support::moto::Moto;
use crate::support::program::User;

/// The existing resources by kind and name.
fn resources(inventory: &Value) -> Vec<(String, String)> {
    let kinds = inventory.as_object().unwrap().iter();
    kinds
        .flat_map(|(kind, names)| {
            let names = names.as_array().unwrap().iter();
            names.map(|name| (kind.clone(), name.as_str().unwrap().to_owned()))
        })
        // Every account has a group of schedules called default, which nobody can delete.
        .filter(|(kind, name)| kind != "scheduler.group" || name != "default")
        .collect()
}

#[test]
fn down_removes_everything_that_moto_can_remove() {
    let moto = Moto::start();
    let user = |moto: &Moto| {
        // moto has only one account.
        User::of("test", &moto.endpoint).with("SECURELAMBDA_TIME_SCALE", "0.02")
    };
    // moto lacks SetIdentityPoolRoles, GetIdentityPoolRoles, and GetAuthorizers of HTTP APIs, and it refuses some generated
    // passwords of service users. So `up` may fail for the third stack.
    for (blueprint, built) in [("tutorial", vec![0]), ("http-jwt", vec![0]), ("api-to-api", vec![0, 4])] {
        let user = user(&moto);
        let up = user.run(&["up", "--yes", "--blueprint", blueprint]);
        assert!(built.contains(&up.code), "{blueprint}: {}\n{}", up.code, up.stderr);
        let there = resources(&moto.inventory());
        assert!(there.len() > 5, "{blueprint}: {there:?}");
        let down = user.run(&["down", "--yes", "--blueprint", blueprint, "--json"]);
        let left = resources(&moto.inventory());
        assert_eq!(left, [], "{blueprint} ended with {}:\n{}\n{}", down.code, down.stdout, down.stderr);
        let summary = down.summary();
        // If the resources that could not be read were deleted with their parents, nothing is named. Else they are named.
        let named = [&summary["left"], &summary["not_looked_for"]];
        let silent = named.iter().all(|list| **list == json!([]));
        assert_eq!(down.code, if silent { 0 } else { 4 }, "{blueprint}:\n{summary:#}");
        let http = summary["shared"].as_str().is_some_and(|words| words.contains("AWSLogDeliveryWrite"));
        assert_eq!(http, blueprint == "http-jwt", "{summary:#}");
        // moto does not know CloudWatch's protocol, so whether there are alarms remains unknown.
        let purged = user.run(&["down", "--yes", "--blueprint", blueprint, "--purge", "--json"]).ends(4).summary();
        let unread: Vec<&str> =
            purged["not_looked_for"].as_array().unwrap().iter().filter_map(|one| one["kind"].as_str()).collect();
        assert_eq!((unread, &purged["left"]), (vec!["cloudwatch.alarm"], &json!([])), "{purged:#}");
    }
}

/// `sweep` runs without the state file.
#[test]
fn sweep_removes_everything_that_moto_can_remove() {
    let moto = Moto::start();
    for (blueprint, stack) in [("tutorial", "securelambda"), ("http-jwt", "http-jwt"), ("api-to-api", "api-to-api")] {
        let user = User::of("test", &moto.endpoint).with("SECURELAMBDA_TIME_SCALE", "0.02");
        user.run(&["up", "--yes", "--blueprint", blueprint]);
        assert!(resources(&moto.inventory()).len() > 5, "{blueprint}");
        let swept = user.on_another_machine(&moto.endpoint).with("SECURELAMBDA_TIME_SCALE", "0.02");
        let swept = swept.run(&["sweep", "--yes", "--adopt", "--stack", stack, "--purge"]);
        assert_eq!(resources(&moto.inventory()), [], "{blueprint} ended with {}:\n{}", swept.code, swept.stderr);
        assert!([0, 4].contains(&swept.code), "{}: {}", swept.code, swept.stderr);
    }
}
