//! Names that must agree in several places.

use std::collections::BTreeSet;
use std::path::Path;

use api::routes::ROUTES;

pub(crate) fn binaries(krate: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(krate)
        .join("src/bin");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    files
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn routes_and_binaries_match() {
    let functions: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| route.function.to_owned())
        .collect();

    assert_eq!(functions, binaries("api"));
}

#[test]
fn invoke_knows_every_function() {
    let event = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../api/tests/events/console.json"
    );
    let output = std::process::Command::new(crate::harness::MRT)
        .args(["invoke", "nothing", event])
        .output();
    let text = String::from_utf8(output.unwrap().stderr).unwrap();
    for function in binaries("api").into_iter().chain(binaries("collector")) {
        assert!(text.contains(&function), "{function} in {text}");
    }
}
