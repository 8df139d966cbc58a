//! Fleets and targets for tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;

use crate::fleet::{Auth, DatabaseTarget, Engine, Fleet};
use crate::location::AwsScope;

/// Builds a fleet file: each call adds an entry to the environment that was added last.
///
/// ```toml
/// [[environment]]
/// name = "acme-prod"
///
/// [[environment.storage]]
/// bucket = "files"
/// prefix = "a/"
///
/// [environment.database]
/// engine = "postgres"
/// host = "127.0.0.1"
/// name = "acme"
/// user = "mrt_ro"
/// ```
#[derive(Debug, Clone, Default)]
pub struct FleetBuilder {
    text: String,
}

impl FleetBuilder {
    /// Returns a file with one environment.
    pub fn with(environment: &str) -> Self {
        Self::default().environment(environment)
    }

    /// Adds lines of TOML: more keys of the last entry, or a section.
    #[must_use]
    pub fn toml(mut self, lines: &str) -> Self {
        self.text.push_str(lines);
        self.text.push('\n');
        self
    }

    /// Adds an environment.
    #[must_use]
    pub fn environment(self, name: &str) -> Self {
        self.toml(&format!("[[environment]]\nname = \"{name}\""))
    }

    /// Adds a bucket; `keys` are more lines of its entry.
    #[must_use]
    pub fn bucket(self, name: &str, keys: &str) -> Self {
        self.storage(&format!("bucket = \"{name}\"\n{keys}"))
    }

    /// Adds a storage entry with these lines.
    #[must_use]
    pub fn storage(self, keys: &str) -> Self {
        self.toml(&format!("[[environment.storage]]\n{keys}"))
    }

    /// Adds a database on `host` that `mrt_ro` reads; `keys` are more lines of its entry.
    #[must_use]
    pub fn database(self, engine: Engine, host: &str, name: &str, keys: &str) -> Self {
        let engine = engine.as_str();
        self.toml(&format!(
            "[environment.database]\nengine = \"{engine}\"\nhost = \"{host}\"\nname = \"{name}\"\nuser = \"mrt_ro\"\n{keys}"
        ))
    }

    /// Adds constants: the locations of the model and of the layers, lowest first.
    #[must_use]
    pub fn constants(self, model: &str, layers: &[&str]) -> Self {
        let mut text = format!("[environment.constants]\nmodel = {model:?}\n");
        write!(text, "layers = {layers:?}").unwrap();
        self.toml(&text)
    }

    /// Returns the text of the file.
    pub fn text(self) -> String {
        self.text
    }

    /// Parses the file as `fleet.toml`.
    ///
    /// # Errors
    ///
    /// Every fault of the file, as text.
    pub fn parse(&self) -> Result<Fleet, String> {
        Fleet::parse("fleet.toml", &self.text).map_err(|faults| faults.to_string())
    }
}

/// Returns the PostgreSQL database `acme` of `acme-prod` on this machine, which `mrt_ro` reads with an IAM token.
pub fn database_target() -> DatabaseTarget {
    DatabaseTarget {
        environment: "acme-prod".into(),
        engine: Engine::Postgres,
        host: "127.0.0.1".into(),
        port: 5432,
        name: "acme".into(),
        user: "mrt_ro".into(),
        auth: Auth::Iam,
        scope: AwsScope::default(),
        server: None,
        allocated_gib: None,
        tls_server_name: None,
        max_error: None,
    }
}
