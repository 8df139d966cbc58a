//! `mrt discover --check` prints the policy statements that are missing for what it found.

use serde_json::{Value, json};
use shared::testing::stand_in::{Request, Response, StandIn};
use tokio::process::Command;

use super::harness::MRT;

const FLEET: &str = "[discover]\nregions = [\"eu-west-1\"]\n";

/// Answers as an account with two tagged buckets, of which `closed-files` may not be listed.
fn answer(_: usize, request: &Request) -> Response {
    if request.head.contains("ResourceGroupsTaggingAPI") {
        let bucket = |name: &str| {
            json!({
                "ResourceARN": format!("arn:aws:s3:::{name}-files"),
                "Tags": [{"Key": "mrt:environment", "Value": format!("{name}-prod")}],
            })
        };
        let found = json!({"ResourceTagMappingList": [bucket("closed"), bucket("open")], "PaginationToken": ""});
        return Response::new(200, found.to_string());
    }
    if request.path.contains("closed-files") || request.head.contains("closed-files") {
        return Response::error(403, "AccessDenied");
    }
    let empty = "<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>";
    Response::new(200, empty)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_missing_statement_of_a_found_bucket_is_printed() {
    let account = StandIn::start(answer).await;
    let folder = tempfile::tempdir().unwrap();
    let fleet = folder.path().join("fleet.toml");
    std::fs::write(&fleet, FLEET).unwrap();
    let endpoint = account.aws.config().endpoint_url().unwrap();
    let discover = |more: &[&str]| {
        let mut program = Command::new(MRT);
        program
            .args(["discover", "--fleet", fleet.to_str().unwrap()])
            .args(more)
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        program
    };

    let unchecked = discover(&[]).output().await.unwrap();
    let checked = discover(&["--check"]).output().await.unwrap();

    let text = String::from_utf8(checked.stderr).unwrap();
    assert_eq!(unchecked.status.code(), Some(0), "{text}");
    assert_eq!(checked.status.code(), Some(3), "{text}");
    assert_eq!(unchecked.stdout, checked.stdout, "the file is the same");
    let line = text.lines().find_map(|line| line.split_once(": {"));
    let (whom, statement) = line.unwrap();
    assert_eq!(whom.trim(), "in a policy of who reads it");
    let statement: Value = serde_json::from_str(&format!("{{{statement}")).unwrap();
    assert_eq!(statement["Resource"], "arn:aws:s3:::closed-files");
    assert_eq!(statement["Effect"], "Allow");
    assert!(statement["Action"].to_string().contains("s3:ListBucket"));
    assert!(
        !text.contains("open-prod") && !text.contains("NEVERLEAK"),
        "{text}"
    );
}
