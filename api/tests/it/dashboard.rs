//! `GET /` and `GET /dashboard.json`: the page with its headers, and the settings of its login.

use api::dashboard::{CLIENT_ID_VARIABLE, Login, page, settings};

use crate::harness::{TestServer, World, get};

const LOGIN_URL: &str = "https://acme.auth.eu-west-1.amazoncognito.com";

fn login() -> Login {
    Login::new(
        "https://issuer.example.com/pool".to_owned(),
        LOGIN_URL.to_owned(),
    )
}

fn server(login: Option<Login>) -> TestServer {
    let scopes = vec!["mrt/bucket_size.read", "mrt/users.read"];
    World::new("").server(vec![page(login.as_ref()), settings(login, scopes)])
}

#[tokio::test]
async fn the_page_has_a_policy_an_identity_and_a_compressed_form() {
    let server = server(Some(login()));

    let plain = server.ask(get("/")).await;
    let compressed = server.ask(get("/").header("accept-encoding", "gzip")).await;
    let head = server.ask(get("/").method("HEAD")).await;
    let etag = plain.header("etag").to_owned();
    let same = server.ask(get("/").header("if-none-match", &etag)).await;

    assert_eq!(plain.status, 200, "{plain:?}");
    assert_eq!(plain.header("content-type"), "text/html; charset=utf-8");
    assert!(plain.text.starts_with("<!doctype html>"));
    assert_eq!(plain.header("cache-control"), "public, max-age=300");
    assert_eq!(plain.header("referrer-policy"), "no-referrer");
    let policy = plain.header("content-security-policy");
    for directive in [
        "default-src 'none'; script-src 'sha256-",
        "; style-src 'sha256-",
        &format!("; connect-src 'self' {LOGIN_URL};"),
        "; frame-ancestors 'none'; require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(directive), "{directive}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(compressed.header("content-encoding"), "gzip");
    assert_eq!(compressed.text, plain.text);
    assert_eq!((&head.headers, head.text.as_str()), (&plain.headers, ""));
    assert_eq!(same.status, 304);
    assert_eq!(same.header("content-security-policy"), policy);
}

/// A login that returned to the page was answered with `bad_parameter`.
#[tokio::test]
async fn a_login_returns_to_the_page_with_its_code_or_its_error() {
    let server = server(Some(login()));

    for query in [
        "code=x&state=y&iss=z",
        "error=access_denied&error_description=no&error_uri=u&state=y",
    ] {
        let reply = server.ask(get(&format!("/?{query}"))).await;
        assert_eq!(reply.status, 200, "{query}: {reply:?}");
    }
    assert_eq!(server.ask(get("/?token=x")).await.status, 400);
}

#[tokio::test]
async fn the_settings_name_the_login_in_the_words_of_discovery() {
    let server = server(Some(login()));

    let reply = server
        .ask(get("/dashboard.json").stage_variable(CLIENT_ID_VARIABLE, "browser"))
        .await;

    assert_eq!(
        reply.json(),
        serde_json::json!({
            "issuer": "https://issuer.example.com/pool",
            "authorization_endpoint": format!("{LOGIN_URL}/oauth2/authorize"),
            "token_endpoint": format!("{LOGIN_URL}/oauth2/token"),
            "end_session_endpoint": format!("{LOGIN_URL}/logout"),
            "client_id": "browser",
            "scopes": ["mrt/bucket_size.read", "mrt/users.read"],
            "redirect_path": "./",
        })
    );
}

#[tokio::test]
async fn without_a_login_the_page_answers_and_the_settings_say_so() {
    let with_client = || get("/dashboard.json").stage_variable(CLIENT_ID_VARIABLE, "browser");

    let policy = server(None).ask(get("/")).await;
    let no_login = server(None).ask(with_client()).await;
    let no_client = server(Some(login())).ask(get("/dashboard.json")).await;

    assert!(
        policy
            .header("content-security-policy")
            .contains("connect-src 'self';")
    );
    for reply in [no_login, no_client] {
        let detail = reply.problem(404, "not_found");
        assert!(detail.contains("configured without one"), "{detail}");
    }
}
