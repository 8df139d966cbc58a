use super::*;

fn model(keys: &[String], prefix_bytes: usize) -> KeyModel {
    let mut model = KeyModel::new(prefix_bytes);
    let mut previous = None;
    for key in keys {
        let key = symbols(key.as_bytes()).unwrap();
        model.learn(previous.as_deref(), true, &key);
        previous = Some(key);
    }
    model
}

/// Returns the key that lies `factor` times as far after the last one of `keys` as that is after the first.
fn ahead(keys: &[String], prefix_bytes: usize, factor: f64) -> Option<String> {
    let model = model(keys, prefix_bytes);
    let [first, last] =
        [keys.first(), keys.last()].map(|key| symbols(key.unwrap().as_bytes()).unwrap());
    let step = model.distance(&first, &last).unwrap();
    let key = model.ahead(&last, None, step, factor)?;
    Some(String::from_utf8(key).unwrap())
}

/// Returns one of 97 of the keys that `key` returns for numbers below `count`.
fn sampled(count: usize, key: impl Fn(usize) -> String) -> Vec<String> {
    (0..count).step_by(97).map(key).collect()
}

#[test]
fn counters_continue() {
    let keys = sampled(10_000, |number| format!("file-{number:08}.bin"));

    let key = ahead(&keys, 0, 4.0).unwrap();

    let digits: String = key.chars().filter(char::is_ascii_digit).collect();
    let number: usize = format!("{digits:0<8}").parse().unwrap();
    assert!((20_000..100_000).contains(&number), "{key}");
}

#[test]
fn a_step_is_as_long_in_any_alphabet() {
    let digits: Vec<char> = "!/0Aa~".chars().collect();
    let key = |number: usize| -> String {
        let digit = |place: u32| digits[number / 6_usize.pow(place) % 6];
        (0..6).rev().map(digit).collect()
    };
    let keys = sampled(4_000, key);

    let found = ahead(&keys, 0, 4.0).unwrap();

    let number = (0..46_656).find(|number| key(*number) > found);
    assert!(
        number.is_some_and(|number| (8_000..40_000).contains(&number)),
        "{found} {number:?}"
    );
}

#[test]
fn no_step_leaves_the_common_prefix() {
    let keys = sampled(1_000, |number| format!("app9/{number:03}"));

    assert_eq!(ahead(&keys, 5, 40.0), None);
}

#[test]
fn the_middle_between_two_keys_is_between_them() {
    let keys = sampled(10_000, |number| {
        format!("{}/{number:05}", "long/".repeat(180))
    });
    let model = model(&keys, 0);
    let [low, high] = ["00100", "09000"].map(|end| "long/".repeat(180) + "/" + end);
    let [low_symbols, high_symbols] = [&low, &high].map(|key| symbols(key.as_bytes()).unwrap());

    let key = model.between(&low_symbols, &high_symbols, 0.5).unwrap();

    let key = String::from_utf8(key).unwrap();
    assert!(low < key && key < high, "{key}");
    assert!(key.contains("/04") || key.contains("/05"), "{key}");
}

#[test]
fn keys_that_are_not_utf8_have_no_symbols() {
    assert_eq!(symbols(&[0xFF]), None);
}
