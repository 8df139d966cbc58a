//! One API function in Lambda: reads the configuration, creates clients once, answers events.
//!
//! The only use of `lambda_runtime` in this crate.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use futures::future::{BoxFuture, join_all};
use lambda_runtime::{LambdaEvent, service_fn};
use shared::aws::Aws;
use shared::clock::SystemClock;
use shared::config::{
    ALLOWED_ORIGINS, ConfigError, DATABASE_CA_FILE, FLEET, ProcessVariables, Reader, SNAPSHOT_TABLE,
};
use shared::database::Databases;
use shared::fleet::FleetSource;
use shared::history::HistoryReader;
use shared::location::Location;
use shared::secrets::Secrets;
use shared::store::{DynamoDbStore, SnapshotReader, dynamodb};
use shared::telemetry::{self, Format, Metrics};
use shared::user_months::UserMonthReader;
use shared::warm_up::warm_up;

use crate::client_limits::FleetClients;
use crate::dashboard::Login;
use crate::http::caller::ClientLimits;
use crate::http::endpoint::Endpoint;
use crate::http::server::Server;
use crate::routes::ROUTES;
use crate::users::Users;
use shared::deployment_key::DeploymentKey;

pub use lambda_runtime::Error;

/// Creates the ports of a function from the configuration, on demand.
///
/// A port is created even if its variable is invalid, so that all errors are reported at once; the function then
/// stops before any port is used.
pub struct Start {
    reader: Reader<'static>,
    aws: Option<Arc<Aws>>,
    fleet: Option<Arc<FleetSource>>,
    /// First calls to the ports, made concurrently at the end of the start. Boxed, so that a function links only
    /// what it uses.
    warm_ups: Vec<BoxFuture<'static, ()>>,
    warm_up: Duration,
}

impl Start {
    /// Returns the fleet, which also limits clients then.
    pub async fn fleet(&mut self) -> Arc<FleetSource> {
        if let Some(fleet) = &self.fleet {
            return Arc::clone(fleet);
        }
        let location: Location = self.reader.location(FLEET);
        let aws = self.aws().await;
        let fleet = Arc::new(FleetSource::new(aws, location, Arc::new(SystemClock)));
        let (first, limit) = (Arc::clone(&fleet), self.warm_up);
        self.warm_ups.push(Box::pin(async move {
            warm_up("fleet", limit, first.current()).await
        }));
        self.fleet = Some(Arc::clone(&fleet));
        fleet
    }

    /// Returns the snapshots in DynamoDB, and the history in the same table.
    pub async fn snapshots(&mut self) -> (SnapshotReader, HistoryReader) {
        let table = self.reader.required(SNAPSHOT_TABLE);
        let client = dynamodb::Client::new(self.aws().await.config());
        let store = Arc::new(DynamoDbStore::new(client, table, Arc::new(SystemClock)));
        let snapshots = SnapshotReader::new(store.clone());
        let (first, limit) = (snapshots.clone(), self.warm_up);
        self.warm_ups
            .push(Box::pin(async move { first.warm_up(limit).await }));
        (snapshots, HistoryReader::new(store))
    }

    /// Returns the users by month, in the same table.
    pub async fn user_months(&mut self) -> UserMonthReader {
        let table = self.reader.required(SNAPSHOT_TABLE);
        let client = dynamodb::Client::new(self.aws().await.config());
        let store = DynamoDbStore::new(client, table, Arc::new(SystemClock));
        UserMonthReader::new(Arc::new(store))
    }

    /// Returns the apps' databases.
    pub async fn databases(&mut self) -> Databases {
        // The template always names the file; the package of a fleet without remote databases has none. Then each
        // database has its own problem.
        let ca_file = self.reader.optional(DATABASE_CA_FILE).map(Into::into);
        let variables = Arc::new(ProcessVariables);
        Databases::new(self.aws().await, variables, Arc::new(SystemClock), ca_file)
    }

    /// Returns the deployment's key, which may be absent from the configuration.
    pub async fn deployment_key(&mut self) -> DeploymentKey {
        let aws = self.aws().await;
        DeploymentKey::from_config(&mut self.reader, || Secrets::new(aws))
    }

    /// Returns the reader of users in the apps' databases.
    pub async fn users(&mut self) -> Users {
        let keep_for = self.reader.users_cache();
        Users::new(self.databases().await, keep_for)
    }

    /// Returns where the dashboard logs its readers in, which may be absent from the configuration.
    pub fn login(&mut self) -> Option<Login> {
        Login::from_config(&mut self.reader)
    }

    /// Returns the AWS clients. A function that does not use them does not link them.
    pub async fn aws(&mut self) -> Arc<Aws> {
        let aws = match self.aws.take() {
            Some(aws) => aws,
            None => Arc::new(Aws::in_lambda(&ProcessVariables)),
        };
        self.aws = Some(Arc::clone(&aws));
        aws
    }
}

/// Answers events with the endpoints that `endpoints` returns, until the runtime ends the process.
///
/// # Errors
///
/// At start only: all errors of the configuration in one line.
pub async fn serve(endpoints: impl AsyncFnOnce(&mut Start) -> Vec<Endpoint>) -> Result<(), Error> {
    telemetry::start(Format::Lambda, &ProcessVariables);
    let mut reader = Reader::new(&ProcessVariables);
    let mut start = Start {
        warm_up: reader.warm_up(),
        reader,
        aws: None,
        fleet: None,
        warm_ups: Vec::new(),
    };
    let endpoints = endpoints(&mut start).await;
    let origins = start.reader.origins(ALLOWED_ORIGINS);
    let access = start.reader.environment_access();
    let fleet = start.fleet.take();
    let limits = fleet.map(|fleet| Arc::new(FleetClients(fleet)) as Arc<dyn ClientLimits>);
    start.reader.finish(()).map_err(log_config_errors)?;
    join_all(start.warm_ups).await;
    let server = Server::new(
        ROUTES,
        endpoints,
        origins,
        Arc::new(SystemClock),
        Metrics::of_function(&ProcessVariables),
    )
    .with_access(access)
    .with_limits(limits);
    lambda_runtime::run(service_fn(
        async |event: LambdaEvent<ApiGatewayProxyRequest>| {
            Ok::<_, std::convert::Infallible>(server.handle(event.payload).await)
        },
    ))
    .await
}

fn log_config_errors(error: ConfigError) -> ConfigError {
    tracing::error!(error = %error, "the function cannot start");
    error
}
