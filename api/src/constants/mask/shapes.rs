//! Shapes of secret values, whatever their name.

use std::collections::BTreeMap;

use super::names::is_secret_name;

/// Minimum length of a random key: 24 characters are 18 bytes of base64 or 12 of hexadecimal.
const KEY_LENGTH: usize = 24;
/// Characters of base64, base64url, hexadecimal, percent-encoded and UUID text.
const KEY_PUNCTUATION: [char; 6] = ['+', '/', '=', '_', '-', '%'];
/// URL schemes that are directly followed by an address.
const ADDRESS_SCHEMES: [&str; 4] = ["mailto", "sip", "sips", "xmpp"];

/// Returns whether `value` is or contains an unmistakable secret, by its shape.
pub(super) fn is_credential(value: &str) -> bool {
    value.contains("-----BEGIN")
        || has_authorization(value)
        || has_json_web_token(value)
        || has_aws_key(value)
        || has_url_login(value)
        || has_login(value)
        || has_secret_field(value)
}

/// `Bearer …` and `Basic …`, as in an HTTP header.
fn has_authorization(value: &str) -> bool {
    let lower = value.to_lowercase();
    ["bearer ", "basic "]
        .iter()
        .any(|scheme| lower.trim_start().starts_with(scheme))
}

/// Three base64url parts separated by dots, of which the first starts with an encoded `{"`; text may precede it.
fn has_json_web_token(value: &str) -> bool {
    value
        .split(|character: char| !is_key_character(character) && character != '.')
        .filter_map(|word| word.find("eyJ").map(|at| &word[at..]))
        .any(|token| token.matches('.').count() >= 2)
}

/// An AWS access key id: `AKIA` or `ASIA` and 16 upper-case letters and digits, anywhere in the text.
fn has_aws_key(value: &str) -> bool {
    let is_id = |character: &char| character.is_ascii_uppercase() || character.is_ascii_digit();
    ["AKIA", "ASIA"].iter().any(|prefix| {
        value
            .match_indices(prefix)
            .any(|(at, _)| value[at..].chars().take(20).filter(is_id).count() == 20)
    })
}

/// `scheme://user:password@host`. A password may contain anything, so any `@` after the scheme counts.
fn has_url_login(value: &str) -> bool {
    value
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains('@'))
}

/// `user:password@host` without a scheme, or after one like `mailto:` that is directly followed by an address.
fn has_login(value: &str) -> bool {
    let is_scheme = |start: &str| ADDRESS_SCHEMES.contains(&start.to_lowercase().as_str());
    let is_login = |word: &str| {
        let address = word.split_once(':').filter(|(start, _)| is_scheme(start));
        let address = address.map_or(word, |(_, address)| address);
        let (login, host) = address.rsplit_once('@').unwrap_or_default();
        let (user, password) = login.split_once(':').unwrap_or_default();
        ![host, user, password].contains(&"")
    };
    value
        .split(|character: char| {
            character.is_whitespace() || matches!(character, '"' | '\'' | '<' | '>')
        })
        .any(is_login)
}

/// `password=…`, `"token": "…"` and the like: connection strings, queries and JSON within a value.
fn has_secret_field(value: &str) -> bool {
    value.match_indices(['=', ':']).any(|(end, _)| {
        let before = value[..end].trim_end_matches(['"', '\'', ' ']);
        let is_name =
            |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
        let start = before
            .rfind(|character| !is_name(character))
            .map_or(0, |at| {
                at + before[at..].chars().next().map_or(1, char::len_utf8)
            });
        is_secret_name(&before[start..])
    })
}

/// Returns whether `value` has a run of key characters that is as random as a key. The parts of a URL's path are
/// checked one by one.
pub(super) fn has_random_text(value: &str) -> bool {
    let is_url = value.contains("://");
    value
        .split(|character: char| !is_key_character(character) || (is_url && character == '/'))
        .any(is_random)
}

/// Returns whether `run` is long and has many different characters that do not form words.
fn is_random(run: &str) -> bool {
    let length = run.chars().count();
    if length < KEY_LENGTH || entropy_bits(run) < 2.5 {
        return false;
    }
    let digit_count = run.chars().filter(char::is_ascii_digit).count();
    let has_many_digits = digit_count * 8 >= length;
    // No word is a stretch of that many lower-case letters, so the distribution of its letters decides: in a language
    // it is less even.
    let stretches = letter_stretches(run);
    let is_one_stretch = stretches.iter().sum::<usize>() + digit_count == length
        && stretches.len() <= digit_count + 1;
    has_many_digits
        || !looks_like_words(run, &stretches)
        || (is_one_stretch && entropy_bits(run) >= 3.8)
}

/// Returns whether the stretches of letters of `run` could be words.
///
/// Random text switches between upper case, lower case and digits at every second or third character, and a fifth of
/// its letters are vowels; in words, more than a third are.
fn looks_like_words(run: &str, stretches: &[usize]) -> bool {
    let has = |is_of_class: fn(&char) -> bool| run.chars().any(|character| is_of_class(&character));
    let has_all_classes =
        has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase) && has(char::is_ascii_digit);
    let mean_length = if has_all_classes { 5 } else { 4 };
    let letter_count: usize = stretches.iter().sum();
    let is_vowel = |letter: &char| "aeiouAEIOU".contains(*letter);
    let vowel_count = run.chars().filter(is_vowel).count();
    letter_count >= stretches.len() * mean_length && vowel_count * 4 >= letter_count
}

/// Returns the lengths of possible words: lower-case letters after one upper-case letter, or upper-case letters only.
///
/// `HTTPServer_url2` has stretches of 4, 6 and 3 letters.
fn letter_stretches(run: &str) -> Vec<usize> {
    let mut stretches: Vec<usize> = Vec::new();
    let (mut before, mut before_that) = (' ', ' ');
    for character in run.chars() {
        let follows_capitals = before.is_ascii_uppercase() && before_that.is_ascii_uppercase();
        match stretches.last_mut() {
            // The last of several upper-case letters starts the next word.
            Some(length) if character.is_ascii_lowercase() && follows_capitals => {
                *length -= 1;
                stretches.push(2);
            }
            Some(length) if character.is_ascii_lowercase() && before.is_ascii_alphabetic() => {
                *length += 1;
            }
            Some(length) if character.is_ascii_uppercase() && before.is_ascii_uppercase() => {
                *length += 1;
            }
            _ if character.is_ascii_alphabetic() => stretches.push(1),
            _ => {}
        }
        before_that = before;
        before = character;
    }
    stretches
}

/// Returns the Shannon entropy of `text`, in bits per character.
fn entropy_bits(text: &str) -> f64 {
    let mut counts: BTreeMap<char, u32> = BTreeMap::new();
    for character in text.chars() {
        *counts.entry(character).or_default() += 1;
    }
    let total: f64 = counts.values().copied().map(f64::from).sum();
    let shares = counts.values().map(|count| f64::from(*count) / total);
    -shares.map(|share| share * share.log2()).sum::<f64>()
}

fn is_key_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || KEY_PUNCTUATION.contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_secret(value: &str) -> bool {
        is_credential(value) || has_random_text(value)
    }

    /// Pseudo-random numbers that are the same in every run (Knuth's MMIX generator).
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % bound
        }

        fn text(&mut self, alphabet: &[u8], length: usize) -> String {
            (0..length)
                .map(|_| char::from(alphabet[self.below(alphabet.len())]))
                .collect()
        }
    }

    const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    #[test]
    fn known_shapes_are_secrets() {
        for value in [
            "-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----",
            "eyJh.eyJz.c2ln",
            "token is eyJh.eyJz.c2ln, keep it",
            "AKIAIOSFODNN7EXAMPLE",
            "id ASIAIOSFODNN7EXAMPLE;",
            "postgres://user:pass@db.example.com/app",
            "https://ghp@git.example.com",
            "mailer:Zomer2024!@smtp.example.com:587",
            "relay is mailer:a@b@smtp.example.com",
            r#"{"relay": "mailer:abc@smtp.example.com"}"#,
            "mailto:mailer:abc@smtp.example.com",
            "sip:alice:abc@example.com",
            "jdbc:postgresql://db/app?user=a&password=b",
            "Server=db;Database=a;Uid=b;Pwd=c",
            r#"{"url": "https://a.example.com", "clientSecret": "b"}"#,
            "Basic dTpw",
            "bearer abc",
            "fae5de74-0f9e-4a59-8a53-1f0f6d1a2b3c",
            "https://hooks.example.com/services/T00000000/B00000000/XXabXXcdXXefXXghXXij1234",
        ] {
            assert!(is_secret(value), "{value}");
        }
    }

    #[test]
    fn ordinary_values_are_not_secrets() {
        for value in [
            "",
            "3.0.5",
            "localhost:9092",
            "https://erp.example.com",
            "https://erp.example.com/api/v1/customers/orders",
            "sales-orders-v2-production-eu-west-1",
            "The quick brown fox jumps over the lazy dog",
            "/opt/mendix/data/files/Archive",
            "CustomerServiceEndpointName",
            "acme@example.com",
            "mailto:acme@example.com",
            "acme@example.com:25",
            "@Component: x",
            r#"{"mail":"acme@example.com"}"#,
            "Acme <mailto:acme@example.com>",
            "urn:ietf:wg:oauth:2.0:oob",
            "2026-01-12T11:10:00Z",
            "true",
            "10000000000000000000000000000000",
            "------------------------------",
            "nl_NL,en_US,de_DE",
            "dd-MM-yyyy HH:mm:ss",
            "0 0 12 * * ?",
            "com.mendix.storage.s3.EndPoint",
            "SELECT Name FROM Sales.Customer",
            "arn:aws:s3:::acme-prod-files",
        ] {
            assert!(!is_secret(value), "{value}");
        }
    }

    /// One key in ten thousand may happen to read like words.
    #[test]
    fn random_keys_in_every_usual_alphabet_are_secrets() {
        const ROUNDS: usize = 10_000;
        let mut random = Random(1);
        let alphabets: [(&str, &[u8]); 4] = [
            ("base64", BASE64),
            ("base64url", BASE64URL),
            ("hexadecimal", b"0123456789abcdef"),
            ("letters and digits", &BASE64[..62]),
        ];
        for (name, alphabet) in alphabets {
            let mut missed = Vec::new();
            for _ in 0..ROUNDS {
                let length = KEY_LENGTH + random.below(41);
                let key = random.text(alphabet, length);
                if !is_secret(&key) || !is_secret(&format!("prefix {key}, suffix")) {
                    missed.push(key);
                }
            }
            assert!(missed.len() <= ROUNDS / 10_000, "{name}: {missed:?}");
        }
    }

    #[test]
    fn stretches_are_possible_words() {
        for (run, expected) in [
            ("HTTPServer_url2", vec![4, 6, 3]),
            ("camelCaseWords", vec![5, 4, 5]),
            ("A1bC", vec![1, 1, 1]),
            ("ABc", vec![1, 2]),
            ("--42", vec![]),
        ] {
            assert_eq!(letter_stretches(run), expected, "{run}");
        }
    }

    #[test]
    fn tokens_and_logins_with_random_parts_are_secrets() {
        let mut random = Random(2);
        for _ in 0..500 {
            let mut part = |most: usize| {
                let length = 1 + random.below(most);
                random.text(&BASE64[..62], length)
            };
            let token = format!("eyJ{}.{}.{}", part(40), part(40), part(40));
            let url = format!("{}://{}:{}@{}", part(8), part(8), part(12), part(20));
            for value in [token, url] {
                assert!(is_secret(&value), "{value}");
            }
        }
    }

    #[test]
    fn any_text_is_accepted_without_a_panic() {
        let mut random = Random(3);
        let characters: Vec<char> = "aZ9 =:\"'@/.-_%\u{e4}\u{1f511}\n".chars().collect();
        for _ in 0..5_000 {
            let length = random.below(60);
            let value: String = (0..length)
                .map(|_| characters[random.below(characters.len())])
                .collect();

            is_secret(&value);
        }
    }
}
