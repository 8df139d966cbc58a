//! The range of time that a request asks for, and what becomes of the readings in it.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use shared::history::resample::{Aggregate, Step};

use crate::http::endpoint::Call;
use crate::http::parameter::Parameter;
use crate::http::problem::Problem;

/// Longest range: ten years and their leap days.
const MOST_DAYS: i64 = 3653;
/// Range without `from`: five whole weeks, which is what growth is computed from.
const DEFAULT_DAYS: i64 = 35;

/// Parameter `from`.
pub(crate) const FROM: Parameter = Parameter::text(
    "from",
    "Start, inclusive: RFC 3339, or before now such as `-7d`, `-12h` or `-1w`. 35 days before `to` by default.",
);
/// Parameter `to`.
pub(crate) const TO: Parameter = Parameter::text(
    "to",
    "End, exclusive, likewise. Now by default; a later time is cut to it. At most 3,653 days after `from`.",
);
/// Parameter `step`.
pub(crate) const STEP: Parameter = Parameter::choice(
    "step",
    "Length of a cell: `1h` or `1d` of UTC; `raw`: one value for each measurement. `auto`, the default: an hour up to \
     35 days where hours are kept, else a day.",
    &["auto", "raw", "1h", "1d"],
);
/// Parameter `aggregate`.
pub(crate) const AGGREGATE: Parameter = Parameter::choice(
    "aggregate",
    "What the measurements in a cell become: the `last` one (default), their `min`, `max` or `mean`.",
    &["last", "min", "max", "mean"],
);

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// Start, inclusive.
    pub(crate) from: DateTime<Utc>,
    /// End, exclusive; at most the minute after now.
    pub(crate) to: DateTime<Utc>,
    /// Length of the cells.
    pub(crate) step: Step,
    /// What becomes of the readings in a cell.
    pub(crate) aggregate: Aggregate,
}

impl Range {
    /// Returns the range that the call's parameters describe.
    ///
    /// Now is the end of the running minute: the runs of this minute are included, and an answer stays the same for
    /// that long.
    ///
    /// # Errors
    ///
    /// 400 for a time that is none, and for a range that is empty or too long.
    pub(crate) fn of(call: &Call<'_>) -> Result<Self, Problem> {
        let (from, to) = between(call, |to| to - TimeDelta::days(DEFAULT_DAYS))?;
        let text = |name| call.parameters.text(name);
        let step = Step::ALL
            .into_iter()
            .find(|step| Some(step.as_str()) == text("step"));
        let aggregates = Aggregate::ALL.into_iter();
        let aggregate = aggregates
            .clone()
            .find(|each| Some(each.as_str()) == text("aggregate"));
        Ok(Self {
            from,
            to,
            step: step.unwrap_or(Step::Auto),
            aggregate: aggregate.unwrap_or(Aggregate::Last),
        })
    }
}

/// Returns the times of the call's parameters `from` and `to`; `from` is `default` of `to` if it is not given.
///
/// # Errors
///
/// See [`Range::of`].
pub(crate) fn between(
    call: &Call<'_>,
    default: impl FnOnce(DateTime<Utc>) -> DateTime<Utc>,
) -> Result<(DateTime<Utc>, DateTime<Utc>), Problem> {
    let now = end_of_minute(call.now);
    let time = |name| {
        let text = call.parameters.text(name);
        text.map(|text| parse(name, text, now)).transpose()
    };
    let to = time("to")?.unwrap_or(now).min(now);
    let from = time("from")?.unwrap_or_else(|| default(to));
    if from >= to {
        let detail = "the parameter \"from\" is not before \"to\" and now: the range is empty";
        return Err(Problem::bad_parameter("from", detail));
    }
    if to - from > TimeDelta::days(MOST_DAYS) {
        let detail = format!("the parameter \"from\" is more than {MOST_DAYS} days before \"to\"");
        return Err(Problem::bad_parameter("from", detail));
    }
    Ok((from, to))
}

fn end_of_minute(now: DateTime<Utc>) -> DateTime<Utc> {
    let minute = TimeDelta::minutes(1);
    now.duration_trunc(minute).unwrap_or(now) + minute
}

/// Parses a time, which may be relative to `now`.
fn parse(name: &str, text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Problem> {
    relative(text, now)
        .or_else(|| text.parse().ok())
        .ok_or_else(|| {
            let detail = format!(
                "the parameter {name:?} is {text:?}, allowed is an RFC 3339 time such as \
             \"2026-11-01T00:00:00Z\", or a time before now such as \"-7d\", \"-12h\" or \"-1w\""
            );
            Problem::bad_parameter(name, detail)
        })
}

fn relative(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = text.strip_prefix('-')?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = number.parse().ok()?;
    let span = match unit {
        "h" => TimeDelta::try_hours(number),
        "d" => TimeDelta::try_days(number),
        "w" => TimeDelta::try_weeks(number),
        _ => None,
    };
    now.checked_sub_signed(span?)
}

#[cfg(test)]
mod tests {
    use shared::history::resample::{Aggregate, Step};

    use super::*;
    use crate::http::parameter::ParameterKind;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_is_absolute_or_before_now() {
        let now = at("2028-03-01T12:00:00Z");
        let cases = [
            ("-12h", Some("2028-03-01T00:00:00Z")),
            ("-1d", Some("2028-02-29T12:00:00Z")),
            ("-1w", Some("2028-02-23T12:00:00Z")),
            ("-0d", Some("2028-03-01T12:00:00Z")),
            ("2028-03-01T02:30:00+02:00", Some("2028-03-01T00:30:00Z")),
            ("-99999999999d", None),
            ("-99999999999999999999d", None),
            ("--1d", None),
            ("-+1d", None),
            ("-d", None),
            ("-", None),
            ("-1", None),
            ("-1ü", None),
            ("7d", None),
            ("2028-03-01", None),
            ("yesterday", None),
        ];
        for (text, expected) in cases {
            let time = parse("from", text, now);

            assert_eq!(time.ok(), expected.map(at), "{text}");
        }
    }

    #[test]
    fn now_is_the_end_of_its_minute() {
        for (now, expected) in [
            ("2028-03-01T12:00:00Z", "2028-03-01T12:01:00Z"),
            ("2028-03-01T12:00:00.001Z", "2028-03-01T12:01:00Z"),
            ("2028-02-29T23:59:59Z", "2028-03-01T00:00:00Z"),
        ] {
            assert_eq!(end_of_minute(at(now)), at(expected));
        }
    }

    #[test]
    fn the_allowed_words_are_those_of_the_engine() {
        let words = |parameter: Parameter| match parameter.kind {
            ParameterKind::Choice(words) => words.to_vec(),
            _ => Vec::new(),
        };

        assert_eq!(words(STEP), Step::ALL.map(Step::as_str));
        assert_eq!(words(AGGREGATE), Aggregate::ALL.map(Aggregate::as_str));
    }
}
