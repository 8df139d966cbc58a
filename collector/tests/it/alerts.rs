//! Alerts from stored snapshots to real receivers: a webhook over HTTP, a topic in the emulator.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use collector::alerts::{self, AlertPorts, AlertReport, Notifier};
use serde_json::Value;
use shared::aws::Aws;
use shared::clock::Clock;
use shared::fleet::{BucketTarget, Fleet};
use shared::snapshot::{BucketSize, Failure, Method, Run, Snapshot};
use shared::store::{Expect, Item, ItemStore, Key, Put};
use shared::testing;
use shared::testing::stand_in::{Request, Response, StandIn};

use crate::services;
use crate::support::{HOUR, NOWHERE, World};

const SECRET: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:hook-AbCdEf";

/// Returns a fleet of one bucket with an alert on its failures, told to `destination`.
fn fleet(destination: &str) -> Fleet {
    let text = format!(
        "[[environment]]\nname = \"acme-prod\"\n[[environment.storage]]\nbucket = \"files\"\n\
         [[alert]]\nname = \"failing\"\nfailing_for = \"90m\"\n{destination}"
    );
    Fleet::parse("fleet.toml", &text).unwrap()
}

fn target() -> BucketTarget {
    BucketTarget::whole("acme-prod", "files")
}

struct Alerting {
    world: World,
    fleet: Fleet,
    notifier: Notifier,
}

impl Alerting {
    fn with(fleet: Fleet, aws: Arc<Aws>, url: &str) -> Self {
        let world = World::at("2026-01-12T10:00:00Z");
        let variables = BTreeMap::from([("HOOK".to_owned(), url.to_owned())]);
        let notifier = Notifier::new(aws, Arc::new(variables), world.clock.clone());
        Self {
            world,
            fleet,
            notifier,
        }
    }

    /// A world whose webhook is `receiver`, in this form.
    fn to_webhook(receiver: &StandIn, form: &str) -> Self {
        let fleet = fleet(&format!("webhook = \"env:HOOK\"\nform = \"{form}\""));
        Self::with(fleet, Arc::clone(&receiver.aws), &hook(receiver))
    }

    async fn fail(&self) {
        let now = self.world.clock.now();
        let failure = Failure {
            scheduled_at: now,
            failed_at: now,
            failing_since: now,
            code: "access_denied".into(),
            reason: "NEVERLEAK".into(),
        };
        let writer = &self.world.writers.snapshots;
        let id = target().id();
        let recorded = writer.record_failure::<BucketSize>(&id, failure);
        recorded.await.unwrap();
    }

    async fn succeed(&self) {
        let snapshot = Snapshot {
            target: target().id(),
            run: Run::at(self.world.clock.now(), HOUR),
            measurement: BucketSize::empty(Method::Listing),
        };
        let kept = self.world.writers.snapshots.keep(&snapshot).await;
        kept.unwrap();
    }

    fn ports(&self) -> AlertPorts<'_> {
        AlertPorts {
            fleet: &self.fleet,
            snapshots: &self.world.reader,
            states: &self.world.writers.snapshots,
            now: self.world.clock.now(),
        }
    }

    async fn check(&self) -> AlertReport {
        alerts::check(self.ports(), &self.notifier).await.unwrap()
    }

    /// Fails for two hours, so that the alert begins at the next check.
    async fn fail_for_two_hours(&self) {
        self.fail().await;
        assert_eq!(self.check().await, quiet());
        self.world.clock.advance(HOUR * 2);
        self.fail().await;
    }
}

fn hook(receiver: &StandIn) -> String {
    format!("{}/hook", receiver.aws.config().endpoint_url().unwrap())
}

fn quiet() -> AlertReport {
    AlertReport {
        alert_count: 1,
        ..AlertReport::default()
    }
}

fn bodies(receiver: &StandIn) -> Vec<Value> {
    let requests = receiver.requests().into_iter();
    requests
        .map(|request| serde_json::from_str(&request.body).unwrap())
        .collect()
}

#[tokio::test]
async fn an_alert_is_told_once_when_it_begins_and_once_when_it_ends() {
    let receiver = StandIn::start(|_, _| Response::new(200, "ok")).await;
    let alerting = Alerting::to_webhook(&receiver, "json");

    alerting.fail_for_two_hours().await;
    let begun = alerting.check().await;
    let again = alerting.check().await;
    alerting.world.clock.advance(HOUR);
    alerting.succeed().await;
    let ended = alerting.check().await;
    let over = alerting.check().await;

    let sent = AlertReport {
        sent_count: 1,
        ..quiet()
    };
    assert_eq!([begun, again, ended, over], [sent, quiet(), sent, quiet()]);
    let bodies = bodies(&receiver);
    let events: Vec<_> = bodies.iter().map(|body| &body["event"]).collect();
    assert_eq!(events, ["begun", "ended"]);
    assert_eq!(
        bodies[0]["text"],
        "MRT API: alert failing has begun (failing for 90m)\n\
         - acme-prod s3 files: measuring it fails with access_denied"
    );
    let head = &receiver.requests()[0].head;
    assert!(head.starts_with("POST /hook "), "{head}");
    assert!(
        head.contains("idempotency-key: failing/begun/2026-01-12T12:00:00Z"),
        "{head}"
    );
}

#[tokio::test]
async fn a_receiver_that_fails_gets_the_same_message_at_the_next_tick() {
    for status in [500, 429, 404] {
        let receiver = StandIn::start(move |number, _| match number {
            0 | 1 => Response::new(status, "NEVERLEAK"),
            _ => Response::new(204, ""),
        });
        let receiver = receiver.await;
        let alerting = Alerting::to_webhook(&receiver, "slack");
        alerting.fail_for_two_hours().await;

        let mut reports = vec![alerting.check().await];
        while reports.last().unwrap().sent_count == 0 {
            alerting.world.clock.advance(HOUR);
            reports.push(alerting.check().await);
        }

        let requests = receiver.requests();
        assert_eq!(requests.len(), 3, "{status}");
        // What may pass is tried twice at a tick, a refusal once.
        assert_eq!(reports.len(), if status == 404 { 3 } else { 2 });
        assert_eq!(reports[0].unsent_count, 1);
        let key = |request: &Request| {
            let lines = request.head.lines();
            let mut lines = lines.filter(|line| line.starts_with("idempotency-key"));
            lines.next().unwrap().to_owned()
        };
        assert_eq!(key(&requests[0]), key(&requests[2]));
        assert_eq!(requests[0].body, requests[2].body);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let receiver = StandIn::start(|_, request| match request.path.as_str() {
        "/hook" => Response {
            headers: vec![("location", "/elsewhere".to_owned())],
            ..Response::new(307, "")
        },
        _ => Response::new(200, ""),
    });
    let receiver = receiver.await;
    let alerting = Alerting::to_webhook(&receiver, "teams");
    alerting.fail_for_two_hours().await;

    let report = alerting.check().await;

    assert_eq!((report.sent_count, report.unsent_count), (0, 1));
    let paths: Vec<_> = receiver
        .requests()
        .into_iter()
        .map(|one| one.path)
        .collect();
    assert_eq!(paths, ["/hook"]);
}

/// Time passes by itself while everything waits.
#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_down_or_never_answers_takes_bounded_time() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_url = format!("http://{}/hook", silent.local_addr().unwrap());
    for url in [silent_url, format!("{NOWHERE}/hook")] {
        let aws = Arc::new(Aws::for_tests(NOWHERE));
        let alerting = Alerting::with(fleet("webhook = \"env:HOOK\""), aws, &url);
        alerting.fail_for_two_hours().await;
        let started = tokio::time::Instant::now();

        let report = alerting.check().await;

        assert_eq!((report.sent_count, report.unsent_count), (0, 1), "{url}");
        let limit = alerts::SEND_TIMEOUT + Duration::from_millis(100);
        assert!(started.elapsed() <= limit, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn of_two_evaluations_at_the_same_time_one_tells() {
    let receiver = StandIn::start(|_, _| Response::new(200, "")).await;
    let alerting = Alerting::to_webhook(&receiver, "json");
    alerting.fail_for_two_hours().await;

    let (first, second) = tokio::join!(alerting.check(), alerting.check());

    assert_eq!(first.sent_count + second.sent_count, 1);
    assert_eq!(receiver.requests().len(), 1);
    assert_eq!(alerting.check().await, quiet());
}

#[tokio::test]
async fn what_one_destination_does_not_take_is_not_sent_again_to_the_other() {
    let receiver = StandIn::start(|_, request| match request.path.as_str() {
        "/hook" => Response::new(200, ""),
        _ => Response::new(403, "NEVERLEAK"),
    });
    let receiver = receiver.await;
    let destinations =
        "webhook = \"env:HOOK\"\nsns = \"arn:aws:sns:us-east-1:123456789012:nowhere\"";
    let alerting = Alerting::with(
        fleet(destinations),
        Arc::clone(&receiver.aws),
        &hook(&receiver),
    );
    alerting.fail_for_two_hours().await;

    let first = alerting.check().await;
    let second = alerting.check().await;

    assert_eq!((first.sent_count, first.unsent_count), (1, 1));
    assert_eq!((second.sent_count, second.unsent_count), (0, 1));
    let paths: Vec<_> = receiver
        .requests()
        .into_iter()
        .map(|one| one.path)
        .collect();
    assert_eq!(paths, ["/", "/hook", "/"]);
}

#[tokio::test]
async fn the_url_comes_from_a_secret_and_is_stored_nowhere() {
    let receiver = StandIn::start(|_, request| {
        if request.path == "/NEVERLEAK" {
            return Response::new(200, "");
        }
        let host = request
            .head
            .lines()
            .find_map(|line| line.strip_prefix("host: "));
        let url = format!("http://{}/NEVERLEAK", host.unwrap());
        let secret = serde_json::json!({"ARN": SECRET, "SecretString": url});
        Response::new(200, secret.to_string())
    });
    let receiver = receiver.await;
    let fleet = fleet(&format!("webhook = \"{SECRET}\""));
    let alerting = Alerting::with(fleet, Arc::clone(&receiver.aws), "");
    alerting.fail_for_two_hours().await;

    let report = alerting.check().await;

    assert_eq!(report.sent_count, 1);
    let paths: Vec<_> = receiver
        .requests()
        .into_iter()
        .map(|one| one.path)
        .collect();
    assert_eq!(paths, ["/", "/NEVERLEAK"]);
    assert!(!receiver.requests()[1].body.contains("NEVERLEAK"));
    for item in alerting.world.store.dump() {
        let is_alert = item.key.partition == "ALERT";
        let shown = format!("{item:?}");
        assert!(!is_alert || !shown.contains("NEVERLEAK"), "{shown}");
    }
}

#[tokio::test]
async fn a_state_that_cannot_be_read_tells_nobody_anything_again() {
    let receiver = StandIn::start(|_, _| Response::new(200, "")).await;
    let alerting = Alerting::to_webhook(&receiver, "json");
    alerting.fail_for_two_hours().await;
    let item = Item {
        key: Key {
            partition: "ALERT".into(),
            sort: "failing".into(),
        },
        version: 9,
        attributes: Default::default(),
        body: None,
        expires_at: None,
    };
    let expect = Expect::Anything;
    alerting
        .world
        .store
        .put(Put { item, expect })
        .await
        .unwrap();

    let report = alerting.check().await;

    assert_eq!((report.failed_count, report.sent_count), (1, 0));
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn a_preview_shows_what_would_be_sent_and_changes_nothing() {
    let receiver = StandIn::start(|_, _| Response::new(200, "")).await;
    let alerting = Alerting::to_webhook(&receiver, "json");
    alerting.fail_for_two_hours().await;
    let before = alerting.world.store.dump();

    let previews = alerts::preview(alerting.ports()).await.unwrap();

    assert_eq!(previews.len(), 1);
    assert_eq!(previews[0].destinations, ["HOOK"]);
    assert!(previews[0].text.contains("acme-prod s3 files"));
    assert_eq!(alerting.world.store.dump(), before);
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn a_topic_of_sns_passes_the_message_on() {
    let Some(url) = testing::service(testing::MINISTACK) else {
        return;
    };
    let account = services::unique_account();
    let aws = Arc::new(Aws::at(&url, &account, "test"));
    let sqs = aws_sdk_sqs::Client::new(aws.config());
    let name = format!("alerts-{account}");
    let queue = sqs.create_queue().queue_name(&name).send().await.unwrap();
    let queue = queue.queue_url.unwrap();
    let attributes = sqs.get_queue_attributes().queue_url(&queue);
    let attributes = attributes.attribute_names(QueueAttributeName::QueueArn);
    let attributes = attributes.send().await.unwrap().attributes.unwrap();
    let queue_arn = &attributes[&QueueAttributeName::QueueArn];
    let topic = services::query(&aws, "sns", &format!("Action=CreateTopic&Name={name}")).await;
    let topic = topic.split_once("<TopicArn>").unwrap().1;
    let topic = topic.split_once("</TopicArn>").unwrap().0.to_owned();
    let subscription =
        format!("Action=Subscribe&TopicArn={topic}&Protocol=sqs&Endpoint={queue_arn}");
    services::query(&aws, "sns", &subscription).await;
    let alerting = Alerting::with(fleet(&format!("sns = \"{topic}\"")), aws, "");
    alerting.fail_for_two_hours().await;

    let report = alerting.check().await;

    assert_eq!(report.sent_count, 1);
    let received = sqs.receive_message().queue_url(&queue).wait_time_seconds(5);
    let received = received.send().await.unwrap().messages.unwrap();
    let body: Value = serde_json::from_str(received[0].body.as_ref().unwrap()).unwrap();
    assert_eq!(body["Subject"], "MRT API: alert failing has begun");
    let message = body["Message"].as_str().unwrap();
    assert!(message.contains("acme-prod s3 files"), "{message}");
    let key = &body["MessageAttributes"]["deduplication_key"]["Value"];
    assert_eq!(key, "failing/begun/2026-01-12T12:00:00Z");
}
