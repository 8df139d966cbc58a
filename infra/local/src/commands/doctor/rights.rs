//! The policy statements that let a target be read, each for the role that reads it.

use serde_json::{Value, json};
use shared::fleet::{BucketTarget, DatabaseTarget, Engine, StorageKind, partition};
use shared::location::{AwsScope, Location};

/// Returns the statements that listing `target` needs, with the parts that its fleet file wants.
pub(super) fn of_bucket(target: &BucketTarget) -> Vec<String> {
    let region = target.scope.region.as_deref().unwrap_or_default();
    let bucket = match target.bucket.starts_with("arn:") {
        true => target.bucket.clone(),
        false => format!("arn:{}:s3:::{}", partition(region), target.bucket),
    };
    let mut actions = vec!["s3:ListBucket"];
    if target.measure.needs_versions() {
        actions.push("s3:ListBucketVersions");
    }
    if target.measure.multipart {
        actions.push("s3:ListBucketMultipartUploads");
    }
    let mut statements = vec![statement(&target.scope, &json!(actions), &bucket)];
    if target.measure.multipart {
        let objects = match target.bucket.starts_with("arn:") {
            true => format!("{bucket}/object/*"),
            false => format!("{bucket}/*"),
        };
        let parts = json!("s3:ListMultipartUploadParts");
        statements.push(statement(&target.scope, &parts, &objects));
    }
    statements
}

/// Returns the statement that measuring storage other than a bucket needs.
pub(super) fn of_resource(target: &BucketTarget) -> String {
    let (action, resource) = match target.kind {
        StorageKind::DynamoDb => {
            let table = format!("table/{}", target.bucket);
            let region = target.scope.region.as_deref();
            let table = arn("dynamodb", region, &target.scope, &table);
            ("dynamodb:DescribeTable", table)
        }
        // EC2 and CloudWatch have no resource for these.
        StorageKind::Ebs => ("ec2:DescribeVolumes", "*".to_owned()),
        _ => ("cloudwatch:GetMetricData", "*".to_owned()),
    };
    statement(&target.scope, &json!(action), &resource)
}

/// Returns what a login by IAM needs: a right of the role, and one of the user in PostgreSQL.
pub(super) fn of_login(target: &DatabaseTarget) -> Vec<String> {
    let user = format!("dbuser:*/{}", target.user);
    let region = target.rds_region();
    let user = arn("rds-db", region.as_deref(), &target.scope, &user);
    let mut statements = vec![statement(&target.scope, &json!("rds-db:connect"), &user)];
    if target.engine == Engine::Postgres {
        let user = target.user.replace('"', "\"\"");
        statements.push(format!("GRANT rds_iam TO \"{user}\";"));
    }
    statements
}

/// Returns the statement that reading a document of constants needs; `None` for a file.
pub(super) fn of_document(location: &Location, scope: &AwsScope) -> Option<String> {
    let Location::S3 { bucket, key } = location else {
        return None;
    };
    let region = scope.region.as_deref().unwrap_or_default();
    let object = format!("arn:{}:s3:::{bucket}/{key}", partition(region));
    Some(statement(scope, &json!("s3:GetObject"), &object))
}

/// Returns an ARN in the account of the scope's role; what is not known is `*`.
fn arn(service: &str, region: Option<&str>, scope: &AwsScope, rest: &str) -> String {
    let partition = partition(region.unwrap_or_default());
    let (region, account) = (region.unwrap_or("*"), scope.account().unwrap_or("*"));
    format!("arn:{partition}:{service}:{region}:{account}:{rest}")
}

fn statement(scope: &AwsScope, action: &Value, resource: &str) -> String {
    let statement = json!({"Effect": "Allow", "Action": action, "Resource": resource});
    match &scope.role_arn {
        Some(role) => format!("in a policy of {role}: {statement}"),
        None => format!("in a policy of who reads it: {statement}"),
    }
}

#[cfg(test)]
mod tests {
    use shared::fleet::Fleet;

    use super::*;

    const FLEET: &str = r#"
[[account]]
id = "210987654321"
regions = ["eu-west-1"]

[[environment]]
name = "acme-prod"
[[environment.storage]]
bucket = "acme-files"
measure = ["current", "noncurrent", "multipart"]
[[environment.storage]]
kind = "dynamodb"
id = "acme-files"
account = "210987654321"
region = "eu-west-1"
[environment.database]
engine = "postgres"
host = "acme.abc.eu-west-1.rds.amazonaws.com"
name = "acme"
user = "mrt_ro"
auth = "iam"
account = "210987654321"
"#;

    /// Returns the policy statement behind the words for whom it is.
    fn policy(line: &str) -> (&str, Value) {
        let (whom, statement) = line.split_once(": {").unwrap();
        let statement = serde_json::from_str(&format!("{{{statement}")).unwrap();
        (whom, statement)
    }

    #[test]
    fn each_target_has_the_statements_of_its_reader() {
        let fleet = Fleet::parse("fleet.toml", FLEET).unwrap();
        let role = "in a policy of arn:aws:iam::210987654321:role/mrt-reader";
        let of_kind = |kind| {
            let mut storage = fleet.buckets().into_iter();
            storage.find(|target| target.kind == kind).unwrap()
        };

        let bucket = of_bucket(of_kind(StorageKind::S3));
        let table = of_resource(of_kind(StorageKind::DynamoDb));
        let login = of_login(fleet.databases()[0]);

        let (whom, listing) = policy(&bucket[0]);
        assert_eq!(whom, "in a policy of who reads it");
        assert_eq!(
            listing,
            json!({
                "Effect": "Allow", "Resource": "arn:aws:s3:::acme-files",
                "Action": ["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"],
            })
        );
        let (_, parts) = policy(&bucket[1]);
        assert_eq!(parts["Resource"], "arn:aws:s3:::acme-files/*");
        let (whom, table) = policy(&table);
        assert_eq!(whom, role);
        assert_eq!(
            table["Resource"],
            "arn:aws:dynamodb:eu-west-1:210987654321:table/acme-files"
        );
        let (whom, connect) = policy(&login[0]);
        assert_eq!(whom, role);
        assert_eq!(
            (&connect["Action"], &connect["Resource"]),
            (
                &json!("rds-db:connect"),
                &json!("arn:aws:rds-db:eu-west-1:210987654321:dbuser:*/mrt_ro")
            )
        );
        assert_eq!(login[1], "GRANT rds_iam TO \"mrt_ro\";");
    }
}
