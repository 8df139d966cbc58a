//! Keeps the body of a successful response of the SDK's client, whose own parser accepts truncated documents.

use std::sync::{Arc, Mutex};

use aws_sdk_s3::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;

/// The body of the last response to one call, if that was a success.
#[derive(Debug, Clone, Default)]
pub(super) struct ResponseBody(Arc<Mutex<Option<Vec<u8>>>>);

impl ResponseBody {
    /// Returns the body and forgets it.
    pub(super) fn take(&self) -> Option<Vec<u8>> {
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
        let body = response.body().bytes().map(<[u8]>::to_vec);
        if let Ok(mut kept) = self.0.lock() {
            *kept = body.filter(|_| response.status().is_success());
        }
        Ok(())
    }
}
