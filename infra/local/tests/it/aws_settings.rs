//! Without a region or credentials, each command says which variable to set, at once and in its own words.

use std::process::{Command, Output};

use super::harness::MRT;

/// Runs `mrt` without any setting of AWS, and with nothing where the metadata of an instance would be.
fn mrt(arguments: &[&str], region: Option<&str>) -> Output {
    let mut program = Command::new(MRT);
    program
        .args(arguments)
        .env_clear()
        .env("HOME", "/nowhere")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9");
    program.envs(region.map(|region| ("AWS_REGION", region)));
    program.output().unwrap()
}

#[test]
fn a_missing_region_or_login_names_the_variable_to_set() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = folder.path().join("fleet.toml");
    let text =
        "[[environment]]\nname = \"acme-prod\"\n[[environment.storage]]\nbucket = \"acme-files\"\n";
    std::fs::write(&fleet, text).unwrap();
    let (fleet, data) = (fleet.to_str().unwrap(), folder.path().to_str().unwrap());

    for command in [
        vec!["bucket-size", "s3://acme-files"],
        vec!["doctor", "--fleet", fleet, "--data", data],
        vec![
            "doctor",
            "--fleet",
            "s3://acme-fleet/fleet.toml",
            "--data",
            data,
        ],
        vec![
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--fleet",
            "s3://acme-fleet/fleet.toml",
            "--data",
            data,
        ],
    ] {
        for (region, expected, setting) in [
            (None, "region", "AWS_REGION"),
            (
                Some("eu-west-1"),
                "there are no AWS credentials",
                "AWS_PROFILE",
            ),
        ] {
            let output = mrt(&command, region);

            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8(text).unwrap();
            assert!(!output.status.success(), "{command:?}: {text}");
            assert!(
                text.contains(expected) && text.contains(setting),
                "{command:?}: {text}"
            );
            for of_the_client in [
                "IMDS",
                "169.254",
                "dispatch",
                "other:",
                "loading",
                "no address",
            ] {
                assert!(
                    !text.contains(of_the_client),
                    "{command:?}: {of_the_client}: {text}"
                );
            }
        }
    }
}
