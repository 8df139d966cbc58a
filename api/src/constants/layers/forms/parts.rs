//! The parts of a document that contain constants, wherever they stand.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Names of parts that are named if a document sets no constants. No other name of a document is repeated.
const KNOWN_NAMES: [&str; 16] = [
    "apiVersion",
    "kind",
    "metadata",
    "spec",
    "items",
    "runtime",
    "mxruntime",
    "m2ee",
    "mxnode",
    "logging",
    "custom",
    "data",
    "stringData",
    "services",
    "CustomSettings",
    "ScheduledEvents",
];

/// The parts of one or more documents. `V` is a value in JSON or YAML.
pub(super) struct Parts<V> {
    /// The parts that set constants, in their order.
    pub(super) sections: Vec<Section<V>>,
    /// Names of the files that it includes, without their folders.
    pub(super) includes: Vec<String>,
    /// Known names at the top.
    pub(super) names: Vec<&'static str>,
}

/// A part that sets constants.
pub(super) enum Section<V> {
    /// `mxruntime.MicroflowConstants` in the `m2ee.yaml` of a virtual machine.
    Runtime(BTreeMap<String, V>),
    /// `runtime` of a `MendixApp` of Mendix on Kubernetes, or of the values of a chart.
    Resource {
        /// `customConfiguration`, JSON as text.
        older: Option<String>,
        /// `microflowConstants`.
        newer: Option<BTreeMap<String, V>>,
    },
    /// The Deploy API's answer with an environment's settings.
    Deployed(Vec<Deployed<V>>),
}

/// A constant in the Deploy API's answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound = "V: Deserialize<'de>")]
pub(super) struct Deployed<V> {
    pub(super) name: String,
    /// The configured value.
    pub(super) value: Option<V>,
    /// The value with which the running app was started: null if it does not have the constant yet, absent on
    /// platforms that do not report it.
    #[serde(default, deserialize_with = "present")]
    pub(super) deployed_value: Option<Option<V>>,
}

/// Returns a value that is present, which may be null.
fn present<'de, V, D>(deserializer: D) -> Result<Option<Option<V>>, D::Error>
where
    V: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(bound = "V: Deserialize<'de>")]
struct Runtime<V> {
    #[serde(rename = "MicroflowConstants")]
    constants: Option<BTreeMap<String, V>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Includes {
    One(String),
    Many(Vec<String>),
}

impl<V> Default for Parts<V> {
    fn default() -> Self {
        Self {
            sections: Vec::new(),
            includes: Vec::new(),
            names: Vec::new(),
        }
    }
}

impl<V> Parts<V> {
    /// Returns the parts of both.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.sections.extend(other.sections);
        self.includes.extend(other.includes);
        for name in other.names {
            self.add_name(name);
        }
        self
    }

    fn add_name(&mut self, name: &str) {
        let known = KNOWN_NAMES.into_iter().find(|known| *known == name);
        if let Some(known) = known.filter(|known| !self.names.contains(known)) {
            self.names.push(known);
        }
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Parts<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut parts = Self::default();
        let place = Place::Document;
        (PartsOf {
            parts: &mut parts,
            place,
        })
        .deserialize(deserializer)?;
        Ok(parts)
    }
}

/// Whether a `customConfiguration` sets constants, or is not the JSON that it should be.
fn may_set_constants(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && (text.contains("MicroflowConstants") || !text.starts_with('{'))
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A document, or an item of a list of resources.
    Document,
    /// `items` of a list of resources.
    Items,
    /// `spec` of a resource.
    Spec,
    /// `runtime`.
    Runtime,
    /// Any other value: the values of a chart may hold `runtime` at any depth.
    Other,
}

/// Collects the parts of the value at a place.
struct PartsOf<'p, V> {
    parts: &'p mut Parts<V>,
    place: Place,
}

impl<'de, V: Deserialize<'de>> DeserializeSeed<'de> for PartsOf<'_, V> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<V> PartsOf<'_, V> {
    /// Accepts a scalar, except in place of a document.
    fn scalar<E: Error>(self) -> Result<(), E> {
        match self.place {
            Place::Document | Place::Items => Err(E::custom("not a map")),
            Place::Spec | Place::Runtime | Place::Other => Ok(()),
        }
    }

    fn inside(&mut self, place: Place) -> PartsOf<'_, V> {
        PartsOf {
            parts: self.parts,
            place,
        }
    }
}

impl<'de, V: Deserialize<'de>> Visitor<'de> for PartsOf<'_, V> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map")
    }

    fn visit_str<E: Error>(self, _text: &str) -> Result<(), E> {
        self.scalar()
    }

    fn visit_bool<E: Error>(self, _value: bool) -> Result<(), E> {
        self.scalar()
    }

    fn visit_i64<E: Error>(self, _number: i64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_u64<E: Error>(self, _number: u64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_f64<E: Error>(self, _number: f64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        match self.place {
            Place::Document => Err(A::Error::custom("not a map")),
            Place::Items => {
                while list
                    .next_element_seed(self.inside(Place::Document))?
                    .is_some()
                {}
                Ok(())
            }
            Place::Spec | Place::Runtime | Place::Other => {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(())
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let (mut older, mut newer, mut is_resource) = (None, None, false);
        while let Some(name) = map.next_key::<String>()? {
            if self.place == Place::Document {
                self.parts.add_name(&name);
            }
            match (self.place, name.as_str()) {
                (Place::Document, "mxruntime") => {
                    let runtime: Option<Runtime<V>> = map.next_value()?;
                    let constants = runtime.and_then(|runtime| runtime.constants);
                    self.parts.sections.extend(constants.map(Section::Runtime));
                }
                (Place::Document, "Constants") => {
                    let list: Option<Vec<Deployed<V>>> = map.next_value()?;
                    self.parts.sections.extend(list.map(Section::Deployed));
                }
                (Place::Document, "include") => {
                    let files = match map.next_value::<Option<Includes>>()? {
                        None => Vec::new(),
                        Some(Includes::One(file)) => vec![file],
                        Some(Includes::Many(files)) => files,
                    };
                    let name = |file: String| file.rsplit(['/', '\\']).next().map(str::to_owned);
                    self.parts
                        .includes
                        .extend(files.into_iter().filter_map(name));
                }
                (Place::Document, "items") => map.next_value_seed(self.inside(Place::Items))?,
                (Place::Document | Place::Other, "spec") => {
                    map.next_value_seed(self.inside(Place::Spec))?
                }
                (Place::Document | Place::Other | Place::Spec, "runtime") => {
                    map.next_value_seed(self.inside(Place::Runtime))?;
                }
                (Place::Runtime, "microflowConstants") => {
                    newer = map.next_value::<Option<BTreeMap<String, V>>>()?;
                    is_resource = true;
                }
                (Place::Runtime, "customConfiguration") => {
                    older = map.next_value::<Option<String>>()?;
                    is_resource |= older.as_deref().is_some_and(may_set_constants);
                }
                (Place::Document | Place::Other, _) => {
                    map.next_value_seed(self.inside(Place::Other))?
                }
                (Place::Items | Place::Spec | Place::Runtime, _) => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if is_resource {
            self.parts.sections.push(Section::Resource { older, newer });
        }
        Ok(())
    }
}
