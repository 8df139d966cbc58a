//! Reads what collecting takes, as Prometheus and the dashboard's Collection screens do: from the API's own handlers.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::history::HistoryPorts;
use api::http::server::Server;
use api::routes::ROUTES;
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::config::{EnvironmentAccess, Environments};
use shared::fleet::FleetSource;
use shared::history::HistoryReader;
use shared::store::{ItemStore, SnapshotReader};
use shared::telemetry::Metrics;

/// Uses a day, as they are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub(crate) struct Shown {
    pub(crate) storage_runs: f64,
    pub(crate) database_runs: f64,
    pub(crate) list_requests: f64,
}

pub(crate) struct Reader(Server);

impl Reader {
    pub(crate) fn new(
        fleet: Arc<FleetSource>,
        store: Arc<dyn ItemStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let snapshots = SnapshotReader::new(store.clone());
        let ports = HistoryPorts {
            fleet: fleet.clone(),
            snapshots: snapshots.clone(),
            history: HistoryReader::new(store),
        };
        let endpoints = vec![
            api::metrics::endpoint(ports),
            api::bucket_size::endpoint(fleet.clone(), snapshots.clone()),
            api::table_size::endpoint(fleet, snapshots),
        ];
        let access = EnvironmentAccess {
            clients: BTreeMap::new(),
            default: Environments::All,
        };
        let server = Server::new(ROUTES, endpoints, Vec::new(), clock, Metrics::Off);
        Self(server.with_access(access))
    }

    async fn get(&self, path: &str, parameters: &Value) -> String {
        let event = json!({
            "resource": path, "path": path, "httpMethod": "GET", "headers": {}, "multiValueHeaders": {},
            "queryStringParameters": parameters, "multiValueQueryStringParameters": null,
            "requestContext": {
                "httpMethod": "GET", "requestId": "month", "stage": "v1",
                "authorizer": {"claims": {
                    "token_use": "access", "client_id": "month",
                    "scope": "mrt/metrics.read mrt/bucket_size.read mrt/table_size.read",
                }},
            },
            "body": null, "isBase64Encoded": false,
        });
        let response = self.0.handle(serde_json::from_value(event).unwrap()).await;
        let response = serde_json::to_value(response).unwrap();
        assert_eq!(response["statusCode"], 200, "{path}");
        response["body"].as_str().unwrap().to_owned()
    }

    /// Returns the sums of `/metrics`.
    pub(crate) async fn metrics(&self) -> Shown {
        let text = self.get("/metrics", &Value::Null).await;
        let gauge = |name: &str| -> f64 {
            let mut lines = text.lines();
            let line = lines.find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().parse().unwrap()
        };
        Shown {
            storage_runs: gauge("mrt_collection_runs_per_day{runs=\"bucket\"}"),
            database_runs: gauge("mrt_collection_runs_per_day{runs=\"database\"}"),
            list_requests: gauge("mrt_collection_list_requests_per_day"),
        }
    }

    /// Returns the sums of what the Collection screens show: `collection` of all items of the JSON routes, in thousandths
    /// and rounded up as the dashboard does.
    pub(crate) async fn collection_screens(&self) -> Shown {
        let storage = self.collections("/bucket_size").await;
        let databases = self.collections("/table_size").await;
        let thousandths = |used: &Value| (used["runs_per_day"].as_f64().unwrap() * 1000.0).round();
        let runs = |used: &[Value]| (used.iter().map(thousandths).sum::<f64>() / 1000.0).ceil();
        let requests = storage
            .iter()
            .map(|used| thousandths(used) * used["list_requests"].as_f64().unwrap());
        Shown {
            storage_runs: runs(&storage),
            database_runs: runs(&databases),
            list_requests: (requests.sum::<f64>() / 1000.0).ceil(),
        }
    }

    async fn collections(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let parameters = match &cursor {
                Value::Null => Value::Null,
                cursor => json!({"cursor": cursor}),
            };
            let page: Value = serde_json::from_str(&self.get(path, &parameters).await).unwrap();
            let items = page["items"].as_array().unwrap().iter();
            all.extend(items.map(|item| item["collection"].clone()));
            cursor = page["next"].clone();
            if cursor.is_null() {
                return all;
            }
        }
    }
}
