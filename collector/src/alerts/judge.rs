//! Whether the condition of an alert holds, for each thing that it watches. No I/O.
//!
//! What is not known decides nothing: an alert that began goes on, and one that did not does not begin. A value near its
//! limit does neither, so that a message is not followed by its contrary at the next measurement.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use shared::fleet::{Alert, Condition, TotalOver};
use shared::history::growth::FullReason;

use super::facts::{Facts, TargetFacts};

/// Part of a limit below which a value has to fall for an alert to end: a tenth.
const MARGIN: u64 = 10;
/// Shortest margin of a date of full.
const FULL_MARGIN: TimeDelta = TimeDelta::days(1);

/// What an alert watches, and whether its condition holds there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    /// Identity: a target's id, the name of an environment, or `fleet`.
    pub(super) subject: String,
    /// The same for people.
    pub(super) name: String,
    pub(super) verdict: Verdict,
    /// What is the case, for people.
    pub(super) text: String,
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It holds.
    Holds,
    /// It holds once this has been the case for the condition's time; it has at least since then.
    HoldsOnceLasting(DateTime<Utc>),
    /// Not known, or near the limit.
    Undecided,
    /// It does not hold.
    Clear,
}

/// Returns whether `alert` holds for each thing that it watches.
pub(super) fn judge(alert: &Alert, facts: &Facts, now: DateTime<Utc>) -> Vec<Judged> {
    let targets = || {
        let all = facts.targets.iter();
        all.filter(|target| alert.watches(&target.environment))
    };
    let each = |judge: &dyn Fn(&TargetFacts) -> (Verdict, String)| {
        targets().map(|target| of_target(target, judge)).collect()
    };
    match alert.condition {
        Condition::FullWithin(time) => {
            let time = TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX);
            let databases = targets().filter(|target| target.full.is_some());
            let judge = |target: &TargetFacts| full_within(target, time, now);
            databases.map(|target| of_target(target, &judge)).collect()
        }
        Condition::GrowthPerWeekAbove { percent } => each(&|target| growth_above(target, percent)),
        Condition::StaleFor(time) => {
            let time = TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX);
            each(&|target| stale_for(target, time, now))
        }
        Condition::FailingFor(_) => each(&failing),
        Condition::UnaccountedAbove { bytes } => {
            let environments = facts.unaccounted.iter();
            let watched = environments.filter(|(name, _)| alert.watches(name));
            watched
                .map(|(name, found)| unaccounted_above(name, *found, bytes))
                .collect()
        }
        Condition::TotalAbove { bytes, over } => {
            let mut sums = BTreeMap::<&str, Total>::new();
            for target in targets() {
                let name = match over {
                    TotalOver::Environment => target.environment.as_str(),
                    TotalOver::Fleet => "fleet",
                };
                sums.entry(name).or_default().add(target);
            }
            let sums = sums.into_iter();
            sums.map(|(name, total)| total_above(name, &total, bytes))
                .collect()
        }
    }
}

fn of_target(target: &TargetFacts, judge: &dyn Fn(&TargetFacts) -> (Verdict, String)) -> Judged {
    let (verdict, text) = match target.is_readable {
        true => judge(target),
        false => (Verdict::Undecided, "its record cannot be read".to_owned()),
    };
    Judged {
        subject: target.id.to_string(),
        name: format!("{} {}", target.environment, target.name),
        verdict,
        text,
    }
}

fn full_within(target: &TargetFacts, time: TimeDelta, now: DateTime<Utc>) -> (Verdict, String) {
    let Some(full) = &target.full else {
        return (Verdict::Undecided, "not measured".to_owned());
    };
    let Some(day) = full.at else {
        return match full.reason {
            Some(FullReason::Flat | FullReason::Shrinking) => {
                (Verdict::Clear, "it no longer grows".to_owned())
            }
            Some(FullReason::NoLimit | FullReason::BeyondTenYears | FullReason::Ended) => {
                (Verdict::Clear, "it is not full within ten years".to_owned())
            }
            _ => (Verdict::Undecided, "the day is not known".to_owned()),
        };
    };
    let left = day.and_time(NaiveTime::MIN).and_utc() - now;
    let margin = (time / i32::try_from(MARGIN).unwrap_or(1)).max(FULL_MARGIN);
    let verdict = if left <= time {
        Verdict::Holds
    } else if left <= time + margin {
        Verdict::Undecided
    } else {
        Verdict::Clear
    };
    (verdict, format!("its storage is full on {day}"))
}

fn growth_above(target: &TargetFacts, percent: u64) -> (Verdict, String) {
    let known = target.growth.bytes_per_day.zip(target.total_bytes);
    let Some((per_day, total)) = known else {
        return (Verdict::Undecided, "its growth is not known".to_owned());
    };
    let per_week = i128::from(per_day) * 7;
    let of_limit = per_week * 100;
    let limit = i128::from(total) * i128::from(percent);
    let verdict = if per_week <= 0 {
        Verdict::Clear
    } else {
        above(of_limit, limit)
    };
    let share = of_limit / i128::from(total.max(1));
    let text = format!(
        "it grows by {} ({share}%) a week",
        size(u64::try_from(per_week.max(0)).unwrap_or(u64::MAX))
    );
    (verdict, text)
}

fn stale_for(target: &TargetFacts, time: TimeDelta, now: DateTime<Utc>) -> (Verdict, String) {
    let Some(missed_at) = target.missed_at else {
        return (Verdict::Undecided, "not measured yet".to_owned());
    };
    if missed_at > now {
        return (Verdict::Clear, "it was measured".to_owned());
    }
    let verdict = match now - missed_at >= time {
        true => Verdict::Holds,
        false => Verdict::Undecided,
    };
    let missed_at = shared::clock::rfc3339(missed_at);
    (
        verdict,
        format!("its measurement is missed since {missed_at}"),
    )
}

fn failing(target: &TargetFacts) -> (Verdict, String) {
    match &target.failure {
        None => (Verdict::Clear, "it was measured".to_owned()),
        Some((failed_at, code)) => (
            Verdict::HoldsOnceLasting(*failed_at),
            format!("measuring it fails with {code}"),
        ),
    }
}

fn unaccounted_above(environment: &str, found: Option<i64>, limit: u64) -> Judged {
    let (verdict, text) = match found {
        None => (Verdict::Undecided, "not known".to_owned()),
        Some(bytes) => (
            above(i128::from(bytes), i128::from(limit)),
            format!(
                "{} of its storage belong to no file document",
                size(u64::try_from(bytes).unwrap_or(0))
            ),
        ),
    };
    Judged {
        subject: environment.to_owned(),
        name: environment.to_owned(),
        verdict,
        text,
    }
}

/// A sum over targets.
#[derive(Default)]
struct Total {
    bytes: u128,
    /// Whether a target is missing from it, or a part of one.
    is_partial: bool,
}

impl Total {
    fn add(&mut self, target: &TargetFacts) {
        self.bytes += u128::from(target.total_bytes.unwrap_or(0));
        self.is_partial |= target.total_bytes.is_none() || !target.is_complete;
    }
}

/// A partial sum that is above the limit is above it whatever is missing; below, it decides nothing.
fn total_above(name: &str, total: &Total, limit: u64) -> Judged {
    let bytes = i128::try_from(total.bytes).unwrap_or(i128::MAX);
    let verdict = match above(bytes, i128::from(limit)) {
        Verdict::Clear if total.is_partial => Verdict::Undecided,
        verdict => verdict,
    };
    let bytes = size(u64::try_from(total.bytes).unwrap_or(u64::MAX));
    let at_least = if total.is_partial { "at least " } else { "" };
    Judged {
        subject: name.to_owned(),
        name: name.to_owned(),
        verdict,
        text: format!("it has {at_least}{bytes}"),
    }
}

fn above(value: i128, limit: i128) -> Verdict {
    let margin = i128::from(MARGIN);
    if value > limit {
        Verdict::Holds
    } else if value > limit - limit / margin {
        Verdict::Undecided
    } else {
        Verdict::Clear
    }
}

/// Returns bytes for people: with three digits or more of the greatest unit that has one.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut unit = 0;
    let mut divisor = 1_u64;
    while unit + 1 < UNITS.len() && bytes / divisor >= 1024 {
        divisor *= 1024;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    match unit {
        0 => format!("{bytes} {name}"),
        _ => {
            let tenths = u128::from(bytes) * 10 / u128::from(divisor);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::NaiveDate;
    use shared::fleet::TargetId;
    use shared::history::Trend;
    use shared::history::growth::Full;
    use shared::testing::time::at;

    use super::*;

    const GIB: u64 = 1 << 30;

    fn now() -> DateTime<Utc> {
        at("2026-01-12T10:00:00Z")
    }

    fn target(environment: &str) -> TargetFacts {
        TargetFacts {
            id: TargetId::from_text(&format!("{environment}/db/d")),
            environment: environment.to_owned(),
            name: "database d".to_owned(),
            total_bytes: Some(10 * GIB),
            is_complete: true,
            growth: Trend::growth(None, now()),
            full: None,
            missed_at: Some(at("2026-01-12T11:00:00Z")),
            failure: None,
            is_readable: true,
        }
    }

    fn verdict(condition: Condition, targets: Vec<TargetFacts>) -> (Verdict, String) {
        let alert = Alert {
            name: "x".to_owned(),
            environments: Vec::new(),
            condition,
            destinations: Vec::new(),
        };
        let facts = Facts {
            targets,
            unaccounted: BTreeMap::from([("a".to_owned(), Some(95)), ("b".to_owned(), None)]),
        };
        let judged = judge(&alert, &facts, now());
        (judged[0].verdict, judged[0].text.clone())
    }

    fn full_on(day: &str) -> TargetFacts {
        let full = Full {
            limit_bytes: None,
            limit_source: None,
            at: Some(day.parse::<NaiveDate>().unwrap()),
            at_earliest: None,
            at_latest: None,
            reason: None,
        };
        TargetFacts {
            full: Some(full),
            ..target("a")
        }
    }

    #[test]
    fn a_date_within_the_time_begins_and_one_beyond_the_margin_ends() {
        let condition = Condition::FullWithin(Duration::from_secs(14 * 86_400));
        for (day, expected) in [
            ("2026-01-01", Verdict::Holds),
            ("2026-01-26", Verdict::Holds),
            ("2026-01-27", Verdict::Undecided),
            ("2026-01-28", Verdict::Clear),
        ] {
            let (verdict, text) = verdict(condition, vec![full_on(day)]);
            assert_eq!(verdict, expected, "{day}");
            assert_eq!(text, format!("its storage is full on {day}"));
        }
        for (reason, expected) in [
            (FullReason::Flat, Verdict::Clear),
            (FullReason::NoLimit, Verdict::Clear),
            (FullReason::LimitUnknown, Verdict::Undecided),
            (FullReason::UnderAWeek, Verdict::Undecided),
        ] {
            let mut target = full_on("2026-01-01");
            let full = target.full.as_mut().unwrap();
            (full.at, full.reason) = (None, Some(reason));
            assert_eq!(verdict(condition, vec![target]).0, expected, "{reason:?}");
        }
    }

    #[test]
    fn growth_is_a_share_of_the_size_and_unknown_growth_decides_nothing() {
        let condition = Condition::GrowthPerWeekAbove { percent: 20 };
        let growing = |per_day: i64| {
            let mut target = target("a");
            target.total_bytes = Some(700);
            target.growth.bytes_per_day = Some(per_day);
            target.growth.reason = None;
            target
        };

        assert_eq!(verdict(condition, vec![growing(21)]).0, Verdict::Holds);
        assert_eq!(verdict(condition, vec![growing(20)]).0, Verdict::Undecided);
        assert_eq!(verdict(condition, vec![growing(18)]).0, Verdict::Clear);
        assert_eq!(verdict(condition, vec![growing(-99)]).0, Verdict::Clear);
        assert_eq!(verdict(condition, vec![target("a")]).0, Verdict::Undecided);
        let (_, text) = verdict(condition, vec![growing(30)]);
        assert_eq!(text, "it grows by 210 B (30%) a week");
    }

    #[test]
    fn a_partial_total_can_begin_an_alert_and_cannot_end_it() {
        let over = TotalOver::Environment;
        let above = |bytes| Condition::TotalAbove { bytes, over };
        let unmeasured = || TargetFacts {
            total_bytes: None,
            ..target("a")
        };

        let (holds, text) = verdict(
            above(15 * GIB),
            vec![target("a"), target("a"), unmeasured()],
        );
        assert_eq!(holds, Verdict::Holds);
        assert_eq!(text, "it has at least 20.0 GiB");
        let unsure = verdict(above(50 * GIB), vec![target("a"), unmeasured()]);
        assert_eq!(unsure.0, Verdict::Undecided);
        let clear = verdict(above(50 * GIB), vec![target("a"), target("b")]);
        assert_eq!(clear, (Verdict::Clear, "it has 10.0 GiB".to_owned()));
        let over = TotalOver::Fleet;
        let fleet = Condition::TotalAbove {
            bytes: 15 * GIB,
            over,
        };
        let (holds, text) = verdict(fleet, vec![target("a"), target("b")]);
        assert_eq!((holds, text.as_str()), (Verdict::Holds, "it has 20.0 GiB"));
    }

    #[test]
    fn a_missed_measurement_holds_after_its_time_and_ends_with_the_next_one() {
        let condition = Condition::StaleFor(Duration::from_secs(7200));
        for (missed_at, expected) in [
            ("2026-01-12T08:00:00Z", Verdict::Holds),
            ("2026-01-12T08:00:01Z", Verdict::Undecided),
            ("2026-01-12T10:00:01Z", Verdict::Clear),
        ] {
            let target = TargetFacts {
                missed_at: Some(at(missed_at)),
                ..target("a")
            };
            assert_eq!(verdict(condition, vec![target]).0, expected, "{missed_at}");
        }
    }

    #[test]
    fn an_unreadable_record_decides_nothing() {
        let unreadable = TargetFacts {
            is_readable: false,
            ..full_on("2026-01-01")
        };
        let condition = Condition::FullWithin(Duration::from_secs(86_400));

        assert_eq!(verdict(condition, vec![unreadable]).0, Verdict::Undecided);
    }

    #[test]
    fn unaccounted_bytes_have_a_margin_too() {
        let bytes = |limit| verdict(Condition::UnaccountedAbove { bytes: limit }, vec![]).0;

        assert_eq!(bytes(94), Verdict::Holds);
        assert_eq!(bytes(100), Verdict::Undecided);
        assert_eq!(bytes(200), Verdict::Clear);
    }

    #[test]
    fn sizes_are_in_the_greatest_unit_that_fits() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(u64::MAX), "16383.9 PiB");
    }
}
