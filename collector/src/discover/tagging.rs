//! Resources of an account and region that have a tag, by the tagging API.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::call::{Call, Caller, MAX_PAGES};
use crate::aws::service_error::Service;
use crate::error::MeasureError;

const TAGGING: Service = Service {
    name: "the tagging API",
    needs: "tag:GetResources",
    thing: "the tagged resources",
};
const HEADERS: [(&str, &str); 2] = [
    ("content-type", "application/x-amz-json-1.1"),
    (
        "x-amz-target",
        "ResourceGroupsTaggingAPI_20170126.GetResources",
    ),
];
/// What can be a target.
const KINDS: [&str; 6] = [
    "s3",
    "rds:db",
    "rds:cluster",
    "elasticfilesystem:file-system",
    "dynamodb:table",
    "ec2:volume",
];
const PAGE: u32 = 100;

/// A resource with its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) arn: String,
    pub(super) tags: BTreeMap<String, String>,
}

impl Resource {
    /// Returns whether it is of RDS, and its resource starts with `kind`.
    pub(super) fn is_of_rds(&self, kind: &str) -> bool {
        let (service, resource) = self.service_and_resource();
        service == "rds" && resource.starts_with(kind)
    }

    /// Returns the service and the resource of its ARN.
    pub(super) fn service_and_resource(&self) -> (&str, &str) {
        let mut parts = self.arn.splitn(6, ':').skip(2);
        let service = parts.next().unwrap_or_default();
        (service, parts.nth(2).unwrap_or_default())
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    pagination_token: String,
    resource_tag_mapping_list: Vec<Mapping>,
}

#[derive(Debug, Deserialize)]
struct Mapping {
    #[serde(rename = "ResourceARN")]
    arn: String,
    #[serde(rename = "Tags", default)]
    tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

/// Returns all resources with the tag `key`, in the order of their ARNs.
pub(super) async fn resources(caller: &Caller, key: &str) -> Result<Vec<Resource>, MeasureError> {
    let (mut found, mut token) = (BTreeMap::new(), String::new());
    for _ in 0..MAX_PAGES {
        let body = json!({
            "TagFilters": [{"Key": key}],
            "ResourceTypeFilters": KINDS,
            "ResourcesPerPage": PAGE,
            "PaginationToken": token,
        });
        let call = Call {
            service: TAGGING,
            label: "tagging",
            headers: &HEADERS,
            body: body.to_string(),
        };
        let body = caller.page(&call, code).await?;
        let page: Page = serde_json::from_slice(&body)
            .map_err(|_| TAGGING.unexpected("something other than a page of resources"))?;
        for Mapping { arn, tags } in page.resource_tag_mapping_list {
            let tags: BTreeMap<_, _> = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
            // Resources that had the tag before may be in a page without it.
            if tags.contains_key(key) {
                found.insert(arn.clone(), Resource { arn, tags });
            }
        }
        if page.pagination_token.is_empty() {
            return Ok(found.into_values().collect());
        }
        if page.pagination_token == token {
            return Err(TAGGING.unexpected("the same page twice"));
        }
        token = page.pagination_token;
    }
    Err(TAGGING.unexpected("more pages than are read"))
}

/// Returns the code of an error: `com.amazon.coral.service#AccessDeniedException` without what precedes it.
fn code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "__type")]
        kind: String,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let code = answer.kind.rsplit('#').next().unwrap_or_default();
    Some(code.to_owned())
}
