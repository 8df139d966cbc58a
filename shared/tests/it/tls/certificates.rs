//! Authorities and certificates of one test.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// An authority that issues certificates for hosts.
pub(super) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// When a certificate is valid.
pub(super) enum Validity {
    Past,
    Now,
    Future,
}

impl Authority {
    /// Creates an authority. All have the same name, so that only their keys differ.
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// Returns its own certificate.
    pub(super) fn pem(&self) -> String {
        self.pem.clone()
    }

    /// Issues a certificate for a host, and returns it with its key.
    pub(super) fn certify(&self, host: &str, validity: Validity) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let (from, to) = match validity {
            Validity::Past => (2000, 2001),
            Validity::Now => (2000, 2100),
            Validity::Future => (2100, 2101),
        };
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}
