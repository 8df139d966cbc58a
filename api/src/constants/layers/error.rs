//! Why a layer or the model could not be read. The texts never contain content.

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use shared::aws::failure_of;

/// A position in a text. Lines and columns start at 1; 0 means unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: u64,
    /// Column.
    pub column: u64,
}

impl Position {
    /// A position in a text that is embedded in another one.
    pub(in crate::constants) const UNKNOWN: Self = Self { line: 0, column: 0 };

    /// Returns the position of `error`.
    pub(in crate::constants) fn from_json(error: &serde_json::Error) -> Self {
        Self {
            line: u64::try_from(error.line()).unwrap_or(0),
            column: u64::try_from(error.column()).unwrap_or(0),
        }
    }
}

/// Why a layer or the model could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayerError {
    /// It does not exist.
    #[error("does not exist")]
    Missing,
    /// Access is denied.
    #[error("may not be read")]
    Denied,
    /// It exceeds the size limit.
    #[error("is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The size limit.
        limit_bytes: u64,
    },
    /// It sets more constants than the limit.
    #[error("sets more than {limit} constants")]
    TooMany {
        /// Maximum number of constants.
        limit: usize,
    },
    /// It could not be read in time; a retry may help. The reason is for logs.
    #[error("could not be read")]
    Unavailable(String),
    /// Its content is not in the expected format.
    #[error("is malformed{}", at(.0))]
    Malformed(Position),
    /// It is JSON, but not what it should be: it has no member of this name.
    #[error("has no {0}")]
    NoMember(&'static str),
    /// Parsing it took too long.
    #[error("takes too long to parse")]
    TooSlow,
    /// It is a package without the model's metadata.
    #[error("contains no model/metadata.json and no app/model/metadata.json")]
    NoMetadata,
    /// A task has several containers, or none with the configured name.
    #[error("has no container that is known to be the app's: set its name in the fleet file")]
    ContainerUnknown,
}

fn at(position: &Position) -> String {
    match position.line {
        0 => String::new(),
        line => format!(" at line {line}, column {}", position.column),
    }
}

impl LayerError {
    /// Returns its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Denied => "denied",
            Self::TooLarge { .. } => "too_large",
            Self::TooMany { .. } => "too_many",
            Self::Unavailable(_) => "unavailable",
            Self::Malformed(_) | Self::NoMember(_) => "malformed",
            Self::TooSlow => "too_slow",
            Self::NoMetadata => "no_metadata",
            Self::ContainerUnknown => "container_unknown",
        }
    }

    /// Returns the layer's error for a failed AWS call.
    pub(in crate::constants) fn from_aws<E: ProvideErrorMetadata, R>(
        error: &SdkError<E, R>,
    ) -> Self {
        let code = error.code().unwrap_or_default();
        let is = |parts: &[&str]| parts.iter().any(|part| code.contains(part));
        if is(&["NotFound", "ClusterNotFound", "ServiceNotFound"]) {
            Self::Missing
        } else if is(&[
            "AccessDenied",
            "UnrecognizedClient",
            "InvalidSignature",
            "ExpiredToken",
            "InvalidClientToken",
            "DecryptionFailure",
            "InvalidKeyId",
        ]) {
            Self::Denied
        } else {
            Self::Unavailable(failure_of(error))
        }
    }
}
