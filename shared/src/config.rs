//! Configuration from variables. Nothing else reads the process environment.
//!
//! All errors are reported at once, each with its variable and the allowed values.

mod access;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::file;
use crate::history::HistoryRetention;
use crate::location::Location;

pub use access::{EVERY_ENVIRONMENT, EnvironmentAccess, Environments, RESERVED_NAME};

/// Where the fleet file is: `s3://bucket/key` or a path. Required by every function that knows targets.
pub const FLEET: &str = "MRT_FLEET";
/// Name of the DynamoDB table with the snapshots. Required by `plan`, collectors and size endpoints.
pub const SNAPSHOT_TABLE: &str = "MRT_SNAPSHOT_TABLE";
/// Days that a snapshot is kept, 1 to 3650. Default 35: a month and some days.
pub const SNAPSHOT_RETENTION_DAYS: &str = "MRT_SNAPSHOT_RETENTION_DAYS";
/// Days that the history of a target is kept by the hour, 1 to 3650. Default 92: a quarter of a year.
pub const HISTORY_HOURS_DAYS: &str = "MRT_HISTORY_HOURS_DAYS";
/// Days that the history of a target is kept by the day, 35 to 36500. Default none: for ever.
pub const HISTORY_DAYS: &str = "MRT_HISTORY_DAYS";
/// Seconds between two scheduled collections, 1 to 86400. Default 3600. Determines how
/// often a bucket's share of the budget allows a listing, and when a snapshot is stale.
pub const SCHEDULE_EVERY_SECONDS: &str = "MRT_SCHEDULE_EVERY_SECONDS";
/// URL of the queue for buckets. Required by `plan`. The bucket collector also queues the rest of a listing that one
/// invocation cannot finish; without the queue such a bucket fails with `timeout`.
pub const BUCKET_SIZE_QUEUE_URL: &str = "MRT_BUCKET_SIZE_QUEUE_URL";
/// URL of the queue for databases. Required by `plan`.
pub const TABLE_SIZE_QUEUE_URL: &str = "MRT_TABLE_SIZE_QUEUE_URL";
/// Origins from which browsers may call, separated by commas. Default none.
pub const ALLOWED_ORIGINS: &str = "MRT_ALLOWED_ORIGINS";
/// Issuer of the tokens of people: a Cognito user pool. Required with [`LOGIN_URL`].
pub const LOGIN_ISSUER: &str = "MRT_LOGIN_ISSUER";
/// Origin of the user pool's login pages, for the dashboard. Default none: then the dashboard has no login.
pub const LOGIN_URL: &str = "MRT_LOGIN_URL";
/// Environments that clients are limited to: `CLIENT_ID=NAME NAME;CLIENT_ID=NAME`; `*` for all. Default none.
///
/// Clients that are not listed have no limit from here; a client without names may read nothing. For machine clients,
/// whose tokens have no groups and no claim with environments: unlike a scope, they cannot omit this limit.
pub const CLIENT_ENVIRONMENTS: &str = "MRT_CLIENT_ENVIRONMENTS";
/// Environments that a caller may read whose token and client name none: `none` or `all`. Default `none`.
pub const ENVIRONMENTS_DEFAULT: &str = "MRT_ENVIRONMENTS_DEFAULT";
/// PEM file with the certificate authorities of the databases: the RDS bundle. No other authority is trusted; without
/// the file only databases on this machine are reachable. Read for each connection.
pub const DATABASE_CA_FILE: &str = "MRT_DATABASE_CA_FILE";
/// Seconds that a function instance caches counts of users, 0 to 300. Default 5.
pub const USERS_CACHE_SECONDS: &str = "MRT_USERS_CACHE_SECONDS";
/// Key for pseudonyms of users and for comparing masked constants: the ARN of a secret with at least 16 bytes of
/// text, or on one machine the key itself. Default none: then neither is available.
pub const DEPLOYMENT_KEY: &str = "MRT_DEPLOYMENT_KEY";
/// Seconds that a start may spend on opening connections before the first event, 0 to 5: see [`crate::warm_up`].
/// Default 2; 0 opens none. Lambda allows a start 10 seconds in all.
pub const WARMUP_SECONDS: &str = "MRT_WARMUP_SECONDS";
/// Lowest level that is logged: `error`, `warn`, `info`, `debug` or `trace`. Default `info`.
pub const LOG_LEVEL: &str = "MRT_LOG_LEVEL";
/// Values of [`LOG_LEVEL`], which ignores case.
pub(crate) const LOG_LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// Provides the values of variables.
pub trait Variables: Send + Sync {
    /// Returns the value of `name`; `None` if it is not set or not UTF-8.
    fn get(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessVariables;

impl Variables for ProcessVariables {
    #[expect(
        clippy::disallowed_methods,
        reason = "the only access to the environment"
    )]
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Variables of the program itself, for local mode and tests.
impl Variables for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).cloned()
    }
}

/// All errors of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// One sentence for each error, in the order of reading.
    pub faults: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "invalid configuration: {}",
            self.faults.join("; ")
        )
    }
}

impl std::error::Error for ConfigError {}

/// Reads typed values and collects their errors.
///
/// A getter with an error returns a placeholder, so that later getters can report their own errors.
/// [`Reader::finish`] returns the result only if there were no errors.
pub struct Reader<'a> {
    variables: &'a dyn Variables,
    faults: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Returns a reader of `variables`.
    pub fn new(variables: &'a dyn Variables) -> Self {
        Self {
            variables,
            faults: Vec::new(),
        }
    }

    /// Returns the text of `name`. It is an error if it is not set or empty.
    pub fn required(&mut self, name: &str) -> String {
        let value = self.optional(name);
        if value.is_none() {
            self.faults.push(format!("{name} is not set"));
        }
        value.unwrap_or_default()
    }

    /// Returns the text of `name`; `None` if it is not set or empty.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty())
    }

    /// Returns the whole number of `name`, or `default`.
    pub fn number(&mut self, name: &str, default: u64, allowed: RangeInclusive<u64>) -> u64 {
        let Some(text) = self.optional(name) else {
            return default;
        };
        match text.parse() {
            Ok(number) if allowed.contains(&number) => number,
            _ => {
                let (least, most) = (allowed.start(), allowed.end());
                self.faults.push(format!(
                    "{name} is {text:?}, must be a whole number from {least} to {most}"
                ));
                default
            }
        }
    }

    /// Returns the comma-separated parts of `name`, trimmed; empty if it is not set.
    pub fn list(&self, name: &str) -> Vec<String> {
        let text = self.optional(name).unwrap_or_default();
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Returns the origins in `name`, separated by commas; empty if it is not set.
    pub fn origins(&mut self, name: &str) -> Vec<String> {
        let origins = self.list(name).into_iter();
        origins
            .filter_map(|text| self.checked_origin(name, text))
            .collect()
    }

    /// Returns the origin in `name`, without a path; `None` if it is not set.
    pub fn origin(&mut self, name: &str) -> Option<String> {
        let text = self.optional(name)?;
        self.checked_origin(name, text)
    }

    /// Returns `text` if it is an origin. Plain HTTP is for this machine only.
    fn checked_origin(&mut self, name: &str, text: String) -> Option<String> {
        let host = text.strip_prefix("https://").or_else(|| {
            let host = text.strip_prefix("http://")?;
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            ["127.0.0.1", "[::1]", "localhost"]
                .contains(&name)
                .then_some(host)
        });
        let is_host =
            |character: char| character.is_ascii_alphanumeric() || ".-:[]".contains(character);
        if host.is_some_and(|host| !host.is_empty() && host.chars().all(is_host)) {
            return Some(text);
        }
        self.faults.push(format!(
            "{name} is {text:?}, must be an origin such as https://mrt.example.com"
        ));
        None
    }

    /// Returns the path in `name` of a file with certificates that can be read; `None` if it is not set.
    pub fn readable_file(&mut self, name: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.optional(name)?);
        let readable = file::check(&path, file::CERTIFICATES_LIMIT_BYTES);
        if let Err(error) = readable.and_then(|()| std::fs::File::open(&path).map(drop)) {
            let fault = format!(
                "{name} is {}, which cannot be read: {error}",
                path.display()
            );
            self.faults.push(fault);
        }
        Some(path)
    }

    /// Adds a fault of the value of `name`.
    pub fn reject(&mut self, name: &str, why: &str) {
        self.faults.push(format!("{name} {why}"));
    }

    /// Returns the location in `name`. It is an error if it is not set, or neither an S3 URL nor a path.
    pub fn location(&mut self, name: &str) -> Location {
        let text = self.required(name);
        if text.is_empty() {
            return Location::File(text.into());
        }
        Location::parse(&text).unwrap_or_else(|reason| {
            self.faults.push(format!("{name} is {text:?}: {reason}"));
            Location::File(text.into())
        })
    }

    /// Returns the time that snapshots are kept.
    pub fn retention(&mut self) -> Duration {
        Duration::from_secs(self.number(SNAPSHOT_RETENTION_DAYS, 35, 1..=3650) * 86_400)
    }

    /// Returns the times that history is kept.
    pub fn history_retention(&mut self) -> HistoryRetention {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let hours = self.number(HISTORY_HOURS_DAYS, 92, 1..=3650);
        let is_limited = self.optional(HISTORY_DAYS).is_some();
        let limit = self.number(HISTORY_DAYS, 36_500, 35..=36_500);
        HistoryRetention {
            hours: days(hours),
            days: is_limited.then(|| days(limit)),
        }
    }

    /// Returns the time between two scheduled collections.
    pub fn schedule(&mut self) -> Duration {
        Duration::from_secs(self.number(SCHEDULE_EVERY_SECONDS, 3600, 1..=86_400))
    }

    /// Returns the time that counts of users are cached.
    pub fn users_cache(&mut self) -> Duration {
        Duration::from_secs(self.number(USERS_CACHE_SECONDS, 5, 0..=300))
    }

    /// Returns the longest time that a start spends on opening connections.
    pub fn warm_up(&mut self) -> Duration {
        Duration::from_secs(self.number(WARMUP_SECONDS, 2, 0..=5))
    }

    /// Returns `config` if there were no errors. Also checks the log level, which every program has.
    ///
    /// # Errors
    ///
    /// All errors.
    pub fn finish<T>(mut self, config: T) -> Result<T, ConfigError> {
        if let Some(level) = self.optional(LOG_LEVEL)
            && !LOG_LEVELS.contains(&level.to_ascii_lowercase().as_str())
        {
            let allowed = LOG_LEVELS.join(", ");
            self.faults
                .push(format!("{LOG_LEVEL} is {level:?}; allowed: {allowed}"));
        }
        if self.faults.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError {
                faults: self.faults,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let variables = variables(&[(SCHEDULE_EVERY_SECONDS, "0"), (FLEET, "s3://only-a-bucket")]);
        let mut reader = Reader::new(&variables);

        reader.schedule();
        reader.required(SNAPSHOT_TABLE);
        reader.location(FLEET);
        let error = reader.finish(()).unwrap_err();

        assert_eq!(error.faults.len(), 3, "{error}");
        assert!(error.faults[0].contains(
            "MRT_SCHEDULE_EVERY_SECONDS is \"0\", must be a whole number from 1 to 86400"
        ));
        assert!(error.faults[1].contains("MRT_SNAPSHOT_TABLE is not set"));
        assert!(error.faults[2].contains("MRT_FLEET"));
    }

    #[test]
    fn unset_values_have_their_documented_defaults() {
        let variables = variables(&[]);
        let mut reader = Reader::new(&variables);

        assert_eq!(reader.schedule(), Duration::from_secs(3600));
        assert_eq!(reader.retention(), Duration::from_secs(35 * 86_400));
        assert_eq!(reader.history_retention(), HistoryRetention::default());
        assert_eq!(reader.list(ALLOWED_ORIGINS), Vec::<String>::new());
        assert!(reader.finish(()).is_ok());
    }

    #[test]
    fn days_of_history_are_kept_for_ever_unless_they_are_limited() {
        let limited = variables(&[(HISTORY_HOURS_DAYS, "7"), (HISTORY_DAYS, "400")]);
        let unlimited = variables(&[(HISTORY_DAYS, "")]);
        let wrong = variables(&[(HISTORY_DAYS, "0")]);

        let days = |variables| {
            let kept = Reader::new(variables).history_retention();
            let days = |time: Duration| time.as_secs() / 86_400;
            (days(kept.hours), kept.days.map(days))
        };

        assert_eq!(days(&limited), (7, Some(400)));
        assert_eq!(days(&unlimited), (92, None));
        let mut reader = Reader::new(&wrong);
        reader.history_retention();
        let error = reader.finish(()).unwrap_err().to_string();
        assert!(error.contains("MRT_HISTORY_DAYS is \"0\", must be a whole number from 35"));
    }

    #[test]
    fn an_unknown_log_level_is_an_error_in_every_configuration() {
        let bad = variables(&[(LOG_LEVEL, "loud")]);
        let good = variables(&[(LOG_LEVEL, "Debug")]);

        let error = Reader::new(&bad).finish(()).unwrap_err();
        assert_eq!(
            error.faults,
            ["MRT_LOG_LEVEL is \"loud\"; allowed: error, warn, info, debug, trace"]
        );
        assert!(Reader::new(&good).finish(()).is_ok());
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host_and_plain_http_is_for_this_machine() {
        let origin = |text: &str| {
            let variables = variables(&[(LOGIN_URL, text)]);
            let mut reader = Reader::new(&variables);
            let origin = reader.origin(LOGIN_URL);
            reader.finish(origin)
        };
        for good in [
            "https://login.example.com",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost",
        ] {
            assert_eq!(origin(good), Ok(Some(good.to_owned())));
        }
        for bad in [
            "login.example.com",
            "https://",
            "https://a.example/",
            "https://a.example; script-src *",
            "http://a.example",
            "http://localhost.example.com",
        ] {
            let error = origin(bad).unwrap_err().to_string();
            assert!(
                error.contains("MRT_LOGIN_URL is") && error.contains("must be an origin"),
                "{error}"
            );
        }
    }

    #[test]
    fn an_empty_value_counts_as_not_set() {
        let variables = variables(&[
            (SNAPSHOT_TABLE, ""),
            (ALLOWED_ORIGINS, " https://a.example , ,https://b.example"),
        ]);
        let mut reader = Reader::new(&variables);

        assert_eq!(
            reader.list(ALLOWED_ORIGINS),
            ["https://a.example", "https://b.example"]
        );
        reader.required(SNAPSHOT_TABLE);
        assert_eq!(
            reader.finish(()).unwrap_err().faults,
            ["MRT_SNAPSHOT_TABLE is not set"]
        );
    }
}
