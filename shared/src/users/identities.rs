//! Reads who the named users of one database are. A name leaves its row as an HMAC.

use chrono::{DateTime, Utc};

use super::connection::Connection;
use super::counts::{self, DatabaseCounts, account_parts, denied_later};
use super::error::UsersError;
use super::question::Question;
use super::schema::Schema;
use super::schema::columns::Purpose;
use crate::database::DatabaseError;
use crate::deployment_key::Key;
use crate::fleet::{DatabaseTarget, Engine};
use crate::identities::{Identities, UserType};

const IDENTITIES: &str = include_str!("identities.sql");

/// Reads the identities from one state of the database.
///
/// # Errors
///
/// See [`UsersError`].
pub async fn read(
    connection: &mut Connection,
    target: &DatabaseTarget,
    question: &Question,
    key: &Key,
) -> Result<Identities, UsersError> {
    connection.begin().await?;
    let schema = Schema::probe(connection, target, Purpose::Counts).await?;
    let identities = read_with(connection, target.engine, &schema, question, key).await;
    let identities = identities.map_err(|error| denied_later(error, target, &schema))?;
    connection.end().await?;
    Ok(identities)
}

/// Reads the counts as of `now` and, with a key, the identities, all from one state of the database.
///
/// # Errors
///
/// See [`UsersError`].
pub async fn read_activity(
    connection: &mut Connection,
    target: &DatabaseTarget,
    question: &Question,
    key: Option<&Key>,
    now: DateTime<Utc>,
) -> Result<(DatabaseCounts, Option<Identities>), UsersError> {
    connection.begin().await?;
    let schema = Schema::probe(connection, target, Purpose::Counts).await?;
    let engine = target.engine;
    let reading = async {
        let counts = counts::read_with(connection, engine, &schema, question, now).await?;
        let identities = match key {
            Some(key) => Some(read_with(connection, engine, &schema, question, key).await?),
            None => None,
        };
        Ok((counts, identities))
    };
    let read = reading
        .await
        .map_err(|error| denied_later(error, target, &schema))?;
    connection.end().await?;
    Ok(read)
}

async fn read_with(
    connection: &mut Connection,
    engine: Engine,
    schema: &Schema,
    question: &Question,
    key: &Key,
) -> Result<Identities, DatabaseError> {
    let parts = account_parts(engine, schema, question);
    let mut identities = Identities::default();
    let visit = |row: Vec<Option<String>>| {
        if let [Some(identity), Some(user_type)] = row.as_slice() {
            let mac = key.identity_mac(identity);
            identities.add(mac, UserType::from_word(user_type));
        }
    };
    let statement = parts.fill(engine, IDENTITIES);
    connection.each_row(statement, visit).await?;
    Ok(identities)
}
