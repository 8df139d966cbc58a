//! Logins with a page: codes, refresh tokens and log-out.

use super::*;

#[test]
fn a_login_gives_a_token_in_the_form_of_cognitos() {
    let world = world();

    let answer = world.exchange(&world.code("limited"), &[]).unwrap();

    let fields: Vec<_> = answer
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        fields,
        ["access_token", "expires_in", "refresh_token", "token_type"]
    );
    let claims = world.claims(&answer);
    for (name, value) in [
        ("username", "limited"),
        ("client_id", BrowserClient::ID),
        ("token_use", "access"),
        ("scope", "mrt/users.read"),
        ("iss", "http://127.0.0.1:8080/local_mrt"),
        (
            "cognito:groups",
            r#"["mrt-environment-acme-prod","mrt-environment-acme-test"]"#,
        ),
    ] {
        assert_eq!(claims[name], value);
    }
    let all = world.claims(&world.exchange(&world.code("all"), &[]).unwrap());
    assert_eq!(all["scope"], "mrt/users.read mrt/constants.read");
    assert_eq!(all["cognito:groups"], r#"["mrt-environment-all"]"#);
}

#[test]
fn a_login_that_is_not_the_clients_is_refused_without_a_redirect() {
    let world = world();
    let refused = |name: &str, value: &str| {
        let error = world.start_login(&[(name, value)]).unwrap_err();
        matches!(error, LoginError::Refused(_))
    };

    assert!(refused("client_id", "stranger") && refused("client_id", ""));
    for uri in [
        "",
        "http://127.0.0.1:8080",
        "http://127.0.0.1:8080/?a=b",
        "http://127.0.0.1:8080//",
        "https://dashboard.example.com/",
        "https://evil.example/",
    ] {
        assert!(refused("redirect_uri", uri), "{uri}");
    }
}

#[test]
fn an_error_in_a_login_goes_back_to_the_client_with_its_state() {
    let world = world();
    let plain = VERIFIER;
    for (change, expected) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", plain), "invalid_request"),
        (("scope", "mrt/users.read mrt/everything"), "invalid_scope"),
    ] {
        let Err(LoginError::Redirect(url)) = world.start_login(&[change]) else {
            panic!("{change:?}");
        };
        assert!(url.starts_with(&format!("{PAGE}?")), "{url}");
        let expected = form(&[("error", expected), ("state", "s&t=ä")], &[]);
        assert_eq!(query_of(&url), expected, "{change:?}");
    }
}

#[test]
fn a_login_page_works_once_and_for_five_minutes() {
    let world = world();
    let login = world.start_login(&[]).unwrap();
    assert!(world.identity.log_in(&login, "all").is_some());
    assert_eq!(world.identity.log_in(&login, "all"), None);

    let late = world.start_login(&[]).unwrap();
    world.clock.advance(CODE_LIFETIME);
    assert_eq!(world.identity.log_in(&late, "all"), None);

    let stranger = world.start_login(&[]).unwrap();
    assert_eq!(world.identity.log_in(&stranger, "stranger"), None);
    assert_eq!(world.identity.log_in("guessed", "all"), None);
}

#[test]
fn a_code_works_once_for_its_own_login_and_for_five_minutes() {
    let world = world();
    let invalid = Err(TokenError::InvalidGrant);

    let code = world.code("all");
    assert!(world.exchange(&code, &[]).is_ok());
    assert_eq!(world.exchange(&code, &[]), invalid, "used twice");

    for change in [
        ("code_verifier", "another-verifier"),
        ("code_verifier", ""),
        ("code_verifier", challenge().as_str()),
        ("redirect_uri", "https://dashboard.example.com"),
        ("redirect_uri", ""),
        ("code", "guessed"),
    ] {
        assert_eq!(
            world.exchange(&world.code("all"), &[change]),
            invalid,
            "{change:?}"
        );
    }

    let code = world.code("all");
    assert_eq!(
        world.exchange(&code, &[("code_verifier", "wrong")]),
        invalid
    );
    assert_eq!(
        world.exchange(&code, &[]),
        invalid,
        "a failed attempt uses the code"
    );

    let code = world.code("all");
    world.clock.advance(CODE_LIFETIME);
    assert_eq!(world.exchange(&code, &[]), invalid, "expired");
}

#[test]
fn a_refresh_token_gives_access_tokens_for_twelve_hours_and_is_not_replaced() {
    let world = world();
    let first = world.exchange(&world.code("limited"), &[]).unwrap();
    let refresh_token = first["refresh_token"].as_str().unwrap();
    let before = world.claims(&first);

    world
        .clock
        .advance(REFRESH_LIFETIME - Duration::from_secs(1));
    let restarted = World {
        identity: load(world.folder.path(), URL, world.clock.clone()),
        ..world
    };
    let answer = restarted.refresh(refresh_token).unwrap();

    assert!(answer.get("refresh_token").is_none(), "{answer}");
    let after = restarted.claims(&answer);
    for name in [
        "username",
        "scope",
        "cognito:groups",
        "auth_time",
        "client_id",
    ] {
        assert_eq!(before[name], after[name], "{name}");
    }
    assert_ne!(before["exp"], after["exp"]);

    restarted.clock.advance(Duration::from_secs(1));
    assert_eq!(
        restarted.refresh(refresh_token),
        Err(TokenError::InvalidGrant)
    );
}

#[test]
fn a_refresh_token_is_no_access_token_and_the_other_way_round() {
    let world = world();
    let answer = world.exchange(&world.code("all"), &[]).unwrap();
    let token = |name: &str| answer[name].as_str().unwrap();

    assert_eq!(
        world.identity.verify(token("refresh_token")),
        Err(Refusal::NotAnAccessToken)
    );
    for token in [token("access_token"), "", "guessed"] {
        assert_eq!(world.refresh(token), Err(TokenError::InvalidGrant));
    }
}

#[test]
fn a_log_out_returns_to_registered_urls_only() {
    let world = world();
    let log_out = |client: &str, uri: &str| {
        let form = form(&[("client_id", client), ("logout_uri", uri)], &[]);
        world.identity.log_out(&form).map(str::to_owned)
    };

    assert_eq!(log_out(BrowserClient::ID, PAGE).as_deref(), Some(PAGE));
    for (client, uri) in [
        ("stranger", PAGE),
        (BrowserClient::ID, "https://evil.example/"),
        (BrowserClient::ID, ""),
        ("", PAGE),
    ] {
        assert_eq!(log_out(client, uri), None, "{client} {uri}");
    }
}
