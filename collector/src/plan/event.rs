//! What the function `plan` is called with.

use std::time::Duration;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::{PlanPorts, plan};
use crate::invocation::CollectError;
use crate::queue::JobQueue;
use crate::rebuild::{RebuildPorts, RebuildReport, RebuildRequest, rebuild};

/// Time of an invocation in which no step of a rebuild is started any more.
///
/// A step is a week of four targets at a time: of databases of 5,000 tables about a minute on the function's share of a
/// processor.
const REBUILD_RESERVE: Duration = Duration::from_secs(120);

/// Member of an event that asks for a rebuild.
const REBUILD: &str = "rebuild";

/// Handles any event of the function `plan` within `time_left`.
///
/// A tick is planned. A request for a rebuild, which only a person makes, returns its report; what there was no time for
/// is in there as the next request.
///
/// # Errors
///
/// See [`CollectError`].
pub async fn handle(
    event: Value,
    ports: PlanPorts<'_>,
    queue: &dyn JobQueue,
    time_left: Duration,
) -> Result<Option<RebuildReport>, CollectError> {
    let request = match PlanEvent::read(event)? {
        PlanEvent::Tick(event) => return plan(&event, ports, queue).await.map(|_| None),
        PlanEvent::Rebuild(request) => request,
    };
    let rebuild_ports = RebuildPorts {
        snapshots: ports.snapshots,
        history: &ports.writers.history,
        today: ports.clock.now().date_naive(),
    };
    let until = Instant::now() + time_left.saturating_sub(REBUILD_RESERVE);
    let rebuilding = rebuild(rebuild_ports, &request, until, |days, target_count| {
        let (from, to) = (days.start(), days.end());
        tracing::info!(%from, %to, target_count, "history is being rebuilt");
    });
    Ok(Some(rebuilding.await?))
}

/// An event of the function `plan`.
#[derive(Debug)]
enum PlanEvent {
    /// A tick of the schedule.
    Tick(EventBridgeEvent),
    /// A person's request to make history anew: `{"rebuild": {…}}`.
    ///
    /// It is here because this function has exactly the rights that a rebuild takes.
    Rebuild(RebuildRequest),
}

/// An event that holds nothing but a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RebuildEvent {
    rebuild: RebuildRequest,
}

impl PlanEvent {
    fn read(event: Value) -> Result<Self, CollectError> {
        let read = if event.get(REBUILD).is_some() {
            serde_json::from_value(event).map(|event: RebuildEvent| Self::Rebuild(event.rebuild))
        } else {
            serde_json::from_value(event).map(Self::Tick)
        };
        read.map_err(|error| CollectError::EventInvalid(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_told_from_a_tick_and_its_faults_are_named() {
        let environment = json!({"rebuild": {"environment": "acme-prod", "from": "2028-02-01"}});
        let event = PlanEvent::read(environment).unwrap();
        assert!(matches!(
            event,
            PlanEvent::Rebuild(RebuildRequest { from: Some(_), .. })
        ));
        let tick = include_str!("../../tests/events/scheduled-tick.json");
        let tick = PlanEvent::read(serde_json::from_str(tick).unwrap());
        assert!(matches!(tick, Ok(PlanEvent::Tick(_))), "{tick:?}");

        for (event, fault) in [
            (
                json!({"rebuild": {"enviroment": "x"}}),
                "unknown field `enviroment`",
            ),
            (
                json!({"rebuild": {"from": "2028-02-30"}}),
                "input is out of range",
            ),
            (json!({"rebuild": {}, "dry": true}), "unknown field `dry`"),
        ] {
            let error = PlanEvent::read(event).unwrap_err().to_string();
            assert!(error.contains(fault), "{error}");
        }
    }
}
