//! When the storage of a database's server is full, by its own free bytes and a rate of growth.

use chrono::{Days, NaiveDate};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Growth, GrowthReason, Trend};
use crate::snapshot::{ServerKind, ServerStorage};

/// Days beyond which no date is given: no rate holds for ten years.
const MOST_DAYS: u64 = 3650;

/// When the storage is full if growth goes on as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Full {
    /// Bytes that the storage holds; null where only its free bytes are known. Storage that is enlarged, by hand or by
    /// autoscaling, moves the date.
    pub limit_bytes: Option<u64>,
    /// Where the limit comes from; null without free bytes.
    pub limit_source: Option<LimitSource>,
    /// UTC day on which it is full at `bytes_per_day` of the growth; null with a `reason`.
    pub at: Option<NaiveDate>,
    /// The same at the growth's `high`; null with a `reason`.
    pub at_earliest: Option<NaiveDate>,
    /// The same at the growth's `low`; null with a `reason`, and when it is not full within ten years at that rate.
    pub at_latest: Option<NaiveDate>,
    /// Why there is no date; null when there is one.
    pub reason: Option<FullReason>,
}

/// Where a limit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitSource {
    /// The allocation that the fleet file states, with the free bytes that CloudWatch measured.
    FleetFile,
    /// The free bytes that CloudWatch measured, without a known allocation.
    Cloudwatch,
}

/// Why there is no date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FullReason {
    /// There is no closing point since the last break.
    NoPoints,
    /// The points cover less than seven days.
    UnderAWeek,
    /// There are fewer than four points.
    TooFewPoints,
    /// The series no longer exists.
    Ended,
    /// A number does not fit 64 bits.
    OutOfRange,
    /// The size neither grows nor shrinks.
    Flat,
    /// The size shrinks.
    Shrinking,
    /// The free bytes of the storage are not known.
    LimitUnknown,
    /// The storage grows by itself: it is an Aurora cluster's volume.
    NoLimit,
    /// It is not full within ten years.
    BeyondTenYears,
}

impl From<GrowthReason> for FullReason {
    fn from(reason: GrowthReason) -> Self {
        match reason {
            GrowthReason::NoPoints => Self::NoPoints,
            GrowthReason::UnderAWeek => Self::UnderAWeek,
            GrowthReason::TooFewPoints => Self::TooFewPoints,
            GrowthReason::Ended => Self::Ended,
            GrowthReason::OutOfRange => Self::OutOfRange,
        }
    }
}

impl Full {
    /// Returns when `storage` is full if it loses free bytes as fast as `growth` gains bytes.
    ///
    /// Days count from the UTC day of the free bytes. Storage without a free byte is full on that day.
    pub fn of(growth: &Growth, storage: &ServerStorage) -> Self {
        let source = match storage.allocated_bytes {
            Some(_) => LimitSource::FleetFile,
            None => LimitSource::Cloudwatch,
        };
        let days = full_days(growth, storage);
        let reason = days.as_ref().err().copied();
        let [at, at_earliest, at_latest] = days.unwrap_or([None; 3]);
        Self {
            limit_bytes: storage.free_bytes.and(storage.allocated_bytes),
            limit_source: storage.free_bytes.map(|_| source),
            at,
            at_earliest,
            at_latest,
            reason,
        }
    }
}

/// Returns the days on which `storage` is full at the rate, the high and the low of `growth`.
fn full_days(
    growth: &Growth,
    storage: &ServerStorage,
) -> Result<[Option<NaiveDate>; 3], FullReason> {
    if storage.kind == Some(ServerKind::Cluster) {
        return Err(FullReason::NoLimit);
    }
    let limit = storage.free_bytes.zip(storage.as_of);
    let (free_bytes, as_of) = limit.ok_or(FullReason::LimitUnknown)?;
    let as_of = as_of.date_naive();
    if free_bytes == 0 {
        return Ok([Some(as_of); 3]);
    }
    if let Some(reason) = growth.reason {
        return Err(reason.into());
    }
    let rate = growth.bytes_per_day.unwrap_or(0);
    if rate < 0 {
        return Err(FullReason::Shrinking);
    }
    if rate == 0 || growth.trend == Some(Trend::Flat) {
        return Err(FullReason::Flat);
    }
    let day = |rate| full_day(as_of, free_bytes, rate);
    let at = day(rate).ok_or(FullReason::BeyondTenYears)?;
    Ok([
        Some(at),
        growth.high.and_then(day),
        growth.low.and_then(day),
    ])
}

/// Returns the day on which `free_bytes` are used up; `None` when that is not within ten years.
fn full_day(as_of: NaiveDate, free_bytes: u64, bytes_per_day: i64) -> Option<NaiveDate> {
    let rate = u64::try_from(bytes_per_day).ok().filter(|rate| *rate > 0)?;
    let days = free_bytes / rate;
    if days > MOST_DAYS {
        return None;
    }
    as_of.checked_add_days(Days::new(days))
}
#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GB: u64 = 1_000_000_000;

    /// Returns the growth of a rate of 1 GB a day, which may be half of that or twice.
    fn growth() -> Growth {
        Growth {
            window_days: 34,
            points: 35,
            bytes_per_day: Some(1_000_000_000),
            low: Some(500_000_000),
            high: Some(2_000_000_000),
            net_change_bytes: Some(34_000_000_000),
            steps: Vec::new(),
            trend: Some(Trend::Growing),
            confidence: Some(super::super::Confidence::Steady),
            reason: None,
        }
    }

    fn storage(free_bytes: u64) -> ServerStorage {
        ServerStorage {
            kind: Some(ServerKind::Instance),
            allocated_bytes: Some(100 * GB),
            free_bytes: Some(free_bytes),
            used_bytes: Some(100 * GB - free_bytes),
            as_of: Some("2028-02-20T23:59:00Z".parse().unwrap()),
            reason: None,
        }
    }

    fn reason(growth: &Growth, storage: &ServerStorage) -> Option<FullReason> {
        let full = Full::of(growth, storage);
        assert_eq!(
            (full.at, full.at_earliest, full.at_latest),
            (None, None, None)
        );
        full.reason
    }

    #[test]
    fn the_days_count_from_the_free_bytes_own_day() {
        let full = Full::of(&growth(), &storage(10 * GB));

        assert_eq!(
            serde_json::to_value(full).unwrap(),
            json!({
                "limit_bytes": 100 * GB, "limit_source": "fleet_file",
                "at": "2028-03-01", "at_earliest": "2028-02-25", "at_latest": "2028-03-11",
                "reason": null
            })
        );
    }

    #[test]
    fn free_bytes_are_enough_without_an_allocation() {
        let storage = ServerStorage {
            allocated_bytes: None,
            used_bytes: None,
            ..storage(GB)
        };

        let full = Full::of(&growth(), &storage);

        assert_eq!(full.limit_source, Some(LimitSource::Cloudwatch));
        assert_eq!((full.limit_bytes, full.reason), (None, None));
        assert_eq!(full.at, NaiveDate::from_ymd_opt(2028, 2, 21));
    }

    #[test]
    fn there_is_no_latest_day_when_it_may_not_grow_at_all() {
        let growth = Growth {
            low: Some(-1),
            ..growth()
        };

        let full = Full::of(&growth, &storage(GB));

        assert!(full.at.is_some() && full.at_earliest.is_some());
        assert_eq!((full.at_latest, full.reason), (None, None));
    }

    #[test]
    fn what_does_not_grow_has_no_day() {
        let with = |bytes_per_day, trend| Growth {
            bytes_per_day: Some(bytes_per_day),
            trend: Some(trend),
            ..growth()
        };

        for (growth, expected) in [
            (with(0, Trend::Flat), FullReason::Flat),
            (with(5, Trend::Flat), FullReason::Flat),
            (with(0, Trend::Changed), FullReason::Flat),
            (with(-5, Trend::Changed), FullReason::Shrinking),
            (with(-5, Trend::Shrinking), FullReason::Shrinking),
            (with(1, Trend::Growing), FullReason::BeyondTenYears),
        ] {
            assert_eq!(reason(&growth, &storage(GB)), Some(expected));
        }
    }

    #[test]
    fn an_unknown_growth_or_limit_has_its_reason() {
        let unknown = |reason| Growth {
            bytes_per_day: None,
            reason: Some(reason),
            ..growth()
        };
        let cluster = ServerStorage {
            kind: Some(ServerKind::Cluster),
            ..ServerStorage::not_asked()
        };

        for (growth, storage, expected) in [
            (
                growth(),
                ServerStorage::not_asked(),
                FullReason::LimitUnknown,
            ),
            (growth(), cluster, FullReason::NoLimit),
            (
                unknown(GrowthReason::UnderAWeek),
                storage(GB),
                FullReason::UnderAWeek,
            ),
            (unknown(GrowthReason::Ended), storage(GB), FullReason::Ended),
        ] {
            assert_eq!(reason(&growth, &storage), Some(expected));
        }
    }

    #[test]
    fn storage_without_a_free_byte_is_full_whatever_the_growth() {
        let flat = Growth {
            bytes_per_day: Some(0),
            trend: Some(Trend::Flat),
            ..growth()
        };

        let full = Full::of(&flat, &storage(0));

        assert_eq!(full.at, NaiveDate::from_ymd_opt(2028, 2, 20));
        assert_eq!((full.at_latest, full.reason), (full.at, None));
    }
}
