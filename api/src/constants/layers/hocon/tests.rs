//! Tests of reading HOCON.

use super::*;

fn settings(text: &str) -> Vec<(String, Setting)> {
    let values = parse(text).unwrap();
    let first = |(name, mut entries): (String, Vec<super::super::layer::Entry>)| {
        (name, entries.remove(0).setting)
    };
    values.entries.into_iter().map(first).collect()
}

#[test]
fn the_files_of_a_portable_app_are_read() {
    let defaults = "# generated\nruntime.params.MicroflowConstants {\n  \"A.A\" = \"x \\\"y\\\"\"\n  \"A.B\" = true\n}\n";
    let variables = "runtime.params.MicroflowConstants {\n  \"A.A\" = ${?CONSTANTS_A_A}\n  \"A.B\" = ${?CONSTANTS_A_B}\n}\n";
    let text = |name: &str, value: &str| (name.to_owned(), Setting::text(value));

    assert_eq!(
        settings(defaults),
        [text("A.A", "x \"y\""), text("A.B", "true")]
    );
    let read = parse(variables).unwrap();
    assert_eq!(read.variables["A.A"], ["CONSTANTS_A_A"]);
    assert_eq!(read.variables["A.B"], ["CONSTANTS_A_B"]);
    assert!(read.entries.is_empty() && !read.is_partial);
}

#[test]
fn every_notation_of_an_object_and_a_value_is_read() {
    let text = r#"
        { admin { adminPassword = "NEVERLEAK", addresses = [ "*", { a = 1 } ] } // comment
          runtime { params : {
              DTAPMode = P
              DatabaseUrl = "jdbc:"${?DB_HOST}":5432"
              MicroflowConstants {
                "A.A" = """two
lines"""
                "A.B" : 1.50, "A.C" = some words # comment
                "A.D" = null
                "A.E" = [1, 2]
                "A.F" = "a"${?X}
                "A.G" = ""
                "A.H" = ${runtime.other}
                "A.I" = "default"
                "A.I" = ${?MX_RUNTIME_PARAMS_MICROFLOWCONSTANTS_A_I}
                "A.J" = ${?FIRST}
                "A.J" = last
              } } }
          runtime.params.MicroflowConstants."A.K" = k
          logging = [{ name = stdout, levels = {} }]
        }"#;
    let read = parse(text).unwrap();

    let expected = [
        ("A.A", Setting::text("two\nlines")),
        ("A.B", Setting::text("1.50")),
        ("A.C", Setting::text("some words")),
        ("A.D", Setting::Null),
        ("A.E", Setting::Opaque),
        ("A.F", Setting::Opaque),
        ("A.G", Setting::text("")),
        ("A.H", Setting::Opaque),
        ("A.I", Setting::text("default")),
        ("A.J", Setting::text("last")),
        ("A.K", Setting::text("k")),
    ];
    assert_eq!(
        settings(text),
        expected.map(|(name, setting)| (name.to_owned(), setting))
    );
    assert_eq!(read.variables.len(), 1);
    assert!(!format!("{read:?}").contains("NEVERLEAK"));
}

#[test]
fn includes_are_reported_and_not_read() {
    let read = parse("include file(\"etc/StudioPro.conf\")\ninclude required(file(\"etc/x.conf\"))\ninclude \"y\"\n").unwrap();

    assert_eq!(read.includes, ["StudioPro.conf", "x.conf", "y"]);
    assert!(parse("include = 1").unwrap().includes.is_empty());
}

#[test]
fn text_outside_the_subset_is_malformed_at_its_position() {
    for text in [
        "a = \"NEVERLEAK",
        "a",
        "a = ",
        "{ a = 1",
        "a = 1 }",
        "a += 1",
        "a { b = 1",
        "a = [1",
        "= 1",
        "a = ${X",
        "a = \"\\x\"",
    ] {
        let error = parse(text).err();

        assert!(
            matches!(error, Some(LayerError::Malformed(Position { line: 1, .. }))),
            "{text}: {error:?}"
        );
    }
    assert!(
        parse(&"a { ".repeat(100)).is_err()
            && parse(&format!("a = {}", "[".repeat(100_000))).is_err()
    );
    assert!(parse(&"a.".repeat(100)).is_err());
    assert!(parse("").unwrap().is_partial && parse("a = 1").unwrap().is_partial);
}
