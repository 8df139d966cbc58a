//! Endpoint of a bucket, and the signed request for one page. No I/O.

use std::sync::{Arc, OnceLock};

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::endpoint::{DefaultResolver, EndpointFuture, Params, ResolveEndpoint};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::{Document, endpoint};
use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use s3_listing::{Listing, OpenRange};
use shared::aws::Aws;
use shared::fleet::BucketTarget;
use shared::location::AwsScope;

use crate::aws::signed_request::{SigningRules, SigningScope, UnsignedRequest};
use crate::error::MeasureError;
use crate::storage_size::s3::error as s3_error;

/// Characters that the signature requires to be encoded in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// URL of a bucket, and what requests to it are signed for.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    url: String,
    region: String,
    service: String,
}

impl Endpoint {
    /// Resolves the endpoint as the SDK's own client does; `None` if its requests require another signature than
    /// `sigv4`.
    pub(super) async fn resolve(
        aws: &Aws,
        bucket: &str,
        scope: &AwsScope,
    ) -> Result<Option<Self>, MeasureError> {
        if let Some(endpoint) = aws.s3_endpoint()
            && !is_url(endpoint)
        {
            return Err(s3_error::no_url());
        }
        let has_region = aws.config_for(scope).await.region().is_some();
        if !has_region && aws.s3_endpoint().is_none() && !bucket.starts_with("arn:") {
            return Err(s3_error::no_region());
        }
        let params = asked_of_rules(aws, bucket, scope).await?;
        let rules = DefaultResolver::new();
        let endpoint = ResolveEndpoint::resolve_endpoint(&rules, &params);
        let endpoint = endpoint
            .await
            .map_err(|error| s3_error::no_endpoint().caused_by(error))?;
        let Some(EndpointScope { service, region }) = EndpointScope::of(&endpoint) else {
            return Ok(None);
        };
        let region = region.or(params.region()).unwrap_or("us-east-1").to_owned();
        let mut url = endpoint.url().trim_end_matches('/').to_owned();
        // A host without a path needs a slash; a path-style bucket does not.
        let after_scheme = url.split_once("://").map_or("", |(_, rest)| rest);
        if !after_scheme.contains('/') {
            url.push('/');
        }
        Ok(Some(Self {
            url,
            region,
            service: service.to_owned(),
        }))
    }

    /// Returns the same bucket at `url`, to which S3 redirects; `None` if that is not a place of the same provider.
    pub(super) fn redirected(&self, url: &str) -> Option<Self> {
        let (scheme, host) = origin(url)?;
        let (old_scheme, old_host) = origin(&self.url)?;
        let domain = |host: &str| {
            let name = host.split(':').next().unwrap_or_default().to_owned();
            let labels: Vec<_> = name.rsplit('.').take(2).collect();
            labels.join(".")
        };
        let is_same_provider = scheme == old_scheme && domain(host) == domain(old_host);
        let url = url.split('?').next()?.to_owned();
        is_same_provider.then(|| Self {
            url,
            ..self.clone()
        })
    }

    /// Returns the host that requests are sent to.
    pub(super) fn host(&self) -> &str {
        origin(&self.url).map_or("", |(_, host)| host)
    }

    /// Returns the region that requests are signed for.
    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// Returns the request for the next page of `range`, signed if there are credentials.
    pub(super) fn request(
        &self,
        target: &BucketTarget,
        listing: Listing,
        range: &OpenRange,
        credentials: Option<&Credentials>,
        now: DateTime<Utc>,
    ) -> Result<HttpRequest, MeasureError> {
        let request = UnsignedRequest {
            method: "GET",
            url: format!("{}?{}", self.url, query(target, listing, range)),
            headers: target
                .requester_pays
                .then_some(("x-amz-request-payer", "requester"))
                .into_iter()
                .collect(),
            body: String::new(),
        };
        let scope = SigningScope {
            service: &self.service,
            region: &self.region,
            rules: SigningRules::S3,
        };
        let request = match credentials {
            Some(credentials) => request.sign(scope, credentials, now),
            None => request.unsigned(),
        };
        request.map_err(|error| s3_error::build_error().caused_by(error))
    }
}

/// Returns scheme and host of a URL.
fn origin(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    Some((scheme, rest.split(['/', '?']).next()?))
}

fn is_url(text: &str) -> bool {
    matches!(origin(text), Some(("http" | "https", host)) if !host.is_empty())
}

/// Returns what the SDK's client asks its endpoint rules for, from all its settings.
///
/// The request ends there, so that nothing is sent and no credentials are needed.
async fn asked_of_rules(aws: &Aws, bucket: &str, scope: &AwsScope) -> Result<Params, MeasureError> {
    let asked = Asked::default();
    let unused = Credentials::new("none", "none", None, None, "unused");
    let config = aws.s3_config(scope).await;
    let config = config
        .endpoint_resolver(asked.clone())
        .credentials_provider(unused)
        .retry_config(RetryConfig::disabled());
    let client = Client::from_conf(config.build());
    let ended = client.list_objects_v2().bucket(bucket).send().await;
    let params = asked.0.get().cloned();
    params.ok_or_else(|| {
        let error = s3_error::no_endpoint();
        match ended {
            Ok(_) => error,
            Err(ended) => error.caused_by(ended),
        }
    })
}

/// Endpoint rules that only keep what they are asked for.
#[derive(Debug, Clone, Default)]
struct Asked(Arc<OnceLock<Params>>);

impl ResolveEndpoint for Asked {
    fn resolve_endpoint<'a>(&'a self, params: &'a Params) -> EndpointFuture<'a> {
        self.0.get_or_init(|| params.clone());
        EndpointFuture::ready(Err("the request ends here".into()))
    }
}

/// What the endpoint rules say about the signature.
struct EndpointScope<'a> {
    service: &'a str,
    /// `None` for the region that the endpoint was resolved for.
    region: Option<&'a str>,
}

impl<'a> EndpointScope<'a> {
    /// Returns the scope of a `sigv4` signature; `None` if the endpoint requires another one.
    fn of(endpoint: &'a endpoint::Endpoint) -> Option<Self> {
        let Some(scheme) = endpoint.auth_schemes().first() else {
            return Some(Self {
                service: "s3",
                region: None,
            });
        };
        let text = |name: &str| scheme.get(name).and_then(Document::as_string);
        (scheme.name() == "sigv4").then(|| Self {
            service: text("signingName").unwrap_or("s3"),
            region: text("signingRegion"),
        })
    }
}

/// Returns the query for the next page of `range`.
fn query(target: &BucketTarget, listing: Listing, range: &OpenRange) -> String {
    let mut pairs: Vec<(&str, &[u8])> = vec![("encoding-type", b"url")];
    if !target.prefix.is_empty() {
        pairs.push(("prefix", target.prefix.as_bytes()));
    }
    let cursor = range.cursor.as_ref();
    let token = cursor.and_then(|cursor| cursor.token.as_deref());
    let position = cursor.map(|cursor| &cursor.key).or(range.lower.as_ref());
    match (listing, token, position) {
        (Listing::Objects, Some(token), _) => pairs.push(("continuation-token", token.as_bytes())),
        (Listing::Objects, None, Some(key)) => pairs.push(("start-after", key)),
        (Listing::Versions, token, Some(key)) => {
            pairs.push(("key-marker", key));
            pairs.extend(token.map(|token| ("version-id-marker", token.as_bytes())));
        }
        (_, _, None) => {}
    }
    let mut query = match listing {
        Listing::Objects => "list-type=2".to_owned(),
        Listing::Versions => "versions=".to_owned(),
    };
    for (name, value) in pairs {
        query.push('&');
        query.push_str(name);
        query.push('=');
        query.extend(percent_encode(value, QUERY));
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage_size::tests::target;
    use s3_listing::Cursor;

    fn open(lower: Option<&str>, cursor: Option<(&str, Option<&str>)>) -> OpenRange {
        OpenRange {
            lower: lower.map(|key| key.as_bytes().into()),
            until: None,
            cursor: cursor.map(|(key, token)| Cursor {
                key: key.as_bytes().into(),
                token: token.map(str::to_owned),
                last: None,
            }),
            next: None,
        }
    }

    #[test]
    fn a_page_is_requested_by_token_or_else_by_key() {
        let target = target("a b/", "");
        let query = |listing, range: &OpenRange| query(&target, listing, range);

        let first = "list-type=2&encoding-type=url&prefix=a%20b%2F";
        assert_eq!(query(Listing::Objects, &open(None, None)), first);
        assert_eq!(
            query(Listing::Objects, &open(Some("ü"), None)),
            format!("{first}&start-after=%C3%BC")
        );
        assert_eq!(
            query(Listing::Objects, &open(Some("ü"), Some(("x", Some("t=/"))))),
            format!("{first}&continuation-token=t%3D%2F")
        );
        assert_eq!(
            query(Listing::Versions, &open(None, Some(("x", Some("v"))))),
            "versions=&encoding-type=url&prefix=a%20b%2F&key-marker=x&version-id-marker=v"
        );
    }

    #[tokio::test]
    async fn endpoints_follow_the_rules_of_s3() {
        let aws = Aws::without_credentials();
        let scope = AwsScope::of_region("eu-west-1");
        let endpoint = async |bucket: &str| Endpoint::resolve(&aws, bucket, &scope).await.unwrap();

        let plain = endpoint("files").await.unwrap();
        assert_eq!(plain.url, "https://files.s3.eu-west-1.amazonaws.com/");
        let dotted = endpoint("files.acme.org").await.unwrap();
        assert_eq!(
            dotted.url,
            "https://s3.eu-west-1.amazonaws.com/files.acme.org"
        );
        let point = "arn:aws:s3:eu-central-1:123456789012:accesspoint/reports";
        let point = endpoint(point).await.unwrap();
        assert_eq!(
            point.url,
            "https://reports-123456789012.s3-accesspoint.eu-central-1.amazonaws.com/"
        );
        assert_eq!(point.region(), "eu-central-1");
        assert!(endpoint("files--euw1-az1--x-s3").await.is_none());
    }

    #[tokio::test]
    async fn requests_are_signed_and_do_not_contain_the_secret() {
        let aws = Aws::without_credentials();
        let mut target = target("", "");
        target.requester_pays = true;
        let scope = AwsScope::of_region("eu-west-1");
        let endpoint = Endpoint::resolve(&aws, "files", &scope).await.unwrap();
        let credentials =
            Credentials::new("AKID", "NEVERLEAK", Some("session".into()), None, "test");

        let request = endpoint
            .unwrap()
            .request(
                &target,
                Listing::Objects,
                &open(None, None),
                Some(&credentials),
                DateTime::UNIX_EPOCH,
            )
            .unwrap();

        let authorization = request.headers().get("authorization").unwrap();
        assert!(
            authorization.contains("AKID/19700101/eu-west-1/s3/aws4_request"),
            "{authorization}"
        );
        assert!(
            authorization.contains("x-amz-request-payer"),
            "{authorization}"
        );
        assert_eq!(
            request.headers().get("x-amz-security-token"),
            Some("session")
        );
        assert!(!format!("{request:?}").contains("NEVERLEAK"));
    }
}
