//! Loads one document of constants as text, within a size limit.

use shared::aws::Aws;
use shared::document::{self, DocumentError};
use shared::location::AwsScope;
use shared::location::Location;

use super::error::{LayerError, Position};

/// Maximum size of the model's metadata. A model with 2,000 constants has about 400 kB.
pub const MODEL_LIMIT_BYTES: u64 = 4 * 1024 * 1024;
/// Maximum size of a document of values. One with 2,000 constants has about 200 kB.
pub const LAYER_LIMIT_BYTES: u64 = 1024 * 1024;

/// Returns the text of the document at `location`.
///
/// # Errors
///
/// See [`LayerError`]; text that is not UTF-8 is malformed at its first invalid byte.
pub(in crate::constants) async fn load(
    aws: &Aws,
    scope: &AwsScope,
    location: &Location,
    limit_bytes: u64,
) -> Result<String, LayerError> {
    let document = document::read_at(aws, scope, location, None, limit_bytes).await;
    match document.map_err(layer_error)? {
        Some(document) => text_of(document.bytes),
        // Only a request with a known tag can be answered without a document.
        None => Err(LayerError::Missing),
    }
}

/// Returns the layer's error for a document that could not be read.
pub(in crate::constants) fn layer_error(error: DocumentError) -> LayerError {
    match error {
        DocumentError::NotFound(_) => LayerError::Missing,
        DocumentError::Denied(_) => LayerError::Denied,
        DocumentError::TooLarge { limit_bytes, .. } => LayerError::TooLarge { limit_bytes },
        DocumentError::Unavailable { reason, .. } => LayerError::Unavailable(reason),
    }
}

/// Returns `bytes` as text, without the byte order mark that Windows editors write.
pub(in crate::constants) fn text_of(bytes: Vec<u8>) -> Result<String, LayerError> {
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = error
            .as_bytes()
            .iter()
            .take(error.utf8_error().valid_up_to());
        LayerError::Malformed(position_after(valid.copied()))
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

/// Returns whether the document at `location` is HOCON, by its name.
pub(in crate::constants) fn is_hocon(location: &Location) -> bool {
    let name = location.to_string().to_ascii_lowercase();
    [".conf", ".hocon"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// Returns the public name of a document: the URL of an object, or the name of a file without its folder.
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
    fn labels_never_show_local_folders() {
        let file = Location::File("/srv/app/m2ee.yaml".into());
        let object = Location::parse("s3://acme-config/prod/m2ee.yaml").unwrap();

        assert_eq!(label(&file), "m2ee.yaml");
        assert_eq!(label(&object), "s3://acme-config/prod/m2ee.yaml");
    }
}
