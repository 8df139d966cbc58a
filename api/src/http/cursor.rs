//! Page cursors: opaque text that identifies the last item of a page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::http::endpoint::Call;
use crate::http::problem::Problem;

/// Returns whether the call asks for the first page.
///
/// Only a first page may be a problem, such as 404: pagination that has started always ends with a final page,
/// possibly an empty one.
pub(crate) fn is_first_page(call: &Call<'_>) -> bool {
    call.parameters.text("cursor").is_none()
}

/// Returns the cursor of the page that follows the item `last`.
pub(crate) fn encode(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("1{last}"))
}

/// Returns the problem for a cursor that is not valid.
pub(crate) fn problem() -> Problem {
    Problem::bad_parameter(
        "cursor",
        "the parameter \"cursor\" is not the \"next\" of an earlier answer",
    )
}

/// Returns the item of a cursor; `None` if the cursor is not valid. The leading digit is the version of the format.
pub(crate) fn decode(cursor: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    String::from_utf8(bytes)
        .ok()?
        .strip_prefix('1')
        .map(str::to_owned)
}

/// Returns the query string of the page at `cursor`.
pub(crate) fn next_query(call: &Call<'_>, cursor: &str) -> String {
    let rest = call.parameters.query_without("cursor");
    let separator = if rest.is_empty() { "" } else { "&" };
    format!("{rest}{separator}cursor={cursor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_decodes_to_its_item_and_others_are_rejected() {
        let id = "acme-prod/s3/files/a%2F/";

        assert_eq!(decode(&encode(id)).as_deref(), Some(id));
        for bad in ["", "%%%", "YWJj", "2"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
