//! Lambda function `api-public`: answers the routes without a token. Its role has no rights.

use api::routes::{EXTRA_SCOPES, ROUTES, dashboard_scopes};
use api::{dashboard, health, lambda, openapi};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve(async |start| {
        let login = start.login();
        vec![
            dashboard::page(login.as_ref()),
            dashboard::settings(login, dashboard_scopes()),
            openapi::endpoint(ROUTES, EXTRA_SCOPES),
            health::endpoint(Some(health::THIS_PROGRAM.into())),
        ]
    })
    .await
}
