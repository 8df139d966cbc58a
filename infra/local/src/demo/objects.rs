//! The demo's S3 server: each folder in `buckets/` is a bucket, each file in it an object.
//!
//! The server is read-only: objects appear and disappear with the files. `folder` has the operations.

mod folder;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError};
use shared::clock::{Clock, SystemClock};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use super::volume::Volume;
use crate::connections::{Connection, Connections};
use folder::FolderObjects;

/// The access key: a name, not a secret.
const ACCESS_KEY: &str = "mrt-demo";
/// Longest wait for running requests when the demo stops. Their callers are gone by then.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// A running S3 server on loopback.
pub(super) struct ObjectServer {
    address: SocketAddr,
    secret_key: String,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl ObjectServer {
    /// Starts a server for the folders in `root` on a free port, with a new secret key.
    ///
    /// Requests for CloudWatch are answered from `volume`.
    pub(super) async fn start(root: &Path, volume: Volume) -> anyhow::Result<Self> {
        let objects = FolderObjects::open(root)?;
        // Two random identifiers hold 244 random bits.
        let secret_key = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let mut builder = S3ServiceBuilder::new(objects);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, secret_key.clone()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("could not listen on a port of 127.0.0.1 for the S3 server")?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let service = Arc::new(DemoService {
            objects: builder.build(),
            volume,
        });
        let serving = tokio::spawn(serve(listener, service, stopped));
        Ok(Self {
            address,
            secret_key,
            stop,
            serving,
        })
    }

    /// Returns the URL for S3 clients, which put bucket names in the path.
    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the access key that it accepts.
    pub(super) fn access_key(&self) -> &'static str {
        ACCESS_KEY
    }

    /// Returns the secret key that belongs to it.
    pub(super) fn secret_key(&self) -> &str {
        &self.secret_key
    }

    /// Stops listening, and waits for running requests for a moment.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        // The task cannot fail, and it ends within DRAIN_TIMEOUT.
        let _ended = self.serving.await;
    }
}

/// What is behind the one address that all AWS clients of the demo use.
struct DemoService {
    objects: S3Service,
    volume: Volume,
}

impl DemoService {
    async fn call(&self, request: Request<Incoming>) -> Result<Response<Body>, HttpError> {
        if Volume::is_asked(request.headers()) {
            return Ok(self.volume.answer(SystemClock.now()));
        }
        Service::call(&self.objects, request).await
    }
}

async fn serve(
    listener: TcpListener,
    service: Arc<DemoService>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut accepting = Connections::of(listener, "the demo's S3 server");
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop_requested(&mut stopped) => break,
            connection = accepting.next() => {
                connections.spawn(answer(connection, Arc::clone(&service), stopped.clone()));
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
    drop(accepting);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
        connections.shutdown().await;
    }
}

/// Waits until the server stops or is dropped.
async fn stop_requested(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn answer(
    connection: Connection,
    service: Arc<DemoService>,
    mut stopped: watch::Receiver<bool>,
) {
    let Connection {
        stream,
        slot: _slot,
    } = connection;
    let service = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { service.call(request).await }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new());
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop_requested(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the demo's S3 server failed");
    }
}
