//! `mrt bucket-size`: measures buckets, parts of them, or other storage with the collector's code.

mod lines;
mod measure;
mod readable;
mod report;
mod target;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use collector::MeasureError;
use shared::aws::{Aws, AwsOptions};
use shared::fleet::{BucketTarget, InventoryLocation, StorageKind};
use shared::location::AwsScope;
use shared::snapshot::bucket_size::Part;

use self::report::{Entry, Found, Report};
use self::target::{Asked, Prefixes, Selection};
use super::format::{Units, printable};
use super::{ENVIRONMENT, exit_code, report_failure};
use crate::output;

pub(crate) use self::target::parse;

/// Exit code of a program that Ctrl-C ended, as a shell reports it.
const INTERRUPTED: u8 = 130;

/// What to measure, and how to print it.
#[derive(Args)]
pub(crate) struct BucketSizeArguments {
    /// Bucket and the prefix of the keys to count, or other storage; s3:// is every bucket of the account
    #[arg(value_name = "s3://BUCKET[/PREFIX]", required_unless_present = "inventory", value_parser = target::parse_asked)]
    targets: Vec<Asked>,
    /// Count only keys with this suffix
    #[arg(long, value_name = "S", default_value = "")]
    suffix: String,
    /// Parts to measure in addition to current objects [default: multipart]
    #[arg(long, value_name = "PART,PART", value_delimiter = ',', value_parser = target::parse_part)]
    measure: Option<Vec<Part>>,
    /// Add up by prefix, too: by folders to this depth, or by these prefixes
    #[arg(long, value_name = "DEPTH|PREFIX,PREFIX", value_parser = target::parse_prefixes)]
    by_prefix: Option<Prefixes>,
    /// Read the newest report of S3 Inventory there instead of listing the bucket
    #[arg(long, value_name = "s3://DESTINATION/PREFIX/BUCKET/CONFIGURATION", value_parser = InventoryLocation::parse)]
    inventory: Option<InventoryLocation>,
    /// Storage allocated to the RDS instance, in GiB
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    allocated_gib: Option<u64>,
    /// Print JSON: the snapshot, or the sum of several with their snapshots
    #[arg(long)]
    json: bool,
    /// Print rows of CSV, with exact bytes
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Units of sizes in the table: powers of 1,024, powers of 1,000, or bytes
    #[arg(long, value_name = "UNITS", value_enum, default_value_t = UnitsArgument::Iec)]
    units: UnitsArgument,
    #[command(flatten)]
    aws: AwsArguments,
}

/// Options that the AWS CLI has as well.
#[derive(Args)]
struct AwsArguments {
    // Not doc comments, in which names of variables need marks that a terminal would show.
    #[arg(long, value_name = "NAME", help = "Profile, in place of AWS_PROFILE")]
    profile: Option<String>,
    #[arg(
        long,
        value_name = "REGION",
        help = "Region, in place of AWS_REGION or that of the profile"
    )]
    region: Option<String>,
    /// URL of S3, for buckets
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
    /// Send requests without a signature, for public buckets
    #[arg(long, conflicts_with = "profile")]
    no_sign_request: bool,
    /// Agree to pay for the requests
    #[arg(long, value_name = "requester", num_args = 0..=1, default_missing_value = "requester",
        value_parser = ["requester"])]
    request_payer: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum UnitsArgument {
    Iec,
    Si,
    Bytes,
}

impl From<UnitsArgument> for Units {
    fn from(argument: UnitsArgument) -> Self {
        match argument {
            UnitsArgument::Iec => Self::Iec,
            UnitsArgument::Si => Self::Si,
            UnitsArgument::Bytes => Self::Bytes,
        }
    }
}

/// Returns a target in the form of the command line.
fn name(target: &BucketTarget) -> String {
    let (kind, bucket) = (target.kind.as_str(), &target.bucket);
    match target.kind {
        StorageKind::S3 => format!("{kind}://{bucket}/{}", target.prefix),
        _ => format!("{kind}://{bucket}"),
    }
}

impl BucketSizeArguments {
    /// Checks what the argument parser cannot.
    ///
    /// # Errors
    ///
    /// The options that cannot be used together.
    pub(crate) fn check(&self) -> Result<(), String> {
        let is_account = |asked: &Asked| matches!(asked, Asked::Account);
        if self.targets.len() > 1 && self.targets.iter().any(is_account) {
            return Err(
                "s3:// is every bucket of the account, so there is nothing to add".to_owned(),
            );
        }
        if self.inventory.is_some()
            && (self.targets.len() > 1 || self.targets.iter().any(is_account))
        {
            return Err("--inventory has the reports of one bucket: name no other".to_owned());
        }
        let selection = self.selection();
        let targets = self
            .named()?
            .into_iter()
            .map(|target| selection.apply(target));
        let targets: Vec<BucketTarget> = targets.collect::<Result<_, _>>()?;
        let is_bucket = |target: &BucketTarget| target.kind == StorageKind::S3;
        if !targets.iter().all(is_bucket)
            && (self.aws.endpoint_url.is_some() || self.aws.request_payer.is_some())
        {
            return Err("--endpoint-url and --request-payer are for buckets only".to_owned());
        }
        target::check_overlap(&targets)
    }

    fn selection(&self) -> Selection {
        Selection {
            suffix: self.suffix.clone(),
            measure: self.measure.clone(),
            allocated_gib: self.allocated_gib,
            requester_pays: self.aws.request_payer.is_some(),
            by_prefix: self.by_prefix.clone(),
            inventory: self.inventory.clone(),
        }
    }

    /// Returns the targets that are written out, or the bucket of the reports that are.
    fn named(&self) -> Result<Vec<BucketTarget>, String> {
        match &self.inventory {
            Some(location) if self.targets.is_empty() => {
                target::bucket_of(location).map(|target| vec![target])
            }
            _ => Ok(self.written().collect()),
        }
    }

    fn written(&self) -> impl Iterator<Item = BucketTarget> {
        self.targets.iter().filter_map(|asked| match asked {
            Asked::One(target) => Some((**target).clone()),
            Asked::Account => None,
        })
    }

    /// Returns all targets, with what is selected of them.
    async fn resolve(&self, aws: &Aws) -> Result<Vec<BucketTarget>, MeasureError> {
        let named = self.named();
        let mut targets =
            named.map_err(|reason| MeasureError::permanent("bucket_failed", reason))?;
        if targets.is_empty() {
            let buckets = collector::account_buckets(aws).await?;
            targets.extend(buckets.into_iter().map(|bucket| BucketTarget {
                scope: AwsScope {
                    region: bucket.region,
                    ..AwsScope::default()
                },
                ..BucketTarget::whole(ENVIRONMENT, &bucket.name)
            }));
        }
        let selection = self.selection();
        let selected = targets.into_iter().map(|target| selection.apply(target));
        let selected: Result<_, String> = selected.collect();
        selected.map_err(|reason| MeasureError::permanent("bucket_failed", reason))
    }
}

/// Measures and prints.
pub(crate) async fn run(arguments: &BucketSizeArguments) -> anyhow::Result<ExitCode> {
    let aws = AwsOptions {
        profile: arguments.aws.profile.clone(),
        region: arguments.aws.region.clone(),
        s3_endpoint: arguments.aws.endpoint_url.clone(),
        is_unsigned: arguments.aws.no_sign_request,
    };
    let aws = Arc::new(Aws::load_with(aws).await?);
    let targets = match arguments.resolve(&aws).await {
        Ok(targets) => targets,
        Err(error) => return Ok(fail("s3://", &error)),
    };
    for target in targets.iter().filter(|target| target.prefix.contains('*')) {
        let note = format!(
            "mrt: note: {} counts keys that begin with {:?}: * is taken literally",
            name(target),
            target.prefix
        );
        output::print_error(&printable(&note));
    }
    let is_single = matches!(arguments.targets.as_slice(), [Asked::One(_)] | []);
    let report = measure::all(&aws, targets).await;
    if let (
        [
            Entry {
                target,
                found: Found::Failed(error),
            },
        ],
        true,
    ) = (report.entries.as_slice(), is_single)
    {
        return Ok(fail(&name(target), error));
    }
    print(arguments, &report, is_single)?;
    Ok(exit_code_of(&report))
}

fn print(arguments: &BucketSizeArguments, report: &Report, is_single: bool) -> anyhow::Result<()> {
    if arguments.csv {
        return output::print(&lines::csv(report));
    }
    if arguments.json {
        return match (report.entries.as_slice(), is_single) {
            (
                [
                    Entry {
                        target,
                        found: Found::Measured(size),
                    },
                ],
                true,
            ) => output::print_json(&report.item(target, size)),
            _ => output::print_json(&report.sum()),
        };
    }
    let page = readable::Page {
        units: arguments.units.into(),
        columns: output::columns(),
    };
    output::print(&page.text(report, is_single))
}

/// Returns the exit code: 0 complete, 1 nothing measured, 3 partial, 130 interrupted.
fn exit_code_of(report: &Report) -> ExitCode {
    if report.is_interrupted() {
        return ExitCode::from(INTERRUPTED);
    }
    if !report.entries.is_empty() && report.measured().next().is_none() {
        return ExitCode::FAILURE;
    }
    exit_code(report.completeness())
}

/// Reports that nothing was measured, and which option may help.
fn fail(what: &str, error: &MeasureError) -> ExitCode {
    let code = report_failure(what, error);
    if let Some(hint) = hint(error.code) {
        output::print_error(&format!("mrt: hint: {hint}"));
    }
    code
}

/// Returns the options of this command that may help.
fn hint(code: &str) -> Option<&'static str> {
    match code {
        "region_missing" | "wrong_region" => Some("set AWS_REGION, or --region"),
        "access_denied" => Some(
            "--request-payer for a bucket whose requesters pay, --no-sign-request for a public one",
        ),
        "credentials_missing" => {
            Some("--profile or AWS_PROFILE names other credentials; --no-sign-request needs none")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use shared::snapshot::Completeness;

    use super::report::Counted;
    use super::report::tests::{measured, report};
    use super::*;

    #[test]
    fn a_gap_is_never_a_success() {
        let failed = || {
            let error = MeasureError::permanent("access_denied", "denied");
            ("s3://b", Found::Failed(Box::new(error)))
        };
        let stopped = || ("s3://c", Found::Interrupted(Counted::default()));
        for (found, expected) in [
            (vec![("s3://a", measured(&[1]))], 0),
            (vec![("s3://a", measured(&[1])), failed()], 3),
            (vec![failed()], 1),
            (vec![("s3://a", measured(&[1])), stopped()], 130),
            (vec![stopped(), failed()], 130),
            (vec![], 0),
        ] {
            let report = report(found);

            let code = exit_code_of(&report);

            let expected = ExitCode::from(expected);
            assert_eq!(format!("{code:?}"), format!("{expected:?}"));
            assert_eq!(
                report.completeness() == Completeness::Complete,
                expected == ExitCode::SUCCESS
            );
        }
    }

    #[test]
    fn the_options_of_this_command_are_named() {
        assert!(hint("region_missing").unwrap().contains("AWS_REGION"));
        assert!(hint("access_denied").unwrap().contains("--request-payer"));
        assert_eq!(hint("timeout"), None);
    }
}
