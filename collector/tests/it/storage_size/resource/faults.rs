//! Failures of other storage that no emulator can produce: denied requests, truncated responses, closed ports.

use std::sync::Arc;

use shared::aws::Aws;
use shared::fleet::StorageKind;
use shared::testing::stand_in::{Response, StandIn};

use super::{FILE_SYSTEM, GIB, VOLUME, measure, target};
use crate::support::NOWHERE;

const ALL_OTHERS: [(StorageKind, &str); 5] = [
    (StorageKind::Efs, FILE_SYSTEM),
    (StorageKind::Ebs, VOLUME),
    (StorageKind::Rds, "acme"),
    (StorageKind::Aurora, "acme"),
    (StorageKind::DynamoDb, "Sessions"),
];

#[tokio::test]
async fn denied_requests_name_the_missing_permission_and_are_permanent() {
    let refusing = StandIn::start(|_, _| Response::error(403, "AccessDenied")).await;

    for (kind, id) in ALL_OTHERS {
        let error = measure(&refusing.aws, &target(kind, id)).await.unwrap_err();

        assert_eq!(
            (error.code, error.is_transient),
            ("access_denied", false),
            "{kind:?}"
        );
        let needs = match kind {
            StorageKind::Ebs => "ec2:DescribeVolumes",
            StorageKind::DynamoDb => "dynamodb:DescribeTable",
            _ => "cloudwatch:GetMetricData",
        };
        assert!(error.reason.contains(needs), "{}", error.reason);
        assert!(!error.reason.contains("NEVERLEAK"), "{}", error.reason);
    }
    assert_eq!(refusing.requests().len(), ALL_OTHERS.len());
}

#[tokio::test]
async fn an_unreachable_service_is_a_transient_failure() {
    let nowhere = Arc::new(Aws::for_tests(NOWHERE));
    let asking = ALL_OTHERS.map(|(kind, id)| {
        let (aws, target) = (Arc::clone(&nowhere), target(kind, id));
        async move { measure(&aws, &target).await.unwrap_err() }
    });

    for error in futures::future::join_all(asking).await {
        assert_eq!((error.code, error.is_transient), ("unreachable", true));
    }
}

fn volumes(items: &str) -> String {
    format!("<DescribeVolumesResponse><volumeSet>{items}</volumeSet></DescribeVolumesResponse>")
}

#[tokio::test]
async fn transient_errors_of_a_volume_are_retried_and_a_truncated_response_is_not_a_size() {
    let good = volumes(&format!(
        "<item><volumeId>{VOLUME}</volumeId><size>4</size><volumeType>io2</volumeType></item>"
    ));
    let busy_once = StandIn::start(move |number, _| match number {
        0 => Response::error(503, "RequestLimitExceeded"),
        _ => Response::new(200, good.clone()),
    })
    .await;
    let cut = StandIn::start(|_, _| Response {
        missing_bytes: 9,
        ..Response::new(200, volumes(""))
    })
    .await;
    let malformed = StandIn::start(|_, _| Response::new(200, "<html></html>")).await;
    let volume = target(StorageKind::Ebs, VOLUME);

    let (found, cut_off, strange) = tokio::join!(
        measure(&busy_once.aws, &volume),
        measure(&cut.aws, &volume),
        measure(&malformed.aws, &volume)
    );

    assert_eq!(found.unwrap().total_bytes(), 4 * GIB);
    assert_eq!(busy_once.requests().len(), 2);
    let request = &busy_once.requests()[1];
    assert_eq!(request.path, "/");
    assert!(request.body.starts_with("Action=DescribeVolumes&Version="));
    let cut_off = cut_off.unwrap_err();
    assert_eq!(
        (cut_off.code, cut_off.is_transient),
        ("connection_cut", true)
    );
    assert_eq!(cut.requests().len(), 3);
    let strange = strange.unwrap_err();
    assert_eq!(
        (strange.code, strange.is_transient),
        ("unexpected_answer", false)
    );
}
