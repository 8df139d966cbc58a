//! The query parameters that a route allows.

/// One query parameter.
#[derive(Debug)]
pub struct Parameter {
    /// Name in the query.
    pub name: &'static str,
    /// What it selects.
    pub description: &'static str,
    /// Which values are allowed.
    pub kind: ParameterKind,
    /// Whether a request without it is refused.
    pub is_required: bool,
}

/// Values that a parameter may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// Text of 1 to 1,024 bytes.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number from 1 that may be left out.
    OptionalNumber {
        /// Greatest value.
        most: u64,
    },
    /// A whole number.
    Number {
        /// Least value.
        least: u64,
        /// Greatest value.
        most: u64,
        /// Value when the parameter is absent.
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

    /// Returns a whole number from 1 to `most` that means nothing when it is left out.
    pub const fn optional_number(name: &'static str, description: &'static str, most: u64) -> Self {
        Self {
            name,
            description,
            kind: ParameterKind::OptionalNumber { most },
            is_required: false,
        }
    }

    /// Returns a whole number from 1 to `most`.
    pub const fn number(
        name: &'static str,
        description: &'static str,
        most: u64,
        default: u64,
    ) -> Self {
        Self {
            name,
            description,
            kind: ParameterKind::Number {
                least: 1,
                most,
                default,
            },
            is_required: false,
        }
    }
}
