//! What history keeps of a snapshot: every series, and what its numbers are based on. No I/O.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::basis::Basis;
use super::bytes::zigzag;
use super::frame::{Point, TableReadings};
use super::reading::{Moment, Reading};
use super::series::{Measure, OwnSeries, TableKey};
use crate::snapshot::bucket_size::{Definition, Method, Objects, Part, ResourceSize};
use crate::snapshot::{
    BucketSize, DatabaseSize, FileDocuments, Measurement, Run, ServerStorage, Snapshot,
    StorageMetrics, Stored, TableSize, UnsizedTable, UserActivity,
};

/// A measurement that has a history.
pub trait Historic: Stored {
    /// Whether it has tables: only then are there blocks of parts.
    const HAS_TABLES: bool;
    /// Whether points and blocks of it are kept.
    const IS_KEPT: bool = true;

    /// Returns what the numbers are based on: another basis breaks every series.
    fn basis(&self) -> Basis;

    /// Returns the series of the target itself; absent ones are left out.
    fn own_series(&self) -> Vec<(OwnSeries, Reading)>;

    /// Returns the time that the numbers belong to.
    fn taken_at(&self, run: &Run) -> DateTime<Utc> {
        run.taken_at
    }

    /// Returns the series of its tables.
    fn tables(&self) -> Vec<(TableKey, TableReadings)> {
        Vec::new()
    }
}

impl Point {
    /// Returns what history keeps of a snapshot.
    pub fn of<M: Historic>(snapshot: &Snapshot<M>) -> Self {
        let Snapshot {
            run, measurement, ..
        } = snapshot;
        let mut tables = measurement.tables();
        tables.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Self {
            moment: Moment {
                scheduled_at: run.scheduled_at,
                taken_at: measurement.taken_at(run),
                completeness: measurement.completeness(),
                basis: measurement.basis(),
            },
            own: measurement.own_series(),
            tables,
        }
    }
}

/// Collects series, leaving absent ones out.
#[derive(Default)]
struct Series(Vec<(OwnSeries, Reading)>);

impl Series {
    fn add(&mut self, measure: Measure, reading: Reading) {
        self.add_series(OwnSeries::all(measure), reading);
    }

    fn add_class(&mut self, measure: Measure, class: &str, bytes: u64) {
        self.add_series(OwnSeries::of_class(measure, class), Reading::of(bytes));
    }

    fn add_series(&mut self, series: OwnSeries, reading: Reading) {
        if !reading.is_absent() {
            self.0.push((series, reading));
        }
    }

    fn add_objects(&mut self, bytes: Measure, count: Measure, objects: &Objects) {
        self.add(bytes, Reading::of(objects.total_bytes));
        self.add(count, Reading::of(objects.object_count));
        for (class, size) in &objects.by_storage_class {
            self.add_class(bytes, class, size.total_bytes);
            self.add_class(count, class, size.object_count);
        }
    }

    fn add_classes(&mut self, measure: Measure, bytes: &BTreeMap<String, u64>) {
        for (class, bytes) in bytes {
            self.add_class(measure, class, *bytes);
        }
    }

    fn add_resource(&mut self, resource: &ResourceSize) {
        self.add(Measure::UsedBytes, Reading::or_absent(resource.used_bytes));
        let provisioned = Reading::or_absent(resource.provisioned_bytes);
        self.add(Measure::ProvisionedBytes, provisioned);
        self.add_classes(Measure::UsedBytes, &resource.by_storage_class);
    }

    /// What was asked for and is not known exists without a size.
    fn add_storage(&mut self, storage: &ServerStorage) {
        let is_asked = storage.reason.as_deref() != Some("not_asked");
        let is_complete = storage.reason.is_none();
        let reading = |bytes: Option<u64>| {
            if is_complete || !is_asked {
                Reading::or_absent(bytes)
            } else {
                Reading::or_unsized(bytes)
            }
        };
        self.add(Measure::StorageFreeBytes, reading(storage.free_bytes));
        self.add(Measure::StorageUsedBytes, reading(storage.used_bytes));
        let allocated = Reading::or_absent(storage.allocated_bytes);
        self.add(Measure::StorageAllocatedBytes, allocated);
    }
}

impl Historic for BucketSize {
    const HAS_TABLES: bool = false;

    /// The parts that were to be measured are a part of it: one that failed once breaks nothing.
    fn basis(&self) -> Basis {
        let is_tried = |part: &Part| {
            let is_measured = match part {
                Part::Current => self.current.is_some(),
                Part::Noncurrent => self.noncurrent.is_some(),
                Part::DeleteMarkers => self.delete_markers.is_some(),
                Part::Multipart => self.multipart.is_some(),
                Part::CloudWatch => return false,
            };
            is_measured || self.has_failed(*part)
        };
        let parts = Part::ALL.into_iter().filter(is_tried);
        let parts: Vec<_> = parts.map(Part::as_str).collect();
        let (_, definition) = self.total();
        Basis::new(&[
            ("method", self.method.as_str()),
            ("definition", definition.as_str()),
            ("measure", &parts.join(",")),
        ])
    }

    fn own_series(&self) -> Vec<(OwnSeries, Reading)> {
        let mut series = Series::default();
        let resource = self.resource.as_ref();
        let is_sized = self.current.is_some()
            || self.cloudwatch.is_some()
            || resource.is_some_and(|resource| {
                resource.used_bytes.is_some() || resource.provisioned_bytes.is_some()
            });
        let total = is_sized.then(|| self.total_bytes());
        series.add(Measure::TotalBytes, Reading::or_unsized(total));
        let count = Reading::or_absent(self.object_count());
        series.add(Measure::ObjectCount, count);
        if let Some(current) = &self.current {
            series.add_objects(Measure::CurrentBytes, Measure::CurrentObjects, current);
        }
        let (bytes, count) = (Measure::NoncurrentBytes, Measure::NoncurrentObjects);
        match &self.noncurrent {
            Some(noncurrent) => series.add_objects(bytes, count, noncurrent),
            None => series.add(bytes, self.missing(Part::Noncurrent)),
        }
        let markers = self.delete_markers.map(Reading::of);
        let markers = markers.unwrap_or_else(|| self.missing(Part::DeleteMarkers));
        series.add(Measure::DeleteMarkers, markers);
        match &self.multipart {
            Some(uploads) => {
                series.add(Measure::MultipartBytes, Reading::of(uploads.total_bytes));
                series.add(Measure::MultipartUploads, Reading::of(uploads.upload_count));
                series.add_classes(Measure::MultipartBytes, &uploads.by_storage_class);
            }
            None => series.add(Measure::MultipartBytes, self.missing(Part::Multipart)),
        }
        if let Some(resource) = resource {
            series.add_resource(resource);
        }
        series.0
    }
}

impl BucketSize {
    fn has_failed(&self, part: Part) -> bool {
        self.unmeasured.iter().any(|each| each.part == part)
    }

    /// Returns the reading of a part that has no number.
    fn missing(&self, part: Part) -> Reading {
        if self.has_failed(part) {
            Reading::UNSIZED
        } else {
            Reading::ABSENT
        }
    }
}

impl Historic for StorageMetrics {
    const HAS_TABLES: bool = false;

    fn basis(&self) -> Basis {
        Basis::new(&[
            ("method", Method::CloudWatch.as_str()),
            ("definition", Definition::WholeBucket.as_str()),
        ])
    }

    fn own_series(&self) -> Vec<(OwnSeries, Reading)> {
        let mut series = Series::default();
        series.add(Measure::TotalBytes, Reading::of(self.total_bytes));
        series.add(Measure::OverheadBytes, Reading::of(self.overhead_bytes));
        let count = Reading::or_absent(self.object_count);
        series.add(Measure::ObjectCount, count);
        series.add_classes(Measure::TotalBytes, &self.by_storage_type);
        series.0
    }

    /// The start of the day that CloudWatch's values belong to.
    fn taken_at(&self, _run: &Run) -> DateTime<Utc> {
        self.as_of
    }
}

impl Historic for FileDocuments {
    const HAS_TABLES: bool = false;

    fn basis(&self) -> Basis {
        Basis::new(&[("definition", "documents_with_contents")])
    }

    fn own_series(&self) -> Vec<(OwnSeries, Reading)> {
        let mut series = Series::default();
        // The sum leaves out the documents without a size.
        let bytes = (self.unsized_count == 0).then_some(self.document_bytes);
        series.add(Measure::TotalBytes, Reading::or_unsized(bytes));
        series.add(Measure::ObjectCount, Reading::of(self.document_count));
        let unsized_documents = Reading::of(self.unsized_count);
        series.add(Measure::UnsizedDocumentCount, unsized_documents);
        series.0
    }
}

/// What is kept of users over time are their months: [`crate::user_months`].
impl Historic for UserActivity {
    const HAS_TABLES: bool = false;
    const IS_KEPT: bool = false;

    fn basis(&self) -> Basis {
        Basis::new(&[])
    }

    fn own_series(&self) -> Vec<(OwnSeries, Reading)> {
        Vec::new()
    }
}

impl Historic for DatabaseSize {
    const HAS_TABLES: bool = true;

    fn basis(&self) -> Basis {
        Basis::new(&[("engine", self.engine.as_str())])
    }

    fn own_series(&self) -> Vec<(OwnSeries, Reading)> {
        let mut series = Series::default();
        let summary = self.summary();
        series.add(Measure::TotalBytes, Reading::of(self.total_bytes));
        series.add(Measure::TableBytes, Reading::of(self.table_bytes()));
        series.add(Measure::TableCount, Reading::of(summary.table_count));
        let unsized_tables = Reading::of(summary.unsized_table_count);
        series.add(Measure::UnsizedTableCount, unsized_tables);
        if self.system_bytes.is_some() {
            let system = Reading::or_absent(self.system_bytes);
            series.add(Measure::SystemBytes, system);
            let other = Reading::or_unsized(self.other_bytes());
            series.add(Measure::OtherBytes, other);
        }
        series.add_storage(&self.storage);
        series.0
    }

    fn tables(&self) -> Vec<(TableKey, TableReadings)> {
        let sized = self.tables.iter().map(sized_table);
        let others = self.unsized_tables.iter().map(unsized_table);
        sized.chain(others).collect()
    }
}

fn sized_table(table: &TableSize) -> (TableKey, TableReadings) {
    let key = TableKey {
        schema: table.schema.as_str().into(),
        table: table.table.as_str().into(),
        table_id: table.table_id,
        module: table.module.as_deref().map(Arc::from),
        is_partition: table.is_partition(),
    };
    let readings = TableReadings {
        total_bytes: Reading::of(table.total_bytes),
        toast_bytes: Reading::or_absent(table.toast_bytes),
        index_bytes: Reading::or_absent(table.index_bytes),
        heap_difference: heap_difference(table),
        rows: Reading::or_absent(table.row_estimate),
    };
    (key, readings)
}

fn unsized_table(table: &UnsizedTable) -> (TableKey, TableReadings) {
    let key = TableKey {
        schema: table.schema.as_str().into(),
        table: table.table.as_str().into(),
        table_id: None,
        module: None,
        is_partition: false,
    };
    let readings = TableReadings {
        total_bytes: Reading::UNSIZED,
        ..TableReadings::default()
    };
    (key, readings)
}

/// Returns what the total has more than heap, TOAST and indexes together.
fn heap_difference(table: &TableSize) -> Reading {
    let parts = [table.heap_bytes, table.toast_bytes, table.index_bytes];
    let parts: i128 = parts.into_iter().flatten().map(i128::from).sum();
    let difference = i64::try_from(i128::from(table.total_bytes) - parts).ok();
    let difference = difference.filter(|_| table.heap_bytes.is_some());
    Reading::or_absent(difference.map(zigzag))
}

#[cfg(test)]
mod tests;
