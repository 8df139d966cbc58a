//! Takes runs into months.

use std::sync::Arc;
use std::time::Duration;

use super::keys;
use super::month::Month;
use super::reader::{Found, find, unreadable};
use super::record::ActiveRun;
use super::stored::{self, SetLocation};
use crate::clock;
use crate::fleet::TargetId;
use crate::snapshot::stored::pack;
use crate::store::{Expect, Item, ItemStore, Put, StoreError, Written, packed_digest};

/// Months that are kept after their end, unless history is kept shorter: three years of bills.
pub const KEPT_MONTHS: u32 = 36;
/// Most bytes of a set in one item: leaves 50 kB of the item limit for everything else.
const PART_BYTES: usize = 350_000;
/// Attempts to change a month against other writers.
const ATTEMPTS: usize = 10;

/// Keeps months. Collectors have one, API functions do not.
#[derive(Clone)]
pub struct UserMonthWriter {
    items: Arc<dyn ItemStore>,
    /// How long history is kept; for ever when `None`.
    retention: Option<Duration>,
}

impl UserMonthWriter {
    /// Returns a writer that keeps months as long as `retention`, and [`KEPT_MONTHS`] at most.
    pub fn new(items: Arc<dyn ItemStore>, retention: Option<Duration>) -> Self {
        Self { items, retention }
    }

    /// Takes a run into its month. Doing it again changes nothing, and the order of runs does not matter.
    ///
    /// Costs one read, one query and one transaction; the transaction writes the set only if a user is new in it or was
    /// not seen on this day.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]; nothing has changed then.
    pub async fn take_in(&self, target: &TargetId, run: &ActiveRun<'_>) -> Result<(), StoreError> {
        let month = Month::of(run.scheduled_at);
        for _ in 0..ATTEMPTS {
            let found = find(&*self.items, target, month).await?;
            let puts = self.puts(target, run, found)?;
            if puts.is_empty() || self.items.put_all(puts).await? == Written::Done {
                return Ok(());
            }
        }
        Err(StoreError::Contended {
            key: keys::record(target, month),
            attempts: ATTEMPTS,
        })
    }

    /// Returns what is written for `run`; nothing if the month has it already.
    fn puts(
        &self,
        target: &TargetId,
        run: &ActiveRun<'_>,
        found: Found,
    ) -> Result<Vec<Put>, StoreError> {
        let Found {
            record: known,
            mut users,
            set,
            version,
        } = found;
        let month = known.month;
        let key = keys::record(target, month);
        let mut record = known.clone();
        let is_changed = record.take_in(run, &mut users);
        if !is_changed && record == known {
            return Ok(Vec::new());
        }
        let kept_until = month.plus(KEPT_MONTHS).end();
        let expires_at = self.retention.map_or(kept_until, |span| {
            clock::after(month.end(), span).min(kept_until)
        });
        let mut puts = Vec::new();
        let mut location = set;
        if is_changed {
            let packed = match users.is_empty() {
                true => Vec::new(),
                false => pack(&users.to_bytes()).map_err(unreadable(&key))?,
            };
            let digest = packed_digest(&packed);
            for (number, chunk) in packed.chunks(PART_BYTES).enumerate() {
                let key = keys::part(target, month, number);
                let attributes = stored::part_attributes(&digest).map_err(unreadable(&key))?;
                let item = Item {
                    key,
                    version: 1,
                    attributes,
                    body: Some(chunk.to_vec()),
                    expires_at: Some(expires_at),
                };
                // The record's condition holds for all items of the transaction.
                puts.push(Put {
                    item,
                    expect: Expect::Anything,
                });
            }
            location = SetLocation {
                items: puts.len(),
                digest,
            };
        }
        let attributes = stored::record_attributes(&location).map_err(unreadable(&key))?;
        let body = stored::record_body(&record).map_err(unreadable(&key))?;
        let item = Item {
            key,
            version: version.map_or(1, |version| version + 1),
            attributes,
            body: Some(body),
            expires_at: Some(expires_at),
        };
        puts.push(Put {
            item,
            expect: version.map_or(Expect::Absent, Expect::Version),
        });
        Ok(puts)
    }
}
