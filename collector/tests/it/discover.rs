//! Discovery in an emulator with three accounts and regions, and more resources than a page has.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, Tag, Tagging};
use collector::discover::{Before, Discovery, UpdateError, daily, discover};
use shared::aws::Aws;
use shared::clock::FixedClock;
use shared::fleet::{Fleet, FleetSource};
use shared::location::{AwsScope, Location};
use shared::testing;

use crate::support::NOWHERE;

/// Buckets of the own account: more than the 100 of a page.
const OWN_BUCKETS: usize = 101;

struct World {
    aws: Arc<Aws>,
    fleet: Fleet,
    key: String,
}

impl World {
    /// Returns a fleet whose tag no other test uses; `None` if the test is skipped.
    fn new() -> Option<Self> {
        let url = testing::service(testing::MOTO)?;
        let key = format!("environment-{}", std::process::id());
        let file = format!(
            "[discover]\nregions = [\"eu-west-1\"]\n[discover.tags]\nenvironment = \"{key}\"\n\
             [[account]]\nid = \"210987654321\"\nexternal_id = \"sixteen-characters\"\nregions = [\"eu-west-1\"]\n\
             [[account]]\nid = \"310987654321\"\nregions = [\"eu-central-1\", \"eu-west-1\"]\n"
        );
        Some(Self {
            aws: Arc::new(Aws::at(&url, "test", "test")),
            fleet: Fleet::parse("fleet.toml", &file).unwrap(),
            key,
        })
    }

    /// Returns the scope of an account; `None` for the own one.
    fn scope(account: Option<&str>, region: &str) -> AwsScope {
        AwsScope {
            role_arn: account.map(|id| format!("arn:aws:iam::{id}:role/mrt-reader")),
            ..AwsScope::of_region(region)
        }
    }

    async fn bucket(&self, scope: &AwsScope, environments: &str, name: &str) -> String {
        let name = format!("{name}-{}", std::process::id());
        let client = self.aws.s3(scope).await;
        let region = scope.region.as_deref().unwrap();
        let place = CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::from(region))
            .build();
        let create = client.create_bucket().bucket(&name);
        create
            .create_bucket_configuration(place)
            .send()
            .await
            .unwrap();
        let tag = Tag::builder().key(&self.key).value(environments).build();
        let tags = Tagging::builder().tag_set(tag.unwrap()).build().unwrap();
        let put = client.put_bucket_tagging().bucket(&name).tagging(tags);
        put.send().await.unwrap();
        name
    }

    async fn discover(&self, before: &str, today: &str) -> Discovery {
        let (before, faults) =
            Fleet::parse_discovered("discovered.toml", before, &self.fleet).unwrap();
        assert_eq!(faults, []);
        let before = Before {
            fleet: &before,
            today: today.parse().unwrap(),
            retention_days: 35,
        };
        let wanted = self.fleet.discover().unwrap();
        discover(&self.aws, &self.fleet, wanted, before).await
    }
}

#[tokio::test]
async fn three_accounts_are_found_whole_and_a_deleted_bucket_is_gone() {
    let Some(world) = World::new() else {
        return;
    };
    let own = World::scope(None, "eu-west-1");
    for index in 0..OWN_BUCKETS {
        let name = format!("own-{index:03}");
        world.bucket(&own, &name, &name).await;
    }
    let second = World::scope(Some("210987654321"), "eu-west-1");
    let shared = world
        .bucket(&second, "globex-prod globex-test", "globex")
        .await;
    let third = World::scope(Some("310987654321"), "eu-central-1");
    let last = world.bucket(&third, "initech", "initech").await;

    let first = world.discover("", "2026-11-28").await;
    let client = world.aws.s3(&third).await;
    client.delete_bucket().bucket(&last).send().await.unwrap();
    let then = world.discover(&first.file, "2026-11-29").await;

    assert_eq!(first.notes, []);
    assert_eq!((first.asked_count, first.gone_count), (4, 0));
    assert_eq!(first.environment_count, OWN_BUCKETS + 3);
    let (found, _) = Fleet::parse_discovered("discovered.toml", &first.file, &world.fleet).unwrap();
    for name in ["globex-prod", "globex-test"] {
        let storage = &found.environment(name).unwrap().storage;
        assert_eq!(storage[0].bucket, shared);
        assert_eq!(storage[0].scope.account(), Some("210987654321"));
    }
    let place = "account = \"310987654321\"\nregion = \"eu-central-1\"\n";
    let gone = format!("bucket = \"{last}\"\n{place}gone_since = \"2026-11-29\"\n");
    assert!(then.file.contains(&gone), "{}", then.file);
    assert_eq!(
        (then.environment_count, then.gone_count),
        (OWN_BUCKETS + 3, 1)
    );
}

/// Time of a daily run.
const START: &str = "2026-11-28T03:00:00Z";

#[tokio::test]
async fn the_daily_run_writes_what_changed_beside_the_fleet_file() {
    let Some(url) = testing::service(testing::MOTO) else {
        return;
    };
    let world = World::new().unwrap();
    let key = format!("daily-{}", std::process::id());
    let world = World {
        key: key.clone(),
        ..world
    };
    let own = World::scope(None, "eu-west-1");
    let fleets = world.bucket(&own, "holder", "fleets").await;
    let found = world.bucket(&own, "daily-prod", "daily-files").await;
    let aws = Arc::new(Aws::at(&url, "test", "test"));
    let text = format!("[discover]\nregions = [\"eu-west-1\"]\ntags.environment = \"{key}\"\n");
    let client = aws.s3(&own).await;
    let put = client.put_object().bucket(&fleets).key("config/fleet.toml");
    put.body(text.into_bytes().into()).send().await.unwrap();
    let location = Location::parse(&format!("s3://{fleets}/config/fleet.toml")).unwrap();
    let clock = Arc::new(FixedClock::at(START));
    let daily = async || daily(&aws, &location, 35, &*clock).await.unwrap();

    let first = daily().await;
    let second = daily().await;
    client.delete_bucket().bucket(&found).send().await.unwrap();
    clock.advance(Duration::from_secs(86_400));
    let third = daily().await;

    assert_eq!((first.is_written, first.environment_count), (true, 2));
    assert_eq!((second.is_written, second.gone_count), (false, 0));
    assert_eq!((third.is_written, third.gone_count), (true, 1));
    let fleet = FleetSource::new(aws.clone(), location.clone(), clock.clone());
    let fleet = fleet.current().await.unwrap();
    let target = fleet.buckets()[0].id();
    assert_eq!(fleet.buckets()[0].bucket, found);
    assert_eq!(fleet.gone_since(&target), "2026-11-29".parse().ok());
    let measured = fleet.measured_buckets();
    let measured: Vec<_> = measured.iter().map(|target| &target.bucket).collect();
    assert_eq!(measured, [&fleets]);
}

#[tokio::test]
async fn a_fleet_without_the_section_and_accounts_that_do_not_answer_change_no_file() {
    let folder = std::env::temp_dir().join(format!("mrt-daily-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (fleet, beside) = (folder.join("fleet.toml"), folder.join("discovered.toml"));
    std::fs::write(&beside, "[[environment]]\nname = \"one\"\n").unwrap();
    let location = Location::File(fleet.clone());
    let (aws, clock) = (Aws::for_tests(NOWHERE), FixedClock::at(START));

    std::fs::write(&fleet, "[[environment]]\nname = \"a\"\n").unwrap();
    let unwanted = daily(&aws, &location, 35, &clock).await.unwrap_err();
    std::fs::write(&fleet, "[discover]\n").unwrap();
    let nobody = daily(&aws, &location, 35, &clock).await.unwrap_err();

    assert!(matches!(unwanted, UpdateError::NotWanted));
    assert!(matches!(nobody, UpdateError::NobodyAnswered { .. }));
    let left = std::fs::read_to_string(&beside).unwrap();
    assert_eq!(left, "[[environment]]\nname = \"one\"\n");
    std::fs::remove_dir_all(&folder).unwrap();
}
