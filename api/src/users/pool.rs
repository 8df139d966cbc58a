//! One idle connection per database, one reader at a time, and the last counts for a few seconds.
//!
//! A production database must not notice a dashboard that asks every second: whoever asks a question that is being
//! answered waits for that answer. Cached counts and HMACs of identities belong to a database, never to a
//! caller. Names are never cached.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use shared::database::Databases;
use shared::fleet::{DatabaseTarget, TargetId};
use shared::identities::Identities;
use shared::users::{Connection, DatabaseCounts, Question, UsersError};
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout};

/// Longest wait for the ping that precedes each use of an idle connection: the function instance may have been frozen
/// for an hour.
pub const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest life of a connection, so that a failover is followed and rights are read again.
const MAX_AGE: Duration = Duration::from_secs(600);
/// Maximum number of idle connections per function instance.
pub const MAX_IDLE: usize = 64;
/// Most readings that wait for one database; the next one is asked to try again later. Callers that share a reading do
/// not count.
pub const MAX_WAITING: usize = 16;

/// Counts and when they were made.
pub(super) type TimedCounts = (DateTime<Utc>, DatabaseCounts);
/// A reading of counts that several callers can await.
type Reading = BoxFuture<'static, Result<TimedCounts, UsersError>>;

/// Idle connections and cached counts, by database. Clones share them.
#[derive(Clone)]
pub(super) struct Pool {
    databases: Databases,
    slots: Arc<Mutex<BTreeMap<TargetId, Arc<Slot>>>>,
    idle_count: Arc<AtomicUsize>,
}

/// State of one database.
struct Slot {
    target: DatabaseTarget,
    state: Arc<tokio::sync::Mutex<State>>,
    waiting: AtomicUsize,
    /// Readings under way, as long as somebody awaits them.
    readings: Mutex<Vec<(Question, WeakShared<Reading>)>>,
}

#[derive(Default)]
struct State {
    idle: Option<IdleConnection>,
    counted: Option<Counted>,
    identified: Option<Identified>,
}

struct IdleConnection {
    connection: Connection,
    opened_at: Instant,
    _permit: Permit,
}

/// Permission to keep one connection open.
struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Cached counts, with the question they answer and their time.
#[derive(Clone)]
struct Counted {
    question: Question,
    at: DateTime<Utc>,
    counts: DatabaseCounts,
}

/// Cached identities, with the key that made them and their time. HMACs, no names.
struct Identified {
    key_id: u64,
    at: DateTime<Utc>,
    identities: Arc<Identities>,
}

/// Exclusive right to read one database, until it is dropped.
pub(super) struct Lease {
    state: OwnedMutexGuard<State>,
    databases: Databases,
    target: DatabaseTarget,
    idle_count: Arc<AtomicUsize>,
}

impl Pool {
    pub(super) fn new(databases: Databases) -> Self {
        Self {
            databases,
            slots: Arc::default(),
            idle_count: Arc::default(),
        }
    }

    /// Returns the reading that answers `question` about `target`: the one under way, or a new one from `start`.
    pub(super) fn shared<F>(
        &self,
        target: &DatabaseTarget,
        question: &Question,
        start: impl FnOnce() -> F,
    ) -> Shared<Reading>
    where
        F: Future<Output = Result<TimedCounts, UsersError>> + Send + 'static,
    {
        let slot = self.slot(target);
        let readings = slot.readings.lock();
        let mut readings = readings.unwrap_or_else(PoisonError::into_inner);
        let mut under_way = None;
        readings.retain(|(of, reading)| {
            let reading = reading.upgrade().filter(|reading| reading.peek().is_none());
            let is_under_way = reading.is_some();
            if of == question {
                under_way = reading.or(under_way.take());
            }
            is_under_way
        });
        under_way.unwrap_or_else(|| {
            let reading = start().boxed().shared();
            let weak = reading.downgrade();
            readings.extend(weak.map(|weak| (question.clone(), weak)));
            reading
        })
    }

    /// Waits until nobody else reads the database of `target`.
    ///
    /// # Errors
    ///
    /// [`UsersError::Busy`] if [`MAX_WAITING`] readings are already waiting.
    pub(super) async fn lease(&self, target: &DatabaseTarget) -> Result<Lease, UsersError> {
        let slot = self.slot(target);
        if slot.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            slot.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(UsersError::Busy);
        }
        // Counts down even if the wait is cancelled.
        let waiting = Waiting(&slot.waiting);
        let state = Arc::clone(&slot.state).lock_owned().await;
        drop(waiting);
        Ok(Lease {
            state,
            databases: self.databases.clone(),
            target: target.clone(),
            idle_count: Arc::clone(&self.idle_count),
        })
    }

    /// Returns the slot of `target`, a new one if the fleet file changed the target.
    fn slot(&self, target: &DatabaseTarget) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() > MAX_IDLE * 4 {
            // Slots in use stay alive until their callers are done.
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
        readings: Mutex::default(),
    })
}

struct Waiting<'s>(&'s AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lease {
    /// Returns the cached counts for `question` and their time, if they are younger than `keep_for`.
    pub(super) fn counted(
        &self,
        question: &Question,
        now: DateTime<Utc>,
        keep_for: Duration,
    ) -> Option<TimedCounts> {
        let counted = self.state.counted.as_ref()?;
        // A caller that waited may have started before these counts were made.
        let age = (now - counted.at).to_std().unwrap_or_default();
        let is_good = counted.question == *question && age < keep_for;
        is_good.then(|| (counted.at, counted.counts.clone()))
    }

    /// Caches `counts`.
    pub(super) fn keep(&mut self, question: Question, at: DateTime<Utc>, counts: DatabaseCounts) {
        self.state.counted = Some(Counted {
            question,
            at,
            counts,
        });
    }

    /// Returns the cached identities of the key `key_id`, if they are younger than `keep_for`.
    pub(super) fn identified(
        &self,
        key_id: u64,
        now: DateTime<Utc>,
        keep_for: Duration,
    ) -> Option<Arc<Identities>> {
        let identified = self.state.identified.as_ref()?;
        let age = (now - identified.at).to_std().unwrap_or_default();
        let is_good = identified.key_id == key_id && age < keep_for;
        is_good.then(|| Arc::clone(&identified.identities))
    }

    /// Caches `identities`.
    pub(super) fn keep_identities(
        &mut self,
        key_id: u64,
        at: DateTime<Utc>,
        identities: &Arc<Identities>,
    ) {
        self.state.identified = Some(Identified {
            key_id,
            at,
            identities: Arc::clone(identities),
        });
    }

    /// Returns a working connection, the idle one or a new one. It is closed unless it is returned with
    /// [`Lease::give_back`].
    pub(super) async fn connection(&mut self) -> Result<OpenConnection, UsersError> {
        if let Some(mut idle) = self.state.idle.take()
            && idle.opened_at.elapsed() < MAX_AGE
        {
            let ping = timeout(PING_TIMEOUT, idle.connection.ping()).await;
            if matches!(ping, Ok(Ok(()))) {
                return Ok(OpenConnection {
                    connection: idle.connection,
                    opened_at: idle.opened_at,
                });
            }
        }
        let connection = Connection::open(&self.databases, &self.target).await;
        Ok(OpenConnection {
            connection: connection?,
            opened_at: Instant::now(),
        })
    }

    /// Keeps the connection open for the next caller, up to [`MAX_IDLE`] of them.
    pub(super) async fn give_back(&mut self, open: OpenConnection) {
        let is_room = self
            .idle_count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < MAX_IDLE).then_some(count + 1)
            });
        if is_room.is_err() {
            open.connection.close().await;
            return;
        }
        self.state.idle = Some(IdleConnection {
            connection: open.connection,
            opened_at: open.opened_at,
            _permit: Permit(Arc::clone(&self.idle_count)),
        });
    }
}

/// A connection in use.
pub(super) struct OpenConnection {
    pub(super) connection: Connection,
    opened_at: Instant,
}
