//! The caller of a request: proof that the gateway verified a token, and what that token may read.
//!
//! The gateway checks signature, issuer, expiry and scope. The scope is checked again from the claims that the
//! gateway passes on, so a route that is wired wrongly still denies access.

use std::collections::{BTreeMap, BTreeSet};

use crate::http::problem::Problem;

/// Claim that limits a token to some environments, as names separated by spaces.
pub const ENVIRONMENTS_CLAIM: &str = "mrt_environments";
/// Prefix of the user pool groups that limit their members to an environment: its name follows.
pub const ENVIRONMENT_GROUP_PREFIX: &str = "mrt-environment-";

/// A caller with a verified token, or an anonymous one on a route without a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    client_id: String,
    subject: String,
    scopes: BTreeSet<String>,
    environments: Environments,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Environments {
    All,
    Only(BTreeSet<String>),
}

impl Caller {
    /// Returns the caller that the gateway's claims identify, provided that it has `scope`.
    ///
    /// A token with [`ENVIRONMENTS_CLAIM`] or with groups of [`ENVIRONMENT_GROUP_PREFIX`] may read those
    /// environments only. With both, it may read those that both allow; with neither, all.
    ///
    /// # Errors
    ///
    /// 401 without claims or if the token is not an access token, 403 that names the missing scope.
    pub fn authorize(
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
        let client_id = claims.get("client_id").cloned().unwrap_or_default();
        Ok(Self {
            client_id,
            subject: claims.get("sub").cloned().unwrap_or_default(),
            scopes,
            environments: environments(claims),
        })
    }

    /// Returns the caller limited to the environments that `limits` allow its client.
    ///
    /// A client that is not in `limits` is unchanged. Limits of the token itself still apply.
    #[must_use]
    pub fn limited_by(mut self, limits: &BTreeMap<String, BTreeSet<String>>) -> Self {
        if let Some(allowed) = limits.get(&self.client_id) {
            let readable = match &self.environments {
                Environments::All => allowed.clone(),
                Environments::Only(names) => names.intersection(allowed).cloned().collect(),
            };
            self.environments = Environments::Only(readable);
        }
        self
    }

    /// Returns the caller of a route without a scope, which may read no environment.
    pub fn anonymous() -> Self {
        Self {
            client_id: String::new(),
            subject: String::new(),
            scopes: BTreeSet::new(),
            environments: Environments::Only(BTreeSet::new()),
        }
    }

    /// Returns whether the caller may read `environment`. For the caller, any other environment does not exist.
    pub fn may_read(&self, environment: &str) -> bool {
        match &self.environments {
            Environments::All => true,
            Environments::Only(names) => names.contains(environment),
        }
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

fn environments(claims: &BTreeMap<String, String>) -> Environments {
    let claimed = claims.get(ENVIRONMENTS_CLAIM).map(|text| words(text));
    let groups = claims.get("cognito:groups").map_or("", String::as_str);
    // Membership in such a group limits the caller, even if the group names cannot be parsed.
    let is_grouped = groups.contains(ENVIRONMENT_GROUP_PREFIX);
    let grouped: BTreeSet<String> = words(groups)
        .iter()
        .filter_map(|group| group.strip_prefix(ENVIRONMENT_GROUP_PREFIX))
        .map(str::to_owned)
        .collect();
    match (claimed, is_grouped) {
        (None, false) => Environments::All,
        (None, true) => Environments::Only(grouped),
        (Some(claimed), false) => Environments::Only(claimed),
        (Some(claimed), true) => {
            Environments::Only(claimed.intersection(&grouped).cloned().collect())
        }
    }
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

    #[test]
    fn a_token_without_limits_may_read_every_environment() {
        let caller = Caller::authorize(Some(&claims(&[])), SCOPE).unwrap();

        assert!(caller.may_read("acme-prod"));
        assert!(caller.has_scope("mrt/users.read"));
        assert!(!caller.has_scope("mrt/users.pii"));
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
            (
                vec![("cognito:groups", "readers")],
                vec!["acme-prod", "acme-test", "other"],
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
            let caller = Caller::authorize(Some(&claims(&pairs)), SCOPE).unwrap();

            let readable: Vec<_> = ["acme-prod", "acme-test", "other"]
                .into_iter()
                .filter(|name| caller.may_read(name))
                .collect();
            assert_eq!(readable, expected, "{pairs:?}");
        }
    }

    #[test]
    fn a_limited_client_stays_limited_whatever_its_token_allows() {
        let allowed = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let limits = BTreeMap::from([
            ("ci".to_owned(), allowed(&["acme-prod", "other"])),
            ("closed".to_owned(), allowed(&[])),
        ]);
        let cases = [
            ("ci", None, vec!["acme-prod", "other"]),
            ("ci", Some("acme-prod acme-test"), vec!["acme-prod"]),
            ("closed", None, vec![]),
            ("closed", Some("acme-prod"), vec![]),
            ("someone", Some("acme-test"), vec!["acme-test"]),
            ("someone", None, vec!["acme-prod", "acme-test", "other"]),
        ];
        for (client, claim, expected) in cases {
            let mut pairs = vec![("client_id", client)];
            pairs.extend(claim.map(|names| (ENVIRONMENTS_CLAIM, names)));
            let caller = Caller::authorize(Some(&claims(&pairs)), SCOPE)
                .unwrap()
                .limited_by(&limits);

            let readable: Vec<_> = ["acme-prod", "acme-test", "other"]
                .into_iter()
                .filter(|name| caller.may_read(name))
                .collect();
            assert_eq!(readable, expected, "{client} {claim:?}");
        }
    }

    #[test]
    fn nothing_is_allowed_without_proof() {
        assert_eq!(Caller::authorize(None, SCOPE).unwrap_err().status(), 401);
        assert_eq!(
            Caller::authorize(Some(&claims(&[("token_use", "id")])), SCOPE)
                .unwrap_err()
                .status(),
            401
        );
        assert_eq!(
            Caller::authorize(Some(&claims(&[("scope", "")])), SCOPE)
                .unwrap_err()
                .status(),
            403
        );
        assert_eq!(
            Caller::authorize(Some(&claims(&[("scope", "mrt/bucket_size")])), SCOPE)
                .unwrap_err()
                .status(),
            403
        );
        assert!(!Caller::anonymous().may_read("acme-prod"));
    }
}
