//! The past of the demo's users: the months that the collector would have kept.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Datelike, Days, NaiveTime, Utc, Weekday};
use collector::Writers;
use shared::fleet::TargetId;
use shared::identities::Identities;
use shared::snapshot::{ConcurrentUsers, Run, Snapshot, UserActivity, UserCounts};
use shared::store::Item;
use shared::user_months::ActiveRun;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::{DELAY, DURATION, MovedClock, Scratch, kept};

/// Most days of the past: half a year of bills.
const MAX_DAYS: u64 = 190;
/// Days of which snapshots are kept. Those of earlier days would have expired.
const SNAPSHOT_DAYS: u64 = 35;
/// When a day's users were collected.
const HOUR: u32 = 10;
/// Users at the start, in per mille of those now.
const AT_FIRST: u64 = 720;
/// Of so many users one is active in one week of three only.
const SOMETIMES: usize = 16;

/// The past of one environment's users.
pub(super) struct PastUsers {
    pub(super) target: TargetId,
    pub(super) measured: UserActivity,
    pub(super) now: DateTime<Utc>,
    pub(super) days: u64,
}

impl PastUsers {
    /// Returns the days of a past: all of them if it is as long as it can be.
    pub(super) fn days(past_days: u16) -> u64 {
        match past_days {
            super::MAX_DAYS => MAX_DAYS,
            fewer => fewer.into(),
        }
    }

    /// Writes it on a thread of its own: it never waits for anything.
    pub(super) fn spawn(self, tasks: &mut JoinSet<anyhow::Result<Vec<Item>>>, scratch: Scratch) {
        let runtime = Handle::current();
        tasks.spawn_blocking(move || runtime.block_on(self.items(scratch)));
    }

    pub(super) async fn items(&self, scratch: Scratch) -> anyhow::Result<Vec<Item>> {
        let Scratch {
            clock,
            store,
            writers,
        } = scratch;
        for ago in (1..=self.days).rev() {
            let day = self.now.date_naive() - Days::new(ago);
            let time = NaiveTime::from_hms_opt(HOUR, 0, 0).unwrap_or_default();
            self.write(day.and_time(time).and_utc(), ago, &clock, &writers)
                .await?;
        }
        Ok(kept(&store, self.now))
    }

    async fn write(
        &self,
        at: DateTime<Utc>,
        ago: u64,
        clock: &Arc<MovedClock>,
        writers: &Writers,
    ) -> anyhow::Result<()> {
        clock.move_to(at);
        let run = Run {
            scheduled_at: at,
            taken_at: shared::clock::after(at, DELAY),
            duration: DURATION,
            next_due_at: shared::clock::after(at, Duration::from_secs(86_400)),
        };
        let snapshot = Snapshot {
            target: self.target.clone(),
            run,
            measurement: self.on_day(at, ago),
        };
        let active = ActiveRun::new(&run, &snapshot.measurement);
        writers.user_months.take_in(&self.target, &active).await?;
        if ago <= SNAPSHOT_DAYS {
            writers.snapshots.keep(&snapshot).await?;
        }
        Ok(())
    }

    /// Returns who was active so many days ago: fewer than now, and some of them only from time to time.
    fn on_day(&self, at: DateTime<Utc>, ago: u64) -> UserActivity {
        let now = self.measured.counts;
        let grown = 1000 - (1000 - AT_FIRST) * ago / MAX_DAYS;
        let share = |number: u64| number * grown / 1000;
        let week = usize::try_from(at.iso_week().week()).unwrap_or_default();
        let identities = self.measured.identities.as_ref().map(|keyed| {
            let count = usize::try_from(share(now.named.total())).unwrap_or(usize::MAX);
            let mut active = Identities::default();
            for (number, (mac, user_type)) in keyed.identities.iter().take(count).enumerate() {
                let is_away = number.is_multiple_of(SOMETIMES)
                    && !(number / SOMETIMES + week).is_multiple_of(3);
                if !is_away {
                    active.add(mac, user_type);
                }
            }
            let mut past = keyed.clone();
            past.identities = active;
            past
        });
        let named = identities.as_ref().map(|keyed| keyed.identities.counts());
        let named = named.unwrap_or(now.named);
        let is_weekend = matches!(at.weekday(), Weekday::Sat | Weekday::Sun);
        let busy = named.total() / if is_weekend { 40 } else { 6 } + u64::from(at.day() % 5);
        UserActivity {
            counts: UserCounts {
                named,
                licensed: share(now.licensed),
                anonymous: share(now.anonymous),
            },
            concurrent: self.measured.concurrent.map(|_| ConcurrentUsers {
                named_users: busy,
                named_user_sessions: busy + busy / 4,
                anonymous_sessions: u64::from(at.day() % 7),
            }),
            identities,
        }
    }
}
