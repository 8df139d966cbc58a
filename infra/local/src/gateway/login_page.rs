//! The page that stands in for Cognito's login: a choice of accounts, without passwords and without script.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use url::Url;

use crate::identity::Account;

const STYLE: &str = "\
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
main { max-width: 32rem; margin: 10vh auto; padding: 0 1rem }
h1 { font-size: 1.5rem }
button { display: block; width: 100%; margin: .5rem 0; padding: .75rem 1rem; font: inherit; text-align: start; cursor: pointer }
button b { display: block }";

/// Returns the page on which a reader chooses one of `accounts` for the login with the word `login`, which returns to
/// `redirect_uri`.
pub(super) fn accounts(
    login: &str,
    redirect_uri: &str,
    accounts: &[Account],
) -> Response<Full<Bytes>> {
    let buttons: String = accounts
        .iter()
        .map(|account| {
            let (name, description) = (escape(&account.name), escape(&account.description));
            format!(
                "<button name=\"account\" value=\"{name}\"><b>{name}</b> {description}</button>\n"
            )
        })
        .collect();
    let body = format!(
        "<p>This login stands in for Amazon Cognito on this machine. It asks for no password.</p>\n\
         <form method=\"post\" action=\"/login\">\n\
         <input type=\"hidden\" name=\"login\" value=\"{}\">\n{buttons}</form>\n",
        escape(login)
    );
    // Browsers apply this directive to the redirect that answers the form, too.
    let target = Url::parse(redirect_uri).map(|url| url.origin().ascii_serialization());
    let form_action = format!("'self' {}", target.unwrap_or_default());
    page(StatusCode::OK, "Choose an account", &body, &form_action)
}

/// Returns the page for a login that cannot continue, and that must not return to an address of the request's choice.
pub(super) fn refusal(reason: &str) -> Response<Full<Bytes>> {
    let body = format!("<p>{}</p>\n", escape(reason));
    page(StatusCode::BAD_REQUEST, "The login failed", &body, "'none'")
}

fn page(status: StatusCode, title: &str, body: &str, form_action: &str) -> Response<Full<Bytes>> {
    let document = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} - MRT API</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    );
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action {form_action}; \
         frame-ancestors 'none'"
    );
    let response = Response::builder()
        .status(status)
        .header("content-type", "text/html; charset=utf-8")
        .header("cache-control", "no-store")
        .header("content-security-policy", policy)
        .header("referrer-policy", "no-referrer")
        .header("x-content-type-options", "nosniff");
    response.body(Full::from(document)).unwrap_or_default()
}

/// Returns `text` for use in an element or a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn text(response: Response<Full<Bytes>>) -> String {
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn an_account_is_a_button_and_its_text_is_no_markup() {
        let account = Account {
            name: "<b>&\"".to_owned(),
            description: "all".to_owned(),
            environments: None,
            denied_scopes: &[],
        };

        let response = accounts("word", "http://localhost:8080/", &[account]);

        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(
            policy.contains("form-action 'self' http://localhost:8080;"),
            "{policy}"
        );
        let text = text(response).await;
        assert!(
            text.contains("value=\"&lt;b&gt;&amp;&quot;\"><b>&lt;b&gt;"),
            "{text}"
        );
        assert!(text.contains("name=\"login\" value=\"word\""), "{text}");
    }

    #[tokio::test]
    async fn a_refusal_names_the_reason_and_leads_nowhere() {
        let response = refusal("because <script>");

        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let text = text(response).await;
        assert!(
            text.contains("because &lt;script&gt;") && !text.contains("<form"),
            "{text}"
        );
    }
}
