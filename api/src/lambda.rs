//! One API function in Lambda: start, read configuration, make clients once, answer events.
//!
//! The only use of `lambda_runtime` in this crate.

use std::sync::Arc;

use aws_lambda_events::apigw::ApiGatewayProxyRequest;
use lambda_runtime::{LambdaEvent, service_fn};
use shared::aws::Aws;
use shared::clock::SystemClock;
use shared::config::{
    ConfigError, DATABASE_CA_FILE, FLEET, ProcessVariables, Reader, SNAPSHOT_TABLE,
};
use shared::database::Databases;
use shared::document::Location;
use shared::fleet::FleetSource;
use shared::store::{DynamoDbStore, SnapshotReader};
use shared::telemetry::{self, Format, Metrics};

use crate::endpoint::Endpoint;
use crate::server::Server;

pub use lambda_runtime::Error;

/// Makes the ports that a function asks for, from configuration that is read as they are asked for.
///
/// Ports are made even when a variable is faulty, so that all faults are known; then none is ever used.
pub struct Start {
    reader: Reader<'static>,
    aws: Arc<Aws>,
}

impl Start {
    /// Returns the fleet.
    pub fn fleet(&mut self) -> Arc<FleetSource> {
        let location: Location = self.reader.location(FLEET);
        Arc::new(FleetSource::new(
            Arc::clone(&self.aws),
            location,
            Arc::new(SystemClock),
        ))
    }

    /// Returns the snapshots in DynamoDB.
    pub fn snapshots(&mut self) -> SnapshotReader {
        let table = self.reader.required(SNAPSHOT_TABLE);
        let client = aws_sdk_dynamodb_client(&self.aws);
        SnapshotReader::new(Arc::new(DynamoDbStore::new(
            client,
            table,
            Arc::new(SystemClock),
        )))
    }

    /// Returns the apps' databases.
    pub fn databases(&mut self) -> Databases {
        let ca_file = self.reader.optional(DATABASE_CA_FILE).map(Into::into);
        Databases::new(
            Arc::clone(&self.aws),
            Arc::new(ProcessVariables),
            Arc::new(SystemClock),
            ca_file,
        )
    }

    /// Returns the AWS clients.
    pub fn aws(&self) -> Arc<Aws> {
        Arc::clone(&self.aws)
    }
}

/// Answers events with the endpoints that `endpoints` makes, until the runtime ends the process.
///
/// # Errors
///
/// At start only: all faults of the configuration in one line.
pub async fn serve(endpoints: impl FnOnce(&mut Start) -> Vec<Endpoint>) -> Result<(), Error> {
    telemetry::start(Format::Lambda, &ProcessVariables);
    let mut start = Start {
        reader: Reader::new(&ProcessVariables),
        aws: Arc::new(Aws::load().await),
    };
    let endpoints = endpoints(&mut start);
    let origins = Server::allowed_origins(&start.reader);
    start.reader.finish(()).map_err(log_faults)?;
    let server = Server::new(endpoints, origins, Arc::new(SystemClock), Metrics::Embedded);
    lambda_runtime::run(service_fn(
        async |event: LambdaEvent<ApiGatewayProxyRequest>| {
            Ok::<_, std::convert::Infallible>(server.handle(event.payload).await)
        },
    ))
    .await
}

fn log_faults(error: ConfigError) -> ConfigError {
    tracing::error!(error = %error, "the function cannot start");
    error
}

fn aws_sdk_dynamodb_client(aws: &Aws) -> shared::store::dynamodb::Client {
    shared::store::dynamodb::Client::new(aws.config())
}
