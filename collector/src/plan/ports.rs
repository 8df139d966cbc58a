//! What planning needs.

use std::time::Duration;

use shared::aws::Aws;
use shared::clock::Clock;
use shared::fleet::FleetSource;
use shared::store::SnapshotReader;
use shared::telemetry::Metrics;

use crate::alerts::Notifier;
use crate::writers::Writers;

/// What planning needs in addition to the event.
#[derive(Clone, Copy)]
pub struct PlanPorts<'a> {
    /// Which targets there are.
    pub fleet: &'a FleetSource,
    /// What is known about them.
    pub snapshots: &'a SnapshotReader,
    /// Where metrics and postponed measurements are stored.
    pub writers: &'a Writers,
    /// Where CloudWatch is read.
    pub aws: &'a Aws,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// Time between two ticks of the schedule.
    pub every: Duration,
    /// Who tells alerts; `None` evaluates none.
    pub notifier: Option<&'a Notifier>,
    /// Where the metrics of the program itself go.
    pub metrics: &'a Metrics,
}
