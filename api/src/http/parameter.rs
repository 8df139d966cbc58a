//! The query parameters that a route allows.

/// One query parameter.
#[derive(Debug)]
pub struct Parameter {
    /// Name in the query.
    pub name: &'static str,
    /// One line for the documents.
    pub description: &'static str,
    /// The allowed values.
    pub kind: ParameterKind,
    /// Whether a request must have it.
    pub is_required: bool,
}

/// Allowed values of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// Text of 1 to 1,024 bytes.
    Text,
    /// The `next` of an earlier answer.
    Cursor,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Some of these words, with commas between them.
    Words(&'static [&'static str]),
    /// A whole number from 1, without a default.
    OptionalNumber {
        /// Largest allowed value.
        max: u64,
    },
    /// A whole number with a default.
    Number {
        /// Smallest allowed value.
        min: u64,
        /// Largest allowed value.
        max: u64,
        /// Value if the parameter is absent.
        default: u64,
    },
}

impl Parameter {
    /// Returns an optional text parameter.
    pub const fn text(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            description,
            kind: ParameterKind::Text,
            is_required: false,
        }
    }

    /// Returns the parameter for the next page.
    pub const fn cursor() -> Self {
        Self {
            name: "cursor",
            description: "The `next` of the previous page.",
            kind: ParameterKind::Cursor,
            is_required: false,
        }
    }

    /// Returns a text parameter that every request must have.
    pub const fn required_text(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            description,
            kind: ParameterKind::Text,
            is_required: true,
        }
    }

    /// Returns an optional parameter that is one of `words`; it has no default.
    pub const fn choice(
        name: &'static str,
        description: &'static str,
        words: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            description,
            kind: ParameterKind::Choice(words),
            is_required: false,
        }
    }

    /// Returns an optional parameter that is some of `words`, with commas between them.
    pub const fn words(
        name: &'static str,
        description: &'static str,
        words: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            description,
            kind: ParameterKind::Words(words),
            is_required: false,
        }
    }

    /// Returns a whole number from 1 to `max`; it has no default.
    pub const fn optional_number(name: &'static str, description: &'static str, max: u64) -> Self {
        Self {
            name,
            description,
            kind: ParameterKind::OptionalNumber { max },
            is_required: false,
        }
    }

    /// Returns a whole number from 0 to `max` with a default.
    pub const fn count(
        name: &'static str,
        description: &'static str,
        max: u64,
        default: u64,
    ) -> Self {
        Self {
            kind: ParameterKind::Number {
                min: 0,
                max,
                default,
            },
            ..Self::number(name, description, max, default)
        }
    }

    /// Returns a whole number from 1 to `max` with a default.
    pub const fn number(
        name: &'static str,
        description: &'static str,
        max: u64,
        default: u64,
    ) -> Self {
        Self {
            name,
            description,
            kind: ParameterKind::Number {
                min: 1,
                max,
                default,
            },
            is_required: false,
        }
    }
}
