//! Regions: the program's table equals botocore's, an unsuitable region is refused before the first call, and a region that
//! the account has not enabled is distinguished from bad credentials.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use securelambda::aws::KINDS;
use securelambda::partition::{Partition, host};
use securelambda::regions;
use serde_json::{Value, json};

use crate::support::botocore;
use crate::support::emulator::{account, endpoint, python};
use crate::support::program::User;
use crate::support::proxy::{AwsRequest, CallOutcome, Fault, Proxy};

/// The output of a Python script with botocore, which reads no user's configuration.
fn printed(args: &[&str]) -> String {
    let mut command = Command::new(python());
    command.arg("-I").args(args).env_clear().env("HOME", "/nonexistent");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_region_table_equals_botocores() {
    let file = include_str!("../../src/regions/table.rs");
    let made = printed(&[concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/regions.py")]);
    // Without the first line, which contains botocore's version.
    let rows = |text: &str| text.split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap();
    assert_eq!(rows(&made), rows(file), "run scripts/regions.py, as it says");
}

/// The script finds the services by the form of their declarations. A service that is declared in another form would be
/// missing from the table of regions.
#[test]
fn the_region_script_finds_every_service_of_a_kind() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts");
    let show = "import sys; sys.path.insert(0, sys.argv[1]); import regions; print(regions.SERVICES)";
    let found = printed(&["-B", "-c", show, script]);
    for (kind, about) in KINDS {
        let service = about.service.name;
        assert!(
            found.contains(&format!("'{service}'")),
            "scripts/regions.py does not find {service}, which keeps {kind}"
        );
    }
}

/// Prints the partition's name, suffix and main region for each region, and every service's host as botocore resolves it.
const RESOLVE: &str = r#"
import json, botocore.session
from botocore.endpoint_provider import EndpointProvider
loader = botocore.session.get_session().get_component("data_loader")
partitions = loader.load_data("partitions")
regions = {
    region: [partition["id"], partition["outputs"]["dnsSuffix"], partition["outputs"]["implicitGlobalRegion"]]
    for partition in partitions["partitions"] for region in partition["regions"] if not region.endswith("-global")
}
hosts = {}
for service in ["sts", "sns", "secretsmanager", "lambda", "logs", "wafv2", "cognito-idp", "cognito-identity",
                "apigateway", "apigatewayv2"]:
    provider = EndpointProvider(loader.load_service_model(service, "endpoint-rule-set-1"), partitions)
    for region in regions:
        asked = {"Region": region, "UseDualStack": False, "UseFIPS": False, "UseGlobalEndpoint": False}
        known = {name: asked[name] for name in provider.ruleset.parameters if name in asked}
        hosts[f"{service} {region}"] = provider.resolve_endpoint(**known).url
print(json.dumps({"regions": regions, "hosts": hosts}))
"#;

#[test]
fn partitions_and_hosts_equal_botocores() {
    let known: Value = serde_json::from_str(&printed(&["-c", RESOLVE])).unwrap();
    let regions: BTreeMap<String, [String; 3]> = serde_json::from_value(known["regions"].clone()).unwrap();
    assert!(regions.len() > 40, "{regions:?}");
    for (region, expected) in &regions {
        let partition = Partition::of(region);
        assert_eq!([partition.name, partition.dns_suffix, partition.main_region], *expected, "{region}");
        assert!(regions::is_well_formed(region), "{region}");
    }
    for region in regions::known() {
        assert!(regions.contains_key(region), "{region}");
    }
    let hosts: BTreeMap<String, String> = serde_json::from_value(known["hosts"].clone()).unwrap();
    assert_eq!(hosts.len(), 10 * regions.len());
    for (asked, url) in &hosts {
        let (service, region) = asked.split_once(' ').unwrap();
        // Both versions of API Gateway have the same hosts.
        let service = if service == "apigatewayv2" { "apigateway" } else { service };
        assert_eq!(*url, format!("https://{}", host(service, region)));
    }
}

/// Commands that connect to AWS for a stack.
const CONNECTING: [&[&str]; 8] = [
    &["up", "--yes"],
    &["plan"],
    &["status"],
    &["verify"],
    &["doctor"],
    &["users", "--pool", "MyUserPool1"],
    &["logs"],
    &["policy"],
];

/// There are no credentials, so a command that accepted the region would fail because of them and make no call.
#[test]
fn a_region_without_a_needed_service_is_refused_before_the_first_call() {
    let user = User::bare().with("AWS_REGION", "cn-north-1");
    for command in CONNECTING {
        let ran = user.run(command).ends(3);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(told.contains("cn-north-1 does not have Cognito user pools (cognito-idp)"), "{command:?}: {told}");
        assert!(told.contains("no region of AWS China has all services"), "{command:?}: {told}");
    }
    // A stack that an earlier version built there can still be removed.
    let down = user.run(&["down", "--yes"]).ends(3).says("credentials");
    assert!(!down.stderr.contains("Cognito"), "{}", down.stderr);
    user.run(&["plan", "--blueprint", "api-to-api", "--region", "cn-northwest-1"])
        .ends(3)
        .says("(cognito-idp)")
        .says("(cognito-identity)");
    user.run(&["plan", "--region", "eusc-de-east-1"])
        .ends(3)
        .says("AWS European Sovereign Cloud")
        .says("does not support");
    user.run(&["plan", "--blueprint", "api-to-api", "--region", "us-gov-east-1"])
        .ends(3)
        .says("longer than 20 characters")
        .says("us-gov-west-1");
    assert!(!user.folder.path().join("state").exists());
    // These regions have all services, so only the credentials are missing.
    for region in ["us-gov-west-1", "us-gov-east-1", "eu-central-1"] {
        user.run(&["plan", "--region", region]).ends(3).says("no usable AWS credentials");
    }
    user.write("hello/index.mjs", "export const handler = async () => ({ statusCode: 200 });\n");
    user.write(
        "securelambda.toml",
        "[functions.Hello]\nsource = \"hello\"\n[[api.routes]]\nroute = \"GET /hello\"\nfunction = \"Hello\"\nauth = \"none\"\n",
    );
    user.run(&["plan"]).ends(3).says("no usable AWS credentials");
}

/// A stack in GovCloud, which the emulator treats like any other region.
#[test]
fn roles_trust_the_cognito_principal_of_their_region() {
    let user = User::newcomer().with("AWS_REGION", "us-gov-west-1").with("SECURELAMBDA_TIME_SCALE", "0.02");
    user.run(&["up", "--yes", "--blueprint", "api-to-api"]).ends(0);
    let role = json!({ "RoleName": "api-to-api-CallersPool-caller" });
    let role = botocore::call(&user, "iam", "get_role", &role)["Role"]["AssumeRolePolicyDocument"].clone();
    let statement = &role["Statement"][0];
    let principal = "cognito-identity-us-gov.amazonaws.com";
    assert_eq!(statement["Principal"]["Federated"], principal, "{role}");
    assert!(statement["Condition"]["StringEquals"][format!("{principal}:aud")].is_string(), "{role}");
    assert_eq!(statement["Condition"]["ForAnyValue:StringLike"][format!("{principal}:amr")], "authenticated");
    user.run(&["status", "--detailed-exitcode", "--blueprint", "api-to-api"]).ends(0);
    user.run(&["down", "--yes", "--blueprint", "api-to-api"]).ends(0);

    let policy = |region: &str| {
        let args = ["policy", "--account", "123456789012", "--blueprint", "api-to-api", "--region", region, "--json"];
        User::bare().run(&args).ends(0).stdout
    };
    let west = policy("us-gov-west-1");
    assert!(
        west.contains("\"cognito-identity-us-gov.amazonaws.com\"")
            && !west.contains("\"cognito-identity.amazonaws.com\"")
    );
    assert!(policy("us-gov-east-1").contains("\"cognito-identity.us-gov-east-1.amazonaws.com\""));
    assert!(policy("eu-central-1").contains("\"cognito-identity.amazonaws.com\""));
}

/// A proxy in which STS answers as in a region that the account has not enabled. For unknown keys, STS answers the same
/// in every region.
fn sts(known: bool) -> Proxy {
    let faults = move |asked: &AwsRequest| {
        let scope = asked.headers["authorization"].to_str().unwrap();
        if known && scope.contains("/us-east-1/sts/") {
            return CallOutcome::Passed;
        }
        assert!(asked.service == "sts", "{}", asked.name());
        CallOutcome::Refused(Fault::new(
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        ))
    };
    Proxy::with_faults(&endpoint(), Duration::ZERO, Arc::new(faults))
}

#[test]
fn a_region_that_is_not_enabled_is_told_apart_from_bad_credentials() {
    let account = account();
    let good = sts(true);
    let user = User::of(&account, &good.endpoint).with("AWS_REGION", "ap-east-1");
    user.run(&["up", "--yes"])
        .ends(3)
        .says(&format!("the region ap-east-1 is not enabled for account {account}"))
        .says("aws account enable-region --region-name ap-east-1");
    assert_eq!(good.take().len(), 2, "both runs must call STS in their region and no other service");
    user.run(&["doctor"]).ends(3);
    assert!(!user.folder.path().join("state").exists());

    let bad = sts(false);
    let user = User::of(&account, &bad.endpoint).with("AWS_REGION", "ap-east-1");
    let ran = user.run(&["up", "--yes"]).ends(3).says("The security token included in the request is invalid");
    assert!(!ran.stderr.contains("not enabled"), "{}", ran.stderr);
    assert_eq!(bad.take().len(), 2);
    // Every account has this region, so STS is called only once.
    user.run(&["up", "--yes", "--region", "eu-central-1"]).ends(3).says("The security token");
    assert_eq!(bad.take().len(), 1);
}

#[test]
fn the_emulator_accepts_every_known_region() {
    let user = User::newcomer();
    for region in ["cn-north-1", "cn-northwest-1", "us-gov-east-1", "me-west-1"] {
        user.run(&["plan", "--region", region]).ends(0);
    }
    user.run(&["plan", "--region", "eu-cental-1"]).ends(3).says("did you mean eu-central-1?");
}
