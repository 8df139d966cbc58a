//! Values that are credentials by their form, whatever their name.

use super::names::is_secret_field;

/// URL schemes that are directly followed by an address.
const ADDRESS_SCHEMES: [&str; 4] = ["mailto", "sip", "sips", "xmpp"];
/// Starts of tokens that their issuers made recognisable, with the least number of characters that follow.
const TOKEN_STARTS: [(&str, usize); 44] = [
    ("AKIA", 16),
    ("ASIA", 16),
    ("ghp_", 16),
    ("gho_", 16),
    ("ghu_", 16),
    ("ghs_", 16),
    ("ghr_", 16),
    ("github_pat_", 16),
    ("glpat-", 16),
    ("glptt-", 16),
    ("xoxb-", 8),
    ("xoxp-", 8),
    ("xoxa-", 8),
    ("xoxr-", 8),
    ("xoxs-", 8),
    ("xoxe.", 8),
    ("xapp-", 8),
    ("sk_live_", 8),
    ("sk_test_", 8),
    ("rk_live_", 8),
    ("rk_test_", 8),
    ("whsec_", 8),
    ("sk-ant-", 8),
    ("sk-proj-", 8),
    ("sk-", 20),
    ("AIza", 30),
    ("ya29.", 16),
    ("npm_", 20),
    ("dop_v1_", 16),
    ("shpat_", 16),
    ("shpss_", 16),
    ("hf_", 20),
    ("pypi-", 20),
    ("NRAK-", 16),
    ("hvs.", 16),
    ("live_", 24),
    ("test_", 24),
    ("dapi", 30),
    ("EAAA", 30),
    ("key-", 30),
    ("AGE-SECRET-KEY-", 16),
    ("PMAK-", 20),
    ("lin_api_", 16),
    ("sntrys_", 16),
];
/// Schemes of HTTP's `Authorization` header.
const AUTHORIZATIONS: [&str; 5] = ["bearer ", "basic ", "token ", "apikey ", "digest "];
/// Fields of Azure's connection strings, with which a long value is a key.
const KEY_FIELDS: [&str; 3] = ["accountkey=", "sharedaccesskey=", "sharedsecretvalue="];

/// Returns whether `value` is a credential that nothing lifts: a private key, a token in a known form, or a login in
/// the authority of a URL.
pub(super) fn is_unmistakable(value: &str) -> bool {
    has_private_key(value)
        || has_json_web_token(value)
        || has_known_token(value)
        || has_key_field(value)
        || has_authorization(value)
        || has_url_login(value)
        || is_login(value.trim())
}

/// Returns whether `value` contains what looks like a credential: a login anywhere, or a field with the name of a secret.
pub(super) fn is_likely(value: &str) -> bool {
    let ends_word = |character: char| character.is_whitespace() || "\"'<>".contains(character);
    value.contains("-----BEGIN") || value.split(ends_word).any(is_login) || has_secret_field(value)
}

fn has_private_key(value: &str) -> bool {
    let mut starts = value.split("-----BEGIN ").skip(1);
    starts.any(|rest| {
        rest.split("-----")
            .next()
            .is_some_and(|kind| kind.contains("PRIVATE KEY"))
    }) || value.contains("PuTTY-User-Key-File")
}

/// `Bearer …` and `Basic …`, as in an HTTP header.
fn has_authorization(value: &str) -> bool {
    let lower = value.trim_start().to_lowercase();
    let lower = lower
        .strip_prefix("authorization:")
        .unwrap_or(&lower)
        .trim_start();
    AUTHORIZATIONS.iter().any(|scheme| {
        let token = lower.strip_prefix(scheme).map(str::trim);
        token.is_some_and(|token| !token.is_empty() && !token.contains(' '))
    })
}

/// Three base64url parts separated by dots, of which the first starts with an encoded `{"`; text may precede it.
fn has_json_web_token(value: &str) -> bool {
    value
        .split(|character: char| !is_token_character(character) && character != '.')
        .filter_map(|word| word.find("eyJ").map(|at| &word[at..]))
        .any(|token| token.matches('.').count() >= 2)
}

fn has_known_token(value: &str) -> bool {
    let follows = |rest: &str| {
        rest.chars()
            .take_while(|character| is_token_character(*character))
            .count()
    };
    let has_start = TOKEN_STARTS.iter().any(|(start, least)| {
        value.match_indices(start).any(|(at, _)| {
            let starts_word = !value[..at].ends_with(|before: char| before.is_alphanumeric());
            starts_word && follows(&value[at + start.len()..]) >= *least
        })
    });
    has_start || has_entra_secret(value) || has_sendgrid_key(value)
}

/// A client secret of Entra ID: `8Q~` after three characters, and some thirty more.
fn has_entra_secret(value: &str) -> bool {
    let words =
        value.split(|character: char| !is_token_character(character) && !"~.".contains(character));
    words
        .filter(|word| (36..=44).contains(&word.len()))
        .any(|word| word.get(3..6).is_some_and(|mark| mark.ends_with("Q~")))
}

/// `SG.` and two more parts.
fn has_sendgrid_key(value: &str) -> bool {
    let words = value.split(|character: char| !is_token_character(character) && character != '.');
    words
        .filter_map(|word| word.strip_prefix("SG."))
        .any(|rest| rest.len() >= 24 && rest.contains('.'))
}

fn has_key_field(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    KEY_FIELDS.iter().any(|field| {
        lower.split(field).skip(1).any(|rest| {
            rest.trim_start()
                .split([';', ' ', '&'])
                .next()
                .is_some_and(|key| key.len() >= 16)
        })
    })
}

/// `scheme://user:password@host` and `scheme://user@host`.
///
/// A slash ends the authority, unless the text before it is no host and port: then it belongs to a password.
fn has_url_login(value: &str) -> bool {
    value.match_indices("://").any(|(at, separator)| {
        let ends = |character: char| character.is_whitespace() || "\"'<>".contains(character);
        let rest = value[at + separator.len()..]
            .split(ends)
            .next()
            .unwrap_or_default();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let is_host = match authority.rsplit_once(':') {
            Some((host, port)) => {
                !host.contains(':')
                    && port.len() <= 5
                    && port.bytes().all(|byte| byte.is_ascii_digit())
            }
            None => true,
        };
        authority.contains('@') || (!is_host && !authority.starts_with('[') && rest.contains('@'))
    })
}

/// `user:password@host` without a scheme, or after one like `mailto:` that is directly followed by an address.
fn is_login(word: &str) -> bool {
    if word.contains(char::is_whitespace) || word.starts_with(['{', '[']) || word.contains("://") {
        return false;
    }
    let is_scheme = |start: &str| ADDRESS_SCHEMES.contains(&start.to_lowercase().as_str());
    let address = word.split_once(':').filter(|(start, _)| is_scheme(start));
    let address = address.map_or(word, |(_, address)| address);
    let (login, host) = address.rsplit_once('@').unwrap_or_default();
    let (user, password) = login.split_once(':').unwrap_or_default();
    // The path or query of a URL may contain both signs.
    ![host, user, password].contains(&"") && !user.contains(['/', '?'])
}

/// `password=…`, `"token": "…"` and the like: connection strings, queries and JSON within a value.
fn has_secret_field(value: &str) -> bool {
    value.match_indices(['=', ':']).any(|(end, _)| {
        let before = value[..end].trim_end_matches(['"', '\'', ' ']);
        let is_name = |character: char| character.is_alphanumeric() || "_-.".contains(character);
        let start = before
            .rfind(|character| !is_name(character))
            .map_or(0, |at| {
                at + before[at..].chars().next().map_or(1, char::len_utf8)
            });
        // `encrypt=true` is a switch, not a secret.
        is_secret_field(&before[start..]) && !is_switch(&value[end + 1..])
    })
}

fn is_switch(rest: &str) -> bool {
    let end = rest.find([';', '&', ',', '}', '\n']).unwrap_or(rest.len());
    let word = rest[..end].trim().trim_matches('"').to_ascii_lowercase();
    ["true", "false"].contains(&word.as_str())
}

fn is_token_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "+/=_-%".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_keys_known_tokens_and_logins_are_unmistakable() {
        for value in [
            "-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----",
            "eyJh.eyJz.c2ln",
            "token is eyJh.eyJz.c2ln, keep it",
            "AKIAIOSFODNN7EXAMPLE",
            "id ASIAIOSFODNN7EXAMPLE;",
            "postgres://user:pass@db.example.com/app",
            "postgres://user:pa/ss@db.example.com/app",
            "https://ghp@git.example.com",
            "see https://u:p@h.",
            "mailer:Zomer2024!@smtp.example.com:587",
            "mailto:mailer:abc@smtp.example.com",
            "Basic dTpw",
            "bearer abc",
            "Authorization: Bearer abc",
            "abc8Q~0123456789abcdefghijklmnopqrstuvwx",
            "AccountName=a;AccountKey=MDEyMzQ1Njc4OWFiY2RlZg==;EndpointSuffix=core.windows.net",
        ] {
            assert!(is_unmistakable(value), "{value}");
        }
    }

    #[test]
    fn what_the_fleet_file_may_show_is_not_unmistakable() {
        for value in [
            "https://www.example.com/@acme",
            "https://api.example.com/orders?filter=key:value",
            r#"{"key":"name","order":"asc"}"#,
            "https://www.google.com/maps/@52.3702,4.8952,12z",
            "https://api.example.com:8443/@acme",
            "https://[::1]:8080/a@b",
            "mailto:acme@example.com",
            "password=hunter2",
            "sk-learn",
            "Bearer of good news",
            "9f8d7c6b5a4e3f2d1c0b9a8f7e6d5c4b",
        ] {
            assert!(!is_unmistakable(value), "{value}");
        }
    }

    #[test]
    fn logins_and_secret_fields_are_likely_credentials() {
        for value in [
            "relay is mailer:a@b@smtp.example.com",
            r#"{"relay": "mailer:abc@smtp.example.com"}"#,
            "jdbc:postgresql://db/app?user=a&password=b",
            "Server=db;Database=a;Uid=b;Pwd=c",
            r#"{"url": "https://a.example.com", "clientSecret": "b"}"#,
            "wachtwoord: zomer",
        ] {
            assert!(is_likely(value), "{value}");
        }
        for value in [
            "acme@example.com:25",
            "@Component: x",
            r#"{"mail":"acme@example.com"}"#,
            "urn:ietf:wg:oauth:2.0:oob",
            "jdbc:sqlserver://db:1433;databaseName=orders;encrypt=true",
            r#"{"useToken": false}"#,
            "https://h/?q=1",
            "key:value",
        ] {
            assert_eq!(is_likely(value), value == "key:value", "{value}");
        }
    }
}
