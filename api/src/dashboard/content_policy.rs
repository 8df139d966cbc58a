//! The `Content-Security-Policy` of the page, made from its document.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// Returns the policy of `document`: its own scripts and styles run and no others, it connects to its own origin and to
/// `login`, and no other page may frame it.
///
/// Trusted types keep the script from turning text into markup.
pub(super) fn of(document: &str, login: Option<&str>) -> String {
    let scripts = sources(document, "script");
    let styles = sources(document, "style");
    let login = login.map(|url| format!(" {url}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src {scripts}; style-src {styles}; connect-src 'self'{login}; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    )
}

/// Returns the hashes of all elements `name` as a source list.
fn sources(document: &str, name: &str) -> String {
    let hashes: Vec<String> = inline(document)
        .into_iter()
        .filter(|(element, _)| *element == name)
        .map(|(_, text)| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text))))
        .collect();
    if hashes.is_empty() {
        "'none'".to_owned()
    } else {
        hashes.join(" ")
    }
}

/// Returns the scripts and styles in `document`, in order, as element and text.
///
/// The text of these elements ends at their end tag only, whatever else is in it, such as another element's start tag.
fn inline(document: &str) -> Vec<(&'static str, &str)> {
    // Offsets in the lower-case copy are offsets in the document: only ASCII letters change.
    let lower = document.to_ascii_lowercase();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((start, name)) = next_start(&lower, at) {
        let Some(length) = lower[start..].find('>') else {
            break;
        };
        let text = start + length + 1;
        let end = lower[text..].find(&format!("</{name}"));
        let end = end.map_or(document.len(), |length| text + length);
        found.push((name, &document[text..end]));
        at = end;
    }
    found
}

/// Returns the offset and the name of the first start tag of a script or a style from `at` on.
fn next_start(lower: &str, at: usize) -> Option<(usize, &'static str)> {
    let first = |name: &'static str| {
        let tag = format!("<{name}");
        let mut tags = lower[at..].match_indices(&tag);
        // `<style>` and `<style media=…>`, but not an element whose name only starts like this.
        let is_tag = |offset: usize| {
            let rest = &lower[at + offset + tag.len()..];
            rest.starts_with(|next: char| next == '>' || next == '/' || next.is_ascii_whitespace())
        };
        let (offset, _) = tags.find(|(offset, _)| is_tag(*offset))?;
        Some((at + offset, name))
    };
    [first("script"), first("style")]
        .into_iter()
        .flatten()
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_allows_what_the_document_contains_and_its_login() {
        let document = "<!doctype html><STYLE media=all>p{}</STYLE><p>ü</p><script>let a = '<style>'</script>\
                        <script type=\"module\">b()</script><styles>x</styles>";

        let policy = of(document, Some("https://login.example.com"));

        // printf %s TEXT | openssl dgst -sha256 -binary | base64
        assert_eq!(
            policy,
            "default-src 'none'; \
             script-src 'sha256-ERR7abRRKrGe+tvtO7v1OH7C73NI2/pYygMeGCPnN1Y=' 'sha256-cf242PFc/kb7xD0Qzhsmd9vvRkc+cWFmbi+k+YvtdKc='; \
             style-src 'sha256-gG2yISYereRMiG2lMXrbiUgi0Ubw9p7QCeWcroOvy9Y='; \
             connect-src 'self' https://login.example.com; img-src data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'"
        );
    }

    #[test]
    fn a_document_without_script_and_style_may_have_neither() {
        let policy = of("<p>text</p><script", None);

        assert!(policy.contains("script-src 'none'; style-src 'none'; connect-src 'self';"));
    }

    /// What is loaded from elsewhere, or written into an attribute, is in no hash.
    #[test]
    fn the_page_has_its_script_and_style_inside() {
        let elements = inline(crate::dashboard::DOCUMENT);
        let document = crate::dashboard::DOCUMENT.to_ascii_lowercase();

        for name in ["script", "style"] {
            let texts = elements.iter().filter(|(element, _)| *element == name);
            assert!(texts.clone().count() > 0, "{name}");
            assert!(
                texts.map(|(_, text)| text.len()).all(|length| length > 0),
                "{name}"
            );
        }
        assert!(!document.contains("<script src=") && !document.contains("rel=\"stylesheet\""));
    }
}
