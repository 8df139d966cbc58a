//! Discovery against a stand-in with the recorded shapes of the tagging API and RDS, and of three accounts.

use std::sync::Arc;

use shared::testing::stand_in::{Request, Response, StandIn};

use super::*;

const FLEET: &str = r#"
[discover]
regions = ["eu-west-1"]
[[account]]
id = "210987654321"
external_id = "sixteen-characters"
regions = ["eu-west-1"]
[[account]]
id = "310987654321"
regions = ["eu-central-1"]
"#;

fn fleet() -> Fleet {
    Fleet::parse("fleet.toml", FLEET).unwrap()
}

/// Answers of STS, which name the account in the key: later requests are told apart by it.
fn role(request: &Request) -> Response {
    let account = ["210987654321", "310987654321"];
    let account = account
        .iter()
        .find(|id| request.body.contains(**id))
        .unwrap();
    Response::new(
        200,
        format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
             <AccessKeyId>KEY{account}</AccessKeyId><SecretAccessKey>NEVERLEAK</SecretAccessKey>\
             <SessionToken>token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
             </AssumeRoleResult></AssumeRoleResponse>"
        ),
    )
}

fn mapping(arn: &str, tags: &[(&str, &str)]) -> serde_json::Value {
    let tags: Vec<_> = tags
        .iter()
        .map(|(key, value)| serde_json::json!({"Key": key, "Value": value}))
        .collect();
    serde_json::json!({"ResourceARN": arn, "Tags": tags})
}

fn page(token: &str, resources: &[serde_json::Value]) -> Response {
    let page = serde_json::json!({"PaginationToken": token, "ResourceTagMappingList": resources});
    Response::new(200, page.to_string())
}

/// Two pages of the own account: a bucket of two environments, a bucket with constants, and storage of other kinds.
fn own_account(request: &Request) -> Response {
    if request.body.contains("\"PaginationToken\":\"\"") {
        return page(
            "second",
            &[
                mapping(
                    "arn:aws:s3:::shared-files",
                    &[
                        ("mrt:environment", "acme-prod acme-test"),
                        ("mrt:prefix", "prod/ test/"),
                    ],
                ),
                mapping("arn:aws:s3:::no-longer", &[("owner", "me")]),
            ],
        );
    }
    page(
        "",
        &[
            mapping(
                "arn:aws:s3:::acme-config",
                &[
                    ("mrt:environment", "acme-prod"),
                    ("mrt:constants", "acme/metadata.json acme/m2ee.yaml"),
                ],
            ),
            mapping(
                "arn:aws:elasticfilesystem:eu-west-1:123456789012:file-system/fs-0123456789abcdef0",
                &[("mrt:environment", "acme-prod")],
            ),
            mapping(
                "arn:aws:dynamodb:eu-west-1:123456789012:table/Sessions",
                &[("mrt:environment", "acme-prod")],
            ),
            mapping(
                "arn:aws:s3:::bad",
                &[("mrt:environment", "a b c"), ("mrt:prefix", "x y")],
            ),
            mapping("arn:aws:s3:::upper", &[("mrt:environment", "Acme")]),
        ],
    )
}

fn instance(id: &str, engine: &str, cluster: &str) -> String {
    format!(
        "<DBInstance><DBInstanceIdentifier>{id}</DBInstanceIdentifier><Engine>{engine}</Engine>\
         <Endpoint>\n<Address>{id}.abc.eu-west-1.rds.amazonaws.com</Address><Port>5433</Port></Endpoint>\
         <DBName>first</DBName><AllocatedStorage>100</AllocatedStorage>{cluster}\
         <DBInstanceArn>arn:aws:rds:eu-west-1:210987654321:db:{id}</DBInstanceArn>\
         <VpcSecurityGroups><VpcSecurityGroupMembership><Port>1</Port></VpcSecurityGroupMembership></VpcSecurityGroups>\
         <IAMDatabaseAuthenticationEnabled>{}</IAMDatabaseAuthenticationEnabled></DBInstance>",
        id != "globex"
    )
}

/// Another account with servers: two pages of instances, and a cluster.
fn servers(request: &Request) -> Response {
    let arn = |rest: &str| format!("arn:aws:rds:eu-west-1:210987654321:{rest}");
    let tagged = |rest: &str, more: &[(&str, &str)]| {
        let tags = [
            &[("mrt:environment", rest.split(':').nth(1).unwrap())],
            more,
        ]
        .concat();
        mapping(&arn(rest), &tags)
    };
    if request.body.starts_with('{') {
        return page(
            "",
            &[
                tagged(
                    "db:globex",
                    &[("mrt:database", "mendix"), ("mrt:user", "reader")],
                ),
                tagged("db:initech", &[]),
                tagged("db:oracle", &[]),
                tagged("db:member", &[]),
                tagged("db:deleted", &[]),
                tagged("cluster:hooli", &[("mrt:database", "hooli")]),
            ],
        );
    }
    let list = |action: &str, items: &str, marker: &str, content: String| {
        let body = format!(
            "<{action}Response xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><{action}Result>{marker}\
             <{items}>{content}</{items}></{action}Result></{action}Response>\n"
        );
        Response::new(200, body)
    };
    let cluster = "<DBClusterIdentifier>hooli</DBClusterIdentifier>";
    match request.body.as_str() {
        body if body.contains("DescribeDBClusters") => list(
            "DescribeDBClusters",
            "DBClusters",
            "",
            format!(
                "<DBCluster>{cluster}<Engine>aurora-postgresql</Engine><Endpoint>hooli.cluster-abc</Endpoint>\
                 <ReaderEndpoint>other</ReaderEndpoint><Port>5432</Port><AllocatedStorage>1</AllocatedStorage>\
                 <DBClusterArn>{}</DBClusterArn>\
                 <IAMDatabaseAuthenticationEnabled>true</IAMDatabaseAuthenticationEnabled></DBCluster>",
                arn("cluster:hooli")
            ),
        ),
        body if body.contains("Marker=next%2Fpage") => list(
            "DescribeDBInstances",
            "DBInstances",
            "",
            instance("initech", "mariadb", "") + &instance("member", "aurora-postgresql", cluster),
        ),
        _ => list(
            "DescribeDBInstances",
            "DBInstances",
            "<Marker>next/page</Marker>",
            instance("globex", "postgres", "") + &instance("oracle", "oracle-ee", ""),
        ),
    }
}

/// The third account refuses.
fn refuse() -> Response {
    Response::new(
        400,
        "{\"__type\":\"com.amazon.coral.service#AccessDeniedException\",\"Message\":\"NEVERLEAK\"}",
    )
}

async fn stand_in(own: fn(&Request) -> Response) -> StandIn {
    StandIn::start(move |_, request| {
        if request.body.contains("Action=AssumeRole") {
            role(request)
        } else if request.head.contains("KEY210987654321") {
            servers(request)
        } else if request.head.contains("KEY310987654321") {
            refuse()
        } else {
            own(request)
        }
    })
    .await
}

async fn run(aws: &Arc<Aws>, before: &str, today: &str) -> Discovery {
    let fleet = fleet();
    let (before, faults) = Fleet::parse_discovered("discovered.toml", before, &fleet).unwrap();
    assert_eq!(faults, []);
    let before = Before {
        fleet: &before,
        today: today.parse().unwrap(),
        retention_days: 35,
    };
    discover(aws, &fleet, fleet.discover().unwrap(), before).await
}

#[tokio::test]
async fn every_kind_of_resource_is_found_page_by_page_in_every_account() {
    let stand_in = stand_in(own_account).await;

    let found = run(&stand_in.aws, "", "2026-11-28").await;

    let expected = include_str!("tests/discovered.toml");
    assert_eq!(found.file, expected);
    let (parsed, faults) =
        Fleet::parse_discovered("discovered.toml", &found.file, &fleet()).unwrap();
    assert_eq!(faults, []);
    let database = &parsed.environment("globex").unwrap().database;
    let scope = &database.as_ref().unwrap().scope;
    assert_eq!(scope.external_id.as_deref(), Some("sixteen-characters"));
    assert_eq!(
        (
            found.asked_count,
            found.failed_count,
            found.environment_count,
            found.gone_count
        ),
        (2, 1, 5, 0)
    );
    let notes: Vec<_> = found.notes.iter().map(ToString::to_string).collect();
    for expected in [
        "310987654321 eu-central-1: access to the tagged resources was denied",
        "arn:aws:s3:::bad: the tag mrt:prefix has 2 words for 3 environments",
        "Acme: is left out: name: \"Acme\" is not an environment name",
        "db:globex: does not accept logins by IAM: aws rds modify-db-instance",
        "db:oracle: oracle-ee is an engine that is not measured",
        "db:member: is an instance of the cluster hooli",
        "db:deleted: RDS does not list it",
    ] {
        let is_told = notes.iter().any(|note| note.contains(expected));
        assert!(is_told, "{expected}\n--- in ---\n{notes:#?}");
    }
    assert_eq!(notes.len(), 7, "{notes:#?}");
    assert!(!format!("{found:?}").contains("NEVERLEAK"));
}

#[tokio::test]
async fn roles_are_assumed_with_their_external_id_and_a_name_that_tells_the_program() {
    let stand_in = stand_in(own_account).await;

    run(&stand_in.aws, "", "2026-11-28").await;

    let requests = stand_in.requests();
    let assumed = requests
        .iter()
        .filter(|each| each.body.contains("Action=AssumeRole"));
    let mut assumed: Vec<_> = assumed.map(|each| each.body.as_str()).collect();
    assumed.sort_unstable();
    assumed.dedup();
    let names_program = |body: &&str| format!("{body}&").contains("&RoleSessionName=mrt&");
    assert!(assumed.iter().all(names_program), "{assumed:?}");
    let with_id = assumed
        .iter()
        .filter(|body| body.contains("ExternalId=sixteen-characters"));
    assert_eq!(with_id.count(), 1, "{assumed:?}");
}

#[tokio::test]
async fn the_same_resources_in_another_order_give_the_same_file() {
    fn reversed(request: &Request) -> Response {
        let mut response = own_account(request);
        let mut page: serde_json::Value = serde_json::from_str(&response.body).unwrap();
        page["ResourceTagMappingList"]
            .as_array_mut()
            .unwrap()
            .reverse();
        response.body = page.to_string();
        response
    }
    let (one, other) = (stand_in(own_account).await, stand_in(reversed).await);

    let first = run(&one.aws, "", "2026-11-28").await.file;
    let again = run(&one.aws, &first, "2026-11-29").await.file;

    assert_eq!(run(&other.aws, "", "2026-11-28").await.file, first);
    assert_eq!(again, first, "what is unchanged makes no difference");
}

#[tokio::test]
async fn what_vanished_is_gone_for_the_retention_and_unknown_where_nothing_answers() {
    let before = r#"
[[environment]]
name = "acme-prod"
[[environment.storage]]
bucket = "vanished"
region = "eu-west-1"
[[environment.storage]]
bucket = "elsewhere"
account = "310987654321"
region = "eu-central-1"

[[environment]]
name = "old"
[environment.database]
engine = "postgres"
host = "old"
name = "old"
user = "mrt_ro"
account = "210987654321"
region = "eu-west-1"
"#;
    let stand_in = stand_in(own_account).await;

    let first = run(&stand_in.aws, before, "2026-11-28").await;
    let last_day = run(&stand_in.aws, &first.file, "2027-01-02").await;
    let over = run(&stand_in.aws, &last_day.file, "2027-01-03").await;

    assert_eq!(first.gone_count, 2);
    assert!(
        first.file.contains(
            "bucket = \"vanished\"\nregion = \"eu-west-1\"\ngone_since = \"2026-11-28\"\n"
        )
    );
    assert!(first.file.contains(
        "bucket = \"elsewhere\"\naccount = \"310987654321\"\nregion = \"eu-central-1\"\n\n"
    ));
    assert!(first.file.contains("name = \"old\"\nuser = \"mrt_ro\""));
    assert_eq!(
        last_day.file, first.file,
        "gone since the first day, not since the last"
    );
    assert!(!over.file.contains("vanished") && !over.file.contains("\"old\""));
    assert!(over.file.contains("elsewhere"), "{}", over.file);
    let left = over
        .notes
        .iter()
        .filter(|note| note.text.contains("leaves the file"));
    assert_eq!(left.count(), 2);
}

#[tokio::test]
async fn an_environment_with_two_databases_gets_none_and_both_are_named() {
    fn two(request: &Request) -> Response {
        if request.body.starts_with('{') {
            let tags = [("mrt:environment", "globex"), ("mrt:database", "a")];
            let arn = "arn:aws:rds:eu-west-1:210987654321:db";
            return page(
                "",
                &[
                    mapping(&format!("{arn}:globex"), &tags),
                    mapping(&format!("{arn}:initech"), &tags),
                ],
            );
        }
        servers(request)
    }
    let stand_in = stand_in(two).await;

    let found = run(&stand_in.aws, "", "2026-11-28").await;

    assert!(!found.file.contains("globex.abc"), "{}", found.file);
    let told = found.notes.iter().find(|note| note.about == "globex");
    let text = &told.unwrap().text;
    assert!(
        text.contains("several databases") && text.contains("db:initech"),
        "{text}"
    );
}

#[tokio::test]
async fn damaged_answers_keep_what_was_found_before() {
    let before = "[[environment]]\nname = \"acme-prod\"\n[[environment.storage]]\nbucket = \"files\"\n\
                  region = \"eu-west-1\"\n";
    for body in [
        "",
        "{}",
        "<html></html>",
        "{\"ResourceTagMappingList\": [{\"Tags\": []}]}",
    ] {
        let stand_in = StandIn::start(move |_, request| {
            if request.body.contains("Action=AssumeRole") {
                role(request)
            } else {
                Response::new(200, body)
            }
        })
        .await;

        let found = run(&stand_in.aws, before, "2026-11-28").await;

        assert_eq!((found.failed_count, found.gone_count), (3, 0), "{body}");
        assert!(
            found
                .file
                .contains("bucket = \"files\"\nregion = \"eu-west-1\"\n")
        );
    }
}
