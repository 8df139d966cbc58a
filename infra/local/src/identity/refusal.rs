//! Why a token is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// Most characters of a key's id in a log line: the id of a refused token is its sender's text.
const KEY_ID_CHARACTERS: usize = 64;

/// Why a token is refused. For the log: callers learn only that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is not a JSON Web Token.
    Malformed,
    /// Another key signed it.
    UnknownKey,
    /// Its header names extensions that must be understood.
    CriticalHeader,
    /// The signature or the algorithm is not that of the key.
    Signature,
    /// The issuer is another one, or none, or a list.
    Issuer,
    /// It has expired, or does not expire.
    Expired,
    /// It is valid from a later time on.
    NotYetValid,
    /// It was issued at a later time.
    IssuedInFuture,
    /// It is not an access token.
    NotAnAccessToken,
    /// It was issued to another client.
    UnknownClient,
    /// It lacks the scope of the route.
    ScopeMissing,
}

impl Refusal {
    /// Returns the reason as words for a log line.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "it is not a JSON Web Token",
            Self::UnknownKey => "another key signed it",
            Self::CriticalHeader => "its header has critical extensions",
            Self::Signature => "its signature is wrong",
            Self::Issuer => "its issuer is not this server",
            Self::Expired => "it has expired",
            Self::NotYetValid => "it is not valid yet",
            Self::IssuedInFuture => "it was issued in the future",
            Self::NotAnAccessToken => "it is not an access token",
            Self::UnknownClient => "its client is unknown",
            Self::ScopeMissing => "it lacks the scope of the route",
        }
    }
}

/// Returns the id of the key that `token` names, for a log line; empty without one.
pub(crate) fn key_id(token: &str) -> String {
    let header = token.split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(header).unwrap_or_default();
    let header: Value = serde_json::from_slice(&header).unwrap_or_default();
    let id = header["kid"].as_str().unwrap_or_default();
    id.chars().take(KEY_ID_CHARACTERS).collect()
}
