//! Chooses plain text or TLS before anything is sent: by the host alone, unless the fleet file names the certificate.
//! No setting weakens the choice.

use std::net::IpAddr;
use std::path::Path;

use super::{DatabaseError, TlsFault};
use crate::file;
use crate::fleet::DatabaseTarget;

/// Transport of a connection.
pub(super) enum Wire {
    /// Plain text: to this machine only, where no network is involved.
    Plain,
    /// TLS, with a certificate for the host name from one of these authorities.
    Tls {
        /// The only trusted authorities, in PEM.
        authorities: Vec<u8>,
        /// Name that the certificate must be for; `None` for the host of the connection.
        server_name: Option<String>,
    },
    /// TLS with any certificate. Only to find out, without a password, whether a server requires TLS.
    Unverified,
    /// TLS, with a certificate for any name from one of these authorities. Only to find out whether a server on this
    /// machine, or at the other end of a tunnel, requires TLS.
    OnlyAuthorities {
        /// The only trusted authorities, in PEM.
        authorities: Vec<u8>,
    },
}

/// Returns the transport for `target`.
///
/// Reads the file for each connection, so that a renewed bundle applies to the next one.
///
/// # Errors
///
/// [`TlsFault::NotConfigured`] and [`TlsFault::AuthoritiesUnusable`], before anything is sent.
pub(super) async fn wire(
    target: &DatabaseTarget,
    ca_file: Option<&Path>,
) -> Result<Wire, DatabaseError> {
    let server_name = target.tls_server_name.clone();
    if is_this_machine(&target.host) && server_name.is_none() {
        return Ok(Wire::Plain);
    }
    Ok(Wire::Tls {
        authorities: authorities(ca_file).await?,
        server_name,
    })
}

/// Returns the certificates in `ca_file`.
///
/// # Errors
///
/// [`TlsFault::NotConfigured`] and [`TlsFault::AuthoritiesUnusable`].
pub(super) async fn authorities(ca_file: Option<&Path>) -> Result<Vec<u8>, DatabaseError> {
    let ca_file = ca_file.ok_or(DatabaseError::Tls(TlsFault::NotConfigured, None))?;
    let unusable =
        |error: Option<sqlx::Error>| DatabaseError::Tls(TlsFault::AuthoritiesUnusable, error);
    let authorities = file::read(ca_file, file::CERTIFICATES_LIMIT_BYTES)
        .await
        .map_err(|error| unusable(Some(error.into())))?;
    let header = b"-----BEGIN CERTIFICATE-----";
    let has_certificate = authorities.windows(header.len()).any(|part| part == header);
    if !has_certificate {
        return Err(unusable(None));
    }
    Ok(authorities)
}

/// Returns whether `host` is a loopback address, `localhost` or a Unix socket. All other names count as remote, even if they resolve to
/// this machine: they need a certificate, but leak no secret.
pub fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host.starts_with('/')
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fleet::database_target;

    #[test]
    fn only_loopback_counts_as_this_machine() {
        for host in [
            "localhost",
            "127.0.0.1",
            "127.8.8.8",
            "::1",
            "/run/postgresql",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "10.0.0.1",
            "localhost.example.com",
            "acme.abc.eu-west-1.rds.amazonaws.com",
            "0.0.0.0",
            "LOCALHOST",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_without_usable_authorities() {
        let folder = std::env::temp_dir().join(format!("mrt-wire-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let empty = folder.join("empty.pem");
        std::fs::write(&empty, "no certificate").unwrap();
        let missing = folder.join("missing.pem");
        let code = async |file: Option<&Path>| {
            let target = DatabaseTarget {
                host: "db.example.com".into(),
                ..database_target()
            };
            let wire = wire(&target, file).await;
            wire.err().map(|error| error.code())
        };

        assert_eq!(code(None).await, Some("tls_not_configured"));
        assert_eq!(code(Some(&missing)).await, Some("tls_authorities_unusable"));
        assert_eq!(code(Some(&empty)).await, Some("tls_authorities_unusable"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn a_name_of_a_certificate_requires_tls_on_this_machine_too() {
        let target = DatabaseTarget {
            tls_server_name: Some("acme.abc.eu-west-1.rds.amazonaws.com".into()),
            ..database_target()
        };

        let wire = wire(&target, None).await;

        assert_eq!(
            wire.err().map(|error| error.code()),
            Some("tls_not_configured")
        );
    }

    #[test]
    fn no_public_authority_is_trusted_by_default() {
        assert!(webpki_roots::TLS_SERVER_ROOTS.is_empty());
    }
}
