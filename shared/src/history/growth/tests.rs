use chrono::Days;
use serde_json::json;

use super::*;

fn day(number: u64) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(2026, 1, 5).unwrap();
    first.checked_add_days(Days::new(number)).unwrap()
}

/// Returns the closing points of `bytes`, one a day.
fn daily(bytes: impl IntoIterator<Item = u64>) -> Vec<Closing> {
    let days = (0..).map(day);
    days.zip(bytes)
        .map(|(day, bytes)| Closing { day, bytes })
        .collect()
}

fn growth(closings: &[Closing]) -> Growth {
    Growth::of(&ClosingSeries {
        closings,
        ..ClosingSeries::default()
    })
}

/// Returns a size that gains 10,000 bytes a day.
fn steady(day: u64) -> u64 {
    1_000_000 + day * 10_000
}

#[test]
fn a_steady_size_has_its_rate_and_a_range_without_width() {
    let growth = growth(&daily((0..35).map(steady)));

    assert_eq!(
        serde_json::to_value(growth).unwrap(),
        json!({
            "window_days": 34, "points": 35,
            "bytes_per_day": 10_000, "low": 10_000, "high": 10_000, "net_change_bytes": 340_000,
            "steps": [], "trend": "growing", "confidence": "steady", "reason": null
        })
    );
}

#[test]
fn below_a_week_there_is_no_rate_and_the_change_is_still_reported() {
    let none = growth(&[]);
    let one = growth(&daily([5]));
    let six_days = growth(&daily((0..7).map(steady)));
    let seven_days = growth(&daily((0..8).map(steady)));

    assert_eq!(none.reason, Some(GrowthReason::NoPoints));
    assert_eq!((none.net_change_bytes, none.window_days), (None, 0));
    assert_eq!(one.reason, Some(GrowthReason::UnderAWeek));
    assert_eq!((one.net_change_bytes, one.points), (None, 1));
    assert_eq!(six_days.reason, Some(GrowthReason::UnderAWeek));
    assert_eq!((six_days.bytes_per_day, six_days.trend), (None, None));
    assert_eq!(six_days.net_change_bytes, Some(60_000));
    assert_eq!(seven_days.bytes_per_day, Some(10_000));
    assert_eq!(seven_days.confidence, Some(Confidence::Tentative));
}

#[test]
fn sizes_that_do_not_move_are_flat_be_they_zero_or_huge() {
    for bytes in [0, 1, u64::MAX] {
        let growth = growth(&daily([bytes; 35]));

        assert_eq!(growth.trend, Some(Trend::Flat), "{bytes}");
        let rates = (growth.low, growth.bytes_per_day, growth.high);
        assert_eq!(rates, (Some(0), Some(0), Some(0)), "{bytes}");
    }
}

#[test]
fn what_does_not_fit_is_not_answered() {
    let jump = (0..10).map(|day| if day < 5 { 0 } else { u64::MAX });

    let growth = growth(&daily(jump));

    assert_eq!(growth.reason, Some(GrowthReason::OutOfRange));
    assert_eq!(
        (growth.bytes_per_day, growth.net_change_bytes),
        (None, None)
    );
    assert_eq!(growth.steps, []);
}

#[test]
fn one_deletion_is_a_step_and_no_part_of_the_rate() {
    let deleted = |day| steady(day) - if day < 20 { 0 } else { 600_000 };

    let growth = growth(&daily((0..35).map(deleted)));

    let step = Step {
        at: day(20),
        bytes: -600_000,
    };
    assert_eq!(growth.steps, [step]);
    assert_eq!(growth.bytes_per_day, Some(10_000));
    assert_eq!(growth.trend, Some(Trend::Growing));
    assert_eq!(growth.net_change_bytes, Some(34 * 10_000 - 600_000));
    assert!(growth.low < Some(0), "{growth:?}");
}

#[test]
fn two_steps_are_one_offs_and_more_are_the_pattern() {
    let imports = |count: u64| move |day: u64| steady(day) + (day / 8).min(count) * 200_000;

    let two = growth(&daily((0..35).map(imports(2))));
    let four = growth(&daily((0..35).map(imports(4))));

    assert_eq!(two.steps.len(), 2);
    assert_eq!(two.bytes_per_day, Some(10_000));
    assert_eq!(four.steps, []);
    assert!(four.bytes_per_day > Some(10_000), "{four:?}");
}

#[test]
fn a_step_over_days_without_a_point_is_on_the_day_after_them() {
    let imported = |day| steady(day) + if day < 20 { 0 } else { 600_000 };
    let mut closings = daily((0..35).map(imported));
    closings.retain(|closing| !(day(18)..day(22)).contains(&closing.day));

    let growth = growth(&closings);

    let step = Step {
        at: day(22),
        bytes: 600_000,
    };
    assert_eq!(growth.steps, [step]);
    assert_eq!((growth.bytes_per_day, growth.points), (Some(10_000), 31));
}

#[test]
fn a_change_of_the_last_week_is_the_answer_once_three_days_confirm_it() {
    let faster = |days: u64| move |day: u64| steady(day) + day.saturating_sub(34 - days) * 30_000;

    let early = growth(&daily((0..35).map(faster(2))));
    let week = growth(&daily((0..35).map(faster(7))));

    assert_eq!(early.trend, Some(Trend::Growing));
    assert_eq!(week.trend, Some(Trend::Changed));
    assert_eq!(week.bytes_per_day, Some(40_000));
}

#[test]
fn a_size_that_shrinks_has_a_negative_rate() {
    let growth = growth(&daily((0..35).map(|day| steady(100 - day))));

    assert_eq!(growth.trend, Some(Trend::Shrinking));
    assert_eq!(growth.bytes_per_day, Some(-10_000));
}

#[test]
fn only_points_since_the_last_break_count() {
    let closings = daily((0..35).map(|day| if day < 10 { 7 } else { steady(day) }));
    let breaks = [day(10), day(3)];
    let series = ClosingSeries {
        closings: &closings,
        breaks: &breaks,
        is_ended: false,
    };

    let growth = Growth::of(&series);

    assert_eq!((growth.window_days, growth.points), (24, 25));
    assert_eq!(growth.net_change_bytes, Some(240_000));
    assert_eq!(growth.confidence, Some(Confidence::Tentative));
}

#[test]
fn the_order_of_points_does_not_matter_and_the_last_of_a_day_counts() {
    let ascending = daily((0..35).map(steady));
    let mut shuffled = vec![Closing {
        day: day(7),
        bytes: 3,
    }];
    shuffled.extend(ascending.iter().rev());

    assert_eq!(growth(&shuffled), growth(&ascending));
}

#[test]
fn few_points_over_a_long_time_are_not_enough() {
    let monthly: Vec<_> = [0, 30, 60, 90]
        .map(|number| Closing {
            day: day(number),
            bytes: steady(number),
        })
        .into();

    let three = growth(&monthly[..3]);
    let four = growth(&monthly);

    assert_eq!(three.reason, Some(GrowthReason::TooFewPoints));
    assert_eq!(four.bytes_per_day, Some(10_000));
    assert_eq!(four.confidence, Some(Confidence::Tentative));
}

#[test]
fn a_series_that_ended_has_no_rate() {
    let closings = daily((0..35).map(steady));

    let growth = Growth::of(&ClosingSeries {
        closings: &closings,
        breaks: &[],
        is_ended: true,
    });

    assert_eq!(growth.reason, Some(GrowthReason::Ended));
    assert_eq!((growth.bytes_per_day, growth.trend), (None, None));
    assert_eq!(growth.net_change_bytes, Some(340_000));
}

#[test]
fn a_size_that_only_ever_grows_at_times_is_growing_and_noise_is_flat() {
    let growing = growth(&daily((0..35).map(|day| 1_000_000 + day / 5 * 8192)));
    let noise = growth(&daily(
        (0..35).map(|day| 1_000_000 + day * 31 % 7 * 1000 + day * 17 % 5),
    ));

    assert_eq!(growing.trend, Some(Trend::Growing));
    assert_eq!(noise.trend, Some(Trend::Flat));
}

#[test]
fn four_hundred_days_are_one_window() {
    let growth = growth(&daily((0..400).map(steady)));

    assert_eq!((growth.window_days, growth.points), (399, 400));
    assert_eq!(growth.bytes_per_day, Some(10_000));
}

#[test]
fn the_rate_is_always_within_its_range() {
    let mut seed = 1_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for _ in 0..500 {
        let shift = next() % 64;
        let mut closings = daily((0..next() % 60).map(|_| next() >> shift));
        closings.retain(|_| !next().is_multiple_of(4));

        let growth = growth(&closings);

        assert_eq!(growth.reason.is_some(), growth.bytes_per_day.is_none());
        assert!(growth.low <= growth.bytes_per_day, "{closings:?}");
        assert!(growth.high >= growth.bytes_per_day, "{closings:?}");
        assert!(growth.steps.len() <= 2, "{closings:?}");
    }
}
