//! What a message tells beside its target: what to do, what `plan` decided, what CloudWatch said. Domain and wire form.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::snapshot::StorageMetrics;
use shared::snapshot::bucket_size::{Refresh, RefreshReason};

use super::message::MessageError;
use crate::error::MeasureError;

/// What a collector is to do with a target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    /// Whether to measure.
    pub work: Work,
    /// When it is measured again, and why then; `None` for what is measured at every tick without being told.
    pub refresh: Option<Refresh>,
    /// When there may be something new of it; `None` stands for one interval of the schedule later.
    pub next_due_at: Option<DateTime<Utc>>,
    /// What CloudWatch said; `None` when it was not asked.
    pub cloudwatch: Option<Asked>,
}

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Work {
    /// Measure the target in full.
    #[default]
    Measure,
    /// Add to what was measured, without measuring.
    Carry {
        /// Scheduled time of the measurement that `plan` decided by: [`Order::refresh`] is about no other.
        measured_at: DateTime<Utc>,
    },
}

/// What came of asking CloudWatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Its figure of the newest day.
    Found(StorageMetrics),
    /// There is none.
    Missing {
        /// Stable word for the kind of failure.
        code: String,
        /// What was attempted and what to do about it.
        reason: String,
    },
}

impl Asked {
    /// Returns what an answer came to, as readers are told.
    pub fn of(answer: Result<StorageMetrics, MeasureError>) -> Self {
        match answer {
            Ok(figure) => Self::Found(figure),
            Err(error) => Self::Missing {
                code: error.code.to_owned(),
                reason: error.reason,
            },
        }
    }
}

/// JSON of an [`Order`]; without anything to tell it is empty.
///
/// ```json
/// {"measured_at":"2026-11-20T20:00:00Z",
///  "refresh":{"interval_seconds":259200,"reason":"budget","next_full_at":"2026-11-23T20:00:00Z"},
///  "next_due_at":"2026-11-23T00:00:00Z",
///  "cloudwatch":{"as_of":"2026-11-21T00:00:00Z","total_bytes":478,"overhead_bytes":8,
///                "by_storage_type":{"IntAAObjectOverhead":8,"StandardStorage":470},"object_count":3,
///                "asked_at":"2026-11-23T18:00:00Z","metric_count":27}}
/// ```
#[derive(Serialize, Deserialize, Default)]
pub(super) struct WireOrder {
    /// Only of an order to carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    measured_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<WireRefresh>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_due_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cloudwatch: Option<WireFigure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cloudwatch_fault: Option<WireFault>,
}

#[derive(Serialize, Deserialize)]
struct WireRefresh {
    interval_seconds: u64,
    reason: String,
    next_full_at: DateTime<Utc>,
}

#[derive(Serialize, Deserialize)]
struct WireFigure {
    as_of: DateTime<Utc>,
    total_bytes: u64,
    overhead_bytes: u64,
    by_storage_type: BTreeMap<String, u64>,
    object_count: Option<u64>,
    asked_at: DateTime<Utc>,
    metric_count: u64,
}

#[derive(Serialize, Deserialize)]
struct WireFault {
    code: String,
    reason: String,
}

impl WireOrder {
    pub(super) fn of(order: &Order) -> Self {
        let Order {
            work,
            refresh,
            next_due_at,
            cloudwatch,
        } = order.clone();
        let (found, missing) = match cloudwatch {
            None => (None, None),
            Some(Asked::Found(figure)) => (Some(wire_figure(figure)), None),
            Some(Asked::Missing { code, reason }) => (None, Some(WireFault { code, reason })),
        };
        Self {
            measured_at: match work {
                Work::Measure => None,
                Work::Carry { measured_at } => Some(measured_at),
            },
            refresh: refresh.map(|refresh| WireRefresh {
                interval_seconds: refresh.interval_seconds,
                reason: refresh.reason.as_str().to_owned(),
                next_full_at: refresh.next_full_at,
            }),
            next_due_at,
            cloudwatch: found,
            cloudwatch_fault: missing,
        }
    }

    pub(super) fn into_order(self) -> Result<Order, MessageError> {
        let figure = self.cloudwatch.map(|figure| Asked::Found(read(figure)));
        let fault = self.cloudwatch_fault;
        let fault = fault.map(|WireFault { code, reason }| Asked::Missing { code, reason });
        Ok(Order {
            work: match self.measured_at {
                None => Work::Measure,
                Some(measured_at) => Work::Carry { measured_at },
            },
            refresh: self.refresh.map(read_refresh).transpose()?,
            next_due_at: self.next_due_at,
            cloudwatch: figure.or(fault),
        })
    }
}

fn read_refresh(wire: WireRefresh) -> Result<Refresh, MessageError> {
    let reason = RefreshReason::ALL
        .into_iter()
        .find(|reason| reason.as_str() == wire.reason);
    Ok(Refresh {
        interval_seconds: wire.interval_seconds,
        reason: reason.ok_or(MessageError::UnknownWord {
            field: "refresh.reason",
        })?,
        next_full_at: wire.next_full_at,
    })
}

fn wire_figure(figure: StorageMetrics) -> WireFigure {
    WireFigure {
        as_of: figure.as_of,
        total_bytes: figure.total_bytes,
        overhead_bytes: figure.overhead_bytes,
        by_storage_type: figure.by_storage_type,
        object_count: figure.object_count,
        asked_at: figure.asked_at,
        metric_count: figure.metric_count,
    }
}

fn read(wire: WireFigure) -> StorageMetrics {
    StorageMetrics {
        as_of: wire.as_of,
        total_bytes: wire.total_bytes,
        overhead_bytes: wire.overhead_bytes,
        by_storage_type: wire.by_storage_type,
        object_count: wire.object_count,
        asked_at: wire.asked_at,
        metric_count: wire.metric_count,
    }
}

#[cfg(test)]
mod tests {
    use super::super::CollectMessage;
    use super::*;

    /// The example in the documentation of [`WireOrder`], with the target and time of a message.
    fn example() -> String {
        let text = include_str!("order.rs");
        let json: String = text
            .split("```json\n")
            .nth(1)
            .and_then(|rest| rest.split("/// ```").next())
            .unwrap()
            .lines()
            .map(|line| line.trim_start_matches("///").trim())
            .collect();
        let rest = json.strip_prefix('{').unwrap();
        format!(r#"{{"target":"a/s3/f//","scheduled_at":"2026-11-23T18:00:00Z",{rest}"#)
    }

    #[test]
    fn the_documented_example_is_what_is_written_and_read() {
        let message = CollectMessage::from_body(Some(&example())).unwrap();

        let Work::Carry { measured_at } = message.order.work else {
            panic!("{message:?}");
        };
        assert_eq!(shared::clock::rfc3339(measured_at), "2026-11-20T20:00:00Z");
        assert_eq!(message.order.refresh.unwrap().reason, RefreshReason::Budget);
        assert_eq!(message.to_json().unwrap(), example());
    }

    #[test]
    fn a_fault_of_cloudwatch_comes_back_as_it_went() {
        let mut message = CollectMessage::from_body(Some(&example())).unwrap();
        message.order.work = Work::Measure;
        message.order.cloudwatch = Some(Asked::Missing {
            code: "throttled".to_owned(),
            reason: "CloudWatch asked for fewer requests".to_owned(),
        });

        let json = message.to_json().unwrap();

        assert_eq!(CollectMessage::from_body(Some(&json)).unwrap(), message);
        assert!(!json.contains("measured_at"));
    }

    #[test]
    fn a_reason_of_a_newer_program_is_not_guessed() {
        let body = example().replace("budget", "NEVERLEAK");

        let error = CollectMessage::from_body(Some(&body)).unwrap_err();

        assert!(matches!(error, MessageError::UnknownWord { .. }));
        assert!(!error.to_string().contains("NEVERLEAK"));
    }

    /// SQS takes ten messages of together 256 KiB at once: each may have a tenth of it.
    #[test]
    fn the_largest_message_fits_ten_times_into_a_batch() {
        let mut message = CollectMessage::from_body(Some(&example())).unwrap();
        let types =
            (0..26).map(|number| (format!("IntelligentTieringStorageOf{number:04}"), u64::MAX));
        let Some(Asked::Found(figure)) = &mut message.order.cloudwatch else {
            panic!("the example has a figure");
        };
        figure.by_storage_type = types.collect();
        message.target =
            shared::fleet::TargetId::from_text(&"x".repeat(shared::fleet::TargetId::MAX_BYTES));

        let bytes = message.to_json().unwrap().len();

        assert!(bytes < 262_144 / 10, "{bytes}");
    }
}
