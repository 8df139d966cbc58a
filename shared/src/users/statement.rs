//! Builds statements for both engines from one template each. Only the differences between PostgreSQL and MySQL are here.
//!
//! A template is SQL with placeholders: `{{name}}` for a part from the caller or a word of the engine,
//! `{{count condition}}` for the number of rows that meet a condition, and `{{:name}}` for a value, which is bound and
//! never part of the text.

use crate::database::STATEMENT_MARK;
use crate::fleet::Engine;

/// A statement for one engine, with its values in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) values: Vec<String>,
}

/// What a template is filled with.
#[derive(Default)]
pub(super) struct Parts {
    /// Text by placeholder; it may contain placeholders itself.
    pub(super) texts: Vec<(&'static str, String)>,
    /// Values.
    pub(super) values: Vec<(&'static str, String)>,
}

impl Parts {
    /// Adds a text.
    pub(super) fn text(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.texts.push((name, text.into()));
        self
    }

    /// Adds a value.
    pub(super) fn value(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.values.push((name, value.into()));
        self
    }

    /// Returns the statement for `engine`, made from the template `text`.
    pub(super) fn fill(&self, engine: Engine, text: &str) -> Statement {
        let mut statement = Statement {
            sql: String::new(),
            values: Vec::new(),
        };
        if engine == Engine::Mysql {
            statement.sql.push_str(STATEMENT_MARK);
            statement.sql.push(' ');
        }
        self.add(engine, text, &mut statement);
        statement
    }

    fn add(&self, engine: Engine, text: &str, statement: &mut Statement) {
        // Comments are for readers of the file.
        let lines = text.lines().filter(|line| !line.starts_with("--"));
        let text = lines.collect::<Vec<_>>().join("\n");
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("{{") {
            statement.sql.push_str(&quoted(engine, before));
            let (part, after) = after.split_once("}}").unwrap_or((after, ""));
            self.add_part(engine, part, statement);
            rest = after;
        }
        statement.sql.push_str(&quoted(engine, rest));
    }

    fn add_part(&self, engine: Engine, part: &str, statement: &mut Statement) {
        if let Some(name) = part.strip_prefix(':') {
            let value = self.values.iter().find(|(known, _)| *known == name);
            let Some((_, value)) = value else {
                unreachable!("no value is given for {name}");
            };
            statement.values.push(value.clone());
            let placeholder = match engine {
                Engine::Postgres => format!("${}", statement.values.len()),
                Engine::Mysql => "?".to_owned(),
            };
            statement.sql.push_str(&placeholder);
        } else if let Some(condition) = part.strip_prefix("count ") {
            let count = format!(
                "CAST(coalesce(sum(CASE WHEN {condition} THEN 1 ELSE 0 END), 0) AS {{{{text}}}})"
            );
            self.add(engine, &count, statement);
        } else if let Some(word) = word(engine, part) {
            statement.sql.push_str(word);
        } else {
            let text = self.texts.iter().find(|(known, _)| *known == part);
            let Some((_, text)) = text else {
                unreachable!("no text is given for {part}");
            };
            self.add(engine, text, statement);
        }
    }
}

/// Returns the engine's word for a placeholder.
fn word(engine: Engine, name: &str) -> Option<&'static str> {
    Some(match (name, engine) {
        ("schema", Engine::Postgres) => "public.",
        ("schema", Engine::Mysql) => "",
        ("text", Engine::Postgres) => "text",
        ("text", Engine::Mysql) => "CHAR",
        ("bigint", Engine::Postgres) => "bigint",
        ("bigint", Engine::Mysql) => "SIGNED",
        ("time", Engine::Postgres) => "timestamp",
        ("time", Engine::Mysql) => "DATETIME(6)",
        _ => return None,
    })
}

/// Templates quote identifiers with double quotes, and contain no other double quotes.
fn quoted(engine: Engine, text: &str) -> String {
    match engine {
        Engine::Postgres => text.to_owned(),
        Engine::Mysql => text.replace('"', "`"),
    }
}

/// Returns the SQL that formats a time, stored as UTC without a zone, as RFC 3339 text.
pub(super) fn time_text(engine: Engine, column: &str) -> String {
    match engine {
        // The session's own date format is unknown.
        Engine::Postgres => format!(r#"to_char({column}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"#),
        Engine::Mysql => {
            format!("CAST(DATE_FORMAT({column}, '%Y-%m-%dT%H:%i:%s.%fZ') AS CHAR)")
        }
    }
}

/// Returns the SQL for `text` in a form that is equal only for identical text, whatever the column's collation.
pub(super) fn exact(engine: Engine, text: &str) -> String {
    match engine {
        Engine::Postgres => text.to_owned(),
        Engine::Mysql => format!("CAST(CONVERT({text} USING utf8mb4) AS BINARY)"),
    }
}

/// Returns the condition that two texts are identical.
pub(super) fn same(engine: Engine, one: &str, other: &str) -> String {
    format!("{} = {}", exact(engine, one), exact(engine, other))
}

/// Returns the SQL for `text` in a form that is equal only for texts that differ in letter case at most.
pub(super) fn folded(engine: Engine, text: &str) -> String {
    match engine {
        Engine::Postgres => format!("lower({text})"),
        // The column's collation may ignore accents.
        Engine::Mysql => format!("hex(lower({text}))"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "-- What it is.\nSELECT {{count \"a\" = 1}}, {{:x}}, {{column}}\nFROM {{schema}}\"t$a\" WHERE b = {{:y}} AND c = {{:x}}";

    #[test]
    fn both_engines_get_their_own_form_and_values_in_order() {
        let parts = Parts::default()
            .text("column", "CAST(\"d\" AS {{text}})")
            .value("x", "1")
            .value("y", "NEVERLEAK");

        let postgres = parts.fill(Engine::Postgres, TEXT);
        let mysql = parts.fill(Engine::Mysql, TEXT);

        assert_eq!(
            postgres.sql,
            "SELECT CAST(coalesce(sum(CASE WHEN \"a\" = 1 THEN 1 ELSE 0 END), 0) AS text), \
             $1, CAST(\"d\" AS text)\nFROM public.\"t$a\" WHERE b = $2 AND c = $3"
        );
        assert_eq!(
            mysql.sql,
            "/* mrt-api */ SELECT CAST(coalesce(sum(CASE WHEN `a` = 1 THEN 1 ELSE 0 END), 0) AS CHAR), \
             ?, CAST(`d` AS CHAR)\nFROM `t$a` WHERE b = ? AND c = ?"
        );
        assert_eq!(postgres.values, ["1", "NEVERLEAK", "1"]);
        assert_eq!(mysql.values, postgres.values);
    }
}
