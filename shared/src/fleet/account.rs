//! Accounts whose targets are read with a role there.

/// Default name of the role, which `infra/aws/reader-role.yaml` creates.
pub const DEFAULT_ROLE: &str = "mrt-reader";

/// An account of the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its twelve digits.
    pub id: String,
    /// Name of the role in it, with its path.
    pub role: String,
    /// External id that the role asks for.
    pub external_id: Option<String>,
    /// Regions in which its targets are, in the order of the file; empty for the program's own.
    pub regions: Vec<String>,
}

impl Account {
    /// Returns the ARN of its role, for targets in `region`.
    pub fn role_arn(&self, region: Option<&str>) -> String {
        let region = region.or(self.regions.first().map(String::as_str));
        let partition = partition(region.unwrap_or_default());
        format!("arn:{partition}:iam::{}:role/{}", self.id, self.role)
    }
}

/// Returns the partition of a region.
pub fn partition(region: &str) -> &'static str {
    let starts = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("us-iso-", "aws-iso"),
        ("eu-isoe-", "aws-iso-e"),
        ("eusc-", "aws-eusc"),
    ];
    let found = starts.iter().find(|(start, _)| region.starts_with(start));
    found.map_or("aws", |(_, partition)| partition)
}
