//! Decides which values may be shown. Pure: depends on name, type and value only.
//!
//! A value is shown only if no rule forbids it, whatever its source. A rule that hides too much is an inconvenience;
//! one that hides too little reveals a secret. So all rules are broad.

mod names;
mod shapes;

use schemars::JsonSchema;
use serde::Serialize;

use super::pattern;
use names::{has_secret_end, is_secret_name};

/// Maximum length of a value that is shown, in bytes: longer ones are keys, certificates or documents.
pub const SHOWN_LIMIT_BYTES: usize = 1024;

/// Why a value is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaskReason {
    /// The model has no constant of that name, so its meaning is unknown.
    UnknownConstant,
    /// The name is that of a secret.
    SecretName,
    /// The value has the shape of a secret: a private key, a certificate, a JSON web token, an AWS key,
    /// a URL or text with a login in it, or text as random as a key.
    SecretValue,
    /// The value is longer than 1,024 bytes.
    TooLong,
    /// The value is a list, a map or a number that cannot be shown exactly.
    NotText,
    /// The value comes from a secret store: Secrets Manager, a secure string, a task's `secrets`.
    SecretSource,
    /// The fleet file hides the name.
    Hidden,
}

/// The name patterns of the fleet file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lists<'a> {
    /// Shown although the name or a random value looks like a secret. Unmistakable credentials are never shown.
    pub(super) show: &'a [String],
    /// Never shown.
    pub(super) hide: &'a [String],
}

/// Returns why `value` of a constant in the model is not shown; `None` if it may be shown.
///
/// `kind` is the constant's type. Booleans and whole numbers are shown under any name, provided that the value
/// really is one and the fleet file does not hide it.
pub(super) fn mask_reason(
    name: &str,
    kind: Option<&str>,
    value: &str,
    lists: Lists<'_>,
) -> Option<MaskReason> {
    let is_listed = |list: &[String]| list.iter().any(|pattern| pattern::is_match(pattern, name));
    if is_listed(lists.hide) {
        return Some(MaskReason::Hidden);
    }
    let is_plain = match kind {
        Some("Boolean") => {
            value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
        }
        Some("Integer" | "Long") => value.parse::<i64>().is_ok(),
        _ => false,
    };
    if is_plain {
        return None;
    }
    let is_shown = is_listed(lists.show);
    let is_secret = is_secret_name(name) || has_secret_end(name);
    if !is_shown && is_secret {
        Some(MaskReason::SecretName)
    } else if shapes::is_credential(value) || (!is_shown && shapes::has_random_text(value)) {
        Some(MaskReason::SecretValue)
    } else if value.len() > SHOWN_LIMIT_BYTES {
        Some(MaskReason::TooLong)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::names::SECRET_PARTS;
    use super::*;

    fn mask_reason(name: &str, kind: Option<&str>, value: &str) -> Option<MaskReason> {
        super::mask_reason(name, kind, value, Lists::default())
    }

    #[test]
    fn the_fleet_file_can_hide_anything_and_show_what_only_looks_like_a_secret() {
        let show = ["Maps.*".to_owned()];
        let hide = ["Maps.Hidden*".to_owned(), "*.Flag".to_owned()];
        let lists = Lists {
            show: &show,
            hide: &hide,
        };
        let reason = |name: &str, kind: &str, value: &str| {
            super::mask_reason(name, Some(kind), value, lists)
        };
        let random = "9f8d7c6b5a4e3f2d1c0b9a8f7e6d5c4b";

        assert_eq!(reason("Maps.ApiKey", "String", "public-id"), None);
        assert_eq!(reason("Maps.Tenant", "String", random), None);
        assert_eq!(
            reason("Other.Tenant", "String", random),
            Some(MaskReason::SecretValue)
        );
        for credential in [
            "postgres://u:p@h/d",
            "-----BEGIN PRIVATE KEY-----",
            "eyJh.eyJz.c2ln",
        ] {
            assert_eq!(
                reason("Maps.ApiKey", "String", credential),
                Some(MaskReason::SecretValue),
                "{credential}"
            );
        }
        assert_eq!(
            reason("Maps.HiddenUrl", "String", "x"),
            Some(MaskReason::Hidden)
        );
        assert_eq!(
            reason("Sales.Flag", "Boolean", "true"),
            Some(MaskReason::Hidden)
        );
    }

    #[test]
    fn a_secret_name_hides_any_text() {
        for name in [
            "Mail.Password",
            "Mail.SMTP_PWD",
            "App.ClientSecret",
            "App.ApiKey",
            "App.API_KEY",
            "App.Api-Key",
            "App.AccessKeyId",
            "App.PrivateUrl",
            "Encryption.EncryptionKey",
            "App.HashSalt",
            "App.Certificate",
            "App.WebhookSignature",
            "App.ConnectionString",
            "App.JDBC_URL",
            "App.BearerValue",
            "App.SasUrl",
            "App.AZURE_SAS",
            "App.SASUrl",
            "App.LicenseId",
            "App.MapsKey",
            "Token.Value",
            "App.credentials",
            "App.Passphrase",
            "Mail.Wachtwoord",
            "App.API_Sleutel",
            "App.GeheimeCode",
            "Mail.Kennwort",
            "App.LizenzSchlüssel",
            "Mail.Contraseña",
            "Mail.CONTRASENA",
            "App.Clave",
            "App.ClaveApi",
            "App.AuthHeader",
            "App.Auth-Header",
            "Mail.Losenord",
            "Mail.Senha",
            "Mail.MotDePasse",
            "Mail.Lösenord",
            "Mail.BasicAuth",
            "Mail.SMTP_AUTH",
            "App.DbLogin",
            "App.AdminPin",
        ] {
            assert_eq!(
                mask_reason(name, Some("String"), "x"),
                Some(MaskReason::SecretName),
                "{name}"
            );
            assert_eq!(
                mask_reason(name, None, ""),
                Some(MaskReason::SecretName),
                "{name}"
            );
        }
    }

    #[test]
    fn other_names_show_plain_text() {
        for name in [
            "Sales.ApiBaseUrl",
            "Sales.IsAsyncMode",
            "Sales.SalesAssistantUrl",
            "App.DisasterSite",
            "Atlas_Core.Atlas_Core_Version",
            "Sales.Currency",
            "Sales.Keyboard",
            "Sales.AuthUrl",
            "Sales.LoginPage",
            "Sales.Author",
            "Sales.Shipping",
        ] {
            assert_eq!(
                mask_reason(name, Some("String"), "https://erp.example.com"),
                None,
                "{name}"
            );
        }
    }

    #[test]
    fn only_values_that_are_booleans_or_whole_numbers_are_shown_for_their_type() {
        let name = "App.TokenSeconds";

        assert_eq!(mask_reason(name, Some("Integer"), "-30"), None);
        assert_eq!(mask_reason(name, Some("Boolean"), "True"), None);
        for (kind, value) in [
            (Some("Integer"), "30 s"),
            (Some("Integer"), ""),
            (Some("Boolean"), "hunter2"),
            (Some("Integer"), "99999999999999999999"),
            (Some("String"), "30"),
            (None, "true"),
            (Some("Decimal"), "1.5"),
        ] {
            assert_eq!(
                mask_reason(name, kind, value),
                Some(MaskReason::SecretName),
                "{kind:?} {value}"
            );
        }
    }

    #[test]
    fn long_text_is_not_shown() {
        let words = "plain words ".repeat(100);

        assert_eq!(
            mask_reason("App.Text", None, &words),
            Some(MaskReason::TooLong)
        );
    }

    /// A secret part hides the value in any letter case, at any position and with any underscores.
    #[test]
    fn a_secret_part_hides_the_value_at_any_position() {
        for part in SECRET_PARTS {
            for (before, after) in [("", ""), ("My", "Value"), ("the_", "_2"), ("X9", "")] {
                let capital = format!("{}{}", part[..1].to_uppercase(), &part[1..]);
                for written in [part.to_owned(), part.to_uppercase(), capital] {
                    let name = format!("App.{before}{written}{after}");
                    assert_eq!(
                        mask_reason(&name, Some("String"), "x"),
                        Some(MaskReason::SecretName),
                        "{name}"
                    );
                }
            }
        }
    }

    /// An unmistakable credential is never shown, whatever surrounds it, whatever the constant's name and type, and even
    /// if the fleet file shows every name.
    #[test]
    fn a_credential_is_masked_in_any_text_under_any_name() {
        let show = ["*".to_owned()];
        let lists = Lists {
            show: &show,
            hide: &[],
        };
        let credentials = [
            "-----BEGIN RSA PRIVATE KEY-----",
            "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            "AKIAIOSFODNN7EXAMPLE",
            "postgres://user:hunter2@db.example.com/app",
            "password=hunter2",
            "\"client_secret\": \"hunter2\"",
        ];
        let around = ["", " ", "see ", "{", "\n", "é ", "a=1; ", "https://h/?q=1 "];
        for credential in credentials {
            for before in around {
                for after in around {
                    for kind in [None, Some("String"), Some("Boolean"), Some("Integer")] {
                        for name in ["App.Text", "App.Enabled", "Maps.Tenant"] {
                            let value = format!("{before}{credential}{after}");

                            let reason = super::mask_reason(name, kind, &value, lists);

                            assert_eq!(reason, Some(MaskReason::SecretValue), "{value:?}");
                        }
                    }
                }
            }
        }
    }
}
