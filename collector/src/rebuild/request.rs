//! What to rebuild.

use std::fmt;
use std::ops::RangeInclusive;

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};
use shared::fleet::TargetId;
use shared::store::StoreError;

/// Days back from today that are rebuilt by default: as long as history has hours by default.
const DEFAULT_DAYS: u64 = 92;
/// Most days of one request: the longest time that snapshots can be kept.
const MAX_DAYS: i64 = 3650;

/// A request to make history anew. Without a target and an environment, of all targets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RebuildRequest {
    /// Only this target, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Only targets of this environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// First UTC day; by default 92 days ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<NaiveDate>,
    /// Last UTC day, included; by default yesterday, and never later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<NaiveDate>,
    /// Where an earlier request stopped: kind and target whose first days are done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Why nothing was rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The request contradicts itself.
    #[error("the request to rebuild history is not valid: {0}")]
    Invalid(String),
    /// No target was ever measured that the request means.
    #[error("there is nothing to rebuild: no snapshot was ever kept of {0}")]
    NothingSelected(String),
    /// The targets are not known.
    #[error("the targets with history could not be read")]
    Store(#[from] StoreError),
}

/// A request that is valid.
pub(super) struct Selection {
    target: Option<TargetId>,
    environment: Option<String>,
    pub(super) days: RangeInclusive<NaiveDate>,
}

impl Selection {
    /// Returns what `request` means on the day `today`, which is not closed.
    pub(super) fn of(request: &RebuildRequest, today: NaiveDate) -> Result<Self, RebuildError> {
        let RebuildRequest {
            target,
            environment,
            from,
            to,
            ..
        } = request;
        let invalid = |reason: String| Err(RebuildError::Invalid(reason));
        if target.is_some() && environment.is_some() {
            return invalid("it names both a target and an environment".to_owned());
        }
        let yesterday = today.pred_opt().unwrap_or(today);
        let from = from.or_else(|| today.checked_sub_days(Days::new(DEFAULT_DAYS)));
        let from = from.unwrap_or(today);
        let to = to.unwrap_or(yesterday).min(yesterday);
        if from > to {
            return invalid(format!(
                "from is {from}, must not be after {to}, the last day that is over"
            ));
        }
        if (to - from).num_days() >= MAX_DAYS {
            return invalid(format!("from {from} to {to} is more than {MAX_DAYS} days"));
        }
        Ok(Self {
            target: target.as_deref().map(TargetId::from_text),
            environment: environment.clone(),
            days: from..=to,
        })
    }

    /// Returns whether a target is meant.
    pub(super) fn has(&self, target: &TargetId) -> bool {
        let is_in = |environment: &str| {
            let id = target.as_str().split_once('/');
            id.is_some_and(|(of, _)| of == environment)
        };
        self.target.as_ref().is_none_or(|wanted| wanted == target)
            && self.environment.as_deref().is_none_or(is_in)
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.target, &self.environment) {
            (Some(target), _) => write!(formatter, "the target {target}"),
            (None, Some(environment)) => write!(formatter, "the environment {environment}"),
            (None, None) => formatter.write_str("any target"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(from: Option<&str>, to: Option<&str>) -> Result<String, String> {
        let day = |text: &str| text.parse().unwrap();
        let request = RebuildRequest {
            from: from.map(day),
            to: to.map(day),
            ..RebuildRequest::default()
        };
        let selection = Selection::of(&request, day("2028-03-01"));
        let selection = selection.map_err(|error| error.to_string())?;
        let (from, to) = selection.days.into_inner();
        Ok(format!("{from} {to}"))
    }

    #[test]
    fn the_range_ends_yesterday_at_the_latest_and_is_a_quarter_by_default() {
        assert_eq!(days(None, None).unwrap(), "2027-11-30 2028-02-29");
        let future = days(Some("2028-02-29"), Some("2028-04-01"));
        assert_eq!(future.unwrap(), "2028-02-29 2028-02-29");
        let today = days(Some("2028-03-01"), None).unwrap_err();
        assert!(today.contains("must not be after 2028-02-29"), "{today}");
        let long = days(Some("2001-01-01"), None).unwrap_err();
        assert!(long.contains("more than 3650 days"), "{long}");
    }

    #[test]
    fn a_request_selects_a_target_or_an_environment_by_its_whole_name() {
        let of = |json: &str| serde_json::from_str::<RebuildRequest>(json).unwrap();
        let has = |json, target| {
            let today = "2028-03-01".parse().unwrap();
            let selection = Selection::of(&of(json), today).unwrap();
            selection.has(&TargetId::from_text(target))
        };

        assert!(has("{}", "acme-prod/db/acme"));
        assert!(has(r#"{"environment": "acme-prod"}"#, "acme-prod/db/acme"));
        assert!(!has(r#"{"environment": "acme"}"#, "acme-prod/db/acme"));
        assert!(has(
            r#"{"target": "acme-prod/db/acme"}"#,
            "acme-prod/db/acme"
        ));
        assert!(!has(
            r#"{"target": "acme-prod/db/acme"}"#,
            "acme-prod/db/acme2"
        ));
        let both = of(r#"{"environment": "a", "target": "b"}"#);
        assert!(Selection::of(&both, "2028-03-01".parse().unwrap()).is_err());
        assert!(serde_json::from_str::<RebuildRequest>(r#"{"enviroment": "a"}"#).is_err());
    }
}
