//! Tokens and logins: what is issued, and what is refused.

use shared::clock::FixedClock;

use super::token::TokenError;
use super::*;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Map;
use std::collections::BTreeSet;
use url::Url;

mod login;

const URL: &str = "http://127.0.0.1:8080";
const PAGE: &str = "http://127.0.0.1:8080/";
const VERIFIER: &str = "NEVERLEAK-verifier-of-forty-three-characters-or-more";

struct World {
    folder: tempfile::TempDir,
    clock: Arc<FixedClock>,
    identity: Identity,
}

fn load(folder: &Path, url: &str, clock: Arc<FixedClock>) -> Identity {
    let account = |name: &str| Account {
        name: name.to_owned(),
        description: String::new(),
        environments: None,
        denied_scopes: &[],
    };
    let limited = Account {
        environments: Some(BTreeSet::from([
            "acme-prod".to_owned(),
            "acme-test".to_owned(),
        ])),
        denied_scopes: &["mrt/constants.read"],
        ..account("limited")
    };
    let scopes = vec!["mrt/users.read", "mrt/constants.read"];
    let browser_client = BrowserClient {
        redirect_uris: vec![PAGE.to_owned(), "https://dashboard.example.com".to_owned()],
        scopes: scopes.clone(),
    };
    let accounts = vec![account("all"), limited];
    Identity::load(folder, url, scopes, browser_client, accounts, clock).unwrap()
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::at("2026-01-12T11:00:00Z"));
    let identity = load(folder.path(), URL, clock.clone());
    World {
        folder,
        clock,
        identity,
    }
}

/// Returns `base` with `changes`: a pair with an empty value removes the field.
fn form(base: &[(&str, &str)], changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = base.iter().chain(changes);
    let mut form: BTreeMap<String, String> = pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    form.retain(|_, value| !value.is_empty());
    form
}

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()))
}

fn query_of(url: &str) -> BTreeMap<String, String> {
    Url::parse(url)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect()
}

impl World {
    fn token(&self, pairs: &[(&str, &str)]) -> Result<String, TokenError> {
        let form = form(&[("grant_type", "client_credentials")], pairs);
        let answer = self.identity.token(&form, Some(self.identity.client()))?;
        Ok(answer["access_token"].as_str().unwrap().to_owned())
    }

    fn signed(&self, change: impl Fn(&mut Map<String, Value>)) -> String {
        let mut claims = self.identity.machine_claims("mrt/users.read", None);
        change(&mut claims);
        self.identity.key.sign(&claims).unwrap()
    }

    fn start_login(&self, changes: &[(&str, &str)]) -> Result<String, LoginError> {
        let challenge = challenge();
        let base = [
            ("response_type", "code"),
            ("client_id", BrowserClient::ID),
            ("redirect_uri", PAGE),
            ("state", "s&t=ä"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let (login, redirect_uri) = self.identity.start_login(&form(&base, changes))?;
        assert_eq!(redirect_uri, PAGE);
        Ok(login)
    }

    /// Returns the code of a login as `account`.
    fn code(&self, account: &str) -> String {
        let login = self.start_login(&[]).unwrap();
        let url = self.identity.log_in(&login, account).unwrap();
        assert!(url.starts_with(&format!("{PAGE}?")), "{url}");
        let mut query = query_of(&url);
        assert_eq!(query["state"], "s&t=ä");
        query.remove("code").unwrap()
    }

    fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> Result<Value, TokenError> {
        let base = [
            ("grant_type", "authorization_code"),
            ("client_id", BrowserClient::ID),
            ("redirect_uri", PAGE),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        self.identity.token(&form(&base, changes), None)
    }

    fn refresh(&self, token: &str) -> Result<Value, TokenError> {
        let base = [
            ("grant_type", "refresh_token"),
            ("client_id", BrowserClient::ID),
            ("refresh_token", token),
        ];
        self.identity.token(&form(&base, &[]), None)
    }

    /// Returns the claims of the access token in `answer`.
    fn claims(&self, answer: &Value) -> BTreeMap<String, String> {
        let token = answer["access_token"].as_str().unwrap();
        self.identity.verify(token).unwrap()
    }
}

#[test]
fn a_token_has_the_requested_scopes_or_all() {
    let world = world();
    let scope = |pairs: &[(&str, &str)]| {
        let token = world.token(pairs).unwrap();
        world
            .identity
            .verify(&token)
            .unwrap()
            .remove("scope")
            .unwrap()
    };

    assert_eq!(scope(&[("scope", "mrt/users.read")]), "mrt/users.read");
    assert_eq!(scope(&[]), "mrt/users.read mrt/constants.read");
    let limited = world
        .token(&[("aws_client_metadata", "{\"environments\":\"acme-prod\"}")])
        .unwrap();
    assert_eq!(
        world.identity.verify(&limited).unwrap()["mrt_environments"],
        "acme-prod"
    );
}

#[test]
fn token_requests_are_refused_with_the_standards_codes() {
    let world = world();

    assert_eq!(
        world.token(&[("scope", "mrt/everything")]),
        Err(TokenError::InvalidScope)
    );
    assert_eq!(
        world.token(&[("aws_client_metadata", "no json")]),
        Err(TokenError::InvalidRequest)
    );
    let grant = form(&[("grant_type", "password")], &[]);
    assert_eq!(
        world.identity.token(&grant, Some(world.identity.client())),
        Err(TokenError::UnsupportedGrantType)
    );
    let grant = form(&[("grant_type", "client_credentials")], &[]);
    let stranger = ClientCredentials {
        secret: "wrong".to_owned(),
        ..world.identity.client()
    };
    assert_eq!(
        world.identity.token(&grant, Some(stranger)),
        Err(TokenError::InvalidClient)
    );
    assert_eq!(
        world.identity.token(&grant, None),
        Err(TokenError::InvalidClient)
    );
}

#[test]
fn each_client_has_its_own_grant_types() {
    let world = world();
    let client = world.identity.client();
    let machine = [
        ("client_id", client.id.as_str()),
        ("client_secret", &client.secret),
    ];

    let by_page = form(
        &[
            ("grant_type", "client_credentials"),
            ("client_id", BrowserClient::ID),
        ],
        &[],
    );
    assert_eq!(
        world.identity.token(&by_page, None),
        Err(TokenError::UnauthorizedClient)
    );
    let by_machine = world.exchange(&world.code("all"), &machine);
    assert_eq!(by_machine, Err(TokenError::UnauthorizedClient));
    let unknown = world.exchange(&world.code("all"), &[("client_id", "stranger")]);
    assert_eq!(unknown, Err(TokenError::InvalidClient));
    let with_secret = world.exchange(&world.code("all"), &[("client_secret", "any")]);
    assert_eq!(with_secret, Err(TokenError::InvalidClient));
}

#[test]
fn only_unchanged_access_tokens_of_this_issuer_are_valid() {
    let world = world();
    let good = world.signed(|_| {});
    assert!(world.identity.verify(&good).is_ok());

    let parts: Vec<&str> = good.split('.').collect();
    let forged = URL_SAFE_NO_PAD.encode(r#"{"iss":"x","token_use":"access"}"#);
    let unsigned = URL_SAFE_NO_PAD.encode(format!(
        r#"{{"alg":"none","kid":"{}"}}"#,
        world.identity.key.id()
    ));
    let stranger = tempfile::tempdir().unwrap();
    let other_key = load(stranger.path(), URL, world.clock.clone());
    let mut foreign = other_key.machine_claims("mrt/users.read", None);
    foreign.insert("jti".into(), json!("x"));
    let other_issuer = load(
        world.folder.path(),
        "http://127.0.0.1:9",
        world.clock.clone(),
    );
    let elsewhere = other_issuer.machine_claims("mrt/users.read", None);
    let with_crit = {
        let header = json!({"alg": "RS256", "kid": world.identity.key.id(), "crit": ["b64"]});
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        format!("{header}.{}.{}", parts[1], parts[2])
    };
    let changed = |name: &'static str, value: Value| {
        world.signed(|claims| drop(claims.insert(name.to_owned(), value.clone())))
    };
    let without = |name: &str| world.signed(|claims| drop(claims.remove(name)));
    let now = world.clock.now().timestamp();
    let bad = [
        (String::new(), Refusal::Malformed),
        ("Bearer".into(), Refusal::Malformed),
        (format!("{}.{}", parts[0], parts[1]), Refusal::Malformed),
        (
            format!("{}.{forged}.{}", parts[0], parts[2]),
            Refusal::Signature,
        ),
        (format!("{unsigned}.{}.", parts[1]), Refusal::Malformed),
        (
            format!("{}.{}.{}", parts[0], parts[1], "AAAA"),
            Refusal::Signature,
        ),
        (with_crit, Refusal::CriticalHeader),
        (other_key.key.sign(&foreign).unwrap(), Refusal::UnknownKey),
        (other_issuer.key.sign(&elsewhere).unwrap(), Refusal::Issuer),
        (
            changed("iss", json!([world.identity.issuer])),
            Refusal::Issuer,
        ),
        (without("iss"), Refusal::Issuer),
        (changed("token_use", json!("id")), Refusal::NotAnAccessToken),
        (
            changed("token_use", json!("refresh")),
            Refusal::NotAnAccessToken,
        ),
        (without("token_use"), Refusal::NotAnAccessToken),
        (
            changed("client_id", json!("stranger")),
            Refusal::UnknownClient,
        ),
        (without("client_id"), Refusal::UnknownClient),
        (without("exp"), Refusal::Expired),
        (changed("exp", json!("never")), Refusal::Expired),
        (changed("exp", json!(now)), Refusal::Expired),
        (changed("nbf", json!(now + 61)), Refusal::NotYetValid),
        (changed("nbf", json!("now")), Refusal::NotYetValid),
        (changed("iat", json!(now + 61)), Refusal::IssuedInFuture),
    ];
    for (number, (token, refusal)) in bad.iter().enumerate() {
        assert_eq!(
            world.identity.verify(token),
            Err(*refusal),
            "token {number}"
        );
    }
    for good in [
        changed("nbf", json!(now + 60)),
        changed("iat", json!(now + 60)),
        without("iat"),
    ] {
        assert!(world.identity.verify(&good).is_ok());
    }
}

#[test]
fn the_key_of_a_refused_token_is_logged_without_the_token() {
    let token = |kid: &str| {
        let header = json!({"alg": "RS256", "kid": kid}).to_string();
        format!("{}.NEVERLEAK.NEVERLEAK", URL_SAFE_NO_PAD.encode(header))
    };

    assert_eq!(key_id(&token("abc")), "abc");
    assert_eq!(key_id(&token(&"x".repeat(500))), "x".repeat(64));
    assert_eq!(key_id("NEVERLEAK.NEVERLEAK.NEVERLEAK"), "");
}

#[test]
fn a_token_expires_after_an_hour_and_survives_a_restart() {
    let world = world();
    let token = world.signed(|_| {});

    world.clock.advance(TOKEN_LIFETIME - Duration::from_secs(1));
    let restarted = load(world.folder.path(), URL, world.clock.clone());
    assert!(restarted.verify(&token).is_ok());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(restarted.verify(&token), Err(Refusal::Expired));
}
