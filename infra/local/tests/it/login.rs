//! The dashboard and its login on a running demo, over HTTP as a browser sends it.

use std::collections::BTreeMap;

use api::http::endpoint::Route;
use api::routes::{ROUTES, dashboard_scopes};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::harness::{Reply, Server, data_folder, has_postgres};

const VERIFIER: &str = "NEVERLEAK-verifier-of-forty-three-characters-or-more";
const STATE: &str = "state";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A browser with the dashboard open.
struct Browser<'a> {
    server: &'a Server,
    settings: Value,
    page: String,
}

fn encode(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn query_of(url: &str) -> BTreeMap<String, String> {
    Url::parse(url)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect()
}

impl<'a> Browser<'a> {
    async fn open(server: &'a Server) -> Self {
        Self {
            server,
            settings: server.get("/dashboard.json", &[]).await.json(),
            page: format!("{}/", server.url),
        }
    }

    fn setting(&self, name: &str) -> &str {
        self.settings[name].as_str().unwrap()
    }

    /// Returns the path and query of the login's start, with `changes`.
    fn authorize_path(&self, changes: &[(&str, &str)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
        let scopes = self.settings["scopes"].as_array().unwrap().iter();
        let scopes: Vec<_> = scopes.map(|scope| scope.as_str().unwrap()).collect();
        let scope = scopes.join(" ");
        let mut fields = BTreeMap::from([
            ("response_type", "code"),
            ("client_id", self.setting("client_id")),
            ("redirect_uri", &self.page),
            ("scope", &scope),
            ("state", STATE),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        fields.extend(changes.iter().copied());
        let fields: Vec<_> = fields.into_iter().collect();
        let url = Url::parse(self.setting("authorization_endpoint")).unwrap();
        format!("{}?{}", url.path(), encode(&fields))
    }

    /// Chooses `account` on the login page and returns the code.
    async fn code(&self, account: &str) -> String {
        let page = self.server.get(&self.authorize_path(&[]), &[]).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert_eq!(page.headers["cache-control"], "no-store");
        let button = format!("<button name=\"account\" value=\"{account}\">");
        assert!(page.text.contains(&button), "{}", page.text);
        let login = page.text.split("name=\"login\" value=\"").nth(1).unwrap();
        let login = login.split('"').next().unwrap();
        let form = encode(&[("login", login), ("account", account)]);
        let chosen = self
            .server
            .send("POST", "/login", &[FORM], form)
            .await
            .unwrap();
        assert_eq!(chosen.status, 302, "{}", chosen.text);
        let url = &chosen.headers["location"];
        assert!(url.starts_with(&self.page), "{url}");
        let mut query = query_of(url);
        assert_eq!(query["state"], STATE);
        query.remove("code").unwrap()
    }

    async fn post_token(&self, fields: &[(&str, &str)]) -> Reply {
        let url = Url::parse(self.setting("token_endpoint")).unwrap();
        let body = encode(fields);
        self.server
            .send("POST", url.path(), &[FORM], body)
            .await
            .unwrap()
    }

    async fn exchange(&self, code: &str, verifier: &str) -> Reply {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", self.setting("client_id")),
            ("redirect_uri", &self.page),
            ("code", code),
            ("code_verifier", verifier),
        ];
        self.post_token(&fields).await
    }

    /// Returns the answer of the token endpoint to a login as `account`.
    async fn log_in(&self, account: &str) -> Value {
        let reply = self.exchange(&self.code(account).await, VERIFIER).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(reply.headers["access-control-allow-origin"], "*");
        assert_eq!(reply.headers["cache-control"], "no-store");
        reply.json()
    }
}

fn token<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap()
}

#[tokio::test]
async fn a_person_logs_in_from_the_page_reads_renews_and_logs_out() {
    if !has_postgres() {
        return;
    }
    let data = data_folder();
    let server = Server::start(data.path(), "1s").await;
    let browser = Browser::open(&server).await;
    assert!(
        server
            .output()
            .contains(&format!("Open {}/ in a browser", server.url))
    );

    let page = server.get("/", &[("accept", "text/html")]).await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let policy = &page.headers["content-security-policy"];
    let connect = format!("connect-src 'self' {};", server.url);
    assert!(policy.contains(&connect), "{policy}");
    assert!(!page.headers.contains_key("strict-transport-security"));
    let discovery = server
        .get("/local_mrt/.well-known/openid-configuration", &[])
        .await
        .json();
    for name in [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "end_session_endpoint",
    ] {
        assert_eq!(browser.settings[name], discovery[name], "{name}");
    }

    let first = browser.log_in("all").await;
    let item = server.item(
        "/bucket_size?environment=acme-prod",
        token(&first, "access_token"),
        |_| true,
    );
    assert!(item.await["total_bytes"].as_u64().unwrap() > 0);
    let renewal = [
        ("grant_type", "refresh_token"),
        ("client_id", browser.setting("client_id")),
        ("refresh_token", token(&first, "refresh_token")),
    ];
    let renewed = browser.post_token(&renewal).await.json();
    let reply = server
        .ask("/bucket_size", token(&renewed, "access_token"))
        .await;
    assert_eq!(reply.status, 200);
    let no_access = server
        .ask("/bucket_size", token(&first, "refresh_token"))
        .await;
    assert_eq!(no_access.status, 401, "a refresh token gives no access");

    let logout = Url::parse(browser.setting("end_session_endpoint")).unwrap();
    let fields = [
        ("client_id", browser.setting("client_id")),
        ("logout_uri", browser.page.as_str()),
    ];
    let path = format!("{}?{}", logout.path(), encode(&fields));
    let gone = server.get(&path, &[]).await;
    assert_eq!(
        (gone.status, gone.headers["location"].as_str()),
        (302, browser.page.as_str())
    );

    assert!(!server.output().contains("NEVERLEAK"));
    for secret in [
        token(&first, "access_token"),
        token(&first, "refresh_token"),
    ] {
        assert!(!server.output().contains(secret), "a token is in the log");
    }
}

#[tokio::test]
async fn a_limited_account_is_limited_on_every_route() {
    if !has_postgres() {
        return;
    }
    let data = data_folder();
    let server = Server::start(data.path(), "1s").await;
    let browser = Browser::open(&server).await;
    let (acme, no_constants) = (
        browser.log_in("acme-only").await,
        browser.log_in("no-constants").await,
    );
    let (acme, no_constants) = (
        token(&acme, "access_token"),
        token(&no_constants, "access_token"),
    );
    for path in ["/bucket_size", "/table_size"] {
        server
            .item(path, acme, |item| item["environment"] == "acme-prod")
            .await;
        server
            .item(
                &format!("{path}?environment=globex-prod"),
                &server.token(&[]),
                |_| true,
            )
            .await;
    }

    let scopes = dashboard_scopes();
    let is_granted = |route: &&Route| route.scope.is_some_and(|scope| scopes.contains(&scope));
    for route in ROUTES.iter().filter(is_granted) {
        let path = format!("{}?environment=globex-prod", route.path);
        let reply = server.ask(&path, acme).await;
        assert_eq!(reply.status, 404, "{path}: {}", reply.text);
        assert!(
            !reply.text.contains("total_bytes"),
            "{path}: {}",
            reply.text
        );
        let parameters = &mut route.parameters.iter();
        if !parameters.any(|parameter| parameter.is_required) {
            let all = server.ask(route.path, acme).await;
            assert_eq!(all.status, 200, "{}: {}", route.path, all.text);
            assert!(!all.text.contains("globex"), "{}: {}", route.path, all.text);
        }
    }
    let constants = "/micro_flow_constants?environment=acme-prod";
    assert_eq!(server.ask(constants, acme).await.status, 200);
    assert_eq!(server.ask(constants, no_constants).await.status, 401);
    assert_eq!(server.ask("/bucket_size", no_constants).await.status, 200);
}

#[tokio::test]
async fn a_login_that_is_not_the_pages_gets_no_code_and_no_token() {
    if !has_postgres() {
        return;
    }
    let data = data_folder();
    let server = Server::start(data.path(), "1h").await;
    let browser = Browser::open(&server).await;

    for change in [
        ("client_id", "stranger"),
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", server.url.as_str()),
    ] {
        let reply = server.get(&browser.authorize_path(&[change]), &[]).await;
        assert_eq!(reply.status, 400, "{change:?}");
        assert!(!reply.headers.contains_key("location") && !reply.text.contains("<form"));
    }
    let twice = format!("{}&state=again", browser.authorize_path(&[]));
    assert_eq!(server.get(&twice, &[]).await.status, 400);
    let plain = browser.authorize_path(&[("code_challenge_method", "plain")]);
    let plain = server.get(&plain, &[]).await;
    let expected = BTreeMap::from([("error", "invalid_request"), ("state", STATE)]);
    let expected = expected
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(plain.status, 302);
    assert_eq!(query_of(&plain.headers["location"]), expected.collect());

    let code = browser.code("all").await;
    let wrong = browser.exchange(&code, "another").await;
    assert_eq!(
        (wrong.status, wrong.json()["error"].as_str()),
        (400, Some("invalid_grant"))
    );
    let used = browser.exchange(&code, VERIFIER).await;
    assert_eq!(used.json()["error"], "invalid_grant");

    // As a page of another site would ask, whose name was made to resolve to this machine.
    let elsewhere = ("host", "evil.example:8080");
    let start = browser.authorize_path(&[]);
    for (method, path) in [
        ("GET", start.as_str()),
        ("POST", "/login"),
        ("POST", "/oauth2/token"),
        ("GET", "/logout?client_id=mrt-dashboard"),
    ] {
        let reply = server
            .send(method, path, &[elsewhere], String::new())
            .await
            .unwrap();
        assert_eq!(reply.status, 421, "{method} {path}");
        assert!(!reply.headers.contains_key("location"));
    }
    for (method, path) in [
        ("POST", start.as_str()),
        ("GET", "/login"),
        ("GET", "/oauth2/token"),
        ("POST", "/logout"),
    ] {
        let reply = server.send(method, path, &[], String::new()).await.unwrap();
        assert_eq!(reply.status, 405, "{method} {path}");
    }
    assert!(!server.output().contains(&code) && !server.output().contains("NEVERLEAK"));
}
