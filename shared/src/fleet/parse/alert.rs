//! The rules of `[[alert]]`.

use std::collections::BTreeSet;
use std::time::Duration;

use super::fault::Faults;
use super::section::{Section, Text};
use crate::arn;
use crate::fleet::alert::{Alert, Condition, Destination, TotalOver, WebhookForm, WebhookUrl};
use crate::fleet::environment::Environment;

/// Most alerts in one file.
pub const MAX_ALERTS: usize = 100;
/// Most environments that one alert names; an alert without names watches all.
const MAX_NAMED_ENVIRONMENTS: usize = 1000;

/// Keys with a condition, of which an alert has one.
const CONDITIONS: [&str; 6] = [
    "full_within",
    "growth_per_week_above",
    "total_above",
    "unaccounted_above",
    "stale_for",
    "failing_for",
];
const OTHER_KEYS: [&str; 6] = ["name", "environments", "over", "sns", "webhook", "form"];

/// Longest time of a condition: longer than any history of growth reaches.
const MAX_DAYS: u64 = 365;

/// Reads all alerts; `environments` are those of the file, or `None` if discovery finds more.
pub(super) fn read_alerts(
    faults: &mut Faults<'_>,
    root: &Section<'_>,
    environments: Option<&std::collections::BTreeMap<String, Environment>>,
) -> Vec<Alert> {
    let mut names = BTreeSet::new();
    let mut alerts = Vec::new();
    for section in root.sub_tables(faults, "alert", MAX_ALERTS) {
        let Some(alert) = read_alert(faults, &section) else {
            continue;
        };
        let unknown = |name: &&String| environments.is_some_and(|all| !all.contains_key(*name));
        for name in alert.environments.iter().filter(unknown) {
            let reason = format!("{name:?} is no environment of this file");
            faults.add(section.offset, &section.field("environments"), reason);
        }
        if !names.insert(alert.name.clone()) {
            let reason = format!("{:?} is used twice", alert.name);
            faults.add(section.offset, &section.field("name"), reason);
        }
        alerts.push(alert);
    }
    alerts
}

fn read_alert(faults: &mut Faults<'_>, section: &Section<'_>) -> Option<Alert> {
    section.check_keys(faults, &[&OTHER_KEYS[..], &CONDITIONS[..]].concat());
    let name = section.required_text(faults, "name");
    let name = section.checked(faults, "name", name, |text| {
        let is_known =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match !text.starts_with('-') && text.len() <= 63 && text.bytes().all(is_known) {
            true => Ok(()),
            false => Err(
                "is not a name: 1 to 63 lower-case letters, digits and hyphens; the first is not a hyphen",
            ),
        }
    });
    let environments = read_environments(faults, section);
    let condition = read_condition(faults, section);
    let destinations = read_destinations(faults, section);
    Some(Alert {
        name: name?,
        environments,
        condition: condition?,
        destinations,
    })
}

fn read_environments(faults: &mut Faults<'_>, section: &Section<'_>) -> Vec<String> {
    let allowed = "a list of names of environments";
    let entries = section.entries(faults, "environments", allowed, MAX_NAMED_ENVIRONMENTS);
    if section.get("environments").is_some() && entries.is_empty() {
        let field = section.field("environments");
        faults.add(section.offset, &field, "is empty: leave it out for all");
    }
    let mut names = Vec::new();
    for (field, entry) in entries {
        match entry.get_ref().as_str() {
            Some(name) => names.push(name.to_owned()),
            None => faults.add(
                entry.span().start,
                &field,
                "must be the name of an environment",
            ),
        }
    }
    names
}

fn read_condition(faults: &mut Faults<'_>, section: &Section<'_>) -> Option<Condition> {
    let given: Vec<_> = CONDITIONS
        .into_iter()
        .filter(|key| section.get(key).is_some())
        .collect();
    let [key] = given[..] else {
        let reason = format!(
            "needs one condition, has {}: {}",
            given.len(),
            CONDITIONS.join(", ")
        );
        faults.add(section.offset, &section.path, reason);
        return None;
    };
    let text = section.optional_text(faults, key)?;
    let fault = |faults: &mut Faults<'_>, what: &str| {
        let reason = format!("{:?} is not {what}", text.value);
        faults.add(text.offset, &section.field(key), reason);
    };
    let over = read_over(faults, section, key);
    let condition = match key {
        "full_within" | "stale_for" | "failing_for" => time(text.value).map(|time| match key {
            "full_within" => Condition::FullWithin(time),
            "stale_for" => Condition::StaleFor(time),
            _ => Condition::FailingFor(time),
        }),
        "growth_per_week_above" => {
            percent(text.value).map(|percent| Condition::GrowthPerWeekAbove { percent })
        }
        "total_above" => bytes(text.value).map(|bytes| Condition::TotalAbove { bytes, over }),
        _ => bytes(text.value).map(|bytes| Condition::UnaccountedAbove { bytes }),
    };
    if condition.is_none() {
        fault(
            faults,
            match key {
                "growth_per_week_above" => "a share from 1% to 10000%, such as 20%",
                "total_above" | "unaccounted_above" => {
                    "a size such as 500GiB: a whole number and B, KiB, MiB, GiB, TiB or PiB"
                }
                _ => "a time such as 14d: a whole number and m, h or d, at most 365d",
            },
        );
    }
    condition
}

fn read_over(faults: &mut Faults<'_>, section: &Section<'_>, key: &str) -> TotalOver {
    let Some(text) = section.optional_text(faults, "over") else {
        return TotalOver::Environment;
    };
    let mut fault = |reason: &str| faults.add(text.offset, &section.field("over"), reason);
    if key != "total_above" {
        fault("is for total_above only");
    }
    match text.value {
        "environment" => TotalOver::Environment,
        "fleet" => TotalOver::Fleet,
        _ => {
            fault("must be environment or fleet");
            TotalOver::Environment
        }
    }
}

fn read_destinations(faults: &mut Faults<'_>, section: &Section<'_>) -> Vec<Destination> {
    let mut destinations = Vec::new();
    if let Some(Text { value, offset }) = section.optional_text(faults, "sns") {
        match arn::topic_region(value) {
            Some(region) => destinations.push(Destination::Sns {
                topic_arn: value.to_owned(),
                region: region.to_owned(),
            }),
            None => faults.add(
                offset,
                &section.field("sns"),
                format!("{value:?} is not the ARN of a topic"),
            ),
        }
    }
    let form = section.optional_text(faults, "form");
    if let (Some(form), None) = (form, section.get("webhook")) {
        faults.add(form.offset, &section.field("form"), "is for a webhook only");
    }
    let form = match form.map(|form| (form.value, form.offset)) {
        None | Some(("json", _)) => WebhookForm::Json,
        Some(("slack", _)) => WebhookForm::Slack,
        Some(("teams", _)) => WebhookForm::Teams,
        Some((_, offset)) => {
            let field = section.field("form");
            faults.add(offset, &field, "must be json, slack or teams");
            WebhookForm::Json
        }
    };
    if let Some(Text { value, offset }) = section.optional_text(faults, "webhook") {
        match webhook_url(value) {
            Some(url) => destinations.push(Destination::Webhook { url, form }),
            // The text may be the secret URL by mistake, so the message does not repeat it.
            None => faults.add(
                offset,
                &section.field("webhook"),
                "must be the ARN of a secret with the URL, or env:VARIABLE",
            ),
        }
    }
    if section.get("sns").is_none() && section.get("webhook").is_none() {
        let reason = "tells nobody: needs sns, webhook or both";
        faults.add(section.offset, &section.path, reason);
    }
    destinations
}

fn webhook_url(text: &str) -> Option<WebhookUrl> {
    match text.split_once(':') {
        Some(("env", variable)) if !variable.is_empty() => {
            Some(WebhookUrl::Variable(variable.to_owned()))
        }
        _ if arn::secret_region(text).is_some() => Some(WebhookUrl::Secret(text.to_owned())),
        _ => None,
    }
}

/// Returns the whole number at the start of `text`, and the rest.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|character: char| !character.is_ascii_digit())?;
    let (digits, unit) = text.split_at(end);
    Some((digits.parse().ok().filter(|number| *number > 0)?, unit))
}

fn time(text: &str) -> Option<Duration> {
    let (number, unit) = number(text)?;
    let seconds = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds = number.checked_mul(seconds)?;
    (seconds <= MAX_DAYS * 86_400).then(|| Duration::from_secs(seconds))
}

fn percent(text: &str) -> Option<u64> {
    let (number, unit) = number(text)?;
    (unit == "%" && number <= 10_000).then_some(number)
}

fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = number(text)?;
    let power = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let power = power.iter().position(|name| *name == unit)?;
    let power = u32::try_from(power).ok()?;
    number.checked_mul(1024_u64.checked_pow(power)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Fleet;
    use crate::testing::fleet::FleetBuilder;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:mrt";
    const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hook-AbCdEf";

    fn parse(keys: &str) -> Result<Fleet, String> {
        FleetBuilder::with("a")
            .toml(&format!("[[alert]]\nname = \"x\"\n{keys}"))
            .parse()
    }

    fn condition(keys: &str) -> Condition {
        let fleet = parse(&format!("{keys}\nsns = \"{TOPIC}\"")).unwrap();
        fleet.alerts()[0].condition
    }

    #[test]
    fn each_condition_is_read_with_its_unit() {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let environment = TotalOver::Environment;
        for (keys, expected) in [
            ("full_within = \"14d\"", Condition::FullWithin(days(14))),
            (
                "growth_per_week_above = \"20%\"",
                Condition::GrowthPerWeekAbove { percent: 20 },
            ),
            (
                "total_above = \"500GiB\"",
                Condition::TotalAbove {
                    bytes: 500 << 30,
                    over: environment,
                },
            ),
            (
                "total_above = \"1TiB\"\nover = \"fleet\"",
                Condition::TotalAbove {
                    bytes: 1 << 40,
                    over: TotalOver::Fleet,
                },
            ),
            (
                "unaccounted_above = \"7MiB\"",
                Condition::UnaccountedAbove { bytes: 7 << 20 },
            ),
            (
                "stale_for = \"90m\"",
                Condition::StaleFor(Duration::from_secs(5400)),
            ),
            ("failing_for = \"24h\"", Condition::FailingFor(days(1))),
        ] {
            assert_eq!(condition(keys), expected, "{keys}");
        }
    }

    #[test]
    fn both_kinds_of_destinations_are_read() {
        let keys = format!(
            "stale_for = \"1h\"\nenvironments = [\"a\"]\nsns = \"{TOPIC}\"\nwebhook = \"{SECRET}\"\nform = \"slack\""
        );

        let fleet = parse(&keys).unwrap();

        let alert = &fleet.alerts()[0];
        assert!(alert.watches("a") && !alert.watches("b"));
        assert_eq!(
            alert.destinations,
            [
                Destination::Sns {
                    topic_arn: TOPIC.into(),
                    region: "eu-west-1".into()
                },
                Destination::Webhook {
                    url: WebhookUrl::Secret(SECRET.into()),
                    form: WebhookForm::Slack
                }
            ]
        );
    }

    #[test]
    fn every_fault_is_named_with_what_is_allowed() {
        let sns = format!("sns = \"{TOPIC}\"");
        for (keys, expected) in [
            (
                sns.clone(),
                "fleet.toml:3: alert[0]: needs one condition, has 0: full_within",
            ),
            (
                format!("{sns}\nstale_for = \"1h\"\nfailing_for = \"1h\""),
                "needs one condition, has 2",
            ),
            (
                format!("{sns}\nfull_within = \"14\""),
                "full_within: \"14\" is not a time such as 14d",
            ),
            (format!("{sns}\nfull_within = \"0d\""), "is not a time"),
            (format!("{sns}\nfull_within = \"366d\""), "at most 365d"),
            (
                format!("{sns}\nfull_within = 14"),
                "full_within: is integer, must be a string",
            ),
            (
                format!("{sns}\ntotal_above = \"5GB\""),
                "\"5GB\" is not a size such as 500GiB",
            ),
            (
                format!("{sns}\ntotal_above = \"99999999PiB\""),
                "is not a size",
            ),
            (
                format!("{sns}\ngrowth_per_week_above = \"0.2\""),
                "a share from 1% to 10000%",
            ),
            (
                format!("{sns}\nstale_for = \"1h\"\nover = \"fleet\""),
                "over: is for total_above only",
            ),
            (
                format!("{sns}\ntotal_above = \"1GiB\"\nover = \"all\""),
                "must be environment or fleet",
            ),
            (
                format!("{sns}\nstale_for = \"1h\"\nenvironments = [\"b\"]"),
                "\"b\" is no environment of this file",
            ),
            (
                format!("{sns}\nstale_for = \"1h\"\nenvironments = []"),
                "is empty: leave it out for all",
            ),
            (
                format!("{sns}\nstale_for = \"1h\"\nform = \"slack\""),
                "form: is for a webhook only",
            ),
            (
                "stale_for = \"1h\"".to_owned(),
                "tells nobody: needs sns, webhook or both",
            ),
            (
                "stale_for = \"1h\"\nsns = \"ops\"".to_owned(),
                "\"ops\" is not the ARN of a topic",
            ),
            (
                "stale_for = \"1h\"\nwebhook = \"env:HOOK\"\nform = \"irc\"".to_owned(),
                "form: must be json, slack or teams",
            ),
        ] {
            let fault = parse(&keys).unwrap_err();
            assert!(fault.contains(expected), "{keys}: {fault}");
        }
        let twice = format!(
            "stale_for = \"1h\"\n{sns}\n[[alert]]\nname = \"x\"\nstale_for = \"2h\"\n{sns}"
        );
        assert!(parse(&twice).unwrap_err().contains("\"x\" is used twice"));
    }

    #[test]
    fn a_url_in_the_file_by_mistake_is_not_repeated() {
        let fault = parse("stale_for = \"1h\"\nwebhook = \"https://hooks.example/NEVERLEAK\"");

        let fault = fault.unwrap_err();
        assert!(
            fault.contains("webhook: must be the ARN of a secret"),
            "{fault}"
        );
        assert!(!fault.contains("NEVERLEAK"), "{fault}");
    }
}
