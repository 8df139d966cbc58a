//! The packaging of functions as zips: their content, their size and their certificate authorities. Builds nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::agreement::binaries;

const DATABASE_FUNCTIONS: [&str; 2] = ["api-users", "collect-table-size"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn functions() -> BTreeSet<String> {
    binaries("api")
        .into_iter()
        .chain(binaries("collector"))
        .collect()
}

/// Returns a folder like the output of cargo-lambda, with a file of 1,000 bytes for each program.
fn programs() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in functions() {
        let program = program(&folder, &name);
        std::fs::create_dir(program.parent().unwrap()).unwrap();
        std::fs::write(program, [7; 1000]).unwrap();
    }
    folder
}

fn program(programs: &TempDir, name: &str) -> PathBuf {
    programs.path().join(name).join("bootstrap")
}

/// Packages `programs` into its folder `out`. `bundle` is the value of `RDS_CA_BUNDLE`.
fn pack(programs: &TempDir, bundle: Option<&str>) -> Output {
    let out = programs.path().join("out");
    run(&[Path::new("pack"), programs.path(), &out], bundle)
}

fn run(arguments: &[&Path], bundle: Option<&str>) -> Output {
    let mut command = Command::new("python3");
    command
        .arg("-B")
        .arg(root().join("infra/aws/zips.py"))
        .args(arguments)
        .env_remove("RDS_CA_BUNDLE");
    if let Some(bundle) = bundle {
        command.env("RDS_CA_BUNDLE", bundle);
    }
    command.output().unwrap()
}

fn zips(programs: &TempDir) -> BTreeSet<String> {
    let entries = std::fs::read_dir(programs.path().join("out")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|name| name.strip_suffix(".zip").map(str::to_owned))
        .collect()
}

fn output_text(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(all).unwrap()
}

/// Returns pseudo-random bytes, which do not compress.
fn incompressible(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(len).collect()
}

#[test]
fn only_the_functions_are_packaged() {
    let programs = programs();

    let output = pack(&programs, Some("none"));

    assert!(output.status.success(), "{}", output_text(&output));
    assert_eq!(zips(&programs), functions());
}

#[test]
fn a_zip_above_the_budget_is_an_error_that_names_it() {
    let programs = programs();
    std::fs::write(program(&programs, "plan"), incompressible(3_990_000)).unwrap();
    assert!(pack(&programs, Some("none")).status.success());

    std::fs::write(program(&programs, "plan"), incompressible(4_000_001)).unwrap();
    let output = pack(&programs, Some("none"));

    assert_eq!(output.status.code(), Some(1), "{}", output_text(&output));
    let expected = "error: above the budget of a zip: plan\n";
    assert!(
        output_text(&output).ends_with(expected),
        "{}",
        output_text(&output)
    );
}

#[test]
fn a_function_that_was_not_built_is_an_error() {
    let programs = programs();
    std::fs::remove_file(program(&programs, "api-users")).unwrap();

    let output = pack(&programs, Some("none"));

    assert_eq!(output.status.code(), Some(1));
    assert!(
        output_text(&output).contains("api-users"),
        "{}",
        output_text(&output)
    );
}

#[test]
fn the_same_programs_give_the_same_zips_at_any_time() {
    let programs = programs();
    let zip = programs.path().join("out/plan.zip");
    pack(&programs, Some("none"));
    let first = std::fs::read(&zip).unwrap();

    // Changes the file's time.
    std::fs::write(program(&programs, "plan"), [7; 1000]).unwrap();
    pack(&programs, Some("none"));

    assert_eq!(std::fs::read(&zip).unwrap(), first);
}

#[test]
fn only_functions_that_log_in_to_databases_get_the_bundle_and_the_variable_for_it() {
    let programs = programs();
    let bundle = root().join("shared/src/aws/amazon_roots.pem");
    let output = pack(&programs, bundle.to_str());
    assert!(output.status.success(), "{}", output_text(&output));

    let template = std::fs::read_to_string(root().join("infra/aws/template.yaml")).unwrap();
    let with_variable: BTreeSet<_> = template
        .split("BuildProperties: {Binary: ")
        .skip(1)
        .filter(|function| {
            let own = function.split("AWS::Logs::LogGroup").next().unwrap();
            own.contains("MRT_DATABASE_CA_FILE: /var/task/rds-ca.pem")
        })
        .map(|function| function.split('}').next().unwrap().to_owned())
        .collect();
    let with_bundle: BTreeSet<_> = functions()
        .into_iter()
        .filter(|name| {
            let file = programs.path().join("out").join(name).join("rds-ca.pem");
            file.exists()
        })
        .collect();

    assert_eq!(with_bundle, DATABASE_FUNCTIONS.map(str::to_owned).into());
    assert_eq!(with_variable, with_bundle);
}

#[test]
fn a_missing_bundle_is_a_warning_and_an_invalid_one_an_error() {
    let programs = programs();
    let missing = pack(&programs, None);
    assert!(missing.status.success());
    let words = output_text(&missing);
    assert!(
        words.contains("warning: RDS_CA_BUNDLE is not set"),
        "{words}"
    );
    assert!(words.contains("global-bundle.pem"), "{words}");

    let not_there = pack(&programs, Some("/nonexistent.pem"));
    assert_eq!(
        not_there.status.code(),
        Some(1),
        "{}",
        output_text(&not_there)
    );

    let key = programs.path().join("key.pem");
    std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\nNEVERLEAK\n").unwrap();
    let secret = pack(&programs, key.to_str());
    assert_eq!(secret.status.code(), Some(1));
    assert!(
        !output_text(&secret).contains("NEVERLEAK"),
        "{}",
        output_text(&secret)
    );

    std::fs::write(&key, "no certificate\n").unwrap();
    assert_eq!(pack(&programs, key.to_str()).status.code(), Some(1));
}

#[test]
fn a_deployment_without_the_bundle_must_be_requested() {
    let authorities = |bundle| run(&[Path::new("authorities")], bundle);

    let refused = authorities(None);

    assert_eq!(refused.status.code(), Some(1));
    assert!(
        output_text(&refused).contains("RDS_CA_BUNDLE=none"),
        "{}",
        output_text(&refused)
    );
    assert!(authorities(Some("none")).status.success());
}
