//! `mrt token`: gets a development token from the running server.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use url::Url;

use crate::output;
use crate::running_server::RunningServer;

/// Prints a token with the scopes in `scope`, limited to `environments`. `None` means all of them.
pub(crate) async fn run(
    data: &Path,
    scope: Option<&str>,
    environments: Option<&str>,
) -> anyhow::Result<ExitCode> {
    let Some(running) = RunningServer::read(data)? else {
        bail!(
            "no server is running on {}: start one with mrt serve --demo",
            data.display()
        );
    };
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if let Some(scope) = scope {
        form.append_pair("scope", scope);
    }
    if let Some(environments) = environments {
        form.append_pair(
            "aws_client_metadata",
            &json!({"environments": environments}).to_string(),
        );
    }
    let answer = post(&running, form.finish()).await?;
    match (answer["access_token"].as_str(), answer["error"].as_str()) {
        (Some(token), _) => output::print(&format!("{token}\n"))?,
        (None, Some("invalid_scope")) => {
            let scopes = api::routes::scopes().join(", ");
            bail!("unknown scope; the scopes are {scopes}");
        }
        (None, error) => bail!(
            "the token request failed: {}",
            error.unwrap_or("no reason given")
        ),
    }
    Ok(ExitCode::SUCCESS)
}

async fn post(running: &RunningServer, form: String) -> anyhow::Result<Value> {
    let url = Url::parse(&running.url)?;
    let address = url.socket_addrs(|| None)?;
    let stream = TcpStream::connect(&*address)
        .await
        .with_context(|| format!("could not reach {}", running.url))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let basic = STANDARD.encode(format!("{}:{}", running.client_id, running.client_secret));
    let request = Request::post("/oauth2/token")
        .header("host", url.authority())
        .header("authorization", format!("Basic {basic}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::<Bytes>::from(form))?;
    let body = sender
        .send_request(request)
        .await?
        .into_body()
        .collect()
        .await?
        .to_bytes();
    Ok(serde_json::from_slice(&body)?)
}
