//! What a run of the past measured: today's measurement made smaller, with what happened in between. Pure.
//!
//! At the end of the past it is today's measurement, to the byte.

use chrono::{DateTime, Timelike, Utc};
use shared::history::Historic;
use shared::snapshot::{
    BucketSize, ClassSize, DatabaseSize, FileDocuments, Objects, ServerStorage, TableSize,
};

use super::calendar::{Calendar, WHOLE};
use crate::demo::random::Random;

/// When old backups were deleted from the bucket of [`CLEANED_UP`], in days before now.
pub(super) const CLEAN_UP_DAYS: i64 = 20;
/// Environment whose bucket was cleaned up.
pub(super) const CLEANED_UP: &str = "acme-prod";
/// What was deleted, in per cent of today's bytes and objects.
const CLEAN_UP_PERCENT: u64 = 40;

/// When messages were imported, in days before now.
pub(super) const IMPORT_DAYS: i64 = 12;
/// Environment and table that they were imported into.
pub(super) const IMPORTED: (&str, &str) = ("globex-prod", "erp$message");
/// What the table had before, in per cent of what it has without the import.
const BEFORE_IMPORT_PERCENT: u64 = 55;

/// When a table got another name, in days before now.
pub(super) const RENAME_DAYS: i64 = 9;
/// Its present name, which only one environment has, and the one before.
pub(super) const RENAMED: (&str, &str) = ("bi_export_tmp", "bi_export_2025");

/// Table that is emptied every night.
pub(super) const EMPTIED: &str = "system$processedqueuetask";
/// When it is emptied, in seconds of the UTC day.
const EMPTIED_AT: u64 = 2 * 3600;
/// What stays of it, in per cent of its size in the evening.
const EMPTIED_PERCENT: u64 = 60;

/// Bytes of a page: sizes of tables are multiples of it.
const PAGE_BYTES: u64 = 8192;

/// A measurement that the past can be made of.
pub(super) trait Shaped: Historic + Clone {
    /// Least hours between two runs, a divisor of a day.
    const EVERY_HOURS: u32 = 1;

    /// Returns what a run at `time` measured, in an environment where this was measured at the end of the past.
    #[must_use]
    fn in_past(&self, environment: &str, time: DateTime<Utc>, calendar: &Calendar) -> Self;
}

/// A ratio by which numbers are multiplied.
#[derive(Debug, Clone, Copy)]
struct Ratio(u64, u64);

impl Ratio {
    fn times(self, other: Self) -> Self {
        Self(self.0 * other.0, self.1 * other.1)
    }

    fn of(self, number: u64) -> u64 {
        let product = u128::from(number) * u128::from(self.0);
        u64::try_from(product / u128::from(self.1.max(1))).unwrap_or(u64::MAX)
    }

    /// Returns so many bytes in whole pages; what has any page keeps one.
    fn of_pages(self, bytes: u64) -> u64 {
        let pages = bytes / PAGE_BYTES;
        self.of(pages).max(pages.min(1)) * PAGE_BYTES + bytes % PAGE_BYTES
    }
}

/// Returns what there was of something at `time`; names differ in how fast they grow.
fn growth(name: &str, time: DateTime<Utc>, calendar: &Calendar) -> Ratio {
    let seed = name
        .bytes()
        .fold(0_u64, |seed, byte| seed.wrapping_mul(31) + u64::from(byte));
    // What was added in all these days, in per mille of what there is now.
    let added = Random::seeded(seed).in_range(&(60..260));
    Ratio(
        1000 * WHOLE - added * (WHOLE - calendar.grown(time)),
        1000 * WHOLE,
    )
}

/// Returns the size of what is emptied every night in proportion to its size now.
fn sawtooth(time: DateTime<Utc>, now: DateTime<Utc>) -> Ratio {
    const DAY: u64 = 86_400;
    let level = |time: DateTime<Utc>| {
        let second = u64::from(time.num_seconds_from_midnight());
        let filled = (second + DAY - EMPTIED_AT) % DAY;
        EMPTIED_PERCENT * DAY + (100 - EMPTIED_PERCENT) * filled
    };
    Ratio(level(time), level(now))
}

impl Shaped for BucketSize {
    fn in_past(&self, environment: &str, time: DateTime<Utc>, calendar: &Calendar) -> Self {
        let mut past = self.clone();
        let ratio = growth(environment, time, calendar);
        let is_before = time < calendar.days_ago(CLEAN_UP_DAYS);
        let deleted = if is_before && environment == CLEANED_UP {
            Ratio(CLEAN_UP_PERCENT, 100)
        } else {
            Ratio(0, 1)
        };
        past.current = past.current.map(|current| {
            let number = |number| ratio.of(number) + deleted.of(number);
            let classes = current.by_storage_class.into_iter().map(|(name, class)| {
                let class = ClassSize {
                    total_bytes: number(class.total_bytes),
                    object_count: number(class.object_count),
                };
                (name, class)
            });
            let mut objects = Objects {
                by_storage_class: classes.collect(),
                ..Objects::default()
            };
            for class in objects.by_storage_class.values() {
                objects.total_bytes += class.total_bytes;
                objects.object_count += class.object_count;
            }
            objects
        });
        past
    }
}

impl Shaped for DatabaseSize {
    fn in_past(&self, environment: &str, time: DateTime<Utc>, calendar: &Calendar) -> Self {
        let mut past = self.clone();
        for table in &mut past.tables {
            resize(table, table_ratio(table, environment, time, calendar));
            if table.table == RENAMED.0 && time < calendar.days_ago(RENAME_DAYS) {
                RENAMED.1.clone_into(&mut table.table);
            }
        }
        past.tables.sort_by(|one, other| {
            let by_size = other.total_bytes.cmp(&one.total_bytes);
            by_size.then_with(|| (&one.schema, &one.table).cmp(&(&other.schema, &other.table)))
        });
        // What no table has stays as it is.
        past.total_bytes =
            (self.total_bytes + past.table_bytes()).saturating_sub(self.table_bytes());
        past.storage = storage_in_past(&self.storage, self.total_bytes, past.total_bytes, time);
        past
    }
}

impl Shaped for FileDocuments {
    const EVERY_HOURS: u32 = 24;

    fn in_past(&self, environment: &str, time: DateTime<Utc>, calendar: &Calendar) -> Self {
        let ratio = growth(environment, time, calendar);
        Self {
            document_count: ratio.of(self.document_count),
            document_bytes: ratio.of(self.document_bytes),
            unsized_count: ratio.of(self.unsized_count),
        }
    }
}

/// Returns the storage of a server whose database had `then_bytes` in place of `now_bytes`: the difference was free.
fn storage_in_past(
    now: &ServerStorage,
    now_bytes: u64,
    then_bytes: u64,
    time: DateTime<Utc>,
) -> ServerStorage {
    let free = |bytes: u64| (bytes + now_bytes).saturating_sub(then_bytes);
    let used = |bytes: u64| (bytes + then_bytes).saturating_sub(now_bytes);
    ServerStorage {
        free_bytes: now.free_bytes.map(free),
        used_bytes: now.used_bytes.map(used),
        as_of: now.as_of.map(|as_of| as_of.min(time)),
        ..now.clone()
    }
}

fn table_ratio(
    table: &TableSize,
    environment: &str,
    time: DateTime<Utc>,
    calendar: &Calendar,
) -> Ratio {
    let name = table.table.as_str();
    // The model's own tables change with releases only.
    if name.starts_with("mendixsystem$") {
        return Ratio(1, 1);
    }
    let ratio = growth(name, time, calendar);
    if name == EMPTIED {
        return ratio.times(sawtooth(time, calendar.now));
    }
    let is_before = time < calendar.days_ago(IMPORT_DAYS);
    if is_before && (environment, name) == IMPORTED {
        return ratio.times(Ratio(BEFORE_IMPORT_PERCENT, 100));
    }
    ratio
}

fn resize(table: &mut TableSize, ratio: Ratio) {
    let parts = [
        &mut table.heap_bytes,
        &mut table.toast_bytes,
        &mut table.index_bytes,
    ];
    let (mut before, mut after) = (0, 0);
    for bytes in parts.into_iter().flatten() {
        before += *bytes;
        *bytes = ratio.of_pages(*bytes);
        after += *bytes;
    }
    table.total_bytes = table.total_bytes.saturating_sub(before) + after;
    table.row_estimate = table.row_estimate.map(|rows| ratio.of(rows));
}

#[cfg(test)]
mod tests {
    use crate::demo::past::MAX_DAYS;
    use shared::fleet::Engine;
    use shared::snapshot::ServerStorage;
    use shared::testing::time::at;

    use super::*;

    const NOW: &str = "2026-03-10T10:20:00Z";

    fn database() -> DatabaseSize {
        let table = |name: &str, id, pages: u64| TableSize {
            table_id: Some(id),
            heap_bytes: Some(pages * PAGE_BYTES),
            toast_bytes: Some(0),
            index_bytes: Some(PAGE_BYTES),
            total_bytes: (pages + 1) * PAGE_BYTES,
            row_estimate: Some(pages * 50),
            ..TableSize::named("public", name)
        };
        let tables = vec![
            table(IMPORTED.1, 1, 900),
            table(EMPTIED, 2, 200),
            table(RENAMED.0, 3, 70),
            table("mendixsystem$entity", 4, 3),
        ];
        DatabaseSize {
            engine: Engine::Postgres,
            database: "globex_prod".into(),
            total_bytes: tables.iter().map(|table| table.total_bytes).sum::<u64>() + 7_000_000,
            system_bytes: Some(7_000_000),
            server_role: None,
            mendix_catalogue: None,
            tables,
            unsized_tables: vec![],
            storage: ServerStorage::not_asked(),
        }
    }

    fn table(size: &DatabaseSize, id: u64) -> &TableSize {
        let found = size.tables.iter().find(|table| table.table_id == Some(id));
        found.unwrap()
    }

    #[test]
    fn the_past_ends_with_todays_measurements() {
        let calendar = Calendar::before(at(NOW), MAX_DAYS);
        let mut bucket = BucketSize::of_listing(Objects::default());
        bucket.add("STANDARD", 1_234_567);
        bucket.add("GLACIER", 89);

        let database = database();
        assert_eq!(
            database.in_past("globex-prod", at(NOW), &calendar),
            database
        );
        assert_eq!(bucket.in_past("acme-prod", at(NOW), &calendar), bucket);
    }

    #[test]
    fn tables_and_what_no_table_has_add_up_at_every_time() {
        let calendar = Calendar::before(at(NOW), MAX_DAYS);
        let database = database();

        for run in calendar.runs() {
            let past = database.in_past("globex-prod", run.at, &calendar);
            assert_eq!(past.other_bytes(), database.other_bytes(), "{}", run.at);
            for table in &past.tables {
                let parts = [table.heap_bytes, table.toast_bytes, table.index_bytes];
                let parts: u64 = parts.into_iter().flatten().sum();
                assert_eq!(parts, table.total_bytes, "{}", table.table);
            }
        }
    }

    #[test]
    fn a_table_is_emptied_every_night_and_one_had_another_name() {
        let calendar = Calendar::before(at(NOW), MAX_DAYS);
        let database = database();
        let past = |time: &str| database.in_past("globex-prod", at(time), &calendar);

        let (evening, night) = (past("2026-03-09T01:00:00Z"), past("2026-03-09T03:00:00Z"));
        assert!(table(&night, 2).total_bytes * 10 < table(&evening, 2).total_bytes * 8);
        assert_eq!(table(&past("2026-03-02T00:00:00Z"), 3).table, RENAMED.0);
        assert_eq!(table(&past("2026-02-28T00:00:00Z"), 3).table, RENAMED.1);
        assert_eq!(table(&evening, 4), table(&database, 4));
    }
}
