//! The true sizes of a simulated fleet, and sources that measure them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use collector::{JobKind, MeasureError, Progress, Source};
use shared::clock::{Clock, FixedClock};
use shared::fleet::{BucketTarget, DatabaseTarget, Environment};
use shared::history::model::Model;
use shared::identities::TypeCounts;
use shared::snapshot::bucket_size::{ListingRun, Uploads};
use shared::snapshot::{
    BucketSize, DatabaseSize, FileDocuments, Objects, TableSize, UserActivity, UserCounts,
};
use shared::testing::time::at;

use crate::simulation::Size;

/// A Monday.
pub(crate) const START: &str = "2026-11-23T00:00:00Z";
/// Objects of a bucket; a request lists 1,000.
const OBJECTS: u64 = 100_000;
/// LIST requests of a run: one more is for uploads.
pub(crate) const LIST_REQUESTS: u64 = OBJECTS / 1_000 + 1;
/// Bytes of a database's largest table, which does not change.
const ARCHIVE_BYTES: u64 = 5_000_000_000;

pub(crate) fn name_of(number: u64) -> String {
    format!("env-{number:04}")
}

fn number_of(environment: &str) -> u64 {
    environment.trim_start_matches("env-").parse().unwrap()
}

/// How much the bucket of an environment grows: every other environment is in production and grows by 0.5 % in the ten
/// working hours of a day, the others are tests and do not.
fn bucket_bytes(number: u64, hour: u64) -> u64 {
    let size = 50_000_000_000 + number * 1_000_000_000;
    if number % 2 == 1 {
        return size;
    }
    let days = hour / 168 * 5 + (hour % 168 / 24).min(5);
    let is_working_day = hour % 168 < 120;
    let today = match is_working_day {
        true => (hour % 24).clamp(8, 18) - 8,
        false => 0,
    };
    size + (days * 10 + today) * size / 2_000
}

/// The sizes at the time of a clock.
///
/// Environments share the databases that are simulated: one in so many has the same tables, each under its own name.
pub(crate) struct Truth {
    clock: Arc<FixedClock>,
    databases: Mutex<Vec<(Model, DatabaseSize)>>,
}

impl Truth {
    pub(crate) fn new(clock: Arc<FixedClock>, size: Size) -> Self {
        let databases = (0..size.databases).map(|number| {
            let mut model = Model::new(size.tables, size.seed + number);
            let now = measured(&mut model, clock.now());
            (model, now)
        });
        Self {
            databases: Mutex::new(databases.collect()),
            clock,
        }
    }

    /// Lets an hour pass in the databases.
    pub(crate) fn change(&self) {
        for (model, now) in &mut *self.databases.lock().unwrap() {
            *now = measured(model, self.clock.now());
        }
    }

    fn hour(&self) -> u64 {
        u64::try_from((self.clock.now() - at(START)).num_hours()).unwrap()
    }
}

fn measured(model: &mut Model, now: DateTime<Utc>) -> DatabaseSize {
    let mut size = Model::measurement(&model.hour(now));
    size.database = "app".to_owned();
    size.total_bytes += ARCHIVE_BYTES;
    size.tables.push(TableSize {
        total_bytes: ARCHIVE_BYTES,
        ..TableSize::named("public", "archive")
    });
    size
}

pub(crate) struct Buckets(pub(crate) Arc<Truth>);

#[async_trait]
impl Source for Buckets {
    type Target = BucketTarget;
    type Measurement = BucketSize;
    const JOBS: JobKind = JobKind::Bucket;

    async fn measure(
        &self,
        target: &BucketTarget,
        _: &Progress,
    ) -> Result<BucketSize, MeasureError> {
        let bytes = bucket_bytes(number_of(&target.environment), self.0.hour());
        let mut objects = Objects::default();
        objects.add("STANDARD", bytes);
        objects.object_count = OBJECTS;
        let mut size = BucketSize::of_listing(objects);
        size.multipart = Some(Uploads::default());
        size.listing = Some(ListingRun {
            scheduled_at: at(START),
            taken_at: at(START),
            finished_at: at(START),
            request_count: LIST_REQUESTS,
        });
        Ok(size)
    }
}

pub(crate) struct Databases(pub(crate) Arc<Truth>);

#[async_trait]
impl Source for Databases {
    type Target = DatabaseTarget;
    type Measurement = DatabaseSize;
    const JOBS: JobKind = JobKind::Database;

    async fn measure(
        &self,
        target: &DatabaseTarget,
        _: &Progress,
    ) -> Result<DatabaseSize, MeasureError> {
        let databases = self.0.databases.lock().unwrap();
        let number = usize::try_from(number_of(&target.environment)).unwrap();
        Ok(databases[number % databases.len()].1.clone())
    }
}

pub(crate) struct Documents;

#[async_trait]
impl Source for Documents {
    type Target = DatabaseTarget;
    type Measurement = FileDocuments;
    const JOBS: JobKind = JobKind::Database;

    async fn measure(
        &self,
        _: &DatabaseTarget,
        _: &Progress,
    ) -> Result<FileDocuments, MeasureError> {
        Ok(FileDocuments {
            document_count: OBJECTS,
            document_bytes: 1,
            unsized_count: 0,
        })
    }
}

/// Without identities, which are made of real accounts.
pub(crate) struct Users;

#[async_trait]
impl Source for Users {
    type Target = Environment;
    type Measurement = UserActivity;
    const JOBS: JobKind = JobKind::Database;

    async fn measure(&self, _: &Environment, _: &Progress) -> Result<UserActivity, MeasureError> {
        Ok(UserActivity {
            counts: UserCounts {
                named: TypeCounts {
                    internal: 50,
                    external: 0,
                    unclassified: 0,
                },
                licensed: 50,
                anonymous: 0,
            },
            concurrent: None,
            identities: None,
        })
    }
}
