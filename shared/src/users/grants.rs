//! The rights that the database role needs: scripts that grant all of them, and statements for missing ones.
//!
//! Runs nothing itself: people grant rights.

use std::collections::{BTreeMap, BTreeSet};

use crate::fleet::{Auth, DatabaseTarget, Engine};

const POSTGRES: &str = include_str!("grants_postgres.sql");
const MYSQL: &str = include_str!("grants_mysql.sql");
const MYSQL_ASSOCIATION: &str = include_str!("grants_mysql_association.sql");
const MYSQL_LOOK: &str = include_str!("grants_mysql_look.sql");

/// All columns that the API and its collectors read, where they exist.
pub(super) const GRANTED: [(&str, &[&str]); 13] = [
    (
        "system$user",
        &[
            "id",
            "name",
            "lastlogin",
            "blocked",
            "blockedsince",
            "active",
            "webserviceuser",
            "isanonymous",
            "createddate",
            "submetaobjectname",
        ],
    ),
    ("system$userrole", &["id", "name"]),
    ("system$userroles", &["system$userid", "system$userroleid"]),
    (
        "system$session",
        &["id", "lastactive", "system$session_user"],
    ),
    (
        "system$session_user",
        &["system$sessionid", "system$userid"],
    ),
    (
        "system$userreportinfo",
        &["id", "usertype", "system$userreportinfo_user"],
    ),
    (
        "system$userreportinfo_user",
        &["system$userreportinfoid", "system$userid"],
    ),
    (
        "usercommons$nameduseridentifier",
        &["id", "value", "usercommons$nameduseridentifier_user"],
    ),
    (
        "usercommons$nameduseridentifier_user",
        &["usercommons$nameduseridentifierid", "system$userid"],
    ),
    // For sums of file sizes, as Mendix Cloud shows them.
    ("system$filedocument", &["id", "hascontents", "size"]),
    (
        "mendixsystem$version",
        &["lastsyncdate", "modelversionnumber", "mendixversion"],
    ),
    // For the table collector, and for finding the existing tables on MySQL: names of tables and entities.
    ("mendixsystem$entity", &["id", "entity_name", "table_name"]),
    (
        "mendixsystem$association",
        &[
            "association_name",
            "table_name",
            "parent_entity_id",
            "child_entity_id",
            "parent_column_name",
            "child_column_name",
        ],
    ),
];

/// Returns the script that creates the role of `database` with the least rights that this API needs.
///
/// It is plain SQL for the owner of the database, safe to run again, and contains no password. The rights are those
/// for user counts and lists and, for the table collector, for the names of entities.
pub fn grants_script(database: &DatabaseTarget) -> String {
    match database.engine {
        Engine::Postgres => fill(POSTGRES, |placeholder| match placeholder {
            "role" => identifier(database, &database.user),
            "role_literal" => literal(database, &database.user),
            "database" => identifier(database, &database.name),
            "is_iam" => (database.auth == Auth::Iam).to_string(),
            "granted" => postgres_list(),
            other => unreachable!("the template has no placeholder {other}"),
        }),
        Engine::Mysql => fill(MYSQL, |placeholder| match placeholder {
            "create" => create_account(database),
            "see" => see_statement(database),
            "unlock" => one_line(&format!(
                "ALTER USER {} IDENTIFIED BY '…' ACCOUNT UNLOCK;",
                grantee(database)
            )),
            "grants" => mysql_blocks(database),
            "associations" => mysql_look_ups(database),
            other => unreachable!("the template has no placeholder {other}"),
        }),
    }
}

/// Fills a template in one pass, so that a value that looks like a placeholder is kept as it is.
fn fill(template: &str, value: impl Fn(&str) -> String) -> String {
    let mut script = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (placeholder, after) = after.split_once("}}").unwrap_or((after, ""));
        script.push_str(before);
        script.push_str(&value(placeholder));
        rest = after;
    }
    script.push_str(rest);
    script
}

fn postgres_list() -> String {
    let row = |(table, columns): &(&str, &[&str])| {
        format!("            ('{table}', '{{{}}}')", columns.join(","))
    };
    let rows: Vec<String> = GRANTED.iter().map(row).collect();
    rows.join(",\n")
}

/// Locks a new account until it has a password, so that it never works without one.
fn create_account(database: &DatabaseTarget) -> String {
    let how = match database.auth {
        // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html
        Auth::Iam => "IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL",
        Auth::Secret(_) | Auth::Variable(_) => "ACCOUNT LOCK",
    };
    format!("CREATE USER IF NOT EXISTS {} {how};", grantee(database))
}

/// Returns one block per table. Neither engine has conditions outside of routines, but both can prepare a `GRANT`.
fn mysql_blocks(database: &DatabaseTarget) -> String {
    let block = |(table, columns): &(&str, &[&str])| {
        let names: Vec<String> = columns.iter().map(|name| literal(database, name)).collect();
        let end = format!(
            ") ON {}.{} TO {}",
            identifier(database, &database.name),
            identifier(database, table),
            grantee(database)
        );
        format!(
            "SET @mrt_columns = (\n    \
                 SELECT GROUP_CONCAT(CONCAT('`', column_name, '`') ORDER BY ordinal_position SEPARATOR ', ')\n    \
                 FROM information_schema.columns\n    \
                 WHERE table_schema = {} AND table_name = {}\n      \
                 AND column_name IN ({}));\n\
             SET @mrt_grant = IF(@mrt_columns IS NULL, 'DO 0', CONCAT('GRANT SELECT (', @mrt_columns, {}));\n\
             PREPARE mrt_grant FROM @mrt_grant;\n\
             EXECUTE mrt_grant;\n\
             DEALLOCATE PREPARE mrt_grant;\n",
            literal(database, &database.name),
            literal(database, table),
            names.join(", "),
            literal(database, &end),
        )
    };
    GRANTED.iter().map(block).collect::<Vec<_>>().join("\n")
}

/// Returns one block per association that may have other names in the app's own catalogue.
fn mysql_look_ups(database: &DatabaseTarget) -> String {
    const LINK: &str = "BINARY l.table_name = BINARY known.known_table \
        AND BINARY l.column_name IN (BINARY known.parent_column, BINARY known.child_column)";
    const IDENTIFIERS: &str =
        "BINARY l.table_name = BINARY known.identifiers AND l.column_name IN ('id', 'value')";
    const OF_IDENTIFIERS: &str = "a.association_name NOT IN ('System.owner', 'System.changedBy') \
        AND (p.entity_name = 'UserCommons.NamedUserIdentifier' AND c.entity_name = 'System.User' \
        OR c.entity_name = 'UserCommons.NamedUserIdentifier' AND p.entity_name = 'System.User')";
    let looks = [
        ("a.association_name = 'System.UserRoles'", LINK),
        ("a.association_name = 'System.Session_User'", LINK),
        ("a.association_name = 'System.UserReportInfo_User'", LINK),
        (OF_IDENTIFIERS, LINK),
        (OF_IDENTIFIERS, IDENTIFIERS),
    ];
    let name = identifier(database, &database.name);
    let schema = literal(database, &database.name);
    let block = |(condition, columns): &(&str, &str)| {
        let look = fill(MYSQL_LOOK, |placeholder| match placeholder {
            "condition" => (*condition).to_owned(),
            "columns" => (*columns).to_owned(),
            "database" => name.clone(),
            "database_literal" => schema.clone(),
            "database_text" => literal(database, &name),
            "grantee_text" => literal(database, &grantee(database)),
            other => unreachable!("the template has no placeholder {other}"),
        });
        fill(MYSQL_ASSOCIATION, |placeholder| match placeholder {
            "look" => literal(database, look.trim_end()),
            "database_literal" => schema.clone(),
            other => unreachable!("the template has no placeholder {other}"),
        })
    };
    looks.iter().map(block).collect::<Vec<_>>().join("\n")
}

/// Keeps a comment on one line, where it ends.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// Returns one statement per table that lets the role of `database` read `columns`.
pub(super) fn select_statements<'a>(
    database: &DatabaseTarget,
    columns: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<String> {
    let mut by_table: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (table, column) in columns {
        by_table.entry(table).or_default().insert(column);
    }
    let schema = match database.engine {
        Engine::Postgres => "public".to_owned(),
        Engine::Mysql => identifier(database, &database.name),
    };
    let grantee = grantee(database);
    let statement = |(table, columns): (&str, BTreeSet<&str>)| {
        let columns: Vec<_> = columns
            .into_iter()
            .map(|column| identifier(database, column))
            .collect();
        let (columns, table) = (columns.join(", "), identifier(database, table));
        format!("GRANT SELECT ({columns}) ON {schema}.{table} TO {grantee};")
    };
    by_table.into_iter().map(statement).collect()
}

/// Returns the statement that lets a MySQL role see the definitions of all tables, and no rows.
pub(super) fn see_statement(database: &DatabaseTarget) -> String {
    format!(
        "GRANT SHOW VIEW ON {}.* TO {};",
        database_pattern(database),
        grantee(database)
    )
}

/// Returns the statement that lets the role of `database` use the schema of Mendix's tables.
pub(super) fn usage_statement(database: &DatabaseTarget) -> String {
    format!("GRANT USAGE ON SCHEMA public TO {};", grantee(database))
}

/// Returns the statement that lets the role of `database` connect to it.
pub(super) fn connect_statement(database: &DatabaseTarget) -> String {
    let name = identifier(database, &database.name);
    format!("GRANT CONNECT ON DATABASE {name} TO {};", grantee(database))
}

/// Returns the grantee. MySQL accounts belong to hosts, and ours may connect from any.
fn grantee(database: &DatabaseTarget) -> String {
    match database.engine {
        Engine::Postgres => identifier(database, &database.user),
        Engine::Mysql => format!("{}@'%'", literal(database, &database.user)),
    }
}

/// Returns the database's name for rights on all of it, with MySQL's wildcard characters escaped.
fn database_pattern(database: &DatabaseTarget) -> String {
    let mut pattern = String::with_capacity(database.name.len());
    for character in database.name.chars() {
        if matches!(character, '_' | '%' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    identifier(database, &pattern)
}

/// Returns `name` as a quoted SQL identifier.
fn identifier(database: &DatabaseTarget, name: &str) -> String {
    match database.engine {
        Engine::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
        Engine::Mysql => format!("`{}`", name.replace('`', "``")),
    }
}

/// Returns `text` as an SQL string literal: for PostgreSQL, one that does not depend on
/// `standard_conforming_strings`; for MySQL, one for the script's own SQL mode.
fn literal(database: &DatabaseTarget, text: &str) -> String {
    let quoted = text.replace('\\', "\\\\").replace('\'', "''");
    match database.engine {
        Engine::Postgres => format!("E'{quoted}'"),
        Engine::Mysql => format!("'{quoted}'"),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::fleet::database_target;

    use super::*;

    fn target(engine: Engine, name: &str, user: &str, auth: Auth) -> DatabaseTarget {
        DatabaseTarget {
            engine,
            name: name.into(),
            user: user.into(),
            auth,
            ..database_target()
        }
    }

    #[test]
    fn names_with_quotes_and_dollars_stay_names() {
        let odd = target(
            Engine::Postgres,
            r#"a"b$mrt$"#,
            r#"o'r"le\{{role}}$mrt$"#,
            Auth::Iam,
        );

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
        let password = Auth::Variable("P".into());
        let script = grants_script(&target(
            Engine::Postgres,
            "acme",
            "mrt_ro",
            password.clone(),
        ));

        assert!(script.contains("IF false AND EXISTS"), "{script}");
        let script = grants_script(&target(Engine::Mysql, "acme", "mrt_ro", password));
        assert!(
            script.contains("CREATE USER IF NOT EXISTS 'mrt_ro'@'%' ACCOUNT LOCK;"),
            "{script}"
        );
    }

    #[test]
    fn an_account_of_mysql_logs_in_by_iam_over_tls_alone() {
        let script = grants_script(&target(Engine::Mysql, "acme", "mrt_ro", Auth::Iam));

        assert!(
            script.contains("IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL"),
            "{script}"
        );
    }

    #[test]
    fn a_right_on_a_whole_database_is_one_on_that_database_alone() {
        let script = |name| grants_script(&target(Engine::Mysql, name, "mrt_ro", Auth::Iam));

        let expected = r"GRANT SHOW VIEW ON `acme\_1\%`.* TO 'mrt_ro'@'%';";
        assert!(
            script("acme_1%").contains(expected),
            "{}",
            script("acme_1%")
        );
        assert!(script("acme").contains("GRANT SHOW VIEW ON `acme`.* TO"));
    }

    #[test]
    fn statements_name_each_table_once_with_all_its_columns() {
        let acme = |engine| target(engine, "acme", "mrt_ro", Auth::Iam);
        let columns = [("system$user", "name"), ("a", "id"), ("system$user", "id")];

        assert_eq!(
            select_statements(&acme(Engine::Postgres), columns),
            [
                r#"GRANT SELECT ("id") ON public."a" TO "mrt_ro";"#,
                r#"GRANT SELECT ("id", "name") ON public."system$user" TO "mrt_ro";"#,
            ]
        );
        assert_eq!(
            select_statements(&acme(Engine::Mysql), columns),
            [
                "GRANT SELECT (`id`) ON `acme`.`a` TO 'mrt_ro'@'%';",
                "GRANT SELECT (`id`, `name`) ON `acme`.`system$user` TO 'mrt_ro'@'%';",
            ]
        );
    }
}
