//! Names of secrets.

/// Parts of secret names, in lower case without underscores and hyphens. Models are written in their authors'
/// languages, so other languages' words for password and key are included.
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

/// Ends of secret names. Elsewhere in a name the same letters belong to other words: `AuthUrl`, `LoginPage`.
const SECRET_ENDS: [&str; 3] = ["auth", "login", "pin"];

/// Returns whether `name` is a secret's: the full name of a constant, or that of a field within a value.
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

/// Returns whether `name` ends like a secret's. Only for constants: `urn:ietf:wg:oauth:2.0:oob` is not a secret.
pub(super) fn has_secret_end(name: &str) -> bool {
    let lower = name.to_lowercase();
    SECRET_ENDS.iter().any(|end| lower.ends_with(end))
}

/// Returns whether `name` contains the word `sas`, or `SAS` in upper case. Elsewhere the three letters are part of
/// another word: `IsAsync`, `SalesAssistant`, `Disaster`.
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
