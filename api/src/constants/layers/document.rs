//! Loads one document of constants as text, within a size limit.

use shared::aws::Aws;
use shared::document::{self, DocumentError};
use shared::location::AwsScope;
use shared::location::Location;

use super::fault::{LayerFault, Position};

/// Largest model metadata that is read. A model of 2,000 constants has about 400 kB.
pub const MODEL_LIMIT_BYTES: u64 = 4 * 1024 * 1024;
/// Largest document of values that is read. One with 2,000 constants has about 200 kB.
pub const LAYER_LIMIT_BYTES: u64 = 1024 * 1024;

/// Returns the text of the document at `location`.
///
/// # Errors
///
/// See [`LayerFault`]; text that is not UTF-8 is malformed where it stops being it.
pub(in crate::constants) async fn load(
    aws: &Aws,
    scope: &AwsScope,
    location: &Location,
    limit_bytes: u64,
) -> Result<String, LayerFault> {
    let document = document::read_at(aws, scope, location, None, limit_bytes).await;
    match document.map_err(fault)? {
        Some(document) => text_of(document.bytes),
        // Without a known tag there is always a document; an answer without one is none.
        None => Err(LayerFault::Missing),
    }
}

/// Returns what an unreadable document means for its layer.
pub(in crate::constants) fn fault(error: DocumentError) -> LayerFault {
    match error {
        DocumentError::NotFound(_) => LayerFault::Missing,
        DocumentError::Denied(_) => LayerFault::Denied,
        DocumentError::TooLarge { limit_bytes, .. } => LayerFault::TooLarge { limit_bytes },
        DocumentError::Unavailable { reason, .. } => LayerFault::Unavailable(reason),
    }
}

/// Returns `bytes` as text without the byte order mark that editors on Windows put first.
pub(in crate::constants) fn text_of(bytes: Vec<u8>) -> Result<String, LayerFault> {
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = error
            .as_bytes()
            .iter()
            .take(error.utf8_error().valid_up_to());
        LayerFault::Malformed(position_after(valid.copied()))
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
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
pub(in crate::constants) fn label(location: &Location) -> String {
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
