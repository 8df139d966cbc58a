//! Decides which values may be shown. Pure: depends on name, type, value and the fleet file's patterns only.
//!
//! A value is shown only if something proves that it is harmless ([`proof`]), and nothing condemns it. A secret may
//! have any form, so a list of the forms of secrets is never complete; the forms of harmless values are known. What is
//! hidden without need is an inconvenience that the fleet file's `show` removes.

mod credential;
mod language;
mod names;
mod proof;

use schemars::JsonSchema;
use serde::Serialize;

use super::{kind, pattern};
use names::Head;
use proof::Context;

pub use proof::Proof;

/// Maximum length of a value that is shown without `show`, in bytes: longer ones are keys, certificates or documents.
pub const SHOWN_LIMIT_BYTES: usize = 1024;

/// Why a value is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaskReason {
    /// The model has no constant of that name, so its meaning is unknown.
    UnknownConstant,
    /// The name is that of a secret.
    SecretName,
    /// The value has the form of a secret: a private key, a known kind of token, text with a login or a secret field.
    SecretValue,
    /// Nothing proves that the value is harmless. The fleet file's `show` shows it.
    Unproven,
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
    /// Shown, except for private keys, known kinds of tokens and logins in URLs.
    pub(super) show: &'a [String],
    /// Never shown.
    pub(super) hide: &'a [String],
}

/// A constant of the model with its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    /// Full name, `Module.Constant`.
    pub(super) name: &'a str,
    /// Name of its type; `None` if unknown.
    pub(super) kind: Option<&'a str>,
    /// Its value.
    pub(super) value: &'a str,
    /// Whether the value is the model's default.
    pub(super) is_default: bool,
}

/// Modules of the marketplace whose defaults are public.
const MARKETPLACE_MODULES: &str = "Administration Atlas_Core Atlas_UI_Resources Atlas_Web_Content Atlas_NativeMobile_Content AuditTrail \
    CommunityCommons CommunityCommons_ThemePack DataWidgets DatabaseConnector DeepLink EmailConnector \
    Email_Connector Encryption ExcelExporter ExcelImporter ExternalDatabaseConnector FeedbackModule FileDropper \
    ForgotPassword GoogleMaps IMAP_POP3 Kafka LDAP MendixSSO MobileFeatures ModelReflection MxModelReflection \
    MQTTClient NanoflowCommons NativeMobileResources OIDC PdfDocumentGeneration PushNotifications RestServices \
    SAML20 SCIM ServiceConsole SprintrFeedbackWidget TaskQueueHelpers UnitTesting UserCommons WebActions \
    WorkflowCommons XLSReport ObjectHandling";

/// Returns why the value of `candidate` may be shown.
///
/// # Errors
///
/// Why it may not.
pub(super) fn judge(candidate: Candidate<'_>, lists: Lists<'_>) -> Result<Proof, MaskReason> {
    let Candidate { name, value, .. } = candidate;
    let is_listed = |list: &[String]| list.iter().any(|pattern| pattern::is_match(pattern, name));
    if is_listed(lists.hide) {
        return Err(MaskReason::Hidden);
    }
    if credential::is_unmistakable(value) {
        return Err(MaskReason::SecretValue);
    }
    if is_listed(lists.show) {
        return Ok(Proof::Listed);
    }
    let heads = names::heads(name);
    if names::is_secret_name(name) {
        return prove_despite_name(candidate, &heads).ok_or(MaskReason::SecretName);
    }
    if has_value_of_type(candidate) {
        return Ok(Proof::Type);
    }
    if credential::is_likely(value) {
        return Err(MaskReason::SecretValue);
    }
    if value.len() > SHOWN_LIMIT_BYTES {
        return Err(MaskReason::TooLong);
    }
    let module = name.split_once('.').map_or("", |(module, _)| module);
    let context = Context {
        name,
        heads: &heads,
        is_marketplace_default: candidate.is_default
            && language::is_listed(MARKETPLACE_MODULES, module),
    };
    proof::prove(value, context).ok_or(MaskReason::Unproven)
}

/// Whether the constant has another type than text, and its value is one of that type.
fn has_value_of_type(candidate: Candidate<'_>) -> bool {
    let is_typed = candidate.kind.is_some_and(|kind| kind != "String");
    is_typed && kind::fits_text(candidate.kind, candidate.value) == Some(true)
}

/// Returns why a value is harmless although the constant's name is that of a secret: it is a Boolean, or it has the very
/// form that the end of the name states, as in `TokenUrl` or `PasswordMinLength`.
fn prove_despite_name(candidate: Candidate<'_>, heads: &[Head]) -> Option<Proof> {
    let value = candidate.value.trim();
    if value.len() > SHOWN_LIMIT_BYTES || value.is_empty() || credential::is_likely(value) {
        return None;
    }
    // What the end of the name states is compared with the proof, and must not make one.
    let context = Context {
        name: candidate.name,
        heads: if heads.contains(&Head::Quantity) {
            &[Head::Quantity]
        } else {
            &[]
        },
        is_marketplace_default: false,
    };
    let proof = proof::prove(value, context).or_else(|| {
        (has_value_of_type(candidate) && heads.contains(&Head::Quantity)).then_some(Proof::Type)
    })?;
    let is_stated = match proof {
        Proof::Boolean => true,
        Proof::Number | Proof::Type => {
            heads.contains(&Head::Quantity) || is_short_integer(candidate)
        }
        Proof::Url | Proof::Host | Proof::Email => heads.contains(&Head::Address),
        Proof::Path => heads.contains(&Head::Address) || heads.contains(&Head::File),
        Proof::Words => heads.contains(&Head::Word),
        Proof::OwnName => heads.contains(&Head::Title),
        _ => false,
    };
    is_stated.then_some(proof)
}

/// Whether the constant is a whole number of one or two digits.
fn is_short_integer(candidate: Candidate<'_>) -> bool {
    let is_integer = matches!(candidate.kind, Some("Integer" | "Long"));
    is_integer && candidate.value.trim().len() <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(name: &str, kind: Option<&str>, value: &str) -> Result<Proof, MaskReason> {
        let candidate = Candidate {
            name,
            kind,
            value,
            is_default: false,
        };
        super::judge(candidate, Lists::default())
    }

    #[test]
    fn the_fleet_file_hides_anything_and_shows_all_but_unmistakable_credentials() {
        let show = ["Maps.*".to_owned()];
        let hide = ["Maps.Hidden*".to_owned(), "*.Flag".to_owned()];
        let lists = Lists {
            show: &show,
            hide: &hide,
        };
        let judge = |name, kind, value| {
            let candidate = Candidate {
                name,
                kind: Some(kind),
                value,
                is_default: false,
            };
            super::judge(candidate, lists)
        };
        let random = "9f8d7c6b5a4e3f2d1c0b9a8f7e6d5c4b";
        let long = "x".repeat(2_000);

        for value in [
            random,
            "public-id",
            "https://www.example.com/@acme",
            "https://api.example.com/orders?filter=key:value",
            r#"{"key":"name","order":"asc"}"#,
            "https://www.google.com/maps/@52.3702,4.8952,12z",
            "password=hunter2",
            &long,
        ] {
            assert_eq!(
                judge("Maps.ApiKey", "String", value),
                Ok(Proof::Listed),
                "{value}"
            );
        }
        assert_eq!(
            judge("Other.Tenant", "String", random),
            Err(MaskReason::Unproven)
        );
        for credential in [
            "postgres://u:p@h/d",
            "-----BEGIN PRIVATE KEY-----",
            "eyJh.eyJz.c2ln",
        ] {
            assert_eq!(
                judge("Maps.ApiKey", "String", credential),
                Err(MaskReason::SecretValue),
                "{credential}"
            );
        }
        assert_eq!(
            judge("Maps.HiddenUrl", "String", "x"),
            Err(MaskReason::Hidden)
        );
        assert_eq!(
            judge("Sales.Flag", "Boolean", "true"),
            Err(MaskReason::Hidden)
        );
    }

    #[test]
    fn a_secret_name_masks_all_but_what_its_end_states() {
        for value in [
            "x",
            "",
            "welcome",
            "orders",
            "https://erp.example.com",
            "4839",
            "umbrella",
        ] {
            assert_eq!(
                judge("Mail.Password", Some("String"), value),
                Err(MaskReason::SecretName),
                "{value}"
            );
        }
        for (name, kind, value) in [
            (
                "App.TokenUrl",
                "String",
                "https://login.example.com/oauth2/token",
            ),
            ("App.PasswordMinLength", "String", "12"),
            ("App.TokenSeconds", "Integer", "3600"),
            ("App.UsePassword", "Boolean", "true"),
            ("App.EncryptFiles", "String", "False"),
            ("App.KeystorePath", "String", "/opt/mendix/keystore.jks"),
            ("App.TokenScope", "String", "orders"),
            ("App.SeedVersion", "Integer", "3"),
            ("App.TokenType", "String", "Bearer"),
            ("App.JdbcDriver", "String", "org.postgresql.Driver"),
            ("App.EncryptionLogNode", "String", "Encryption"),
        ] {
            assert!(judge(name, Some(kind), value).is_ok(), "{name}");
        }
        for (name, kind, value) in [
            ("App.TokenUrl", "String", "kqzvxw"),
            ("App.SasUrl", "String", "https://a.example.com/c?sig=orders"),
            ("App.PinCode", "Integer", "4839"),
            ("App.TokenScope", "String", "kufidobe"),
            ("App.Seed", "Long", "483920"),
            ("App.UsePassword", "Boolean", "hunter2"),
            ("App.JDBC_URL", "String", "x"),
        ] {
            assert_eq!(
                judge(name, Some(kind), value),
                Err(MaskReason::SecretName),
                "{name}"
            );
        }
    }

    #[test]
    fn a_value_of_its_type_is_shown() {
        for (kind, value) in [
            ("Boolean", "True"),
            ("Integer", "-30"),
            ("Long", "9223372036854775807"),
            ("Decimal", "3.0"),
            ("DateTime", "2013-12-20T16:02:32"),
        ] {
            assert_eq!(
                judge("Basalt.Density", Some(kind), value),
                Ok(Proof::Type),
                "{value}"
            );
        }
        for (kind, value) in [
            ("Integer", "hunter2"),
            ("Enumeration", "x7Qk2Lm9"),
            ("String", "483920"),
            ("Boolean", "kqzvxw"),
        ] {
            assert_eq!(
                judge("Basalt.Density", Some(kind), value),
                Err(MaskReason::Unproven),
                "{value}"
            );
        }
    }

    #[test]
    fn only_a_marketplace_modules_default_may_be_an_unknown_name() {
        let candidate = |name, is_default| Candidate {
            name,
            kind: Some("String"),
            value: "Feedback widget",
            is_default,
        };

        let lists = Lists::default();
        assert_eq!(
            super::judge(candidate("FeedbackModule.Value", true), lists),
            Ok(Proof::Words)
        );
        let umbrella = |name, is_default| Candidate {
            value: "Umbrella",
            ..candidate(name, is_default)
        };
        assert_eq!(
            super::judge(umbrella("FeedbackModule.Value", true), lists),
            Ok(Proof::MarketplaceDefault)
        );
        assert_eq!(
            super::judge(umbrella("FeedbackModule.Value", false), lists),
            Err(MaskReason::Unproven)
        );
        assert_eq!(
            super::judge(umbrella("Acme.Value", true), lists),
            Err(MaskReason::Unproven)
        );
    }

    #[test]
    fn long_text_is_not_shown() {
        let words = "plain words ".repeat(100);

        assert_eq!(judge("App.Text", None, &words), Err(MaskReason::TooLong));
    }

    #[test]
    fn any_text_is_judged_without_a_panic() {
        let characters: Vec<char> = "aZ9 =:;,\"'@/.-_%#?&{}[]()<>\\*+~\u{e4}\u{1f511}\u{df}\n"
            .chars()
            .collect();
        let mut state: u64 = 1;
        let mut below = |bound: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % bound
        };
        for _ in 0..5_000 {
            let length = below(40);
            let mut text = || {
                (0..length)
                    .map(|_| characters[below(characters.len())])
                    .collect::<String>()
            };
            let (name, value) = (text(), text());

            judge(&name, Some("String"), &value).ok();
        }
    }

    /// A credential is never shown, whatever surrounds it, whatever the constant's name and type, and even if the fleet
    /// file shows every name.
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
        ];
        let around = ["", " ", "see ", "{", "\n", "é ", "a=1; ", "https://h/?q=1 "];
        for credential in credentials {
            for before in around {
                for after in around {
                    for kind in [None, Some("String"), Some("Boolean"), Some("Integer")] {
                        for name in ["App.Text", "App.Enabled", "Maps.Tenant"] {
                            let value = format!("{before}{credential}{after}");
                            let candidate = Candidate {
                                name,
                                kind,
                                value: &value,
                                is_default: true,
                            };

                            assert_eq!(
                                super::judge(candidate, lists),
                                Err(MaskReason::SecretValue),
                                "{value:?}"
                            );
                        }
                    }
                }
            }
        }
    }
}
