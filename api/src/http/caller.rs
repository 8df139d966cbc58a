//! The caller of a request: proof that the gateway verified a token, and what that token may read.
//!
//! The gateway checks signature, issuer, expiry and scope. The scope is checked again from the claims that the
//! gateway passes on, so a route that is wired wrongly still denies access.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use shared::config::{EVERY_ENVIRONMENT, EnvironmentAccess, Environments};

use crate::http::problem::Problem;

/// Claim that limits a token to some environments, as names separated by spaces.
pub const ENVIRONMENTS_CLAIM: &str = "mrt_environments";
/// Prefix of the user pool groups whose members may read an environment: its name follows, or [`ALL`].
pub const ENVIRONMENT_GROUP_PREFIX: &str = "mrt-environment-";
/// What follows the prefix in the group whose members may read all environments. No environment has this name.
pub const ALL: &str = shared::config::RESERVED_NAME;

/// Which environments clients are limited to, beside the configuration.
#[async_trait]
pub trait ClientLimits: Send + Sync {
    /// Returns the environments that the client of this id may read; `None` if nothing limits it here.
    ///
    /// # Errors
    ///
    /// A [`Problem`] if it is not known: such a caller reads nothing.
    async fn limit_of(&self, client_id: &str) -> Result<Option<Environments>, Problem>;
}

/// A caller with a verified token, or an anonymous one on a route without a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    client_id: String,
    subject: String,
    scopes: BTreeSet<String>,
    /// What may be read; `None` is nothing.
    environments: Option<Environments>,
}

impl Caller {
    /// Returns the caller that the gateway's claims identify, provided that it has `scope`.
    ///
    /// Four things may name environments: the token's [`ENVIRONMENTS_CLAIM`], its groups of
    /// [`ENVIRONMENT_GROUP_PREFIX`], and its client in `access` and in `limits`. The caller may read what all of them that
    /// do so allow. If none does, `access` has a default.
    ///
    /// # Errors
    ///
    /// 401 without claims or if the token is not an access token, 403 that names the missing scope, and the problem of
    /// `limits`.
    pub async fn authorize(
        claims: Option<&BTreeMap<String, String>>,
        scope: &'static str,
        access: &EnvironmentAccess,
        limits: Option<&dyn ClientLimits>,
    ) -> Result<Self, Problem> {
        let mut caller = Self::verified(claims, scope)?;
        let limit = match limits {
            Some(limits) => limits.limit_of(&caller.client_id).await?,
            None => None,
        };
        caller.limit(access, limit);
        Ok(caller)
    }

    /// Returns the caller with the environments that its token names, if it names some.
    fn verified(
        claims: Option<&BTreeMap<String, String>>,
        scope: &'static str,
    ) -> Result<Self, Problem> {
        let claims = claims.ok_or_else(Problem::unauthorized)?;
        if claims.get("token_use").map(String::as_str) != Some("access") {
            return Err(Problem::unauthorized());
        }
        let scopes = words(claims.get("scope").map_or("", String::as_str));
        if !scopes.contains(scope) {
            return Err(Problem::scope_missing(scope));
        }
        let named = [claimed(claims), grouped(claims)];
        Ok(Self {
            client_id: claims.get("client_id").cloned().unwrap_or_default(),
            subject: claims.get("sub").cloned().unwrap_or_default(),
            scopes,
            environments: named.into_iter().flatten().reduce(Environments::and),
        })
    }

    /// Limits the caller to the environments of its client; without any word about them, to the default.
    fn limit(&mut self, access: &EnvironmentAccess, limit: Option<Environments>) {
        let configured = access.clients.get(&self.client_id).cloned();
        let named = [self.environments.take(), configured, limit];
        let environments = named.into_iter().flatten().reduce(Environments::and);
        self.environments = Some(environments.unwrap_or_else(|| access.default.clone()));
    }

    /// Returns the caller of a route without a scope, which may read no environment.
    pub fn anonymous() -> Self {
        Self {
            client_id: String::new(),
            subject: String::new(),
            scopes: BTreeSet::new(),
            environments: None,
        }
    }

    /// Returns whether the caller may read `environment`. For the caller, any other environment does not exist.
    pub fn may_read(&self, environment: &str) -> bool {
        let environments = self.environments.as_ref();
        environments.is_some_and(|environments| environments.contains(environment))
    }

    /// Returns whether the token has `scope`.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }

    /// Returns the id of the user or client that the token was issued for, for logs; empty if unknown.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns the id of the client that the token was issued to, for logs.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }
}

fn claimed(claims: &BTreeMap<String, String>) -> Option<Environments> {
    let names = claims.get(ENVIRONMENTS_CLAIM)?;
    Some(Environments::named(words(names)))
}

/// Returns the environments of the groups; none if there are such groups and their names cannot be parsed.
fn grouped(claims: &BTreeMap<String, String>) -> Option<Environments> {
    let text = claims.get("cognito:groups")?;
    let groups = words(text);
    let is_similar =
        |group: &&String| !group.starts_with(ENVIRONMENT_GROUP_PREFIX) && is_similar(group);
    if let Some(group) = groups.iter().find(is_similar) {
        tracing::warn!(
            group,
            "a group looks like one for an environment and is none: its name must begin with mrt-environment-"
        );
    }
    let names = groups
        .iter()
        .filter_map(|group| group.strip_prefix(ENVIRONMENT_GROUP_PREFIX));
    let names: BTreeSet<String> = names
        .map(|name| if name == ALL { EVERY_ENVIRONMENT } else { name })
        .map(str::to_owned)
        .collect();
    text.contains(ENVIRONMENT_GROUP_PREFIX)
        .then(|| Environments::named(names))
}

/// Returns whether `group` differs from a group for an environment only in letter case or separators.
fn is_similar(group: &str) -> bool {
    let letters = |text: &str| -> String {
        let letters = text.chars().filter(|character| character.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    letters(group).starts_with(&letters(ENVIRONMENT_GROUP_PREFIX))
}

/// Returns the words of a claim. Gateways convert a list to text as `a,b`, `a b`, `[a, b]` or `["a","b"]`.
fn words(text: &str) -> BTreeSet<String> {
    let is_separator =
        |character: char| character.is_whitespace() || matches!(character, ',' | '[' | ']' | '"');
    text.split(is_separator)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: &str = "mrt/bucket_size.read";

    fn claims(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let base = [
            ("token_use", "access"),
            ("scope", "mrt/users.read mrt/bucket_size.read"),
        ];
        base.iter()
            .chain(pairs)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    /// Returns which of three environments a token with `pairs` may read.
    fn readable(pairs: &[(&str, &str)], access: &EnvironmentAccess) -> Vec<&'static str> {
        readable_with(pairs, access, None)
    }

    fn readable_with(
        pairs: &[(&str, &str)],
        access: &EnvironmentAccess,
        limit: Option<Environments>,
    ) -> Vec<&'static str> {
        let mut caller = Caller::verified(Some(&claims(pairs)), SCOPE).unwrap();
        caller.limit(access, limit);
        let mut names = vec!["acme-prod", "acme-test", "other"];
        names.retain(|name| caller.may_read(name));
        names
    }

    fn default(default: Environments) -> EnvironmentAccess {
        let clients = BTreeMap::new();
        EnvironmentAccess { clients, default }
    }

    #[test]
    fn a_token_has_the_scopes_that_it_names() {
        let caller = Caller::verified(Some(&claims(&[])), SCOPE).unwrap();

        assert!(caller.has_scope("mrt/users.read"));
        assert!(!caller.has_scope("mrt/users.pii"));
    }

    #[test]
    fn a_token_that_names_no_environment_has_the_default() {
        let none: [&str; 0] = [];
        assert_eq!(readable(&[], &EnvironmentAccess::default()), none);
        assert_eq!(readable(&[], &default(Environments::none())), none);
        let all = readable(&[], &default(Environments::All));
        assert_eq!(all, ["acme-prod", "acme-test", "other"]);
    }

    #[test]
    fn a_group_that_only_looks_like_one_of_ours_opens_nothing() {
        let access = EnvironmentAccess::default();
        for group in [
            "Mrt-Environment-acme-prod",
            "mrt_environment_acme-prod",
            "mrt-environments-acme-prod",
            "MRT-ENVIRONMENT-ALL",
        ] {
            let none: [&str; 0] = [];
            assert_eq!(readable(&[("cognito:groups", group)], &access), none);
            assert!(is_similar(group), "{group}");
        }
        assert!(!is_similar("readers") && !is_similar("mrt-admins"));
    }

    #[test]
    fn a_token_is_limited_by_its_claim_and_its_groups() {
        let cases = [
            (
                vec![(ENVIRONMENTS_CLAIM, "acme-prod acme-test")],
                vec!["acme-prod", "acme-test"],
            ),
            (vec![(ENVIRONMENTS_CLAIM, "")], vec![]),
            (
                vec![("cognito:groups", "[readers, mrt-environment-acme-test]")],
                vec!["acme-test"],
            ),
            (
                vec![(
                    "cognito:groups",
                    r#"["readers","mrt-environment-acme-test"]"#,
                )],
                vec!["acme-test"],
            ),
            (
                vec![("cognito:groups", "{readers;mrt-environment-acme-test}")],
                vec![],
            ),
            (vec![("cognito:groups", "readers")], vec![]),
            (
                vec![("cognito:groups", "[readers, mrt-environment-all]")],
                vec!["acme-prod", "acme-test", "other"],
            ),
            (
                vec![(ENVIRONMENTS_CLAIM, "*")],
                vec!["acme-prod", "acme-test", "other"],
            ),
            (
                vec![
                    (ENVIRONMENTS_CLAIM, "other"),
                    ("cognito:groups", "mrt-environment-all"),
                ],
                vec!["other"],
            ),
            (
                vec![
                    (ENVIRONMENTS_CLAIM, "acme-prod other"),
                    ("cognito:groups", "mrt-environment-acme-prod"),
                ],
                vec!["acme-prod"],
            ),
        ];
        for (pairs, expected) in cases {
            let readable = readable(&pairs, &EnvironmentAccess::default());

            assert_eq!(readable, expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_limited_client_stays_limited_whatever_its_token_allows() {
        let allowed = |names: &[&str]| {
            Environments::named(names.iter().map(|name| (*name).to_owned()).collect())
        };
        let access = EnvironmentAccess {
            clients: BTreeMap::from([
                ("ci".to_owned(), allowed(&["acme-prod", "other"])),
                ("closed".to_owned(), allowed(&[])),
                ("open".to_owned(), allowed(&["*"])),
            ]),
            default: Environments::none(),
        };
        let cases = [
            ("ci", None, vec!["acme-prod", "other"]),
            ("ci", Some("acme-prod acme-test"), vec!["acme-prod"]),
            ("closed", None, vec![]),
            ("closed", Some("acme-prod"), vec![]),
            ("open", None, vec!["acme-prod", "acme-test", "other"]),
            ("open", Some("acme-test"), vec!["acme-test"]),
            ("someone", Some("acme-test"), vec!["acme-test"]),
            ("someone", None, vec![]),
        ];
        for (client, claim, expected) in cases {
            let mut pairs = vec![("client_id", client)];
            pairs.extend(claim.map(|names| (ENVIRONMENTS_CLAIM, names)));
            let readable = readable(&pairs, &access);

            assert_eq!(readable, expected, "{client} {claim:?}");
        }
    }

    #[test]
    fn what_limits_a_client_beside_the_configuration_replaces_the_default_and_adds_nothing() {
        let test = Some(Environments::named(BTreeSet::from(
            ["acme-test".to_owned()],
        )));
        let (closed, open) = (default(Environments::none()), default(Environments::All));
        let none: [&str; 0] = [];

        assert_eq!(readable_with(&[], &closed, test.clone()), ["acme-test"]);
        assert_eq!(readable_with(&[], &open, test.clone()), ["acme-test"]);
        let claim = [(ENVIRONMENTS_CLAIM, "acme-prod")];
        assert_eq!(readable_with(&claim, &open, test), none);
    }

    #[test]
    fn nothing_is_allowed_without_proof() {
        let refused = |pairs: Option<&[(&str, &str)]>| {
            let claims = pairs.map(claims);
            let refused = Caller::verified(claims.as_ref(), SCOPE).unwrap_err();
            refused.status()
        };

        assert_eq!(refused(None), 401);
        assert_eq!(refused(Some(&[("token_use", "id")])), 401);
        assert_eq!(refused(Some(&[("scope", "")])), 403);
        assert_eq!(refused(Some(&[("scope", "mrt/bucket_size")])), 403);
        assert!(!Caller::anonymous().may_read("acme-prod"));
    }
}
