//! What is wrong with a layer or with the model. The texts never hold anything that was read.

use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use shared::aws::failure_of;

/// A place in a text, both from 1; 0 where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: u64,
    /// Column.
    pub column: u64,
}

impl Position {
    /// Somewhere in a text that stands within another one.
    pub(in crate::constants) const UNKNOWN: Self = Self { line: 0, column: 0 };

    /// Returns where `error` found the fault.
    pub(in crate::constants) fn of_json(error: &serde_json::Error) -> Self {
        Self {
            line: u64::try_from(error.line()).unwrap_or(0),
            column: u64::try_from(error.column()).unwrap_or(0),
        }
    }
}

/// Why a layer, or the model, could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayerFault {
    /// There is nothing at its location.
    #[error("does not exist")]
    Missing,
    /// Our rights do not reach it.
    #[error("may not be read")]
    Denied,
    /// It is larger than what is read.
    #[error("is larger than {limit_bytes} bytes")]
    TooLarge {
        /// Largest size that is read.
        limit_bytes: u64,
    },
    /// It sets more values than what is read.
    #[error("sets more than {limit} constants")]
    TooMany {
        /// Most values that are read.
        limit: usize,
    },
    /// It could not be read in time; trying again may help. The reason is for logs.
    #[error("could not be read")]
    Unavailable(String),
    /// It is not what it should be.
    #[error("has a fault{}", at(.0))]
    Malformed(Position),
    /// Understanding it took too long.
    #[error("takes too long to understand")]
    TooSlow,
    /// A package without the model's metadata in it.
    #[error("has no model/metadata.json in it")]
    NoMetadata,
    /// A task has several containers, or none of the name given.
    #[error("does not say which container is the app's: name it in the fleet file")]
    ContainerUnknown,
}

fn at(position: &Position) -> String {
    match position.line {
        0 => String::new(),
        line => format!(" in line {line}, column {}", position.column),
    }
}

impl LayerFault {
    /// Returns the stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Denied => "denied",
            Self::TooLarge { .. } => "too_large",
            Self::TooMany { .. } => "too_many",
            Self::Unavailable(_) => "unavailable",
            Self::Malformed(_) => "malformed",
            Self::TooSlow => "too_slow",
            Self::NoMetadata => "no_metadata",
            Self::ContainerUnknown => "container_unknown",
        }
    }

    /// Returns what a refused or failed AWS call means.
    pub(in crate::constants) fn of_call<E: ProvideErrorMetadata, R>(
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
