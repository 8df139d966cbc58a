//! What a server said, fit to be shown: no control characters, no login names, no content of rows. No I/O.

use sqlx::mysql::MySqlDatabaseError;

use crate::printable::is_obeyed;

/// Longest message that is repeated, in characters. Those of servers are shorter than 200.
const MAX_CHARACTERS: usize = 300;
/// Classes of SQLSTATE whose messages may repeat values of rows: cardinality, data, integrity, views with a check,
/// and messages that functions of the app raise.
const CLASSES_WITH_VALUES: [&str; 6] = ["21", "22", "23", "44", "45", "P0"];
/// Errors of MySQL and MariaDB in the general class whose messages repeat values: truncated and incorrect ones.
const NUMBERS_WITH_VALUES: [u16; 8] = [1062, 1264, 1265, 1292, 1366, 1406, 1411, 1526];
/// Words before a quoted name of an account or a host.
const BEFORE_NAMES: [&str; 4] = ["user ", "role ", "host ", "for "];

/// Returns `: SQLSTATE 42P01, relation "x" does not exist` for an error of the server, and what is known of any other.
pub(super) fn of(error: &sqlx::Error) -> String {
    let Some(cause) = error.as_database_error() else {
        return match error {
            sqlx::Error::Protocol(_) => ": its answer was not understood".to_owned(),
            sqlx::Error::Configuration(_) => ": the driver rejected the settings".to_owned(),
            sqlx::Error::RowNotFound => ": a row is missing in its answer".to_owned(),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                ": a value in its answer was not understood".to_owned()
            }
            _ => String::new(),
        };
    };
    let state = cause.code().unwrap_or_default();
    let number = cause
        .try_downcast_ref::<MySqlDatabaseError>()
        .map(MySqlDatabaseError::number);
    let code = match number {
        Some(number) => format!(": error {number}, SQLSTATE {}", printable(&state)),
        None => format!(": SQLSTATE {}", printable(&state)),
    };
    let has_values = CLASSES_WITH_VALUES
        .iter()
        .any(|class| state.starts_with(class))
        || number.is_some_and(|number| NUMBERS_WITH_VALUES.contains(&number));
    if has_values {
        return code;
    }
    format!("{code}, {}", message(cause.message()))
}

/// Returns the server's message on one line, of limited length and without names of accounts and hosts.
pub(super) fn message(text: &str) -> String {
    let text = without_names(&printable(text));
    match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Replaces control characters, and others that change how a terminal shows text, by spaces.
fn printable(text: &str) -> String {
    let characters = text.chars().map(
        |character| {
            if is_obeyed(character) { ' ' } else { character }
        },
    );
    characters.collect::<String>().trim().to_owned()
}

/// Replaces quoted names of accounts and hosts: `user "x"` of PostgreSQL, `'x'@'10.0.0.1'` of MySQL.
fn without_names(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['"', '\'']) {
        let (before, quoted) = rest.split_at(start);
        let quote = if quoted.starts_with('"') { '"' } else { '\'' };
        let end = quoted
            .char_indices()
            .skip(1)
            .find(|(_, character)| *character == quote);
        let Some((end, _)) = end else { break };
        let (name, after) = quoted.split_at(end + 1);
        let is_name = BEFORE_NAMES.iter().any(|word| before.ends_with(word))
            || before.ends_with('@')
            || after.starts_with('@');
        shown.push_str(before);
        shown.push_str(if is_name { "…" } else { name });
        rest = after;
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_what_helps_and_loses_accounts_and_hosts() {
        for (said, expected) in [
            (
                "permission denied for function pg_database_size",
                "permission denied for function pg_database_size",
            ),
            (
                "no pg_hba.conf entry for host \"10.0.0.1\", user \"NEVERLEAK\", database \"acme\", no encryption",
                "no pg_hba.conf entry for host …, user …, database \"acme\", no encryption",
            ),
            (
                "SELECT command denied to user 'NEVERLEAK'@'10.0.0.1' for table `acme`.`t`",
                "SELECT command denied to user …@… for table `acme`.`t`",
            ),
            ("it's", "it's"),
            ("a\u{1b}[31m\nb\u{202e}c\0", "a [31m b c"),
        ] {
            assert_eq!(message(said), expected);
        }
        let long = message(&"x".repeat(1000));
        assert_eq!(long.chars().count(), MAX_CHARACTERS + 1);
    }
}
