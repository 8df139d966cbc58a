//! Good files and every fault of bad ones.

use super::*;
use crate::fleet::Auth;

const FULL: &str = r#"
[[environment]]
name = "acme-prod"
administrator = "Root"
session_timeout_seconds = 300

  [[environment.storage]]
  bucket = "acme-prod-files"

  [[environment.storage]]
  bucket = "shared-files"
  prefix = "acme-prod/"
  measure = ["current", "noncurrent"]
  region = "eu-west-1"
  role_arn = "arn:aws:iam::123456789012:role/mrt-reader"

  [environment.database]
  engine = "postgres"
  host = "acme.abc.eu-west-1.rds.amazonaws.com"
  name = "acme"
  user = "mrt_ro"
  auth = "iam"

  [environment.constants]
  model = "s3://acme-config/metadata.json"
  layers = ["s3://acme-config/m2ee.yaml"]

[[environment]]
name = "acme-test"
"#;

#[test]
fn a_full_file_is_read_whole() {
    let fleet = Fleet::parse("fleet.toml", FULL).unwrap();

    let prod = fleet.environment("acme-prod").unwrap();
    assert_eq!(prod.administrator, "Root");
    assert_eq!(prod.session_timeout, Duration::from_secs(300));
    assert_eq!(prod.storage[1].prefix, "acme-prod/");
    assert_eq!(prod.database.as_ref().unwrap().port, 5432);
    assert_eq!(prod.constants.as_ref().unwrap().layers.len(), 1);
    let test = fleet.environment("acme-test").unwrap();
    assert_eq!(
        (test.storage.len(), test.administrator.as_str()),
        (0, "MxAdmin")
    );
    for target in fleet.buckets() {
        assert_eq!(fleet.bucket(&target.id()), Some(target));
        assert_eq!(fleet.database(&target.id()), None);
    }
    assert!(fleet.database(&fleet.databases()[0].id()).is_some());
    let ids: Vec<_> = fleet
        .buckets()
        .iter()
        .map(|target| target.id().to_string())
        .collect();
    assert_eq!(
        ids,
        [
            "acme-prod/s3/acme-prod-files//",
            "acme-prod/s3/shared-files/acme-prod%2F/"
        ]
    );
}

#[test]
fn every_fault_is_reported_with_its_line_and_field() {
    let text = r#"
colour = "blue"
[[environment]]
name = "Acme Prod"
  [[environment.storage]]
  bucket = "x"
  prefx = "a/"
  [environment.database]
  engine = "oracle"
  host = 5
  user = "mrt_ro"
  auth = "NEVERLEAK-password"
[[environment]]
name = "twice"
  [[environment.storage]]
  bucket = "same"
  [[environment.storage]]
  bucket = "same"
[[environment]]
name = "twice"
"#;
    let faults = Fleet::parse("fleet.toml", text).unwrap_err();

    let shown = faults.to_string();
    for expected in [
        "fleet.toml:2: colour: unknown key; allowed keys: environment, prices",
        "fleet.toml:4: environment[0].name: \"Acme Prod\" is not an environment name",
        "fleet.toml:6: environment[0].storage[0].bucket: \"x\" is not a bucket name",
        "fleet.toml:7: environment[0].storage[0].prefx: unknown key; allowed keys: bucket, by_prefix, inventory, kind, measure, prefix",
        "fleet.toml:9: environment[0].database.engine: \"oracle\" is unknown; allowed: postgres, mysql",
        "fleet.toml:10: environment[0].database.host: is integer, must be a string",
        "environment[0].database.name: is missing",
        "fleet.toml:12: environment[0].database.auth: must be iam, the ARN of a secret, or env:VARIABLE",
        "environment[1].storage[1]: repeats the bucket, prefix and suffix of another entry",
        "environment[2].name: \"twice\" is used twice",
    ] {
        assert!(shown.contains(expected), "{expected}\n--- in ---\n{shown}");
    }
    assert_eq!(faults.faults.len(), 10, "{shown}");
    assert!(!shown.contains("NEVERLEAK"), "{shown}");
}

#[test]
fn text_that_is_not_toml_is_named_with_its_line() {
    let faults = Fleet::parse("fleet.toml", "[[environment]]\nname = \n").unwrap_err();

    assert!(
        faults.to_string().starts_with("fleet.toml:2: not TOML: "),
        "{faults}"
    );
}

#[test]
fn a_file_without_environments_is_a_fault() {
    assert!(
        Fleet::parse("fleet.toml", "")
            .unwrap_err()
            .to_string()
            .contains("at least one [[environment]]")
    );
}

#[test]
fn a_login_is_by_iam_a_secret_or_a_variable() {
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:acme-AbCdEf";
    let auth = |value: &str| {
        let text = FULL.replace(r#"auth = "iam""#, value);
        let fleet = Fleet::parse("fleet.toml", &text).map_err(|faults| faults.to_string())?;
        Ok::<_, String>(fleet.databases()[0].auth.clone())
    };

    assert_eq!(auth(""), Ok(Auth::Iam));
    assert_eq!(
        auth(&format!("auth = {arn:?}")),
        Ok(Auth::Secret(arn.into()))
    );
    assert_eq!(
        auth(r#"auth = "env:ACME_PASSWORD""#),
        Ok(Auth::Variable("ACME_PASSWORD".into()))
    );
    let bucket = auth(r#"auth = "arn:aws:s3:::NEVERLEAK""#).unwrap_err();
    assert!(!bucket.contains("NEVERLEAK"), "{bucket}");
}

#[test]
fn names_that_no_service_has_are_refused() {
    let faults = |from: &str, to: &str| {
        let text = FULL.replace(from, to);
        assert_ne!(text, FULL, "{from}");
        Fleet::parse("fleet.toml", &text).map_err(|faults| faults.to_string())
    };
    let host = "host = \"acme.abc.eu-west-1.rds.amazonaws.com\"";
    let (name, user) = ("name = \"acme\"", "user = \"mrt_ro\"");
    let bucket = "bucket = \"acme-prod-files\"";

    for (from, to, fault) in [
        (
            name,
            r#"name = "ac\u0000me""#,
            "name: contains the character NUL",
        ),
        (
            user,
            r#"user = "\u0000""#,
            "user: contains the character NUL",
        ),
        (
            "prefix = \"acme-prod/\"",
            r#"prefix = "a\u0000/""#,
            "prefix: contains the character NUL",
        ),
        (host, "host = \"s3://\"", "\"s3://\" is not a host"),
        (host, "host = \"postgres://u@h/a\"", "is not a host"),
        (host, "host = \"db.example.com:5432\"", "is not a host"),
        (host, "host = \"db example\"", "is not a host"),
        (bucket, "bucket = \"arn:\"", "\"arn:\" is not a bucket name"),
        (
            bucket,
            "bucket = \"arn:aws:s3:::files\"",
            "is not a bucket name",
        ),
        (
            bucket,
            "bucket = \"arn:aws:sqs:eu-west-1:123456789012:accesspoint/a\"",
            "is not a bucket name",
        ),
    ] {
        let found = faults(from, to).unwrap_err();
        assert!(found.contains(fault), "{to}: {found}");
    }
    let long = |key: &str, length: usize| format!("{key} = {:?}", "x".repeat(length));
    for (from, key, limit) in [(name, "name", 256), (user, "user", 128)] {
        assert!(faults(from, &long(key, limit)).is_ok(), "{key}");
        let found = faults(from, &long(key, limit + 1)).unwrap_err();
        assert!(found.contains("is too long"), "{found}");
    }
    for good in [
        "10.0.0.1",
        "::1",
        "/run/postgresql",
        "db_1.internal",
        "localhost",
    ] {
        assert!(faults(host, &format!("host = {good:?}")).is_ok(), "{good}");
    }
    let access_point = "arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/files";
    assert!(faults(bucket, &format!("bucket = {access_point:?}")).is_ok());
}
