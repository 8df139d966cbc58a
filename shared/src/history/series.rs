//! What there are series of: the target itself, and each of its tables.

use std::sync::Arc;

/// A series of the target itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnSeries {
    /// What it measures.
    pub measure: Measure,
    /// Storage class, volume type or storage type that it is limited to; `None` for all of it.
    pub class: Option<String>,
}

impl OwnSeries {
    /// Returns the series of all classes.
    pub fn all(measure: Measure) -> Self {
        Self {
            measure,
            class: None,
        }
    }

    /// Returns the series of one class.
    pub fn of_class(measure: Measure, class: &str) -> Self {
        Self {
            measure,
            class: Some(class.to_owned()),
        }
    }
}

/// What a series of the target itself measures, with its number in blocks, which is never given to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// What is called the size of the target, in bytes; of CloudWatch's metrics also by storage type.
    TotalBytes = 1,
    /// Least size of a UTC day, in day blocks only.
    DayMinBytes = 2,
    /// Greatest size of a UTC day, in day blocks only.
    DayMaxBytes = 3,
    /// Number of objects in the size.
    ObjectCount = 4,
    /// Bytes of current objects, also by storage class.
    CurrentBytes = 5,
    /// Number of current objects, also by storage class.
    CurrentObjects = 6,
    /// Bytes of noncurrent versions, also by storage class.
    NoncurrentBytes = 7,
    /// Number of noncurrent versions, also by storage class.
    NoncurrentObjects = 8,
    /// Number of delete markers.
    DeleteMarkers = 9,
    /// Bytes of incomplete uploads, also by storage class.
    MultipartBytes = 10,
    /// Number of incomplete uploads.
    MultipartUploads = 11,
    /// Bytes in use of storage that is no bucket; by the service's class or volume type too.
    UsedBytes = 12,
    /// Bytes that are allocated to storage that is no bucket.
    ProvisionedBytes = 13,
    /// Bytes of all tables of a database.
    TableBytes = 14,
    /// Bytes of the system schemas of a database.
    SystemBytes = 15,
    /// Bytes of a database that no table and no system schema has.
    OtherBytes = 16,
    /// Number of sized tables, partitions left out.
    TableCount = 17,
    /// Number of tables that could not be sized.
    UnsizedTableCount = 18,
    /// Free bytes of the storage of a database's server.
    StorageFreeBytes = 19,
    /// Used bytes of the storage of a database's server.
    StorageUsedBytes = 20,
    /// Allocated bytes of the storage of a database's server.
    StorageAllocatedBytes = 21,
    /// Bytes in CloudWatch's metrics that are in no object.
    OverheadBytes = 22,
    /// Number of file documents without a known size.
    UnsizedDocumentCount = 23,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::TotalBytes,
        Self::DayMinBytes,
        Self::DayMaxBytes,
        Self::ObjectCount,
        Self::CurrentBytes,
        Self::CurrentObjects,
        Self::NoncurrentBytes,
        Self::NoncurrentObjects,
        Self::DeleteMarkers,
        Self::MultipartBytes,
        Self::MultipartUploads,
        Self::UsedBytes,
        Self::ProvisionedBytes,
        Self::TableBytes,
        Self::SystemBytes,
        Self::OtherBytes,
        Self::TableCount,
        Self::UnsizedTableCount,
        Self::StorageFreeBytes,
        Self::StorageUsedBytes,
        Self::StorageAllocatedBytes,
        Self::OverheadBytes,
        Self::UnsizedDocumentCount,
    ];

    /// Returns the measure that blocks have this number for; `None` for one of a newer program.
    pub(super) fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|each| *each as u64 == code)
    }
}

/// Identity of a table in history.
///
/// Two tables that had one name after each other differ in their id; one that was renamed keeps it. Ordered by schema
/// and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableKey {
    /// Schema name; the database's own name on MySQL.
    pub schema: Arc<str>,
    /// Table name.
    pub table: Arc<str>,
    /// The engine's own number for the table; `None` in snapshots from before it was kept, and for unsized tables.
    pub table_id: Option<u64>,
    /// Mendix module; `None` when the table belongs to none.
    pub module: Option<Arc<str>>,
    /// Whether its bytes are part of another table's: sums leave it out.
    pub is_partition: bool,
}

/// What a series of a table measures, with its number in blocks, which is never given to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableMeasure {
    /// All bytes on disk.
    TotalBytes = 1,
    /// Bytes of out-of-line values.
    ToastBytes = 2,
    /// Bytes of indexes.
    IndexBytes = 3,
    /// What heap, TOAST and indexes lack to the total or have too much, as a zigzag number; absent without a heap.
    ///
    /// Mostly 0, and so smaller than the heap itself, which follows from it.
    HeapDifference = 4,
    /// Rows by the last analysis.
    Rows = 5,
}

impl TableMeasure {
    /// What blocks of totals hold.
    pub const TOTALS: &'static [Self] = &[Self::TotalBytes];
    /// What blocks of parts hold.
    pub const PARTS: &'static [Self] = &[
        Self::ToastBytes,
        Self::IndexBytes,
        Self::HeapDifference,
        Self::Rows,
    ];
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::TotalBytes,
        Self::ToastBytes,
        Self::IndexBytes,
        Self::HeapDifference,
        Self::Rows,
    ];

    /// Returns the measure that blocks have this number for; `None` for one of a newer program.
    pub(super) fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|each| *each as u64 == code)
    }
}
