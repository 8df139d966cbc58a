//! Where a bucket answers, and the signed request for one page. No I/O but the endpoint rules.

use aws_credential_types::Credentials;
use aws_sdk_s3::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::Document;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::endpoint::Endpoint;
use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use shared::aws::{Aws, SdkConfig};
use shared::fleet::BucketTarget;

use crate::error::MeasureError;
use crate::storage_size::s3::error as failure;
use s3_listing::ranges::OpenRange;
use s3_listing::scan::Listing;

/// What a query may hold unencoded, by the rules of the signature.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// SHA-256 of nothing: no page is asked for with a body.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Where a bucket answers and how requests to it are signed.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    url: String,
    region: String,
    service: String,
    params: Params,
}

impl Place {
    /// Finds the place by the SDK's own rules; `None` where requests are signed in another way than S3's usual one.
    pub(super) async fn of(
        aws: &Aws,
        config: &SdkConfig,
        target: &BucketTarget,
        region: Option<&str>,
    ) -> Result<Option<Self>, MeasureError> {
        let region = region.or(config.region().map(|region| region.as_ref()));
        let params = Params::builder()
            .bucket(&target.bucket)
            .set_region(region.map(str::to_owned))
            .set_endpoint(aws.s3_endpoint().map(str::to_owned))
            .force_path_style(aws.is_path_style())
            .use_arn_region(true)
            .use_fips(config.use_fips().unwrap_or(false))
            .use_dual_stack(config.use_dual_stack().unwrap_or(false))
            .build();
        Self::resolved(params.map_err(|error| failure::no_endpoint().caused_by(error))?).await
    }

    async fn resolved(params: Params) -> Result<Option<Self>, MeasureError> {
        let resolver = DefaultResolver::new();
        let endpoint = ResolveEndpoint::resolve_endpoint(&resolver, &params).await;
        let endpoint = endpoint.map_err(|error| failure::no_endpoint().caused_by(error))?;
        let Some((service, region)) = signed_for(&endpoint) else {
            return Ok(None);
        };
        let region = region.or(params.region()).unwrap_or("us-east-1").to_owned();
        let mut url = endpoint.url().trim_end_matches('/').to_owned();
        // A bare host has no path, and a path-style bucket needs no slash behind it.
        let after_scheme = url.split_once("://").map_or("", |(_, rest)| rest);
        if !after_scheme.contains('/') {
            url.push('/');
        }
        Ok(Some(Self {
            url,
            region,
            service: service.to_owned(),
            params,
        }))
    }

    /// Returns the region that requests are signed for.
    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// Returns the same bucket in another region.
    pub(super) async fn moved_to(&self, region: &str) -> Result<Self, MeasureError> {
        let params = Params::builder()
            .set_bucket(self.params.bucket().map(str::to_owned))
            .region(region)
            .set_endpoint(self.params.endpoint().map(str::to_owned))
            .set_force_path_style(self.params.force_path_style())
            .use_arn_region(true)
            .set_use_fips(self.params.use_fips())
            .set_use_dual_stack(self.params.use_dual_stack())
            .build();
        let params = params.map_err(|error| failure::no_endpoint().caused_by(error))?;
        Self::resolved(params)
            .await?
            .ok_or_else(failure::no_endpoint)
    }

    /// Returns the signed request for the next page of `range`.
    pub(super) fn request(
        &self,
        target: &BucketTarget,
        listing: Listing,
        range: &OpenRange,
        credentials: &Credentials,
        now: DateTime<Utc>,
    ) -> Result<HttpRequest, MeasureError> {
        let url = format!("{}?{}", self.url, query(target, listing, range));
        let payer = target
            .requester_pays
            .then_some(("x-amz-request-payer", "requester"));
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let identity = credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(now.into())
            .settings(settings)
            .build()
            .map_err(|error| failure::not_made().caused_by(error))?;
        let body = SignableBody::Precomputed(EMPTY.to_owned());
        let signable = SignableRequest::new("GET", url.as_str(), payer.into_iter(), body);
        let signable = signable.map_err(|error| failure::not_made().caused_by(error))?;
        let signed = sign(signable, &params.into());
        let signed = signed.map_err(|error| failure::not_made().caused_by(error))?;
        let (instructions, _) = signed.into_parts();

        let mut request = HttpRequest::new(SdkBody::empty());
        let made = request.set_uri(url);
        made.map_err(|error| failure::not_made().caused_by(error))?;
        let headers = instructions.headers().chain(payer);
        for (name, value) in headers {
            let inserted = request
                .headers_mut()
                .try_insert(name.to_owned(), value.to_owned());
            inserted.map_err(|error| failure::not_made().caused_by(error))?;
        }
        Ok(request)
    }
}

/// Returns service and region that S3's usual signature is made for; `None` when another one is asked for.
fn signed_for(endpoint: &Endpoint) -> Option<(&str, Option<&str>)> {
    let Some(scheme) = endpoint.auth_schemes().first() else {
        return Some(("s3", None));
    };
    let text = |name: &str| scheme.get(name).and_then(Document::as_string);
    (scheme.name() == "sigv4").then(|| {
        let service = text("signingName").unwrap_or("s3");
        (service, text("signingRegion"))
    })
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
    use s3_listing::ranges::Cursor;

    fn open(lower: Option<&str>, cursor: Option<(&str, Option<&str>)>) -> OpenRange {
        OpenRange {
            lower: lower.map(|key| key.as_bytes().into()),
            until: None,
            cursor: cursor.map(|(key, token)| Cursor {
                key: key.as_bytes().into(),
                token: token.map(str::to_owned),
            }),
        }
    }

    #[test]
    fn a_page_is_asked_for_by_token_or_else_by_key() {
        let target = target("a b/", "");
        let asked = |listing, range: &OpenRange| query(&target, listing, range);

        let first = "list-type=2&encoding-type=url&prefix=a%20b%2F";
        assert_eq!(asked(Listing::Objects, &open(None, None)), first);
        assert_eq!(
            asked(Listing::Objects, &open(Some("ü"), None)),
            format!("{first}&start-after=%C3%BC")
        );
        assert_eq!(
            asked(Listing::Objects, &open(Some("ü"), Some(("x", Some("t=/"))))),
            format!("{first}&continuation-token=t%3D%2F")
        );
        assert_eq!(
            asked(Listing::Versions, &open(None, Some(("x", Some("v"))))),
            "versions=&encoding-type=url&prefix=a%20b%2F&key-marker=x&version-id-marker=v"
        );
    }

    #[tokio::test]
    async fn places_follow_the_rules_of_s3() {
        let aws = Aws::without_credentials();
        let place = async |bucket: &str| {
            let target = BucketTarget {
                bucket: bucket.into(),
                ..target("", "")
            };
            Place::of(&aws, aws.config(), &target, Some("eu-west-1"))
                .await
                .unwrap()
        };

        let plain = place("files").await.unwrap();
        assert_eq!(plain.url, "https://files.s3.eu-west-1.amazonaws.com/");
        let dotted = place("files.acme.org").await.unwrap();
        assert_eq!(
            dotted.url,
            "https://s3.eu-west-1.amazonaws.com/files.acme.org"
        );
        let point = "arn:aws:s3:eu-central-1:123456789012:accesspoint/reports";
        let point = place(point).await.unwrap();
        assert_eq!(
            point.url,
            "https://reports-123456789012.s3-accesspoint.eu-central-1.amazonaws.com/"
        );
        assert_eq!(point.region(), "eu-central-1");
        assert!(place("files--euw1-az1--x-s3").await.is_none());
        let moved = plain.moved_to("eu-north-1").await.unwrap();
        assert_eq!(moved.url, "https://files.s3.eu-north-1.amazonaws.com/");
    }

    #[tokio::test]
    async fn requests_are_signed_and_the_secret_is_in_none() {
        let aws = Aws::without_credentials();
        let mut target = target("", "");
        target.requester_pays = true;
        let place = Place::of(&aws, aws.config(), &target, Some("eu-west-1"))
            .await
            .unwrap();
        let credentials =
            Credentials::new("AKID", "NEVERLEAK", Some("session".into()), None, "test");

        let request = place
            .unwrap()
            .request(
                &target,
                Listing::Objects,
                &open(None, None),
                &credentials,
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
