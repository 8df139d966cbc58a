//! A server for every host: HTTP, HTTPS and a proxy at one port. It records where requests were meant to go.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Names in the server's certificate.
const NAMES: [&str; 9] = [
    "localhost",
    "*.s3.eu-west-1.amazonaws.com",
    "*.s3.eu-north-1.amazonaws.com",
    "*.s3.dualstack.eu-west-1.amazonaws.com",
    "*.s3-fips.eu-west-1.amazonaws.com",
    "*.s3-accesspoint.eu-west-1.amazonaws.com",
    "s3.eu-west-1.amazonaws.com",
    "portal.sso.eu-west-1.amazonaws.com",
    "*.s3.lab.example",
];

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A page of objects.
    Objects,
    /// A page of uploads.
    Uploads,
    /// Anything else.
    Other,
}

/// Where a request was meant to go, and how it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Scheme, host and path, without the port of this server. The SDK's calls put a slash behind a bucket's name, and
    /// the listing puts none, which is the same place: it is left out.
    pub(super) url: String,
    /// Access key and region of the signature; `None` if there is none.
    pub(super) signed: Option<(String, String)>,
    /// Whether it came through the proxy.
    pub(super) is_proxied: bool,
}

/// How the server answers, apart from empty listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Plain,
    /// The bucket is in `eu-north-1`.
    Elsewhere,
    /// The bucket name must be in the host.
    VirtualHosts,
}

/// The server. It stops with the runtime of the test.
pub(super) struct Recorder {
    pub(super) port: u16,
    log: Arc<Mutex<Vec<(Kind, Place)>>>,
}

impl Recorder {
    /// Starts the server and writes its authority to `authority`, in PEM.
    pub(super) async fn start(manner: Manner, authority: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log: Arc<Mutex<Vec<(Kind, Place)>>> = Arc::default();
        let (tls, entries) = (acceptor(authority), Arc::clone(&log));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (tls, log) = (tls.clone(), Arc::clone(&entries));
                tokio::spawn(serve(connection, tls, manner, port, log));
            }
        });
        Self { port, log }
    }

    /// Returns all requests so far, in order.
    pub(super) fn log(&self) -> Vec<(Kind, Place)> {
        self.log.lock().unwrap().clone()
    }
}

fn acceptor(authority: &Path) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(authority, params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::from_params(&params, &key);
    let own_key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(NAMES.map(str::to_owned).to_vec()).unwrap();
    let own = own.signed_by(&own_key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![own.der().clone()],
            PrivateKeyDer::try_from(own_key.serialize_der()).unwrap(),
        );
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

async fn serve(
    mut connection: TcpStream,
    tls: TlsAcceptor,
    manner: Manner,
    port: u16,
    log: Arc<Mutex<Vec<(Kind, Place)>>>,
) {
    let mut is_proxied = false;
    if first_byte(&connection).await == b'C' {
        read_head(&mut connection).await;
        let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
        connection.write_all(established).await.unwrap();
        is_proxied = true;
    }
    let answer = |head: String, scheme: &str| {
        let (kind, place) = place(&head, scheme, is_proxied, port);
        let answer = answer(manner, kind, &place);
        log.lock().unwrap().push((kind, place));
        answer
    };
    // A TLS connection begins with a record of a handshake.
    if first_byte(&connection).await == 22 {
        // A client that does not trust the certificate hangs up.
        if let Ok(mut secure) = tls.accept(connection).await {
            let head = read_head(&mut secure).await;
            respond(&mut secure, &answer(head, "https")).await;
        }
    } else {
        let head = read_head(&mut connection).await;
        respond(&mut connection, &answer(head, "http")).await;
    }
}

async fn first_byte(connection: &TcpStream) -> u8 {
    let mut first = [0];
    connection.peek(&mut first).await.unwrap_or(0);
    first[0]
}

async fn read_head(connection: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

async fn respond(connection: &mut (impl AsyncWrite + Unpin), answer: &str) {
    // The client may be gone.
    let _ = connection.write_all(answer.as_bytes()).await;
    let _ = connection.shutdown().await;
}

/// Reads a request's head.
fn place(head: &str, scheme: &str, is_tunnelled: bool, port: u16) -> (Kind, Place) {
    let header = |name: &str| {
        let line = head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with(name));
        Some(line?.split_once(':')?.1.trim().to_owned())
    };
    let target = head.split(' ').nth(1).unwrap_or_default();
    // A plain request through a proxy names the whole URL.
    let absolute = target.strip_prefix("http://");
    let target = absolute.map_or(target, |rest| &rest[rest.find('/').unwrap_or(rest.len())..]);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let has = |name: &str| {
        query
            .split('&')
            .any(|pair| pair.split('=').next() == Some(name))
    };
    let kind = if has("list-type") {
        Kind::Objects
    } else if has("uploads") {
        Kind::Uploads
    } else {
        Kind::Other
    };
    let host = header("host:").unwrap_or_default();
    let host = host.trim_end_matches(&format!(":{port}")).to_owned();
    let signed = header("authorization:").and_then(|value| {
        let scope = value.split("Credential=").nth(1)?.to_owned();
        let mut parts = scope.split('/');
        let key = parts.next()?.to_owned();
        Some((key, parts.nth(1)?.to_owned()))
    });
    let place = Place {
        url: format!("{scheme}://{host}{path}")
            .trim_end_matches('/')
            .to_owned(),
        signed,
        is_proxied: is_tunnelled || absolute.is_some(),
    };
    (kind, place)
}

fn answer(manner: Manner, kind: Kind, place: &Place) -> String {
    let error = |status, code: &str, header: &str| {
        let body = format!("<Error><Code>{code}</Code></Error>");
        response(status, &body, header)
    };
    let is_north = place.url.contains("eu-north-1");
    if manner == Manner::Elsewhere && !is_north && kind != Kind::Other {
        let header = "x-amz-bucket-region: eu-north-1\r\n";
        return error(301, "PermanentRedirect", header);
    }
    if manner == Manner::VirtualHosts && !place.url.contains("files.") {
        return error(400, "SecondLevelDomainForbidden", "");
    }
    let body = match kind {
        Kind::Objects => {
            "<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
        }
        Kind::Uploads => {
            "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"
        }
        Kind::Other => {
            "{\"roleCredentials\":{\"accessKeyId\":\"OFSSO\",\"secretAccessKey\":\"NEVERLEAK\",\"sessionToken\":\"t\",\
             \"expiration\":4102444800000}}"
        }
    };
    response(200, body, "")
}

fn response(status: u16, body: &str, header: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\n{header}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
