//! Loads one document of constants as text, within a size limit, and says what is wrong with one that fails.

use shared::aws::Aws;
use shared::document::{self, DocumentError, Location};

/// Largest model metadata that is read. A model of 2,000 constants has about 400 kB.
pub const MODEL_LIMIT_BYTES: u64 = 4 * 1024 * 1024;
/// Largest document of values that is read. One with 2,000 constants has about 200 kB.
pub const LAYER_LIMIT_BYTES: u64 = 1024 * 1024;

/// A place in a text, both from 1; 0 where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: u64,
    /// Column.
    pub column: u64,
}

/// Why a document of constants could not be used.
///
/// The texts never hold anything of the document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentFault {
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
    /// It could not be read in time; trying again may help.
    #[error("could not be read")]
    Unavailable(#[source] DocumentError),
    /// It is not what it should be.
    #[error("has a fault in line {}, column {}", .0.line, .0.column)]
    Malformed(Position),
}

impl DocumentFault {
    /// Returns the stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Denied => "denied",
            Self::TooLarge { .. } => "too_large",
            Self::Unavailable(_) => "unavailable",
            Self::Malformed(_) => "malformed",
        }
    }
}

/// Returns the text of the document at `location`.
///
/// # Errors
///
/// See [`DocumentFault`]; text that is not UTF-8 is malformed where it stops being it.
pub(super) async fn load(
    aws: &Aws,
    location: &Location,
    limit_bytes: u64,
) -> Result<String, DocumentFault> {
    let document = document::read(aws, location, None, limit_bytes).await;
    let bytes = match document {
        Ok(Some(document)) => document.bytes,
        // Without a known tag there is always a document; an answer without one is none.
        Ok(None) | Err(DocumentError::NotFound(_)) => return Err(DocumentFault::Missing),
        Err(DocumentError::Denied(_)) => return Err(DocumentFault::Denied),
        Err(DocumentError::TooLarge { limit_bytes, .. }) => {
            return Err(DocumentFault::TooLarge { limit_bytes });
        }
        Err(error @ DocumentError::Unavailable { .. }) => {
            return Err(DocumentFault::Unavailable(error));
        }
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error
            .as_bytes()
            .iter()
            .take(error.utf8_error().valid_up_to());
        DocumentFault::Malformed(position_after(valid.copied()))
    })?;
    // Editors on Windows put a byte order mark first, which JSON does not allow.
    Ok(text
        .strip_prefix('\u{feff}')
        .map_or(text.clone(), str::to_owned))
}

fn position_after(bytes: impl Iterator<Item = u8>) -> Position {
    let start = Position { line: 1, column: 1 };
    bytes.fold(start, |position, byte| match byte {
        b'\n' => Position {
            line: position.line + 1,
            column: 1,
        },
        _ => Position {
            column: position.column + 1,
            ..position
        },
    })
}

/// Returns the name of a document for callers: the whole URL of an object, of a file its name alone.
pub(super) fn label(location: &Location) -> String {
    match location {
        Location::S3 { .. } => location.to_string(),
        Location::File(path) => {
            let name = path.file_name().unwrap_or(path.as_os_str());
            name.to_string_lossy().into_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_lines_and_columns_from_one() {
        let position = position_after("a: b\ncd".bytes());

        assert_eq!(position, Position { line: 2, column: 3 });
    }

    #[test]
    fn labels_never_show_folders_of_this_machine() {
        let file = Location::File("/srv/app/m2ee.yaml".into());
        let object = Location::parse("s3://acme-config/prod/m2ee.yaml").unwrap();

        assert_eq!(label(&file), "m2ee.yaml");
        assert_eq!(label(&object), "s3://acme-config/prod/m2ee.yaml");
    }
}
