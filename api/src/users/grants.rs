//! Rights that the database role needs: the script that gives them all, and statements for those that lack.
//!
//! Runs nothing itself: rights are given by people.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use shared::fleet::{Auth, DatabaseTarget};

const SCRIPT: &str = include_str!("grants_postgres.sql");

/// Returns the script that makes the role of `database` with the least rights that this API needs.
///
/// It is plain PostgreSQL for the database's owner, safe to run again, and holds no password. The rights are
/// those of the user counts and, for the table collector, the names of entities.
pub fn grants_script(database: &DatabaseTarget) -> String {
    let is_iam = database.auth == Auth::Iam;
    // In one pass over the template: a name that looks like a placeholder stays a name.
    let mut script = String::with_capacity(SCRIPT.len());
    let mut rest = SCRIPT;
    while let Some((before, after)) = rest.split_once("{{") {
        let (placeholder, after) = after.split_once("}}").unwrap_or((after, ""));
        script.push_str(before);
        script.push_str(&match placeholder {
            "role" => identifier(&database.user),
            "role_literal" => literal(&database.user),
            "database" => identifier(&database.name),
            "is_iam" => is_iam.to_string(),
            other => unreachable!("the template has no placeholder {other}"),
        });
        rest = after;
    }
    script.push_str(rest);
    script
}

/// Returns one statement for each table of `columns` that lets the role of `database` read them.
pub(super) fn select_statements<'a>(
    database: &DatabaseTarget,
    columns: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<String> {
    let mut by_table: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (table, column) in columns {
        by_table.entry(table).or_default().insert(column);
    }
    let role = identifier(&database.user);
    let statement = |(table, columns): (&str, BTreeSet<&str>)| {
        let columns: Vec<_> = columns.into_iter().map(identifier).collect();
        let (columns, table) = (columns.join(", "), identifier(table));
        format!("GRANT SELECT ({columns}) ON public.{table} TO {role};")
    };
    by_table.into_iter().map(statement).collect()
}

/// Returns the statement that lets the role of `database` use the schema of Mendix's tables.
pub(super) fn usage_statement(database: &DatabaseTarget) -> String {
    let role = identifier(&database.user);
    format!("GRANT USAGE ON SCHEMA public TO {role};")
}

/// Returns the statement that lets the role of `database` connect to it.
pub(super) fn connect_statement(database: &DatabaseTarget) -> String {
    let (name, role) = (identifier(&database.name), identifier(&database.user));
    format!("GRANT CONNECT ON DATABASE {name} TO {role};")
}

/// Returns `name` as a quoted SQL identifier.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns `text` as an SQL string constant that means the same whatever `standard_conforming_strings` is.
fn literal(text: &str) -> String {
    let quoted = text.replace('\\', "\\\\").replace('\'', "''");
    format!("E'{quoted}'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::fleet::Engine;

    fn target(name: &str, user: &str, auth: Auth) -> DatabaseTarget {
        DatabaseTarget {
            environment: "acme-prod".into(),
            engine: Engine::Postgres,
            host: "localhost".into(),
            port: 5432,
            name: name.into(),
            user: user.into(),
            auth,
            region: None,
            role_arn: None,
        }
    }

    #[test]
    fn names_with_quotes_and_dollars_stay_names() {
        let odd = target(r#"a"b$mrt$"#, r#"o'r"le\{{role}}$mrt$"#, Auth::Iam);

        let script = grants_script(&odd);

        let lines: Vec<_> = script.lines().collect();
        assert!(
            lines.contains(&r#"SELECT set_config('mrt.role', E'o''r"le\\{{role}}$mrt$', false);"#),
            "{script}"
        );
        assert!(
            lines.contains(&r#"GRANT CONNECT ON DATABASE "a""b$mrt$" TO "o'r""le\{{role}}$mrt$";"#),
            "{script}"
        );
        assert!(script.contains("IF true AND EXISTS"), "{script}");
    }

    #[test]
    fn a_login_without_iam_never_asks_for_its_role() {
        let script = grants_script(&target("acme", "mrt_ro", Auth::Variable("P".into())));

        assert!(script.contains("IF false AND EXISTS"), "{script}");
    }

    #[test]
    fn statements_name_each_table_once_with_all_its_columns() {
        let acme = target("acme", "mrt_ro", Auth::Iam);
        let columns = [("system$user", "name"), ("a", "id"), ("system$user", "id")];

        let statements = select_statements(&acme, columns);

        assert_eq!(
            statements,
            [
                r#"GRANT SELECT ("id") ON public."a" TO "mrt_ro";"#,
                r#"GRANT SELECT ("id", "name") ON public."system$user" TO "mrt_ro";"#,
            ]
        );
    }
}
