//! Compares keys as they are written in a page, without decoding most of them.

use std::cmp::Ordering;

use memchr::memchr;

use super::text::decoded;

/// Bytes that are compared at once.
const WORD: usize = 8;

/// Compares two keys of one page by their decoded bytes.
pub(super) fn compare(one: &[u8], other: &[u8], is_encoded: bool) -> Ordering {
    let at = common_length(one, other);
    let is_plain = if is_encoded {
        // An escape has three bytes, so the first difference is in one that starts at most two bytes before.
        let from = at.saturating_sub(2);
        let is_special = |key: &[u8]| {
            let near = key.get(from..key.len().min(at + 1)).unwrap_or_default();
            near.iter().any(|byte| matches!(byte, b'%' | b'+'))
        };
        !is_special(one) && !is_special(other)
    } else {
        memchr(b'&', one).is_none() && memchr(b'&', other).is_none()
    };
    if is_plain {
        one.get(at).cmp(&other.get(at))
    } else {
        decoded(one, is_encoded).cmp(&decoded(other, is_encoded))
    }
}

fn common_length(one: &[u8], other: &[u8]) -> usize {
    let words = one.chunks_exact(WORD).zip(other.chunks_exact(WORD));
    let equal = words.take_while(|(one, other)| one == other).count() * WORD;
    let rest = one.iter().skip(equal).zip(other.iter().skip(equal));
    equal + rest.take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use synthetic_s3::Numbers;

    use super::*;

    #[test]
    fn keys_are_compared_as_if_they_were_decoded() {
        let parts = [
            "a", "b", "%2F", "%2f", "/", "+", "%20", "%", "%C3%A9", "é", "&lt;", "&#x41;", "&", "0",
        ];
        for seed in 0..20_000 {
            let mut numbers = Numbers(seed);
            let mut key = || -> String {
                let length = numbers.below(14);
                let parts = (0..length).map(|_| parts[numbers.below(parts.len())]);
                parts.collect()
            };
            let (start, one, other) = (key(), key(), key());
            let (one, other) = (format!("{start}{one}"), format!("{start}{other}"));
            for is_encoded in [false, true] {
                let decode = |key: &'_ str| decoded(key.as_bytes(), is_encoded).into_owned();
                assert_eq!(
                    compare(one.as_bytes(), other.as_bytes(), is_encoded),
                    decode(&one).cmp(&decode(&other)),
                    "{one} {other} {is_encoded}"
                );
            }
        }
    }
}
