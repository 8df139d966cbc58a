//! Associations of users from Mendix's own catalogue. Only plain names are used.

use crate::database::DatabaseError;
use crate::fleet::Engine;

use super::columns::Column;
use crate::users::connection::{Connection, Row};
use crate::users::statement::Parts;

const ASSOCIATIONS: &str = include_str!("../associations.sql");
/// Maximum length of a table or column name: PostgreSQL allows 63 bytes, MySQL 64 characters.
const NAME_LIMIT: usize = 128;
const USER_ENTITY: &str = "System.User";

/// How rows of another table refer to users: a table with both ids, possibly the other table itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::users) struct Link {
    pub(in crate::users) table: String,
    /// Column with the user's id.
    pub(in crate::users) user: String,
    /// Column with the other entity's id.
    pub(in crate::users) other: String,
}

/// An association between users and another entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Association {
    /// Name in the model, such as `System.Session_User`.
    pub(super) name: String,
    /// The other entity.
    pub(super) entity: String,
    /// The other entity's table.
    pub(super) table: String,
    pub(super) link: Link,
}

impl Link {
    pub(super) fn of(table: &str, user: &str, other: &str) -> Self {
        Self {
            table: table.to_owned(),
            user: user.to_owned(),
            other: other.to_owned(),
        }
    }
}

/// Reads the associations. Rows with names that Mendix never generates are left out.
pub(super) async fn read(
    connection: &mut Connection,
    engine: Engine,
) -> Result<Vec<Association>, DatabaseError> {
    let statement = Parts::default().fill(engine, ASSOCIATIONS);
    let rows = connection.rows(statement).await?;
    Ok(rows.into_iter().filter_map(association).collect())
}

fn association(row: Row) -> Option<Association> {
    let row: Vec<String> = row.into_iter().collect::<Option<_>>()?;
    let [
        name,
        parent,
        child,
        parent_table,
        child_table,
        table,
        parent_column,
        child_column,
    ] = <[String; 8]>::try_from(row).ok()?;
    let (entity, other_table, user, other) = if parent == USER_ENTITY {
        (child, child_table, parent_column, child_column)
    } else {
        (parent, parent_table, child_column, parent_column)
    };
    let names = [&other_table, &table, &user, &other];
    if !names.into_iter().all(|name| is_plain(name)) {
        return None;
    }
    Some(Association {
        name,
        entity,
        table: other_table,
        link: Link { table, user, other },
    })
}

/// Returns whether `name` is one that Mendix generates, and so safe to put into a statement.
fn is_plain(name: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_$".contains(character);
    (1..=NAME_LIMIT).contains(&name.len()) && name.chars().all(is_plain)
}

impl Association {
    /// Returns its columns that are read.
    pub(super) fn columns(&self) -> Vec<Column> {
        let column = |table: &str, name: &str| (table.to_owned(), name.to_owned());
        vec![
            column(&self.link.table, &self.link.user),
            column(&self.link.table, &self.link.other),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(texts: [&str; 8]) -> Row {
        texts.iter().map(|text| Some((*text).to_owned())).collect()
    }

    #[test]
    fn the_users_end_is_found_whichever_it_is() {
        let roles = association(row([
            "System.UserRoles",
            "System.User",
            "System.UserRole",
            "system$user",
            "system$userrole",
            "system$userroles",
            "system$userid",
            "system$userroleid",
        ]));
        let session = association(row([
            "System.Session_User",
            "System.Session",
            "System.User",
            "system$session",
            "system$user",
            "system$session",
            "id",
            "system$session_user",
        ]));

        let link = |table: &str, user: &str, other: &str| Link {
            table: table.into(),
            user: user.into(),
            other: other.into(),
        };
        let (roles, session) = (roles.unwrap(), session.unwrap());
        assert_eq!(
            roles.link,
            link("system$userroles", "system$userid", "system$userroleid")
        );
        assert_eq!(roles.table, "system$userrole");
        assert_eq!(
            session.link,
            link("system$session", "system$session_user", "id")
        );
        assert_eq!(session.table, "system$session");
    }

    #[test]
    fn a_name_that_is_more_than_a_name_is_not_used() {
        for bad in ["", "a\" b", "a`b", "a;b", "{{x}}", "ü"] {
            let row = row(["n", "System.User", "e", "system$user", "t", bad, "a", "b"]);
            assert_eq!(association(row), None, "{bad}");
        }
        assert!(is_plain("uniq_syst$synchronizatione_1"));
    }
}
