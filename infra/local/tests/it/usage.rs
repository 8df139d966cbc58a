//! Arguments and files: what is refused, with which words, and what the help says.

use std::process::Command;

use crate::commands::{error, mrt};
use crate::harness::MRT;

#[test]
fn wrong_usage_exits_with_two_and_lists_what_is_allowed() {
    for (arguments, expected) in [
        (vec!["bucket-size", "acme-files"], "s3://BUCKET"),
        (
            vec!["bucket-size", "efs://acme"],
            "not the id of a file system",
        ),
        (vec!["bucket-size", "rds://acme"], "--allocated-gib"),
        (
            vec!["bucket-size", "s3://acme-files", "--measure", "versions"],
            "allowed: current",
        ),
        (
            vec!["table-size", "oracle://u:NEVERLEAK@h/d"],
            "postgres://USER@HOST/NAME or mysql://USER@HOST/NAME",
        ),
        (vec!["serve"], "--demo"),
        (vec!["serve", "--demo", "--every", "0s"], "1s to 1day"),
        (
            vec!["serve", "--demo", "--fleet", "x.toml"],
            "cannot be used with",
        ),
        (vec!["nonsense"], "unrecognized subcommand"),
    ] {
        let output = mrt(&arguments);

        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!error(&output).contains("NEVERLEAK"), "{arguments:?}");
        assert!(
            error(&output).contains(expected),
            "{arguments:?}: {}",
            error(&output)
        );
    }
}

/// The argument parser repeats what it does not understand; a password may be anywhere.
#[test]
fn no_message_repeats_an_argument_that_may_hold_a_password() {
    let urls = [
        "postgres://mrt_ro:NEVERLEAK#pw@host/acme",
        "postgres://mrt_ro:1#NEVERLEAK@host/acme",
        "postgres://mrt_ro:NEVERLEAK/pw@host/acme",
        "postgres://mrt_ro:12/NEVERLEAK@host/acme",
        "postgres://x@mrt_ro:12/NEVERLEAK@host/acme",
        "postgres://mrt_ro:NEVERLEAK?pw@host/acme",
        "postgres://mrt_ro:NEVERLEAK@pw@host/acme",
        "postgres://mrt_ro:NEVERLEAK%pw@host/acme",
        "postgres://mrt_ro:NEVERLEAK@host",
        "postgres://mrt_ro:NEVERLEAK@one,two/acme",
        "mysql://mrt_ro:NEVERLEAK@host:port/acme",
        "postgres://mrt_ro@host/acme?pass=NEVERLEAK",
        "jdbc:postgresql://host/acme?user=mrt_ro&password=NEVERLEAK",
        "host=db user=mrt_ro password=NEVERLEAK",
        "mrt_ro:NEVERLEAK@host/acme",
    ];
    for url in urls {
        for arguments in [
            vec!["table-size", url],
            vec!["table-size", url, "NEVERLEAK"],
            vec!["table-size", url, "--passwort", "NEVERLEAK"],
            vec!["table-size", "--json", url, "-pNEVERLEAK"],
            vec!["table-sizes", url],
            vec![url],
            vec!["bucket-size", url],
            vec!["doctor", url],
            vec!["serve", "--every", url],
        ] {
            let output = mrt(&arguments);

            assert_eq!(output.status.code(), Some(2), "{arguments:?}");
            let said = error(&output) + &String::from_utf8_lossy(&output.stdout);
            assert!(!said.contains("NEVERLEAK"), "{arguments:?}: {said}");
        }
    }
    let fragment = error(&mrt(&["table-size", urls[0]]));
    assert!(
        fragment.contains("%23") && fragment.contains("PGPASSWORD"),
        "{fragment}"
    );
    // Without a suspicion, the parser helps as usual.
    let helpful = error(&mrt(&["bucket-size", "s3://acme", "--sufix", "x"]));
    assert!(helpful.contains("--suffix"), "{helpful}");
}

/// Returns the names below the heading `Commands:` of a help.
fn commands_in(help: &str) -> Vec<String> {
    let list = help.split("Commands:\n").nth(1).unwrap_or_default();
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    let names = names.filter(|name| *name != "help");
    names.map(str::to_owned).collect()
}

/// Asks every command and its own commands for help: their examples use no option, command and file that is not there.
#[test]
fn the_help_of_every_command_has_examples_that_exist() {
    let help = |command: &[String]| {
        let output = Command::new(MRT).args(command).arg("--help").output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let mut pending: Vec<Vec<String>> = commands_in(&help(&[]))
        .into_iter()
        .map(|name| vec![name])
        .collect();
    assert!(pending.len() >= 8, "{pending:?}");
    let mut example_count = 0;
    while let Some(command) = pending.pop() {
        let text = help(&command);
        let (described, examples) = text.split_once("Examples:").unwrap_or_default();
        let nested = commands_in(described);
        let name = command.join(" ");
        let own = format!("mrt {name}");
        assert!(examples.contains(&own), "{name}: {text}");
        for line in examples.lines().filter(|line| line.contains(&own)) {
            let is_nested = |word: &str| nested.iter().any(|name| name == word);
            if line.split_whitespace().any(is_nested) {
                continue;
            }
            let arguments = line.split(&own).nth(1).unwrap_or_default();
            for word in arguments.split_whitespace() {
                if word.starts_with("--") {
                    let option = word.split('=').next().unwrap();
                    assert!(described.contains(option), "{name}: {line}");
                }
                if word.ends_with(".json") {
                    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
                    let file = std::path::Path::new(root).join(word);
                    assert!(file.exists(), "{name}: {line}");
                }
            }
            example_count += 1;
        }
        pending.extend(
            nested
                .into_iter()
                .map(|name| [command.clone(), vec![name]].concat()),
        );
    }
    assert!(example_count > 20, "found only {example_count}");
}

#[test]
fn a_fault_in_a_fleet_file_is_printed_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.toml");
    std::fs::write(&path, "[[environment]]\nname = \"Acme Prod\"\n").unwrap();
    let fleet = path.to_str().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    for command in [
        vec!["doctor", "--fleet", fleet],
        vec!["serve", "--listen", "127.0.0.1:0", "--fleet", fleet],
        vec!["grants", "--environment", "a", "--fleet", fleet],
    ] {
        let output = mrt(&[command.as_slice(), &["--data", data]].concat());

        let error = error(&output);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert_eq!(
            error.matches("is not an environment name").count(),
            1,
            "{error}"
        );
    }
}

#[test]
fn a_device_or_a_pipe_in_place_of_a_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    for odd in ["/dev/zero", pipe.to_str().unwrap()] {
        for (command, variable) in [
            (vec!["doctor", "--fleet", odd], None),
            (
                vec!["serve", "--listen", "127.0.0.1:0", "--fleet", odd],
                None,
            ),
            (vec!["invoke", "api-public", odd], None),
            (
                vec!["table-size", "postgres://u@127.0.0.1:9/a"],
                Some("PGPASSFILE"),
            ),
            (
                vec!["bucket-size", "s3://acme-files"],
                Some("AWS_CA_BUNDLE"),
            ),
        ] {
            let has_data = !command[0].ends_with("-size");
            let mut program = Command::new(MRT);
            program
                .args(&command)
                .args(has_data.then_some(["--data", data]).into_iter().flatten());
            program.envs(variable.map(|name| (name, odd)));
            let output = program.output().unwrap();

            let error = error(&output);
            assert_eq!(output.status.code(), Some(1), "{command:?}: {error}");
            assert!(error.contains("must be a file"), "{command:?}: {error}");
        }
    }
}
