//! Which names are those of secrets.

/// Parts of names that stand for secrets, in lower case without underscores and hyphens. Models are written in the
/// languages of their makers, so words for password and key of those count as the English ones do.
pub(super) const SECRET_PARTS: [&str; 39] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "private",
    "credential",
    "encrypt",
    "decrypt",
    "salt",
    "cert",
    "signature",
    "signing",
    "connection",
    "jdbc",
    "bearer",
    "license",
    "passwd",
    "authorization",
    "wachtwoord",
    "toegangscode",
    "geheim",
    "sleutel",
    "kennwort",
    "schluessel",
    "schlüssel",
    "contrasen",
    "contraseñ",
    "senha",
    "parola",
    "hasło",
    "haslo",
    "salasana",
    "lösenord",
    "losenord",
    "clave",
    "authheader",
    "adgangskode",
];

/// What names of constants that are secrets end with; within a name the same letters belong to other words: `AuthUrl`,
/// `LoginPage`.
const SECRET_ENDS: [&str; 3] = ["auth", "login", "pin"];

/// Returns whether `name` is that of a secret: of a constant with its module, or of a field within a value.
pub(super) fn is_secret_name(name: &str) -> bool {
    let joined: String = name
        .chars()
        .filter(|character| !matches!(character, '_' | '-'))
        .collect();
    let lower = joined.to_lowercase();
    SECRET_PARTS.iter().any(|part| lower.contains(part))
        || lower.ends_with("key")
        || lower.ends_with("keys")
        || is_shared_access_signature(name)
}

/// Returns whether `name` ends as that of a secret. Of constants only: `urn:ietf:wg:oauth:2.0:oob` is no secret.
pub(super) fn has_secret_end(name: &str) -> bool {
    let lower = name.to_lowercase();
    SECRET_ENDS.iter().any(|end| lower.ends_with(end))
}

/// Returns whether a word of `name` is `sas` or it has `SAS` in capitals. Anywhere else the three letters are
/// part of another word: `IsAsync`, `SalesAssistant`, `Disaster`.
fn is_shared_access_signature(name: &str) -> bool {
    if name.contains("SAS") {
        return true;
    }
    let mut word = String::new();
    let mut words = Vec::new();
    for character in name.chars() {
        if !character.is_lowercase() && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        word.extend(
            character
                .to_lowercase()
                .filter(|letter| letter.is_alphabetic()),
        );
    }
    words.push(word);
    words.iter().any(|word| word == "sas")
}
