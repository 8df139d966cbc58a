//! The listing, which signs its own requests, and the SDK's calls go to the same place in every set-up of AWS's tools.

mod recorder;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::MRT;
use recorder::{Kind, Manner, Place, Recorder};

/// Profiles of the tests. `{port}` is that of the server, `{home}` the folder.
const CONFIG: &str = "\
[default]
region = eu-west-1
aws_access_key_id = OFDEFAULT
aws_secret_access_key = NEVERLEAK
[profile services]
region = eu-west-1
services = lab
aws_access_key_id = OFSERVICES
aws_secret_access_key = NEVERLEAK
[services lab]
s3 =
  endpoint_url = http://127.0.0.1:{port}/of-services
[profile endpoint]
region = eu-west-1
endpoint_url = http://127.0.0.1:{port}/of-profile
aws_access_key_id = OFENDPOINT
aws_secret_access_key = NEVERLEAK
[profile ignored]
region = eu-west-1
endpoint_url = http://127.0.0.1:{port}/of-profile
ignore_configured_endpoint_urls = true
aws_access_key_id = OFIGNORED
aws_secret_access_key = NEVERLEAK
[profile process]
region = eu-west-1
credential_process = /bin/sh {home}/credentials.sh
[profile failing-process]
region = eu-west-1
credential_process = /bin/false
[profile sso]
region = eu-west-1
sso_session = corp
sso_account_id = 123456789012
sso_role_name = reader
[sso-session corp]
sso_region = eu-west-1
sso_start_url = https://lab.awsapps.example/start
[profile old-sso]
region = eu-west-1
sso_region = eu-west-1
sso_start_url = https://lab.awsapps.example/start
sso_account_id = 123456789012
sso_role_name = reader
";
/// What a `credential_process` prints.
const PROCESS: &str =
    r#"echo '{"Version":1,"AccessKeyId":"OFPROCESS","SecretAccessKey":"NEVERLEAK"}'"#;
/// Cached tokens of single sign-on, by the SHA-1 of the session's name, or of the start URL where there is no session.
const SSO_TOKENS: [&str; 2] = [
    "ee0bfd2552fbd840c02cc48b6e823320543c450f",
    "96c28371bb9e335b45d868b5b028da5f12303bf3",
];
const SSO_TOKEN: &str = r#"{"accessToken":"NEVERLEAK","expiresAt":"2100-01-01T00:00:00Z","region":"eu-west-1",
"startUrl":"https://lab.awsapps.example/start"}"#;

/// A set-up, and where its requests must go.
struct SetUp {
    manner: Manner,
    variables: &'static [(&'static str, &'static str)],
    arguments: &'static [&'static str],
    url: &'static str,
    key: Option<&'static str>,
    region: &'static str,
    is_proxied: bool,
}

impl SetUp {
    /// Returns a set-up in which everything but loopback goes through the proxy, to a server that speaks for all hosts.
    const fn to(url: &'static str) -> Self {
        Self {
            manner: Manner::Plain,
            variables: &[],
            arguments: &["s3://files"],
            url,
            key: Some("OFDEFAULT"),
            region: "eu-west-1",
            is_proxied: false,
        }
    }

    const fn through_proxy(url: &'static str) -> Self {
        Self {
            is_proxied: true,
            ..Self::to(url)
        }
    }
}

const AWS: &str = "https://files.s3.eu-west-1.amazonaws.com";

const SET_UPS: [SetUp; 24] = [
    SetUp {
        variables: &[("AWS_ENDPOINT_URL", "http://127.0.0.1:{port}")],
        ..SetUp::to("http://127.0.0.1/files")
    },
    SetUp {
        variables: &[
            ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:{port}/of-s3"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:{port}/of-all"),
        ],
        ..SetUp::to("http://127.0.0.1/of-s3/files")
    },
    SetUp {
        variables: &[("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:{port}/of-s3")],
        arguments: &[
            "s3://files",
            "--endpoint-url",
            "http://127.0.0.1:{port}/of-option",
        ],
        ..SetUp::to("http://127.0.0.1/of-option/files")
    },
    // Base paths with and without the last slash.
    SetUp {
        variables: &[("AWS_ENDPOINT_URL", "http://127.0.0.1:{port}/storage/v1/s3")],
        ..SetUp::to("http://127.0.0.1/storage/v1/s3/files")
    },
    SetUp {
        variables: &[("AWS_ENDPOINT_URL", "http://127.0.0.1:{port}/storage/v1/s3/")],
        ..SetUp::to("http://127.0.0.1/storage/v1/s3/files")
    },
    SetUp {
        variables: &[("AWS_PROFILE", "services")],
        key: Some("OFSERVICES"),
        ..SetUp::to("http://127.0.0.1/of-services/files")
    },
    SetUp {
        variables: &[("AWS_PROFILE", "services")],
        arguments: &["s3://files", "--profile", "endpoint"],
        key: Some("OFENDPOINT"),
        ..SetUp::to("http://127.0.0.1/of-profile/files")
    },
    SetUp {
        variables: &[("AWS_PROFILE", "ignored")],
        key: Some("OFIGNORED"),
        ..SetUp::through_proxy(AWS)
    },
    SetUp {
        variables: &[
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:{port}"),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        ],
        ..SetUp::through_proxy(AWS)
    },
    SetUp {
        variables: &[("AWS_PROFILE", "process")],
        key: Some("OFPROCESS"),
        ..SetUp::through_proxy(AWS)
    },
    SetUp {
        variables: &[("AWS_PROFILE", "sso")],
        key: Some("OFSSO"),
        ..SetUp::through_proxy(AWS)
    },
    SetUp {
        arguments: &["s3://files", "--profile", "old-sso"],
        key: Some("OFSSO"),
        ..SetUp::through_proxy(AWS)
    },
    SetUp {
        variables: &[
            ("AWS_ACCESS_KEY_ID", "OFVARIABLE"),
            ("AWS_SECRET_ACCESS_KEY", "NEVERLEAK"),
            ("AWS_SESSION_TOKEN", "NEVERLEAK"),
        ],
        key: Some("OFVARIABLE"),
        ..SetUp::through_proxy(AWS)
    },
    SetUp {
        arguments: &["s3://files", "--no-sign-request"],
        key: None,
        ..SetUp::through_proxy(AWS)
    },
    // Regions and forms of addresses.
    SetUp::through_proxy(AWS),
    SetUp {
        variables: &[("AWS_REGION", "eu-north-1")],
        region: "eu-north-1",
        ..SetUp::through_proxy("https://files.s3.eu-north-1.amazonaws.com")
    },
    SetUp {
        variables: &[("AWS_REGION", "us-west-2")],
        arguments: &["s3://files", "--region", "eu-north-1"],
        region: "eu-north-1",
        ..SetUp::through_proxy("https://files.s3.eu-north-1.amazonaws.com")
    },
    SetUp {
        manner: Manner::Elsewhere,
        region: "eu-north-1",
        ..SetUp::through_proxy("https://files.s3.eu-north-1.amazonaws.com")
    },
    SetUp {
        arguments: &["s3://files.acme.org"],
        ..SetUp::through_proxy("https://s3.eu-west-1.amazonaws.com/files.acme.org")
    },
    SetUp {
        arguments: &["s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/reports/2026/"],
        ..SetUp::through_proxy(
            "https://reports-123456789012.s3-accesspoint.eu-west-1.amazonaws.com",
        )
    },
    SetUp {
        variables: &[("AWS_USE_DUALSTACK_ENDPOINT", "true")],
        ..SetUp::through_proxy("https://files.s3.dualstack.eu-west-1.amazonaws.com")
    },
    SetUp {
        variables: &[("AWS_USE_FIPS_ENDPOINT", "true")],
        ..SetUp::through_proxy("https://files.s3-fips.eu-west-1.amazonaws.com")
    },
    // Proxies, authorities and providers that want the bucket in the host.
    SetUp {
        variables: &[("AWS_ENDPOINT_URL", "https://localhost:{port}")],
        ..SetUp::to("https://localhost/files")
    },
    SetUp {
        manner: Manner::VirtualHosts,
        variables: &[("AWS_ENDPOINT_URL", "http://s3.lab.example")],
        ..SetUp::through_proxy("http://files.s3.lab.example")
    },
];

/// Writes the files of AWS's tools below `home`.
fn write_files(home: &Path, port: u16, has_token: bool) {
    let folder = home.join(".aws/sso/cache");
    std::fs::create_dir_all(&folder).unwrap();
    let config = filled(CONFIG, port).replace("{home}", home.to_str().unwrap());
    std::fs::write(home.join(".aws/config"), config).unwrap();
    std::fs::write(home.join("credentials.sh"), PROCESS).unwrap();
    if has_token {
        for name in SSO_TOKENS {
            std::fs::write(folder.join(format!("{name}.json")), SSO_TOKEN).unwrap();
        }
    }
}

fn filled(text: &str, port: u16) -> String {
    text.replace("{port}", &port.to_string())
}

/// Measures with nothing in the environment but `variables` and the proxy.
async fn mrt(home: &Path, port: u16, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(MRT);
    command
        .arg("bucket-size")
        .args(arguments.iter().map(|argument| filled(argument, port)))
        .env_clear()
        .env("HOME", home)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CA_BUNDLE", home.join("authority.pem"))
        .env("HTTPS_PROXY", format!("http://127.0.0.1:{port}"))
        .env("HTTP_PROXY", format!("http://127.0.0.1:{port}"))
        .env("NO_PROXY", "127.0.0.1,localhost")
        .envs(
            variables
                .iter()
                .map(|(name, value)| (name, filled(value, port))),
        );
    let running = tokio::task::spawn_blocking(move || command.output().unwrap());
    running.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_paths_go_to_the_same_place_in_every_set_up() {
    for set_up in SET_UPS {
        let home = tempfile::tempdir().unwrap();
        let recorder = Recorder::start(set_up.manner, &home.path().join("authority.pem")).await;
        write_files(home.path(), recorder.port, true);
        let arguments = [set_up.arguments, &["--json"]].concat();

        let output = mrt(home.path(), recorder.port, set_up.variables, &arguments).await;

        let case = format!("{:?} {:?}", set_up.variables, set_up.arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{case}: {errors}");
        let size: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(size["completeness"], "complete", "{case}");
        let log = recorder.log();
        let last = |kind| {
            let mut places = log.iter().filter(|(found, _)| *found == kind);
            let (_, place) = places.next_back().unwrap();
            place.clone()
        };
        let expected = Place {
            url: set_up.url.to_owned(),
            signed: set_up
                .key
                .map(|key| (key.to_owned(), set_up.region.to_owned())),
            is_proxied: set_up.is_proxied,
        };
        assert_eq!(last(Kind::Objects), expected, "{case}");
        assert_eq!(last(Kind::Uploads), expected, "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn set_ups_that_cannot_work_say_why() {
    let home = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(Manner::Plain, &home.path().join("authority.pem")).await;
    write_files(home.path(), recorder.port, false);
    let keys: [(&str, &str); 2] = [
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "NEVERLEAK"),
    ];
    let with = |more: &[(&'static str, &'static str)]| [&keys, more].concat();
    for (variables, option, expected) in [
        (
            vec![("AWS_PROFILE", "sso")],
            "",
            "run aws sso login --profile sso (credentials_missing)",
        ),
        (
            vec![],
            "--profile=old-sso",
            "run aws sso login --profile old-sso (credentials_missing)",
        ),
        (
            vec![],
            "--profile=failing-process",
            "the credential_process of the profile failing-process failed",
        ),
        (vec![], "--profile=nowhere", "no profile \"nowhere\""),
        (
            with(&[("AWS_CONFIG_FILE", "/dev/null")]),
            "",
            "set AWS_REGION, or --region",
        ),
        (
            with(&[("AWS_ENDPOINT_URL", "127.0.0.1:9")]),
            "",
            "must start with http:// or https://",
        ),
        (
            with(&[("AWS_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")]),
            "",
            "authority that is not trusted",
        ),
        (with(&[("NO_PROXY", "*")]), "--region=xx-nowhere-1", "host"),
    ] {
        let arguments = ["s3://files", option];
        let arguments: Vec<&str> = arguments
            .into_iter()
            .filter(|one| !one.is_empty())
            .collect();

        let output = mrt(home.path(), recorder.port, &variables, &arguments).await;

        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{variables:?} {option}: {errors}"
        );
        assert!(
            errors.contains(expected),
            "{variables:?} {option}: {errors}"
        );
        assert!(
            errors.lines().count() <= 3 && !errors.contains("NEVERLEAK"),
            "{errors}"
        );
        assert!(output.stdout.is_empty());
    }
}
