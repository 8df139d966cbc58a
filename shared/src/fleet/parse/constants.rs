//! The rules of `[environment.constants]`: where constants are defined and set.

use super::section::{Faults, Section};
use crate::document::Location;
use crate::fleet::ConstantLayers;

pub(super) fn read_constants(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
) -> Option<ConstantLayers> {
    section.check_keys(faults, &["model", "layers"]);
    let model = section.required_text(faults, "model");
    let model = model
        .and_then(|(text, offset)| read_location(faults, (text, offset), &section.field("model")));
    let mut layers = Vec::new();
    if let Some(value) = section.get("layers") {
        let field = section.field("layers");
        let entries = value
            .get_ref()
            .as_array()
            .map(|array| array.iter().collect::<Vec<_>>());
        if entries.is_none() {
            faults.add(value.span().start, &field, "allowed is a list of locations");
        }
        for (index, entry) in entries.unwrap_or_default().into_iter().enumerate() {
            let field = format!("{field}[{index}]");
            match entry.get_ref().as_str() {
                Some(text) => {
                    layers.extend(read_location(faults, (text, entry.span().start), &field))
                }
                None => faults.add(entry.span().start, &field, "allowed is a string"),
            }
        }
    }
    Some(ConstantLayers {
        model: model?,
        layers,
    })
}

fn read_location(
    faults: &mut Faults<'_>,
    (text, offset): (&str, usize),
    field: &str,
) -> Option<Location> {
    match Location::parse(text) {
        Ok(location) => Some(location),
        Err(reason) => {
            faults.add(offset, field, format!("{text:?}: {reason}"));
            None
        }
    }
}
