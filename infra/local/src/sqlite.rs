//! The item store on SQLite: the embedded default of local mode.
//!
//! One table in one file. With write-ahead logging `mrt invoke` reads while `mrt serve` writes, and a process killed
//! during a write leaves the last committed transaction. Readers have connections of their own, so that a writer that
//! waits for another process delays no answer.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use async_trait::async_trait;
use chrono::DateTime;
use shared::clock::Clock;
use shared::store::{Expect, Item, ItemStore, Key, Order, Page, Put, Query, StoreError, Written};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Row, Sqlite, Transaction};

/// Longest wait for another process's write. A transaction takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections for writing: SQLite has one writer at a time.
const WRITE_CONNECTIONS: u32 = 1;
/// Most connections for reading.
const READ_CONNECTIONS: u32 = 4;
const SCHEMA: &str = include_str!("sqlite/schema.sql");

/// Keeps items in one SQLite file.
pub(crate) struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
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
    /// If the file cannot be opened or is not a store, or if it is empty. A file without content is what some failures
    /// of disks leave of a store: it is not taken for a new one.
    pub(crate) async fn open(path: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        if path.metadata().is_ok_and(|file| file.len() == 0) {
            bail!(
                "the file is empty: restore it from a backup, or delete it to start without snapshots"
            );
        }
        Self::connect(path, clock).await.map_err(|error| {
            let advice = if is_damage(&error) {
                "the file is damaged: restore it from a backup, or move it away to start without snapshots"
            } else {
                "it must be a file that this user can read and write"
            };
            anyhow::Error::new(error).context(advice)
        })
    }

    async fn connect(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        let writing = options
            .clone()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let writer = SqlitePoolOptions::new()
            .max_connections(WRITE_CONNECTIONS)
            .acquire_timeout(BUSY_TIMEOUT)
            .after_release(|connection, _| Box::pin(is_reusable(connection)))
            .connect_with(writing)
            .await?;
        sqlx::raw_sql(SCHEMA).execute(&writer).await?;
        // SQLite gives the files beside it the same permissions. Names of tables are nobody else's business.
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READ_CONNECTIONS)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self {
            writer,
            readers,
            clock,
        })
    }

    /// Deletes expired items, as DynamoDB's time to live does, and returns their number.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub(crate) async fn remove_expired(&self) -> Result<u64, StoreError> {
        let delete = sqlx::query("DELETE FROM item WHERE expires_at <= ?").bind(self.now());
        Ok(delete
            .execute(&self.writer)
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

/// Returns whether a connection may be used again.
///
/// After a full disk, an I/O error or a lack of memory, SQLite has rolled back by itself while sqlx still counts an open
/// transaction, and would refuse to begin another one on this connection.
async fn is_reusable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // Runs what is queued, such as the roll back of a transaction that was dropped.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// Returns whether SQLite reports a damaged file: `SQLITE_CORRUPT` or `SQLITE_NOTADB`.
fn is_damage(error: &sqlx::Error) -> bool {
    let database_error = error.as_database_error();
    let code = database_error.and_then(|error| error.code()?.parse::<u32>().ok());
    // The lowest byte of an extended result code is the primary code.
    code.is_some_and(|code| [11, 26].contains(&(code & 0xff)))
}

fn decode(row: &SqliteRow) -> Item {
    let key = Key {
        partition: row.get("partition"),
        sort: row.get("sort"),
    };
    let version = row.try_get::<i64, _>("version").map(i64::cast_unsigned);
    decode_rest(row, &key).unwrap_or_else(|| {
        let attributes: Vec<u8> = row.try_get_unchecked("attributes").unwrap_or_default();
        let body: Option<Vec<u8>> = row.try_get_unchecked("body").unwrap_or_default();
        let stored = format!("{:?} {body:?}", String::from_utf8_lossy(&attributes));
        Item::undecodable(key, version.unwrap_or(0), stored)
    })
}

/// Returns the item at `key`; `None` if a column does not have what [`SqliteStore::write`] stores in it.
fn decode_rest(row: &SqliteRow, key: &Key) -> Option<Item> {
    let expires_at = match row.try_get::<Option<i64>, _>("expires_at").ok()? {
        None => None,
        Some(seconds) => Some(DateTime::from_timestamp(seconds, 0)?),
    };
    Some(Item {
        key: key.clone(),
        version: row.try_get::<i64, _>("version").ok()?.cast_unsigned(),
        attributes: serde_json::from_str(row.try_get("attributes").ok()?).ok()?,
        body: row.try_get("body").ok()?,
        expires_at,
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
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable)?;
        Ok(row.as_ref().map(decode))
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
            .writer
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
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable)?;
        let mut items = rows.iter().map(decode).collect::<Vec<_>>();
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
    use chrono::Utc;
    use shared::clock::FixedClock;
    use shared::store::{Attributes, contract};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite_passes_the_exam() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mrt.db");
        let clock: Arc<dyn Clock> = Arc::new(FixedClock::at(contract::NOW));
        let store = SqliteStore::open(&path, clock).await.unwrap();

        contract::exam(|clock| {
            Arc::new(SqliteStore {
                writer: store.writer.clone(),
                readers: store.readers.clone(),
                clock,
            })
        })
        .await;
    }

    fn put(sort: &str, body: Option<Vec<u8>>, expires_at: Option<DateTime<Utc>>) -> Put {
        let key = Key {
            partition: "p".into(),
            sort: sort.into(),
        };
        Put {
            item: Item {
                key,
                version: 1,
                attributes: Attributes::new(),
                body,
                expires_at,
            },
            expect: Expect::Anything,
        }
    }

    #[tokio::test]
    async fn items_survive_a_restart_and_only_expired_ones_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mrt.db");
        let clock = Arc::new(FixedClock::at(contract::NOW));
        let kept = put("kept", None, None);
        {
            let store = SqliteStore::open(&path, clock.clone()).await.unwrap();
            store.put(kept.clone()).await.unwrap();
            let expired = put("expired", None, Some(clock.now()));
            store.put(expired).await.unwrap();
        }

        let store = SqliteStore::open(&path, clock).await.unwrap();

        assert_eq!(store.remove_expired().await.unwrap(), 1);
        assert_eq!(store.get(&kept.item.key).await.unwrap(), Some(kept.item));
    }

    #[tokio::test]
    async fn writing_works_again_once_a_full_disk_has_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mrt.db");
        let clock = Arc::new(FixedClock::at(contract::NOW));
        let store = SqliteStore::open(&path, clock).await.unwrap();
        store.put(put("before", None, None)).await.unwrap();
        // The limit belongs to this connection; the one after it has none.
        sqlx::query("PRAGMA max_page_count = 16")
            .execute(&store.writer)
            .await
            .unwrap();

        let full = store.put(put("large", Some(vec![1; 300_000]), None)).await;
        let after = store.put(put("after", None, None)).await;

        let full = full.unwrap_err().to_string();
        assert!(matches!(after, Ok(Written::Done)), "{full}: {after:?}");
        let before = put("before", None, None).item;
        assert_eq!(store.get(&before.key).await.unwrap(), Some(before));
        assert_eq!(
            store.get(&put("large", None, None).item.key).await.unwrap(),
            None
        );
    }

    #[tokio::test]
    async fn an_item_that_cannot_be_decoded_harms_no_other_item_of_its_page() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mrt.db");
        let clock = Arc::new(FixedClock::at(contract::NOW));
        let store = SqliteStore::open(&path, clock).await.unwrap();
        let damages = [
            "attributes = '{not JSON'",
            "attributes = x'ff'",
            "version = 'x'",
            "expires_at = 'x'",
        ];
        for (number, damage) in damages.iter().enumerate() {
            store
                .put(put(&number.to_string(), None, None))
                .await
                .unwrap();
            let update = format!("UPDATE item SET {damage} WHERE sort = '{number}'");
            sqlx::query(sqlx::AssertSqlSafe(update))
                .execute(&store.writer)
                .await
                .unwrap();
        }
        let sound = put("sound", Some(vec![1]), None);
        store.put(sound.clone()).await.unwrap();

        let query = Query {
            partition: "p".to_owned(),
            from: "!".to_owned(),
            to: "~".to_owned(),
            order: Order::Ascending,
            after: None,
            limit: 10,
        };
        let items = store.query(&query).await.unwrap().items;

        assert_eq!(items.len(), damages.len() + 1);
        assert_eq!(items.last(), Some(&sound.item));
        for item in &items[..damages.len()] {
            assert!(item.attributes.contains_key("undecodable"), "{item:?}");
        }
    }

    #[tokio::test]
    async fn a_writer_that_waits_delays_no_reader() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mrt.db");
        let clock = Arc::new(FixedClock::at(contract::NOW));
        let store = SqliteStore::open(&path, clock).await.unwrap();
        let stored = put("stored", None, None);
        store.put(stored.clone()).await.unwrap();
        let blocking = store.writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let waiting = (0..8).map(|number| store.put(put(&number.to_string(), None, None)));
        let mut waiting = std::pin::pin!(futures::future::join_all(waiting));

        let read = tokio::select! {
            biased;
            written = waiting.as_mut() => panic!("nothing can be written: {written:?}"),
            read = store.get(&stored.item.key) => read,
        };

        assert_eq!(read.unwrap(), Some(stored.item));
        drop(blocking);
        assert!(
            waiting
                .await
                .iter()
                .all(|written| matches!(written, Ok(Written::Done)))
        );
    }

    #[tokio::test]
    async fn a_damaged_or_empty_file_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mrt.db");
        let clock: Arc<dyn Clock> = Arc::new(FixedClock::at(contract::NOW));
        let refusal = async |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            let opened = SqliteStore::open(&path, Arc::clone(&clock)).await;
            format!("{:#}", opened.err().unwrap())
        };

        let empty = refusal(b"").await;
        let damaged = refusal(&[7; 8192]).await;

        assert!(empty.contains("the file is empty: restore it"), "{empty}");
        assert!(
            damaged.contains("the file is damaged: restore it"),
            "{damaged}"
        );
        assert_eq!(
            std::fs::read(&path).unwrap(),
            [7; 8192],
            "it stays as it is"
        );
    }
}
