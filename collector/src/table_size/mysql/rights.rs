//! Derives what a role can see from its grants. Pure: no I/O in this file.
//!
//! `information_schema` silently omits tables that the role has no right on, so only the grants show whether the list
//! is complete. A grant line can contain a password hash (MariaDB), so lines are never stored or put into errors.

/// Rights that each make a table visible.
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

/// What a role can see of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rights {
    /// Whether it sees every table of the database.
    pub(super) sees_all_tables: bool,
    /// Whether it sees InnoDB's files.
    pub(super) sees_files: bool,
}

impl Rights {
    /// Derives the rights on `database` from `grants`, the lines of `SHOW GRANTS`.
    ///
    /// Unknown lines grant nothing. A right that is revoked for this one database (MySQL 8) does not count.
    pub(super) fn from_grants<'g>(
        grants: impl IntoIterator<Item = &'g str>,
        database: &str,
    ) -> Self {
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
            // ALL with one right revoked still includes others; with all of them revoked it includes none.
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

/// Returns the database pattern of a scope like `` `name`.* TO … ``; `None` for a single table or a routine.
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

/// Returns whether `name` matches a grant's `pattern`: `_` is any character, `%` any number of characters, and `\`
/// escapes the next one.
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
        let rights = Rights::from_grants(grants.iter().copied(), "acme_prod");
        (rights.sees_all_tables, rights.sees_files)
    }

    #[test]
    fn any_right_on_the_database_shows_all_tables_and_process_shows_the_files() {
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
    fn a_right_that_is_revoked_for_the_database_does_not_count() {
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
    fn database_patterns_match_as_on_the_server() {
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
