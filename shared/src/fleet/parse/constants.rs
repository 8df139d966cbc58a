//! The rules of `[environment.constants]`: where constants are defined and set.

use toml::de::DeValue;

use super::fault::Faults;
use super::scope::{Context, SCOPE_KEYS, read_scope};
use super::section::{Section, Text};
use crate::fleet::{
    ConstantLayer, ConstantLayers, LayerKind, MAX_CONSTANT_LAYERS, MAX_CONSTANT_PATTERNS,
};
use crate::location::{AwsScope, Location};

const KINDS: &str = "allowed: document, ecs_task, secret, ssm_path";

pub(super) fn read_constants(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    context: Context<'_>,
) -> Option<ConstantLayers> {
    section.check_keys(
        faults,
        &[
            "model", "layers", "show", "hide", "account", "region", "role_arn",
        ],
    );
    let scope = read_scope(faults, section, context);
    let model = section.required_text(faults, "model");
    let model = model.and_then(|text| read_location(faults, text, &section.field("model")));
    Some(ConstantLayers {
        layers: read_layers(faults, section, &scope, context),
        show: read_patterns(faults, section, "show"),
        hide: read_patterns(faults, section, "hide"),
        model: model?,
        scope,
    })
}

/// Reads the list of layers: strings are documents, tables have a kind.
fn read_layers(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    scope: &AwsScope,
    context: Context<'_>,
) -> Vec<ConstantLayer> {
    let mut layers = Vec::new();
    let allowed = "a list of locations and tables";
    for (field, entry) in section.entries(faults, "layers", allowed, MAX_CONSTANT_LAYERS) {
        let offset = entry.span().start;
        match entry.get_ref() {
            DeValue::String(text) => {
                let location = read_location(
                    faults,
                    Text {
                        value: text,
                        offset,
                    },
                    &field,
                );
                layers.extend(location.map(|location| ConstantLayer {
                    kind: LayerKind::Document(location),
                    scope: scope.clone(),
                }));
            }
            DeValue::Table(table) => {
                let section = Section {
                    table,
                    path: field,
                    offset,
                };
                layers.extend(read_layer(faults, &section, scope, context));
            }
            _ => faults.add(offset, &field, "must be a string or a table"),
        }
    }
    layers
}

fn read_layer(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    inherited: &AwsScope,
    context: Context<'_>,
) -> Option<ConstantLayer> {
    let kind = section.required_text(faults, "kind")?;
    let keys: &[&str] = match kind.value {
        "document" => &["location"],
        "ecs_task" => &["cluster", "service", "container"],
        "secret" => &["id"],
        "ssm_path" => &["path", "decrypt"],
        _ => {
            let reason = format!("{:?} is unknown; {KINDS}", kind.value);
            faults.add(kind.offset, &section.field("kind"), reason);
            return None;
        }
    };
    let allowed: Vec<&str> = ["kind"]
        .iter()
        .chain(keys)
        .chain(&SCOPE_KEYS)
        .copied()
        .collect();
    section.check_keys(faults, &allowed);
    let own = read_scope(faults, section, context);
    let text = |faults: &mut Faults<'_>, key: &str| {
        let text = section.required_text(faults, key);
        text.map(Text::to_owned)
    };
    let kind = match kind.value {
        "document" => {
            let found = section.required_text(faults, "location")?;
            LayerKind::Document(read_location(faults, found, &section.field("location"))?)
        }
        "ecs_task" => {
            let (cluster, service) = (text(faults, "cluster"), text(faults, "service"));
            let container = section.optional_text(faults, "container");
            LayerKind::EcsTask {
                cluster: cluster?,
                service: service?,
                container: container.map(Text::to_owned),
            }
        }
        "secret" => LayerKind::Secret {
            id: text(faults, "id")?,
        },
        _ => {
            let path = section.required_text(faults, "path");
            let path = section.checked(faults, "path", path, parameter_path)?;
            LayerKind::SsmPath {
                path: path.trim_end_matches('/').to_owned(),
                decrypt: section.boolean(faults, "decrypt").unwrap_or_default(),
            }
        }
    };
    let region = own.region.clone().or_else(|| inherited.region.clone());
    let role = if own.role_arn.is_some() {
        own
    } else {
        inherited.clone()
    };
    let scope = AwsScope { region, ..role };
    Some(ConstantLayer { kind, scope })
}

fn read_patterns(faults: &mut Faults<'_>, section: &Section<'_>, key: &str) -> Vec<String> {
    let mut patterns = Vec::new();
    let allowed = "a list of names; * matches any part";
    for (field, entry) in section.entries(faults, key, allowed, MAX_CONSTANT_PATTERNS) {
        match entry.get_ref().as_str() {
            Some(text) if !text.is_empty() => patterns.push(text.to_owned()),
            _ => faults.add(
                entry.span().start,
                &field,
                "must be a name; * matches any part",
            ),
        }
    }
    patterns
}

/// Requires a path of at least two parts: the root would include all parameters of an account.
fn parameter_path(text: &str) -> Result<(), &'static str> {
    let parts: Vec<&str> = text.trim_end_matches('/').split('/').collect();
    let is_path = parts.len() >= 2 && parts[0].is_empty();
    if is_path && parts[1..].iter().all(|part| !part.is_empty()) {
        return Ok(());
    }
    Err("is not a path of parameters, such as /acme-prod/constants")
}

fn read_location(faults: &mut Faults<'_>, text: Text<'_>, field: &str) -> Option<Location> {
    match Location::parse(text.value) {
        Ok(location) => Some(location),
        Err(reason) => {
            faults.add(text.offset, field, format!("{:?}: {reason}", text.value));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fleet::FleetBuilder;

    fn constants(lines: &str) -> Result<ConstantLayers, String> {
        let file = FleetBuilder::with("acme-prod").toml("[environment.constants]");
        let fleet = file.toml(lines).parse()?;
        let environment = fleet.environment("acme-prod").unwrap();
        Ok(environment.constants.clone().unwrap())
    }

    #[test]
    fn strings_are_documents_and_tables_name_their_kind() {
        let constants = constants(
            r#"
model = "s3://acme-config/app.mda"
region = "eu-west-1"
layers = [
  "s3://acme-config/m2ee.yaml",
  { kind = "document", location = "settings.json", region = "eu-central-1" },
  { kind = "ecs_task", cluster = "acme", service = "acme-prod", container = "mendix" },
  { kind = "secret", id = "acme/prod", role_arn = "arn:aws:iam::123456789012:role/mrt-reader" },
  { kind = "ssm_path", path = "/acme-prod/constants/", decrypt = true },
]
show = ["Sales.*Url"]
hide = ["Sales.Discount*"]
"#,
        )
        .unwrap();

        let kinds: Vec<_> = constants.layers.iter().map(|layer| &layer.kind).collect();
        assert_eq!(
            kinds,
            [
                &LayerKind::Document(Location::parse("s3://acme-config/m2ee.yaml").unwrap()),
                &LayerKind::Document(Location::parse("settings.json").unwrap()),
                &LayerKind::EcsTask {
                    cluster: "acme".into(),
                    service: "acme-prod".into(),
                    container: Some("mendix".into()),
                },
                &LayerKind::Secret {
                    id: "acme/prod".into()
                },
                &LayerKind::SsmPath {
                    path: "/acme-prod/constants".into(),
                    decrypt: true,
                },
            ]
        );
        let regions: Vec<_> = constants
            .layers
            .iter()
            .map(|layer| layer.scope.region.as_deref().unwrap())
            .collect();
        assert_eq!(
            regions,
            [
                "eu-west-1",
                "eu-central-1",
                "eu-west-1",
                "eu-west-1",
                "eu-west-1"
            ]
        );
        assert!(constants.layers[3].scope.role_arn.is_some());
        assert_eq!(
            (constants.show.len(), constants.hide.len()),
            (1, 1),
            "{constants:?}"
        );
    }

    #[test]
    fn every_fault_of_a_layer_is_named() {
        let shown = constants(
            r#"
model = "m"
layers = [
  5,
  "https://example.com",
  { kind = "vault" },
  { kind = "ecs_task", cluster = "acme" },
  { kind = "secret", id = "a", path = "/x" },
  { kind = "ssm_path", path = "/" },
  { kind = "ssm_path", path = "/a", decrypt = "yes" },
  { location = "x" },
]
show = "Sales.*"
hide = [""]
"#,
        )
        .unwrap_err();

        for expected in [
            "fleet.toml:7: environment[0].constants.layers[0]: must be a string or a table",
            "layers[1]: \"https://example.com\": must be",
            "layers[2].kind: \"vault\" is unknown; allowed: document, ecs_task, secret, ssm_path",
            "layers[3].service: is missing",
            "layers[4].path: unknown key; allowed keys: kind, id, account, region, role_arn",
            "layers[5].path: \"/\" is not a path of parameters",
            "layers[6].decrypt: must be true or false",
            "layers[7].kind: is missing",
            "show: must be a list of names; * matches any part",
            "hide[0]: must be a name",
        ] {
            assert!(shown.contains(expected), "{expected}\n--- in ---\n{shown}");
        }
        assert_eq!(shown.lines().count(), 10, "{shown}");
    }
}
