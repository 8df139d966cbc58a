//! `GET /health`: reports that the API answers, and which build of it. It reads nothing else, so it costs nothing and
//! needs no token.

use std::fs::File;
use std::path::PathBuf;
use std::sync::OnceLock;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::http::answer::{Answer, Freshness};
use crate::http::endpoint::{Call, Endpoint, Handler, Route};
use crate::http::media_type::MediaType;
use crate::http::problem::Problem;

/// Description of this endpoint.
pub const ROUTE: Route = Route {
    path: "/health",
    function: "api-public",
    scope: None,
    summary: "Whether the API answers, and which build",
    description: "Answers as long as the gateway and the function run. Does not check stores or databases.",
    media_types: &[MediaType::Json],
    parameters: &[],
    problems: &[],
    schema: |generator| generator.subschema_for::<Health>(),
};

/// The program of this process, on Linux.
pub const THIS_PROGRAM: &str = "/proc/self/exe";
/// The version, as the packaging gives it; without it, that of the crate.
const VERSION: &str = match option_env!("MRT_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

/// Health of the API.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Health {
    /// Always `ok`.
    pub status: String,
    /// Version of the program that answers, such as the commit that it was built from.
    pub version: String,
    /// SHA-256 of that program, in hexadecimal digits; null on one machine.
    pub digest: Option<String>,
}

struct GetHealth {
    program: Option<PathBuf>,
    digest: OnceLock<Option<String>>,
}

/// Returns the endpoint, with the digest of `program`; without one on one machine, where the program is larger and
/// nobody deployed it.
pub fn endpoint(program: Option<PathBuf>) -> Endpoint {
    let digest = OnceLock::new();
    Endpoint::new(&ROUTE, GetHealth { program, digest })
}

#[async_trait]
impl Handler for GetHealth {
    async fn answer(&self, _call: Call<'_>) -> Result<Answer, Problem> {
        // Once in the life of a process: some megabytes.
        let digest = self
            .digest
            .get_or_init(|| digest_of(self.program.as_ref()?));
        let health = Health {
            status: "ok".to_owned(),
            version: VERSION.to_owned(),
            digest: digest.clone(),
        };
        Answer::json(&health, &health, Freshness::Live)
    }
}

fn digest_of(program: &PathBuf) -> Option<String> {
    let mut digest = Sha256::new();
    let read = File::open(program).and_then(|mut file| std::io::copy(&mut file, &mut digest));
    match read {
        Ok(_) => {
            let bytes = digest.finalize();
            Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        }
        Err(error) => {
            tracing::warn!(error = %error, "the program's digest is not known");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_file_or_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("bootstrap");
        std::fs::write(&program, "abc").unwrap();

        // printf abc | sha256sum
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest_of(&program).as_deref(), Some(expected));
        assert_eq!(digest_of(&folder.path().join("gone")), None);
    }
}
