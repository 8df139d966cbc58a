//! Cursors of pages: opaque text that names the last item of a page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::http::endpoint::Call;
use crate::http::problem::Problem;

/// Returns whether the call asks for the first page.
///
/// A walk that has begun ends with a last page, be it empty: a problem in its place would look like a failure.
pub(crate) fn is_first_page(call: &Call<'_>) -> bool {
    call.parameters.text("cursor").is_none()
}

/// Returns the cursor of the page after what `last` stands for.
pub(crate) fn encode(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("1{last}"))
}

/// Returns the problem of a cursor that is not ours.
pub(crate) fn problem() -> Problem {
    Problem::bad_parameter(
        "cursor",
        "the parameter \"cursor\" is not one that a \"next\" gave",
    )
}

/// Returns what a cursor was made of. The leading digit is the cursors' own version.
pub(crate) fn decode(cursor: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    String::from_utf8(bytes)
        .ok()?
        .strip_prefix('1')
        .map(str::to_owned)
}

/// Returns the query string of the page behind `cursor`.
pub(crate) fn next_query(call: &Call<'_>, cursor: &str) -> String {
    let rest = call.parameters.query_without("cursor");
    let separator = if rest.is_empty() { "" } else { "&" };
    format!("{rest}{separator}cursor={cursor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_decodes_to_what_it_was_made_of_and_others_are_rejected() {
        let id = "acme-prod/s3/files/a%2F/";

        assert_eq!(decode(&encode(id)).as_deref(), Some(id));
        for bad in ["", "%%%", "YWJj", "2"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
