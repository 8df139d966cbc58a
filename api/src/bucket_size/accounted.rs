//! How much of an environment's file storage its app knows of. No I/O: domain in, wire out.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use shared::fleet::{DatabaseTarget, Fleet};
use shared::snapshot::{BucketSize, FileDocuments, Latest};

/// The objects of a storage compared with the file documents in the app's database, which are counted once a day.
///
/// The two are measured at different times: files that the app stores or deletes in between are in one and not in the
/// other. Neither number says that an object may be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Accounted {
    /// File documents with contents in the app's database (`system$filedocument`); null with a `reason`.
    pub document_count: Option<u64>,
    /// Sum of their sizes as the app stored them, in bytes; null with a `reason`.
    pub document_bytes: Option<u64>,
    /// When they were counted, RFC 3339 UTC; null with a `reason`.
    pub as_of: Option<DateTime<Utc>>,
    /// Bytes of the current objects minus `document_bytes`: objects that no file document has, such as backups. It has
    /// the race of two measurements: files that were uploaded between them count as unaccounted, or, when the documents
    /// were counted later, make it smaller. Negative when the app has documents whose objects are gone, or not there yet.
    /// Null with a `reason`.
    pub unaccounted_bytes: Option<i64>,
    /// Number of current objects minus `document_count`, likewise; null with a `reason`.
    pub unaccounted_objects: Option<i64>,
    /// Why a number is null; null when none is. `several_storages`: the documents of the environment are in more than
    /// one storage; `no_database`: it has none; `not_counted`: its documents were not counted yet; `not_listed`: its
    /// objects were not; `documents_unsized`: some documents have no size, so that no bytes are given; or why counting
    /// failed: `not_a_mendix_database`, `document_sizes_missing`, `grants_missing` or a
    /// failure of the database; `record_unreadable`: the stored count cannot be read.
    pub reason: Option<String>,
}

impl Accounted {
    /// Returns that nothing is known, for this reason.
    pub(super) fn unknown(reason: &str) -> Self {
        Self {
            document_count: None,
            document_bytes: None,
            as_of: None,
            unaccounted_bytes: None,
            unaccounted_objects: None,
            reason: Some(reason.to_owned()),
        }
    }

    /// Returns the comparison of `size` with the last count of documents.
    pub(super) fn of(size: &BucketSize, documents: Option<&Latest<FileDocuments>>) -> Self {
        let Some(latest) = documents else {
            return Self::unknown("not_counted");
        };
        let Some(good) = &latest.good else {
            let failure = latest.last_failure.as_ref();
            return Self::unknown(failure.map_or("not_counted", |failure| &failure.code));
        };
        let FileDocuments {
            document_count,
            document_bytes,
            unsized_count,
        } = good.summary;
        let document_bytes = (unsized_count == 0).then_some(document_bytes);
        let current = size.current.as_ref();
        let objects = current.map(|current| current.object_count);
        let bytes = current.map(|current| current.total_bytes);
        let reason = match (current, document_bytes) {
            (None, _) => Some("not_listed"),
            (Some(_), None) => Some("documents_unsized"),
            (Some(_), Some(_)) => None,
        };
        Self {
            document_count: Some(document_count),
            document_bytes,
            as_of: Some(good.run.taken_at),
            unaccounted_bytes: difference(bytes, document_bytes),
            unaccounted_objects: difference(objects, Some(document_count)),
            reason: reason.map(str::to_owned),
        }
    }
}

/// Returns the database whose documents are in an environment's storage.
///
/// # Errors
///
/// The reason why that is not known.
pub(super) fn database<'f>(
    fleet: &'f Fleet,
    environment: &str,
) -> Result<&'f DatabaseTarget, NoDocuments> {
    let environment = fleet
        .environment(environment)
        .ok_or(NoDocuments::NoDatabase)?;
    let database = environment
        .database
        .as_ref()
        .ok_or(NoDocuments::NoDatabase)?;
    match environment.storage.len() {
        1 => Ok(database),
        _ => Err(NoDocuments::SeveralStorages),
    }
}

/// Why the documents in a storage are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoDocuments {
    /// The environment has no database.
    NoDatabase,
    /// Its documents are in more than one storage.
    SeveralStorages,
}

impl NoDocuments {
    /// Returns the word for it in answers.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NoDatabase => "no_database",
            Self::SeveralStorages => "several_storages",
        }
    }
}

fn difference(stored: Option<u64>, known: Option<u64>) -> Option<i64> {
    i64::try_from(i128::from(stored?) - i128::from(known?)).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::fleet::TargetId;
    use shared::snapshot::{Completeness, Failure, Good, Method, Run};
    use shared::testing::time::hour;

    use super::*;

    fn latest(unsized_count: u64) -> Latest<FileDocuments> {
        let summary = FileDocuments {
            document_count: 3,
            document_bytes: 500,
            unsized_count,
        };
        Latest {
            target: TargetId::from_text("acme-prod/db/acme"),
            version: 1,
            good: Some(Good {
                run: Run::at(hour(5), Duration::from_secs(86_400)),
                completeness: Completeness::Complete,
                summary,
            }),
            last_failure: None,
            trend: None,
            pace: None,
        }
    }

    fn bucket() -> BucketSize {
        let mut size = BucketSize::empty(Method::Listing);
        size.add("STANDARD", 400);
        size
    }

    #[test]
    fn what_no_document_has_may_be_negative() {
        let accounted = Accounted::of(&bucket(), Some(&latest(0)));

        assert_eq!(accounted.unaccounted_bytes, Some(-100));
        assert_eq!(accounted.unaccounted_objects, Some(-2));
        assert_eq!(accounted.as_of, Some(hour(5)));
        assert_eq!(accounted.reason, None);
    }

    #[test]
    fn documents_without_a_size_leave_no_bytes_to_compare() {
        let accounted = Accounted::of(&bucket(), Some(&latest(1)));

        assert_eq!(
            (accounted.document_bytes, accounted.unaccounted_bytes),
            (None, None)
        );
        assert_eq!(accounted.unaccounted_objects, Some(-2));
        assert_eq!(accounted.reason.as_deref(), Some("documents_unsized"));
    }

    #[test]
    fn a_reason_says_why_nothing_is_known() {
        let failed = Latest {
            good: None,
            last_failure: Some(Failure {
                scheduled_at: hour(5),
                failed_at: hour(5),
                failing_since: hour(5),
                code: "grants_missing".into(),
                reason: String::new(),
            }),
            ..latest(0)
        };

        assert_eq!(
            Accounted::of(&bucket(), None),
            Accounted::unknown("not_counted")
        );
        assert_eq!(
            Accounted::of(&bucket(), Some(&failed)),
            Accounted::unknown("grants_missing")
        );
        let mut unlisted = bucket();
        unlisted.current = None;
        let unlisted = Accounted::of(&unlisted, Some(&latest(0)));
        assert_eq!(unlisted.reason.as_deref(), Some("not_listed"));
        assert_eq!(unlisted.document_bytes, Some(500));
    }
}
