//! Tests of applying layers.

use super::*;
use crate::constants::model::Definition;

fn model(defaults: &[(&str, Setting)]) -> Model {
    let constants = defaults.iter().map(|(name, default)| {
        let definition = Definition {
            kind: Some("String".to_owned()),
            default: default.clone(),
        };
        ((*name).to_owned(), definition)
    });
    Model {
        constants: constants.collect(),
        ..Model::default()
    }
}

fn layer(source: &str, values: &[(&str, Setting)]) -> Layer {
    let settings = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    Layer {
        source: source.to_owned(),
        values: LayerValues::from_settings(settings.collect()),
    }
}

fn sources(constant: &Constant) -> String {
    let sources: Vec<&str> = constant
        .chain
        .iter()
        .map(|link| link.source.as_str())
        .collect();
    sources.join(" ")
}

#[test]
fn an_unread_value_is_known_to_stay_only_by_its_time() {
    let at = |time: &str| DateTime::parse_from_rfc3339(time).unwrap().to_utc();
    let stays = |setting: Setting, changed_at: Option<&str>| {
        let mut running = layer("task", &[("A.A", setting)]);
        running.values.is_running = true;
        running.values.started_at = Some(at("2026-01-12T11:00:00Z"));
        for entry in running.values.entries.values_mut().flatten() {
            entry.changed_at = changed_at.map(at);
        }
        overlay(&model(&[("A.A", Setting::Null)]), &[running])[0].is_pending
    };

    assert_eq!(stays(Setting::text("1"), None), Some(false));
    assert_eq!(stays(Setting::Unread, None), None);
    let before_the_start = Some("2026-01-12T10:00:00Z");
    assert_eq!(stays(Setting::Unread, before_the_start), Some(false));
}

#[test]
fn a_null_that_leaves_the_default_is_in_the_chain_only() {
    let mut list = layer("list", &[("A.A", Setting::Null)]);
    for entry in list.values.entries.values_mut().flatten() {
        entry.is_ignored = true;
    }

    let constants = overlay(&model(&[("A.A", Setting::text("0"))]), &[list]);

    let constant = &constants[0];
    assert_eq!(constant.status, Status::Default);
    assert_eq!(constant.setting, Setting::text("0"));
    assert_eq!(constant.source().source, MODEL_SOURCE);
    let nulls: Vec<bool> = constant.chain.iter().map(|link| link.is_null).collect();
    assert_eq!(nulls, [false, true]);
}

#[test]
fn each_constant_has_the_origin_of_its_value() {
    let model = model(&[
        ("A.Default", Setting::text("0")),
        ("A.Missing", Setting::Null),
        ("A.Overridden", Setting::text("0")),
        ("A.Same", Setting::text("0")),
        ("A.Unset", Setting::text("0")),
    ]);
    let layers = [
        layer(
            "one",
            &[
                ("A.Overridden", Setting::text("1")),
                ("A.Same", Setting::text("0")),
            ],
        ),
        layer(
            "two",
            &[
                ("A.Overridden", Setting::text("2")),
                ("A.Gone", Setting::text("3")),
            ],
        ),
        layer("three", &[("A.Unset", Setting::Null)]),
    ];

    let constants = overlay(&model, &layers);

    let facts: Vec<_> = constants
        .iter()
        .map(|each| {
            (
                each.name.as_str(),
                each.status,
                sources(each),
                each.setting.clone(),
            )
        })
        .collect();
    assert_eq!(
        facts,
        [
            (
                "A.Default",
                Status::Default,
                "model_metadata".into(),
                Setting::text("0")
            ),
            ("A.Gone", Status::Obsolete, "two".into(), Setting::text("3")),
            ("A.Missing", Status::Missing, String::new(), Setting::Null),
            (
                "A.Overridden",
                Status::Overridden,
                "model_metadata one two".into(),
                Setting::text("2")
            ),
            (
                "A.Same",
                Status::Overridden,
                "model_metadata one".into(),
                Setting::text("0")
            ),
            (
                "A.Unset",
                Status::Overridden,
                "model_metadata three".into(),
                Setting::Null
            ),
        ]
    );
    assert_eq!(constants[2].source().source, MODEL_SOURCE);
}

/// Whichever layers set a constant, the highest of them wins.
#[test]
fn the_highest_layer_that_sets_a_constant_wins() {
    const LAYERS: u32 = 4;
    for choice in 0..(1_u32 << (LAYERS + 1)) {
        let sets = |position: u32| choice & (1 << position) != 0;
        let model = match sets(0) {
            true => model(&[("A.A", Setting::text("0"))]),
            false => model(&[]),
        };
        let layers: Vec<_> = (1..=LAYERS)
            .map(|position| match sets(position) {
                true => layer(
                    &position.to_string(),
                    &[("A.A", Setting::text(&position.to_string()))],
                ),
                false => layer(&position.to_string(), &[]),
            })
            .collect();

        let constants = overlay(&model, &layers);

        let Some(winner) = (0..=LAYERS).rev().find(|position| sets(*position)) else {
            assert!(constants.is_empty());
            continue;
        };
        assert_eq!(
            constants[0].setting,
            Setting::text(&winner.to_string()),
            "{choice:b}"
        );
        let expected = match (sets(0), winner) {
            (false, _) => Status::Obsolete,
            (true, 0) => Status::Default,
            (true, _) => Status::Overridden,
        };
        assert_eq!(constants[0].status, expected, "{choice:b}");
        assert_eq!(
            u32::try_from(constants[0].chain.len()).unwrap(),
            choice.count_ones()
        );
    }
}

fn time(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + chrono::Duration::minutes(minute)
}

fn running(values: &[(&str, Setting)], pending: &[&str]) -> Layer {
    let mut layer = layer("task", values);
    layer.values.is_running = true;
    layer.values.started_at = Some(time(10));
    let reason = PendingReason::TaskDefinitionChanged;
    layer.values.pending = pending
        .iter()
        .map(|name| ((*name).to_owned(), reason))
        .collect();
    layer
}

fn secret(name: &str, minute: i64) -> Layer {
    let mut layer = layer("secret", &[(name, Setting::text("x"))]);
    layer.values.change_reason = Some(PendingReason::SecretChanged);
    let entry = &mut layer.values.entries.get_mut(name).unwrap()[0];
    (entry.is_secret, entry.changed_at) = (true, Some(time(minute)));
    layer
}

fn pending(layers: &[Layer]) -> (Option<bool>, Option<PendingReason>) {
    let model = model(&[("A.A", Setting::text("0"))]);
    let constant = overlay(&model, layers).remove(0);
    (constant.is_pending, constant.pending_reason)
}

#[test]
fn a_pending_restart_is_reported_if_the_running_value_is_known() {
    let set = [("A.A", Setting::text("1"))];
    let changed = Some(PendingReason::TaskDefinitionChanged);

    assert_eq!(pending(&[]), (None, None));
    assert_eq!(pending(&[layer("m2ee", &set)]), (None, None));
    assert_eq!(pending(&[running(&[], &[])]), (Some(false), None));
    assert_eq!(pending(&[running(&set, &[])]), (Some(false), None));
    assert_eq!(pending(&[running(&set, &["A.A"])]), (Some(true), changed));
    assert_eq!(
        pending(&[running(&[], &["A.A"])]),
        (Some(true), changed),
        "added to the next task"
    );
    assert_eq!(
        pending(&[running(&[], &[]), layer("m2ee", &set)]),
        (None, None),
        "a document does not say when it was read"
    );
    let newer = Some(PendingReason::SecretChanged);
    assert_eq!(
        pending(&[running(&set, &["A.A"]), secret("A.A", 9)]),
        (Some(false), None),
        "a layer below the secret has no effect"
    );
    assert_eq!(
        pending(&[running(&set, &[]), secret("A.A", 11)]),
        (Some(true), newer)
    );
    assert_eq!(
        pending(&[running(&set, &[]), secret("A.A", 9)]),
        (Some(false), None)
    );
    assert_eq!(
        pending(&[running(&set, &[]), secret("A.A", 10)]),
        (None, None),
        "within one second, the order is unknown"
    );
    assert_eq!(
        pending(&[secret("A.A", 11)]),
        (None, None),
        "the time of the start is unknown"
    );
}

/// For every order of changes, a constant has a reason if and only if it is pending.
#[test]
fn pending_and_its_reason_always_agree() {
    let set = [("A.A", Setting::text("1"))];
    let kinds = [
        layer("none", &[]),
        layer("document", &set),
        running(&set, &["A.A"]),
        running(&[], &["A.A"]),
        running(&set, &[]),
        secret("A.A", 9),
        secret("A.A", 11),
    ];
    for one in &kinds {
        for two in &kinds {
            for three in &kinds {
                let layers = [one.clone(), two.clone(), three.clone()];
                let (is_pending, reason) = pending(&layers);

                assert_eq!(is_pending == Some(true), reason.is_some(), "{layers:?}");
            }
        }
    }
}
