//! What a collecting function reaches from where it runs: its network, its role, its clock.
//!
//! `mrt doctor --aws` asks for it with the event `{"probe": {}}`. Targets are measured for some seconds by the code that
//! collects them, and nothing is stored.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::clock::Clock;
use shared::database::authorities;
use shared::fleet::{BucketTarget, DatabaseTarget, Fleet, FleetSource, TargetId};
use shared::snapshot::Stored;
use shared::store::SnapshotReader;
use shared::telemetry::error_chain;
use shared::{clock, file};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::error::MeasureError;
use crate::invocation::CollectError;
use crate::run::{Progress, Source};
use crate::storage_size::BucketSource;
use crate::table_size::TableSource;

/// Member of an event that asks for a probe.
const PROBE: &str = "probe";
/// Longest time for one target: a bucket need not be listed whole to know that it can be.
const TARGET_LIMIT: Duration = Duration::from_secs(10);
/// Targets that are tried at a time.
const CONCURRENT_TARGETS: usize = 8;
/// Longest wait for a connection to an endpoint.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// Authorities that end sooner are told.
const AUTHORITIES_LEFT: Duration = Duration::from_secs(90 * 86_400);

/// What to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeRequest {
    /// Only targets of this environment; all without it.
    pub environment: Option<String>,
}

/// An event that holds nothing but a request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeEvent {
    /// The request.
    pub probe: ProbeRequest,
}

/// What a function reaches.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProbeReport {
    /// The function's time at the start of the probe.
    pub now: DateTime<Utc>,
    /// One for each thing that was tried.
    pub checks: Vec<ProbeCheck>,
    /// Targets for which the invocation had no time.
    pub untried_count: usize,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeCheck {
    /// Environment of a target; `None` for what all of them need.
    pub environment: Option<String>,
    /// What was tried.
    pub what: String,
    /// What came of it, and what to do about a failure.
    pub finding: String,
    /// Code of the failure; `None` if there is none.
    pub code: Option<String>,
}

impl ProbeCheck {
    fn ok(what: &str, finding: String) -> Self {
        Self {
            environment: None,
            what: what.to_owned(),
            finding,
            code: None,
        }
    }

    fn failed(what: &str, code: &str, finding: String) -> Self {
        Self {
            code: Some(code.to_owned()),
            ..Self::ok(what, finding)
        }
    }
}

/// Returns the request in `event`; `None` if it is another event.
///
/// # Errors
///
/// [`CollectError::EventInvalid`]: it asks for a probe in a form that is unknown.
pub fn request_in(event: &Value) -> Result<Option<ProbeRequest>, CollectError> {
    if event.get(PROBE).is_none() {
        return Ok(None);
    }
    let read = ProbeEvent::deserialize(event);
    read.map(|event| Some(event.probe))
        .map_err(|error| CollectError::EventInvalid(error.to_string()))
}

/// Answers requests for probes.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Tries everything, and ends before `time_left` is over.
    async fn probe(&self, request: &ProbeRequest, time_left: Duration) -> ProbeReport;
}

/// A target that can be tried.
pub trait Probed {
    /// Its environment.
    fn environment(&self) -> &str;
    /// Its id.
    fn target_id(&self) -> TargetId;
}

impl Probed for BucketTarget {
    fn environment(&self) -> &str {
        &self.environment
    }

    fn target_id(&self) -> TargetId {
        self.id()
    }
}

impl Probed for DatabaseTarget {
    fn environment(&self) -> &str {
        &self.environment
    }

    fn target_id(&self) -> TargetId {
        self.id()
    }
}

/// What a probe needs in addition to the source.
pub struct ProbePorts {
    /// Which targets there are.
    pub fleet: Arc<FleetSource>,
    /// The store of snapshots.
    pub snapshots: SnapshotReader,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// URL of the function's queue; `None` if it sends nothing.
    pub queue_url: Option<String>,
    /// File with the authorities of databases; `None` if it has none.
    pub authorities: Option<PathBuf>,
}

/// Probes with the source of a collector.
pub struct Prober<S: Source> {
    ports: ProbePorts,
    source: S,
    targets: for<'f> fn(&'f Fleet) -> Vec<&'f S::Target>,
}

impl Prober<BucketSource> {
    /// Returns the prober of storage targets.
    pub fn of_buckets(ports: ProbePorts, source: BucketSource) -> Self {
        Self {
            ports,
            source,
            targets: Fleet::buckets,
        }
    }
}

impl Prober<TableSource> {
    /// Returns the prober of databases.
    pub fn of_databases(ports: ProbePorts, source: TableSource) -> Self {
        Self {
            ports,
            source: source.with_statement_timeout(TARGET_LIMIT),
            targets: Fleet::databases,
        }
    }
}

#[async_trait]
impl<S> Probe for Prober<S>
where
    S: Source,
    S::Target: Probed,
    S::Measurement: Stored,
{
    async fn probe(&self, request: &ProbeRequest, time_left: Duration) -> ProbeReport {
        let until = Instant::now() + time_left.saturating_sub(TARGET_LIMIT);
        let mut report = ProbeReport {
            now: self.ports.clock.now(),
            checks: Vec::new(),
            untried_count: 0,
        };
        report.checks.extend(self.queue().await);
        report.checks.extend(self.authorities().await);
        report.checks.push(self.store().await);
        let fleet = match self.ports.fleet.current().await {
            Ok(fleet) => fleet,
            Err(error) => {
                let error = error_chain(&error);
                let check = ProbeCheck::failed("fleet file", "fleet_unreadable", error);
                report.checks.push(check);
                return report;
            }
        };
        let names = fleet.environments().count();
        let finding = format!("can be read, and has {names} environments");
        report.checks.push(ProbeCheck::ok("fleet file", finding));
        let is_wanted = |target: &&S::Target| {
            let wanted = request.environment.as_deref();
            wanted.is_none_or(|name| name == target.environment())
        };
        let targets = (self.targets)(&fleet).into_iter().filter(is_wanted);
        let trying: Vec<_> = targets.map(|target| self.target(target, until)).collect();
        let mut tried = stream::iter(trying).buffered(CONCURRENT_TARGETS);
        while let Some(check) = tried.next().await {
            match check {
                Some(check) => report.checks.push(check),
                None => report.untried_count += 1,
            }
        }
        report
    }
}

impl<S> Prober<S>
where
    S: Source,
    S::Target: Probed,
    S::Measurement: Stored,
{
    /// Measures a target for a moment; `None` if there is no time for it.
    async fn target(&self, target: &S::Target, until: Instant) -> Option<ProbeCheck> {
        if Instant::now() >= until {
            return None;
        }
        let progress = Progress::default();
        let measured = timeout(TARGET_LIMIT, self.source.measure(target, &progress)).await;
        let check = match measured {
            Ok(Ok(_)) => Ok("can be measured".to_owned()),
            Ok(Err(error)) => Err(error),
            Err(_) if progress.items() > 0 => {
                let count = progress.items();
                Ok(format!("can be measured, and has more than {count} items"))
            }
            Err(_) => Err(MeasureError::transient(
                "timeout",
                format!("no answer within {} s", TARGET_LIMIT.as_secs()),
            )),
        };
        let what = target.target_id();
        let check = match check {
            Ok(finding) => ProbeCheck::ok(what.as_str(), finding),
            Err(error) => ProbeCheck::failed(what.as_str(), error.code, error.reason),
        };
        Some(ProbeCheck {
            environment: Some(target.environment().to_owned()),
            ..check
        })
    }

    /// Connects to the endpoint of the queue, which has no answer for this function's rights.
    async fn queue(&self) -> Option<ProbeCheck> {
        const WHAT: &str = "endpoint of SQS";
        let address = address_of(self.ports.queue_url.as_deref()?)?;
        let connected = timeout(CONNECT_LIMIT, TcpStream::connect(address)).await;
        let advice = "check the endpoint of SQS in the VPC and its security group";
        Some(match connected {
            Ok(Ok(_)) => ProbeCheck::ok(WHAT, "can be connected to".to_owned()),
            Ok(Err(error)) => ProbeCheck::failed(WHAT, "unreachable", format!("{error}: {advice}")),
            Err(_) => ProbeCheck::failed(WHAT, "timeout", format!("no connection: {advice}")),
        })
    }

    /// Reads the record of a target that does not exist: whether it can be asked for is the question.
    async fn store(&self) -> ProbeCheck {
        const WHAT: &str = "table of snapshots";
        let nobody = TargetId::from_text("probe");
        match self.ports.snapshots.latest::<S::Measurement>(&nobody).await {
            Ok(_) => ProbeCheck::ok(WHAT, "can be read".to_owned()),
            Err(error) => ProbeCheck::failed(WHAT, "store_unreadable", error_chain(&error)),
        }
    }

    /// Reads when the authorities of databases end.
    async fn authorities(&self) -> Option<ProbeCheck> {
        const WHAT: &str = "authorities of databases";
        let path = self.ports.authorities.as_ref()?;
        let pem = file::read(path, file::CERTIFICATES_LIMIT_BYTES).await;
        let ends = pem
            .ok()
            .and_then(|pem| authorities::ends(&String::from_utf8_lossy(&pem)));
        let Some((first, last)) = ends.and_then(|ends| Some((*ends.first()?, *ends.last()?)))
        else {
            let advice =
                "there are none that can be read: only databases on the same machine are reachable"
                    .to_owned();
            return Some(ProbeCheck::failed(WHAT, "authorities_missing", advice));
        };
        let days = format!(
            "the first ends on {}, the last on {}",
            first.date_naive(),
            last.date_naive()
        );
        if clock::after(self.ports.clock.now(), AUTHORITIES_LEFT) > last {
            let advice = format!("{days}: deploy with a new list of RDS");
            return Some(ProbeCheck::failed(WHAT, "authorities_ending", advice));
        }
        Some(ProbeCheck::ok(WHAT, days))
    }
}

/// Returns host and port of a URL; `None` if it is none.
fn address_of(url: &str) -> Option<(String, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let default = if scheme == "http" { 80 } else { 443 };
    match authority.rsplit_once(':') {
        Some((host, port)) => Some((host.to_owned(), port.parse().ok()?)),
        None => Some((authority.to_owned(), default)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_an_event_that_asks_for_a_probe_is_one() {
        let of_queue = json!({"Records": []});
        let all = json!({"probe": {}});
        let one = json!({"probe": {"environment": "acme-prod"}});
        let wrong = json!({"probe": {"enviroment": "acme-prod"}});

        assert_eq!(request_in(&of_queue).unwrap(), None);
        assert_eq!(request_in(&all).unwrap().unwrap().environment, None);
        let request = request_in(&one).unwrap().unwrap();
        assert_eq!(request.environment.as_deref(), Some("acme-prod"));
        let error = request_in(&wrong).unwrap_err().to_string();
        assert!(error.contains("unknown field `enviroment`"), "{error}");
    }

    #[test]
    fn the_address_of_a_queue_is_that_of_its_endpoint() {
        let address = |url| address_of(url).map(|(host, port)| format!("{host} {port}"));

        let queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/mrt-jobs";
        assert_eq!(
            address(queue).as_deref(),
            Some("sqs.eu-west-1.amazonaws.com 443")
        );
        assert_eq!(
            address("http://127.0.0.1:4566/1/q").as_deref(),
            Some("127.0.0.1 4566")
        );
        assert_eq!(address("queue"), None);
    }
}
