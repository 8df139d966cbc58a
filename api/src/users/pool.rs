//! One warm connection for each database, one reader at a time, and the last counts for a few seconds.
//!
//! A dashboard that asks every second must not be felt by a production database: whoever comes while another
//! one reads waits for it, and then mostly finds its counts. What is kept belongs to a database, never to a
//! caller; names are never kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use shared::database::Databases;
use shared::fleet::{DatabaseTarget, TargetId};
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout};

use super::connection::Connection;
use super::counts::Tally;
use super::error::UsersError;
use super::question::Question;

/// Longest wait for a warm connection's sign of life, which is asked for each time: a function instance may have
/// been frozen for an hour without noticing.
pub const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest life of a connection: after a failover it is on the right server again, and rights are read anew.
const MAX_AGE: Duration = Duration::from_secs(600);
/// Most connections that are kept open by one function instance.
pub const MAX_WARM: usize = 64;
/// Most callers that wait for one database; the next one is told to come back.
pub const MAX_WAITING: usize = 16;

/// Connections and counts of all databases that were asked for.
pub(super) struct Pool {
    databases: Databases,
    slots: Mutex<BTreeMap<TargetId, Arc<Slot>>>,
    warm: Arc<AtomicUsize>,
}

/// One database.
struct Slot {
    target: DatabaseTarget,
    state: Arc<tokio::sync::Mutex<State>>,
    waiting: AtomicUsize,
}

#[derive(Default)]
struct State {
    warm: Option<Warm>,
    counted: Option<Counted>,
}

struct Warm {
    connection: Connection,
    opened_at: Instant,
    _one: One,
}

/// One of the connections that are kept open.
struct One(Arc<AtomicUsize>);

impl Drop for One {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What was counted, for whom and when.
#[derive(Clone)]
struct Counted {
    question: Question,
    at: DateTime<Utc>,
    tally: Tally,
}

/// The right to read one database, until it is dropped.
pub(super) struct Turn {
    state: OwnedMutexGuard<State>,
    databases: Databases,
    target: DatabaseTarget,
    warm: Arc<AtomicUsize>,
}

impl Pool {
    pub(super) fn new(databases: Databases) -> Self {
        Self {
            databases,
            slots: Mutex::default(),
            warm: Arc::default(),
        }
    }

    /// Waits until nobody else reads the database of `target`.
    ///
    /// # Errors
    ///
    /// [`UsersError::Busy`] when [`MAX_WAITING`] others wait already.
    pub(super) async fn turn(&self, target: &DatabaseTarget) -> Result<Turn, UsersError> {
        let slot = self.slot(target);
        if slot.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            slot.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(UsersError::Busy);
        }
        // Counts down also when the wait is given up.
        let waiting = Waiting(&slot.waiting);
        let state = Arc::clone(&slot.state).lock_owned().await;
        drop(waiting);
        Ok(Turn {
            state,
            databases: self.databases.clone(),
            target: target.clone(),
            warm: Arc::clone(&self.warm),
        })
    }

    /// Returns the slot of `target`, a new one when the fleet file says something else of it than before.
    fn slot(&self, target: &DatabaseTarget) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() > MAX_WARM * 4 {
            // What is in use stays with whoever uses it.
            slots.clear();
        }
        let slot = slots.entry(target.id()).or_insert_with(|| new_slot(target));
        if slot.target != *target {
            *slot = new_slot(target);
        }
        Arc::clone(slot)
    }
}

fn new_slot(target: &DatabaseTarget) -> Arc<Slot> {
    Arc::new(Slot {
        target: target.clone(),
        state: Arc::default(),
        waiting: AtomicUsize::new(0),
    })
}

struct Waiting<'s>(&'s AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Turn {
    /// Returns what was counted for the same question within `keep_for` before `now`, and when.
    pub(super) fn counted(
        &self,
        question: &Question,
        now: DateTime<Utc>,
        keep_for: Duration,
    ) -> Option<(DateTime<Utc>, Tally)> {
        let counted = self.state.counted.as_ref()?;
        // Whoever waited began before the one whose counts these are.
        let age = (now - counted.at).to_std().unwrap_or_default();
        let is_good = counted.question == *question && age < keep_for;
        is_good.then(|| (counted.at, counted.tally.clone()))
    }

    /// Keeps what was counted.
    pub(super) fn keep(&mut self, question: Question, at: DateTime<Utc>, tally: Tally) {
        self.state.counted = Some(Counted {
            question,
            at,
            tally,
        });
    }

    /// Returns a connection that is alive: the warm one, or a new one. Give it back with [`Turn::give_back`]; one
    /// that is not given back is closed.
    pub(super) async fn connection(&mut self) -> Result<Lease, UsersError> {
        if let Some(mut warm) = self.state.warm.take()
            && warm.opened_at.elapsed() < MAX_AGE
        {
            let ping = timeout(PING_TIMEOUT, warm.connection.ping()).await;
            if matches!(ping, Ok(Ok(()))) {
                return Ok(Lease {
                    connection: warm.connection,
                    opened_at: warm.opened_at,
                });
            }
        }
        let connection = Connection::open(&self.databases, &self.target).await;
        Ok(Lease {
            connection: connection.map_err(|error| UsersError::of_connect(error, &self.target))?,
            opened_at: Instant::now(),
        })
    }

    /// Keeps the connection open for the next one, unless enough are open.
    pub(super) async fn give_back(&mut self, lease: Lease) {
        let is_room = self
            .warm
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < MAX_WARM).then_some(count + 1)
            });
        if is_room.is_err() {
            lease.connection.close().await;
            return;
        }
        self.state.warm = Some(Warm {
            connection: lease.connection,
            opened_at: lease.opened_at,
            _one: One(Arc::clone(&self.warm)),
        });
    }
}

/// A connection in use.
pub(super) struct Lease {
    pub(super) connection: Connection,
    opened_at: Instant,
}
