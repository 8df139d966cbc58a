//! What a role may see, read out of its grants. Pure: no I/O in this file.
//!
//! `information_schema` shows a role the tables that it has some right on and says nothing of the others: whether the
//! list is whole can be told by the grants alone. Lines of grants may hold a password's hash (MariaDB), so none is
//! kept and none gets into an error.

/// Rights of which any one makes a table visible.
const TABLE_RIGHTS: [&str; 14] = [
    "ALL",
    "ALL PRIVILEGES",
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "REFERENCES",
    "INDEX",
    "ALTER",
    "SHOW VIEW",
    "TRIGGER",
    "DELETE HISTORY",
];

/// What a role sees of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rights {
    /// Whether it sees every table of the database.
    pub(super) sees_all_tables: bool,
    /// Whether it may look at InnoDB's files.
    pub(super) sees_files: bool,
}

impl Rights {
    /// Returns what `grants`, the lines of `SHOW GRANTS`, let a role see of `database`.
    ///
    /// A line that is not understood gives nothing. A right that was revoked for the one database (MySQL 8) is none.
    pub(super) fn of<'g>(grants: impl IntoIterator<Item = &'g str>, database: &str) -> Self {
        let (mut everywhere, mut here, mut revoked) = (Vec::new(), Vec::new(), Vec::new());
        for line in grants {
            let (is_grant, rest) = match (line.strip_prefix("GRANT "), line.strip_prefix("REVOKE "))
            {
                (Some(rest), _) => (true, rest),
                (_, Some(rest)) => (false, rest),
                _ => continue,
            };
            let Some((rights, scope)) = rest.split_once(" ON ") else {
                continue;
            };
            let rights = rights.split(',').map(|right| right.trim().to_uppercase());
            if scope.starts_with("*.* ") && is_grant {
                everywhere.extend(rights);
            } else if database_of(scope).is_some_and(|pattern| is_like(database, &pattern)) {
                if is_grant {
                    here.extend(rights);
                } else {
                    revoked.extend(rights);
                }
            }
        }
        let is_revoked = |right: &str| {
            let mut revoked = revoked.iter();
            revoked.any(|each| each == right || each.starts_with("ALL"))
        };
        let shows = |right: &String| TABLE_RIGHTS.contains(&right.as_str());
        let mut kept = everywhere.iter().filter(|right| {
            // ALL less one right still has others; less all of them it has none.
            (right.starts_with("ALL") && !revoked.iter().any(|each| each.starts_with("ALL")))
                || !is_revoked(right)
        });
        Self {
            sees_all_tables: here.iter().any(shows) || kept.any(shows),
            sees_files: everywhere
                .iter()
                .any(|right| right == "PROCESS" || right.starts_with("ALL")),
        }
    }
}

/// Returns the pattern of the database in a scope like `` `name`.* TO … ``; `None` for one table or a routine.
fn database_of(scope: &str) -> Option<String> {
    let mut rest = scope.strip_prefix('`')?;
    let mut name = String::new();
    loop {
        let (part, after) = rest.split_once('`')?;
        name.push_str(part);
        match after.strip_prefix('`') {
            Some(after) => {
                name.push('`');
                rest = after;
            }
            None => return after.starts_with(".* ").then_some(name),
        }
    }
}

/// Returns whether `name` is what a grant's `pattern` means: `_` is any character, `%` any number of them, and `\`
/// takes a character for itself.
fn is_like(name: &str, pattern: &str) -> bool {
    let mut pattern = pattern.chars();
    let mut characters = name.chars();
    match pattern.next() {
        None => name.is_empty(),
        Some('%') => {
            let rest = pattern.as_str();
            let mut ends = name.char_indices().map(|(index, _)| index);
            is_like("", rest)
                || ends.any(|index| name.get(index..).is_some_and(|tail| is_like(tail, rest)))
        }
        Some('_') => characters.next().is_some() && is_like(characters.as_str(), pattern.as_str()),
        Some(escape_or_plain) => {
            let expected = match escape_or_plain {
                '\\' => pattern.next().unwrap_or('\\'),
                plain => plain,
            };
            characters.next() == Some(expected) && is_like(characters.as_str(), pattern.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(grants: &[&str]) -> (bool, bool) {
        let rights = Rights::of(grants.iter().copied(), "acme_prod");
        (rights.sees_all_tables, rights.sees_files)
    }

    #[test]
    fn any_right_on_all_tables_shows_them_and_process_shows_the_files() {
        let cases: [(&[&str], (bool, bool)); 12] = [
            (&[], (false, false)),
            (&["GRANT USAGE ON *.* TO `r`@`%`"], (false, false)),
            (
                &["GRANT PROCESS ON *.* TO `r`@`%` IDENTIFIED BY PASSWORD '*AA'"],
                (false, true),
            ),
            (
                &["GRANT SHOW VIEW ON `acme_prod`.* TO `r`@`%`"],
                (true, false),
            ),
            (
                &["GRANT SHOW VIEW ON `acme\\_prod`.* TO `r`@`%`"],
                (true, false),
            ),
            (&["GRANT SELECT ON `acme%`.* TO `r`@`%`"], (true, false)),
            (&["GRANT SELECT ON `acme`.* TO `r`@`%`"], (false, false)),
            (
                &["GRANT SELECT ON `acme_prod`.`t` TO `r`@`%`"],
                (false, false),
            ),
            (
                &["GRANT LOCK TABLES, EXECUTE ON `acme_prod`.* TO `r`@`%`"],
                (false, false),
            ),
            (&["GRANT SELECT, PROCESS ON *.* TO `r`@`%`"], (true, true)),
            (&["GRANT ALL PRIVILEGES ON *.* TO `r`@`%`"], (true, true)),
            (&["GRANT `role` TO `r`@`%`"], (false, false)),
        ];

        for (grants, expected) in cases {
            assert_eq!(rights(grants), expected, "{grants:?}");
        }
    }

    #[test]
    fn a_right_that_is_revoked_for_the_database_shows_nothing_of_it() {
        let global = "GRANT SELECT, PROCESS ON *.* TO `r`@`%`";

        assert_eq!(
            rights(&[global, "REVOKE SELECT ON `acme_prod`.* FROM `r`@`%`"]),
            (false, true)
        );
        assert_eq!(
            rights(&[global, "REVOKE SELECT ON `other`.* FROM `r`@`%`"]),
            (true, true)
        );
    }

    #[test]
    fn patterns_of_databases_are_those_of_the_server() {
        for (name, pattern, expected) in [
            ("a_b", "a_b", true),
            ("axb", "a_b", true),
            ("axb", "a\\_b", false),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "%", true),
            ("", "%", true),
            ("abc", "ab", false),
            ("ab", "abc", false),
            ("Abc", "abc", false),
        ] {
            assert_eq!(is_like(name, pattern), expected, "{name} {pattern}");
        }
        assert_eq!(database_of("`a``b`.* TO `r`"), Some("a`b".to_owned()));
    }
}
