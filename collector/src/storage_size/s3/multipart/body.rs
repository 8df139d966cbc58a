//! Keeps the body of a successful response of the SDK's client, whose own parser accepts truncated documents, and the
//! name of the server.

use std::sync::{Arc, Mutex};

use aws_sdk_s3::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;

/// The last response to one call, if that was a success.
#[derive(Debug, Clone, Default)]
pub(super) struct ResponseBody(Arc<Mutex<Option<Answer>>>);

/// A successful response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    /// Whether the server says that it is `MinIO`.
    pub(super) is_minio: bool,
}

impl ResponseBody {
    /// Returns the response and forgets it.
    pub(super) fn take(&self) -> Option<Answer> {
        self.0.lock().ok()?.take()
    }
}

impl Intercept for ResponseBody {
    fn name(&self) -> &'static str {
        "ResponseBody"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let server = response.headers().get("server").unwrap_or_default();
        let is_minio = server.to_ascii_lowercase().starts_with("minio");
        let body = response.body().bytes().map(<[u8]>::to_vec);
        if let Ok(mut kept) = self.0.lock() {
            *kept = body
                .filter(|_| response.status().is_success())
                .map(|body| Answer { body, is_minio });
        }
        Ok(())
    }
}
