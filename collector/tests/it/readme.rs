//! The README's lists against the code.

use std::collections::BTreeSet;

const README: &str = include_str!("../../README.md");

/// Files whose text holds codes, with what stands right before each.
const WITH_CODES: [(&str, &str); 12] = [
    (include_str!("../../src/bucket_size.rs"), "permanent("),
    (include_str!("../../src/table_size.rs"), "permanent("),
    (include_str!("../../src/error.rs"), "transient("),
    (
        include_str!("../../src/bucket_size/failure.rs"),
        "permanent(",
    ),
    (
        include_str!("../../src/bucket_size/failure.rs"),
        "transient(",
    ),
    (
        include_str!("../../src/bucket_size/figure.rs"),
        "permanent(",
    ),
    (
        include_str!("../../src/bucket_size/resource/refusal.rs"),
        "permanent(",
    ),
    (
        include_str!("../../src/bucket_size/resource/refusal.rs"),
        "transient(",
    ),
    (
        include_str!("../../src/bucket_size/resource/file_system.rs"),
        "permanent(",
    ),
    (
        include_str!("../../src/bucket_size/resource/server.rs"),
        "permanent(",
    ),
    (include_str!("../../src/server_storage.rs"), "permanent("),
    (include_str!("../../src/table_size/storage.rs"), "unknown("),
];

fn codes_in(text: &str, before: &str) -> BTreeSet<String> {
    let program = text.split("mod tests").next().unwrap_or_default();
    program
        .split(before)
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_failure_code_is_in_the_readme() {
    let codes: BTreeSet<_> = WITH_CODES
        .into_iter()
        .flat_map(|(text, before)| codes_in(text, before))
        .collect();

    assert!(codes.len() >= 12, "found only {codes:?}");
    for code in codes {
        assert!(README.contains(&format!("| `{code}` |")), "{code}");
    }
}

#[test]
fn every_file_that_the_readme_names_exists() {
    let named = README.split('`').skip(1).step_by(2);
    let files = named.filter(|name| name.starts_with("src/") && !name.contains('*'));

    let mut count = 0;
    for file in files {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        assert!(path.exists(), "{file}");
        count += 1;
    }
    assert!(count >= 10, "found only {count}");
}
