//! Servers of RDS in an account and region: what the tags of an instance or cluster do not say.

use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use s3_listing::ErrorResponse;

use super::call::{Call, Caller, MAX_PAGES};
use crate::aws::service_error::Service;
use crate::error::MeasureError;

const RDS: Service = Service {
    name: "RDS",
    needs: "rds:DescribeDBInstances and rds:DescribeDBClusters",
    thing: "the database servers",
};
const HEADERS: [(&str, &str); 1] = [(
    "content-type",
    "application/x-www-form-urlencoded; charset=utf-8",
)];
/// Version of RDS's interface: the only one since 2014.
const VERSION: &str = "2014-10-31";
const PAGE: u32 = 100;

/// Instances and clusters.
#[derive(Debug, Default)]
pub(super) struct Servers {
    pub(super) instances: Vec<Server>,
    pub(super) clusters: Vec<Server>,
}

/// An instance or a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) arn: String,
    pub(super) id: String,
    pub(super) engine: String,
    /// Empty while it is created.
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// Database that was created with it.
    pub(super) database: Option<String>,
    /// GiB; of instances only.
    pub(super) allocated_gib: Option<u64>,
    /// Cluster that the instance is in.
    pub(super) cluster: Option<String>,
    pub(super) has_iam_logins: bool,
}

/// What distinguishes the lists of instances and clusters.
struct List {
    action: &'static str,
    items: &'static str,
    item: &'static str,
}

/// Returns all instances.
pub(super) async fn instances(caller: &Caller) -> Result<Vec<Server>, MeasureError> {
    let list = List {
        action: "DescribeDBInstances",
        items: "DBInstances",
        item: "DBInstance",
    };
    servers(caller, &list).await
}

/// Returns all clusters.
pub(super) async fn clusters(caller: &Caller) -> Result<Vec<Server>, MeasureError> {
    let list = List {
        action: "DescribeDBClusters",
        items: "DBClusters",
        item: "DBCluster",
    };
    servers(caller, &list).await
}

async fn servers(caller: &Caller, list: &List) -> Result<Vec<Server>, MeasureError> {
    let (mut found, mut marker): (_, Option<String>) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let action = list.action;
        let mut body = format!("Action={action}&Version={VERSION}&MaxRecords={PAGE}");
        if let Some(marker) = &marker {
            let marker = utf8_percent_encode(marker, NON_ALPHANUMERIC);
            body.push_str(&format!("&Marker={marker}"));
        }
        let call = Call {
            service: RDS,
            label: "rds",
            headers: &HEADERS,
            body,
        };
        let answer = caller.page(&call, |body| {
            ErrorResponse::parse(body).code.map(str::to_owned)
        });
        let (servers, next) = page(&answer.await?, list).map_err(|what| RDS.unexpected(what))?;
        found.extend(servers);
        if next.is_none() {
            return Ok(found);
        }
        if next == marker {
            return Err(RDS.unexpected("the same page twice"));
        }
        marker = next;
    }
    Err(RDS.unexpected("more pages than are read"))
}

/// Returns the servers of a page, and the marker of the next one.
fn page(text: &[u8], list: &List) -> Result<(Vec<Server>, Option<String>), &'static str> {
    const OTHER: &str = "something other than a page of servers";
    let text = std::str::from_utf8(text).map_err(|_| OTHER)?;
    let List { action, .. } = list;
    if !text.trim_end().ends_with(&format!("</{action}Response>")) {
        return Err("a truncated page of servers");
    }
    let mut document = Document::new(text);
    let mut root = document.root_element().map_err(|_| OTHER)?;
    let (mut servers, mut marker, mut has_list) = (Vec::new(), None, false);
    while let Some(mut result) = root.next_tag() {
        if !result.start_el().matches(&format!("{action}Result")) {
            continue;
        }
        while let Some(mut part) = result.next_tag() {
            if part.start_el().matches("Marker") {
                let text = try_data(&mut part).map_err(|_| OTHER)?;
                marker = (!text.is_empty()).then(|| text.into_owned());
            } else if part.start_el().matches(list.items) {
                has_list = true;
                while let Some(item) = part.next_tag() {
                    if item.start_el().matches(list.item) {
                        servers.push(server(item).map_err(|_| OTHER)?);
                    }
                }
            }
        }
    }
    if has_list {
        Ok((servers, marker))
    } else {
        Err(OTHER)
    }
}

fn server(mut item: ScopedDecoder<'_, '_>) -> Result<Server, XmlDecodeError> {
    let is_instance = item.start_el().matches("DBInstance");
    let mut server = Server::default();
    while let Some(mut field) = item.next_tag() {
        let name = field.start_el().local().to_owned();
        match name.as_str() {
            "Endpoint" if is_instance => read_endpoint(field, &mut server)?,
            "Endpoint" => server.host = text(&mut field)?,
            "DBInstanceArn" | "DBClusterArn" => server.arn = text(&mut field)?,
            "DBInstanceIdentifier" => server.id = text(&mut field)?,
            "DBClusterIdentifier" => server.cluster = Some(text(&mut field)?),
            "Engine" => server.engine = text(&mut field)?,
            "Port" => server.port = text(&mut field)?.parse().ok(),
            "DBName" | "DatabaseName" => server.database = Some(text(&mut field)?),
            "AllocatedStorage" => server.allocated_gib = text(&mut field)?.parse().ok(),
            "IAMDatabaseAuthenticationEnabled" => {
                server.has_iam_logins = text(&mut field)? == "true";
            }
            _ => {}
        }
    }
    if server.id.is_empty() {
        // A cluster's own identifier; it has no other.
        server.id = server.cluster.take().unwrap_or_default();
    }
    Ok(server)
}

fn read_endpoint(
    mut field: ScopedDecoder<'_, '_>,
    server: &mut Server,
) -> Result<(), XmlDecodeError> {
    while let Some(mut part) = field.next_tag() {
        match part.start_el().local() {
            "Address" => server.host = text(&mut part)?,
            "Port" => server.port = text(&mut part)?.parse().ok(),
            _ => {}
        }
    }
    Ok(())
}

fn text(field: &mut ScopedDecoder<'_, '_>) -> Result<String, XmlDecodeError> {
    Ok(try_data(field)?.trim().to_owned())
}
