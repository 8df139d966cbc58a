//! Reads text between tags and decodes keys. No state.

use std::borrow::Cow;

use memchr::{memchr, memmem};
use percent_encoding::percent_decode;

use super::PageError;

/// Returns the text of the first element `name` in `text`; `None` if it is absent or not closed.
pub(super) fn field<'t>(text: &'t [u8], name: &str) -> Option<&'t [u8]> {
    Some(split_field(text, name)?.0)
}

/// Returns the same of the only element `name`.
///
/// # Errors
///
/// There are several, one of which may be within another element.
pub(super) fn only_field<'t>(text: &'t [u8], name: &str) -> Result<Option<&'t [u8]>, PageError> {
    match split_field(text, name) {
        Some((_, rest)) if field(rest, name).is_some() => {
            Err(PageError::Unfamiliar("an element twice"))
        }
        found => Ok(found.map(|(value, _)| value)),
    }
}

/// Returns the text of the first element `name` in `text`, and what follows that text.
fn split_field<'t>(text: &'t [u8], name: &str) -> Option<(&'t [u8], &'t [u8])> {
    let mut rest = text;
    loop {
        let start = memmem::find(rest, name.as_bytes())?;
        let is_tag = start.checked_sub(1).and_then(|at| rest.get(at)) == Some(&b'<');
        rest = rest.get(start + name.len()..)?;
        if is_tag && rest.first() == Some(&b'>') {
            let inside = rest.get(1..)?;
            let (value, after) = inside.split_at_checked(memchr(b'<', inside)?)?;
            let is_closed = after.strip_prefix(b"</")?.starts_with(name.as_bytes());
            return is_closed.then_some((value, after));
        }
    }
}

/// Returns the integer at the start of `text` and the remaining text; `None` without one, or above 64 bits.
pub(super) fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    let mut length = 0;
    for byte in text {
        if !byte.is_ascii_digit() {
            break;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
        length += 1;
    }
    (length > 0).then(|| (value, text.get(length..).unwrap_or_default()))
}

/// Decodes a key: percent-encoded by S3 with `+` for a space, or escaped as XML text.
pub(super) fn decoded(key: &[u8], is_encoded: bool) -> Cow<'_, [u8]> {
    if !is_encoded {
        return unescaped(key);
    }
    if memchr(b'+', key).is_none() {
        return percent_decode(key).into();
    }
    let with_spaces: Vec<u8> = key
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    Cow::Owned(percent_decode(&with_spaces).collect())
}

/// Replaces the entities of XML text; invalid ones stay unchanged.
pub fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'&', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = memchr(b'&', rest) {
        let (before, entity) = rest.split_at(start);
        plain.extend_from_slice(before);
        let end = memchr(b';', entity).unwrap_or(0);
        let symbol = entity.get(1..end).and_then(symbol);
        match symbol {
            Some(symbol) => {
                plain.extend_from_slice(symbol.encode_utf8(&mut [0; 4]).as_bytes());
                rest = entity.get(end + 1..).unwrap_or_default();
            }
            None => {
                plain.push(b'&');
                rest = entity.get(1..).unwrap_or_default();
            }
        }
    }
    plain.extend_from_slice(rest);
    Cow::Owned(plain)
}

fn symbol(entity: &[u8]) -> Option<char> {
    match entity {
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"amp" => Some('&'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        _ => {
            let number = std::str::from_utf8(entity.strip_prefix(b"#")?).ok()?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_as_s3_encodes_them() {
        for (encoded, key) in [
            ("a+b%2Bc%C3%BC.pdf", "a b+cü.pdf"),
            ("plain/key-1_2.3", "plain/key-1_2.3"),
            ("a%01b", "a\u{1}b"),
            ("%26lt%3B", "&lt;"),
        ] {
            assert_eq!(*decoded(encoded.as_bytes(), true), *key.as_bytes());
        }
    }

    #[test]
    fn keys_without_encoding_are_xml_text() {
        for (escaped, key) in [
            ("a+b%20c", "a+b%20c"),
            ("a&lt;b&gt;&amp;amp;&quot;&apos;", "a<b>&amp;\"'"),
            ("tab&#9;&#x1F980;", "tab\t🦀"),
            ("bad & &nbsp; &#xZZ; end&", "bad & &nbsp; &#xZZ; end&"),
        ] {
            assert_eq!(*decoded(escaped.as_bytes(), false), *key.as_bytes());
        }
    }

    #[test]
    fn only_complete_elements_are_fields() {
        let text =
            b"<KeyCount>7</KeyCount><NextKeyMarker>a</NextKeyMarker><Key>b</Key><Open>c<Empty/>";

        assert_eq!(field(text, "Key"), Some(&b"b"[..]));
        assert_eq!(field(text, "KeyCount"), Some(&b"7"[..]));
        assert_eq!(field(text, "Open"), None);
        assert_eq!(field(text, "Empty"), None);
        assert_eq!(field(text, "Missing"), None);
    }

    #[test]
    fn an_element_twice_has_no_value() {
        let text = b"<ETag><Size>1</Size></ETag><Size>2</Size><Key>b</Key>";

        assert!(only_field(text, "Size").is_err());
        assert_eq!(only_field(text, "Key"), Ok(Some(&b"b"[..])));
        assert_eq!(only_field(text, "Missing"), Ok(None));
    }

    #[test]
    fn numbers_beyond_64_bits_are_rejected() {
        assert_eq!(number(b"12</"), Some((12, &b"</"[..])));
        assert_eq!(number(b"18446744073709551615"), Some((u64::MAX, &b""[..])));
        assert_eq!(number(b"18446744073709551616"), None);
        assert_eq!(number(b"-1"), None);
        assert_eq!(number(b""), None);
    }
}
