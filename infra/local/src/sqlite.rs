//! The item store on SQLite: the embedded default of local mode.
//!
//! One table in one file. With write-ahead logging `mrt invoke` reads while `mrt serve` writes, and a process killed
//! during a write leaves the last committed transaction.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use shared::clock::Clock;
use shared::store::{
    Attributes, Expect, Item, ItemStore, Key, Order, Page, Put, Query, StoreError, Written,
};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Row, Sqlite, Transaction};

/// Longest wait for another process's write. A transaction takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Most connections: one writer and a few readers.
const CONNECTIONS: u32 = 4;
const SCHEMA: &str = include_str!("sqlite/schema.sql");

/// Keeps items in one SQLite file.
pub(crate) struct SqliteStore {
    pool: SqlitePool,
    clock: Arc<dyn Clock>,
}

fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

impl SqliteStore {
    /// Opens the store in `path`, and creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the file cannot be opened or is not a store.
    pub(crate) async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(BUSY_TIMEOUT);
        let pool = pool.connect_with(options).await.map_err(unavailable)?;
        sqlx::raw_sql(SCHEMA)
            .execute(&pool)
            .await
            .map_err(unavailable)?;
        Ok(Self { pool, clock })
    }

    /// Deletes expired items, as DynamoDB's time to live does, and returns their number.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub(crate) async fn remove_expired(&self) -> Result<u64, StoreError> {
        let delete = sqlx::query("DELETE FROM item WHERE expires_at <= ?").bind(self.now());
        Ok(delete
            .execute(&self.pool)
            .await
            .map_err(unavailable)?
            .rows_affected())
    }

    fn now(&self) -> i64 {
        self.clock.now().timestamp()
    }

    /// Writes one item in a transaction.
    async fn write(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        put: &Put,
    ) -> Result<Written, StoreError> {
        let Item {
            key,
            version,
            attributes,
            body,
            expires_at,
        } = &put.item;
        let found = "SELECT version FROM item WHERE partition = ? AND sort = ? AND (expires_at IS NULL OR expires_at > ?)";
        let found = sqlx::query(found)
            .bind(&key.partition)
            .bind(&key.sort)
            .bind(self.now());
        let found = found
            .fetch_optional(&mut **transaction)
            .await
            .map_err(unavailable)?;
        let found = found.map(|row| row.get::<i64, _>(0).cast_unsigned());
        let holds = match put.expect {
            Expect::Anything => true,
            Expect::Absent => found.is_none(),
            Expect::Version(version) => found == Some(version),
        };
        if !holds {
            return Ok(Written::Conflict);
        }
        let attributes =
            serde_json::to_string(attributes).map_err(|error| StoreError::Unreadable {
                key: key.clone(),
                reason: error.to_string(),
            })?;
        sqlx::query("INSERT OR REPLACE INTO item (partition, sort, version, attributes, body, expires_at) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(&key.partition)
            .bind(&key.sort)
            .bind(version.cast_signed())
            .bind(attributes)
            .bind(body)
            .bind(expires_at.map(|time| time.timestamp()))
            .execute(&mut **transaction)
            .await
            .map_err(unavailable)?;
        Ok(Written::Done)
    }
}

fn decode(row: &SqliteRow) -> Result<Item, StoreError> {
    let key = Key {
        partition: row.get("partition"),
        sort: row.get("sort"),
    };
    let unreadable = |reason: String| StoreError::Unreadable {
        key: key.clone(),
        reason,
    };
    let attributes: Attributes = serde_json::from_str(row.get("attributes"))
        .map_err(|error| unreadable(error.to_string()))?;
    let expires_at = match row.get::<Option<i64>, _>("expires_at") {
        None => None,
        Some(seconds) => Some(
            DateTime::from_timestamp(seconds, 0)
                .ok_or_else(|| unreadable("expires_at is not a time".to_owned()))?,
        ),
    };
    let version = row.get::<i64, _>("version").cast_unsigned();
    Ok(Item {
        version,
        attributes,
        body: row.get("body"),
        expires_at,
        key,
    })
}

#[async_trait]
impl ItemStore for SqliteStore {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let query = "SELECT * FROM item WHERE partition = ? AND sort = ? AND (expires_at IS NULL OR expires_at > ?)";
        let query = sqlx::query(query)
            .bind(&key.partition)
            .bind(&key.sort)
            .bind(self.now());
        let row = query
            .fetch_optional(&self.pool)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(decode).transpose()
    }

    async fn put(&self, put: Put) -> Result<Written, StoreError> {
        self.put_all(vec![put]).await
    }

    async fn put_all(&self, puts: Vec<Put>) -> Result<Written, StoreError> {
        for put in &puts {
            put.item.check_size()?;
        }
        // Takes the write lock at once: upgrading a read lock later can fail.
        let mut transaction = self
            .pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(unavailable)?;
        for put in &puts {
            if self.write(&mut transaction, put).await? == Written::Conflict {
                transaction.rollback().await.map_err(unavailable)?;
                return Ok(Written::Conflict);
            }
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(Written::Done)
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX - 1);
        let statement = match query.order {
            Order::Ascending => include_str!("sqlite/query_ascending.sql"),
            Order::Descending => include_str!("sqlite/query_descending.sql"),
        };
        let rows = sqlx::query(statement)
            .bind(&query.partition)
            .bind(&query.from)
            .bind(&query.to)
            .bind(&query.after)
            .bind(self.now())
            .bind(limit + 1)
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        let mut items = rows.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
        let has_more = items.len() > query.limit;
        items.truncate(query.limit);
        let next = items
            .last()
            .filter(|_| has_more)
            .map(|item| item.key.sort.clone());
        Ok(Page { items, next })
    }
}

#[cfg(test)]
mod tests {
    use shared::clock::FixedClock;
    use shared::store::contract;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite_passes_the_exam() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mrt.db");
        let clock: Arc<dyn Clock> = Arc::new(FixedClock::at(contract::NOW));
        let pool = SqliteStore::open(&path, clock).await.unwrap().pool;

        contract::exam(|clock| {
            Arc::new(SqliteStore {
                pool: pool.clone(),
                clock,
            })
        })
        .await;
    }

    #[tokio::test]
    async fn items_survive_a_restart_and_only_expired_ones_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mrt.db");
        let clock = Arc::new(FixedClock::at(contract::NOW));
        let item = |sort: &str, expires_at| Item {
            key: Key {
                partition: "p".into(),
                sort: sort.into(),
            },
            version: 1,
            attributes: Attributes::new(),
            body: None,
            expires_at,
        };
        {
            let store = SqliteStore::open(&path, clock.clone()).await.unwrap();
            for item in [item("kept", None), item("expired", Some(clock.now()))] {
                store
                    .put(Put {
                        item,
                        expect: Expect::Anything,
                    })
                    .await
                    .unwrap();
            }
        }

        let store = SqliteStore::open(&path, clock).await.unwrap();

        assert_eq!(store.remove_expired().await.unwrap(), 1);
        let key = Key {
            partition: "p".into(),
            sort: "kept".into(),
        };
        assert_eq!(store.get(&key).await.unwrap(), Some(item("kept", None)));
    }
}
