//! Where the readers of the page log in: the issuer and the URL of its login pages.

use shared::config::{LOGIN_ISSUER, LOGIN_URL, Reader};

/// Stage variable of the gateway with the id of the page's client. Not a variable of the function: the client is
/// registered with the URL of the API, which exists only after its functions.
pub const CLIENT_ID_VARIABLE: &str = "login_client_id";

/// The login of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    issuer: String,
    url: String,
}

impl Login {
    /// Returns the login of `issuer` with its pages below the origin `url`.
    pub fn new(issuer: String, url: String) -> Self {
        Self { issuer, url }
    }

    /// Returns the configured login; `None` if there is none.
    pub fn from_config(reader: &mut Reader<'_>) -> Option<Self> {
        let url = reader.origin(LOGIN_URL)?;
        Some(Self::new(reader.required(LOGIN_ISSUER), url))
    }

    /// Returns the issuer of the tokens.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the origin of the login pages, such as `https://acme.auth.eu-west-1.amazoncognito.com`.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_login_needs_its_issuer_and_an_origin() {
        let login = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            let variables: BTreeMap<String, String> = pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            let mut reader = Reader::new(&variables);
            let login = Login::from_config(&mut reader);
            reader.finish(login).map_err(|error| error.faults)
        };
        let url = "https://acme.auth.eu-west-1.amazoncognito.com";
        let issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x";

        assert_eq!(login(&[]), Ok(None));
        assert_eq!(
            login(&[(LOGIN_URL, url), (LOGIN_ISSUER, issuer)]),
            Ok(Some(Login::new(issuer.to_owned(), url.to_owned())))
        );
        assert_eq!(
            login(&[(LOGIN_URL, url)]),
            Err(vec!["MRT_LOGIN_ISSUER is not set".to_owned()])
        );
    }
}
