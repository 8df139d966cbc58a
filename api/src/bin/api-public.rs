//! Lambda function `api-public`: answers `GET /openapi.json` and `GET /health`. Its role has no rights.

use api::routes::{EXTRA_SCOPES, ROUTES};
use api::{health, lambda, openapi};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(async |_| vec![openapi::endpoint(ROUTES, EXTRA_SCOPES), health::endpoint()]).await
}
