//! EC2's endpoint, and the signed request for one volume. No I/O.

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use shared::aws::SdkConfig;

use super::EC2;
use crate::aws::service_endpoint;
use crate::aws::signed_request::{SigningRules, SigningScope, UnsignedRequest};
use crate::error::MeasureError;

/// Version of EC2's interface: the only one since 2016.
const VERSION: &str = "2016-11-15";
const FORM: (&str, &str) = (
    "content-type",
    "application/x-www-form-urlencoded; charset=utf-8",
);

/// EC2 in one region.
#[derive(Debug)]
pub(super) struct Endpoint {
    url: String,
    region: String,
}

impl Endpoint {
    /// Returns the endpoint for `config`.
    pub(super) async fn of(config: &SdkConfig) -> Result<Self, MeasureError> {
        let no_region = || {
            MeasureError::permanent(
                "wrong_region",
                "the volume's region is not known; set it in the fleet file",
            )
        };
        let region = config.region().ok_or_else(no_region)?.as_ref().to_owned();
        let url = service_endpoint::of(config, &region, "ec2").await;
        let url = url.map_err(|error| build_error().caused_by(error))?;
        Ok(Self { url, region })
    }

    /// Returns the signed request for the description of the volume `id`.
    pub(super) fn request(
        &self,
        id: &str,
        credentials: &Credentials,
        now: DateTime<Utc>,
    ) -> Result<HttpRequest, MeasureError> {
        let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
        let form = format!("Action=DescribeVolumes&Version={VERSION}&VolumeId.1={id}");
        let request = UnsignedRequest {
            method: "POST",
            url: self.url.clone(),
            headers: vec![FORM],
            body: form,
        };
        let scope = SigningScope {
            service: "ec2",
            region: &self.region,
            rules: SigningRules::Standard,
        };
        let signed = request.sign(scope, credentials, now);
        signed.map_err(|error| build_error().caused_by(error))
    }
}

fn build_error() -> MeasureError {
    EC2.unexpected("nothing: the request could not be built")
}

#[cfg(test)]
mod tests {
    use shared::aws::Aws;
    use shared::testing;

    use shared::location::AwsScope;

    use super::*;

    #[tokio::test]
    async fn every_partition_has_its_own_hosts() {
        let aws = Aws::without_credentials();
        for (region, url) in [
            ("eu-west-1", "https://ec2.eu-west-1.amazonaws.com/"),
            ("us-gov-west-1", "https://ec2.us-gov-west-1.amazonaws.com/"),
            ("cn-north-1", "https://ec2.cn-north-1.amazonaws.com.cn/"),
        ] {
            let config = aws.config_for(&AwsScope::of_region(region)).await;
            let endpoint = Endpoint::of(&config).await.unwrap();
            assert_eq!(
                (endpoint.url.as_str(), endpoint.region.as_str()),
                (url, region)
            );
        }
        let nowhere = Endpoint::of(aws.config()).await.unwrap_err();
        assert_eq!(nowhere.code, "wrong_region");
    }

    #[tokio::test]
    async fn the_request_is_signed_and_does_not_hold_the_secret() {
        let config = Aws::without_credentials();
        let config = config.config_for(&AwsScope::of_region("eu-west-1")).await;
        let endpoint = Endpoint::of(&config).await.unwrap();
        let session = Some("session".into());
        let credentials = Credentials::new("AKID", "NEVERLEAK", session, None, "test");

        let request = endpoint
            .request("vol-0123abcd", &credentials, DateTime::UNIX_EPOCH)
            .unwrap();

        let header = |name| request.headers().get(name).unwrap_or_default();
        let authorization = header("authorization");
        assert!(
            authorization.contains("AKID/19700101/eu-west-1/ec2/aws4_request")
                && authorization.contains("content-type;host;x-amz-date"),
            "{authorization}"
        );
        assert_eq!(header("x-amz-security-token"), "session");
        assert_eq!(
            request.body().bytes(),
            Some(&b"Action=DescribeVolumes&Version=2016-11-15&VolumeId.1=vol%2D0123abcd"[..])
        );
        assert!(!format!("{request:?}").contains("NEVERLEAK"));
    }

    /// AWS' own Python library signs the same request to the same bytes.
    #[tokio::test]
    async fn the_signature_is_the_one_that_botocore_makes() {
        let (mut ours, mut cases) = (String::new(), Vec::new());
        for (region, session) in [("eu-west-1", None), ("cn-north-1", Some("IQoJb3/+="))] {
            let aws = Aws::without_credentials();
            let config = aws.config_for(&AwsScope::of_region(region)).await;
            let endpoint = Endpoint::of(&config).await.unwrap();
            let credentials =
                Credentials::new("AKID", "secret/+", session.map(str::to_owned), None, "test");
            let request = endpoint
                .request("vol-0123abcd", &credentials, DateTime::UNIX_EPOCH)
                .unwrap();
            ours.push_str(request.headers().get("authorization").unwrap());
            ours.push('\n');
            let form = std::str::from_utf8(request.body().bytes().unwrap()).unwrap();
            cases.push(serde_json::json!({
                "access_key": "AKID", "secret_key": "secret/+", "session_token": session,
                "now": "1970-01-01T00:00:00", "region": region, "url": endpoint.url, "header": FORM, "form": form,
            }));
        }
        let script = include_str!("../../../tests/it/ec2_botocore.py");
        let Some(theirs) = testing::botocore(script, &cases) else {
            return;
        };

        assert_eq!(theirs, ours);
    }
}
