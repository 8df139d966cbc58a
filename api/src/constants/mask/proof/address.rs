//! URLs, hosts and e-mail addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::named::is_uuid;
use super::number::{is_digits, is_version};
use super::path::{are_harmless_segments, is_harmless_query, split};
use crate::constants::mask::language::{Style, is_listed, words};

/// Labels of hosts are often names and abbreviations, with the number of a machine.
const LABEL: Style = Style {
    accepts_strange: true,
    rare_groups: 2,
    abbreviation: 4,
    glued_digits: 3,
    free_digits: 3,
};
const MAX_LABEL: usize = 48;
/// Maximum length of a domain that consists of no words, in bytes.
const MAX_DOMAIN: usize = 15;
/// Maximum number of names in a host; one if its last label is a word, because passphrases are also written with dots.
const MAX_STRANGE: usize = 3;
const SCHEMES: &str = "http https ws wss ftp ftps sftp file s3 amqp amqps mqtt mqtts tcp ssl tls udp ldap ldaps smtp smtps imap imaps \
    redis rediss kafka postgres postgresql jdbc:postgresql jdbc:mysql jdbc:mariadb jdbc:sqlserver jdbc:db2 mysql \
    mongodb mongodb+srv nats git ssh mendix api mapbox opc.tcp webcal";
/// Last labels of hosts: countries, general ones, and those of private networks.
const TOP_LABELS: &str = "com org net edu gov mil int info biz name io app dev cloud online site tech ai co me tv eu nl be de fr uk ie es \
    pt it ch at lu dk se no fi is pl cz sk hu ro bg gr hr si rs ee lv lt tr us ca mx br ar cl pe au nz jp cn hk sg \
    in kr tw za ae sa il ru ua local localdomain localhost internal intranet corp lan home test example invalid svc \
    aws amsterdam frl gmbh xyz";
/// Last labels that are everyday words.
const WORD_LABELS: [&str; 9] = [
    "cloud", "online", "site", "name", "home", "app", "tech", "info", "test",
];
/// Clouds that give resources random names; a name alone opens nothing.
const CLOUDS: [&str; 8] = [
    ".amazonaws.com",
    ".cloudfront.net",
    ".amazoncognito.com",
    ".confluent.cloud",
    ".mongodb.net",
    ".auth0.com",
    ".okta.com",
    ".database.windows.net",
];
/// Hosts whose paths name a tenant by its public id.
const TENANT_HOSTS: [&str; 3] = [
    "login.microsoftonline.com",
    "sts.windows.net",
    "graph.microsoft.com",
];

/// Namespaces of standards, after which nothing is secret.
const NAMESPACES: [&str; 6] = [
    "http://schemas.xmlsoap.org/",
    "http://schemas.microsoft.com/",
    "http://www.w3.org/",
    "http://docs.oasis-open.org/",
    "urn:oasis:names:tc:",
    "urn:ietf:params:",
];

/// Whether `text` is a URL without a login, of which every part consists of words.
pub(super) fn is_url(text: &str) -> bool {
    if let Some(address) = text.strip_prefix("mailto:") {
        return is_email(address);
    }
    if let Some(rest) = NAMESPACES.iter().find_map(|space| text.strip_prefix(space)) {
        return is_name_in_standard(rest);
    }
    if let Some(name) = text
        .strip_prefix("urn:")
        .or_else(|| text.strip_prefix("classpath:"))
    {
        return are_harmless_segments(&name.replace(':', "/"));
    }
    // The address of an API in Entra ID.
    if let Some(id) = text
        .strip_prefix("api://")
        .filter(|id| id.len() >= 36 && id.is_char_boundary(36))
    {
        return is_uuid(&id[..36]) && are_harmless_segments(&id[36..]);
    }
    if text.starts_with("arn:") {
        return is_arn(text);
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let end = rest.find(['/', '?', '#', ';']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let (path, query) = match rest.strip_prefix(';') {
        Some(fields) => ("", Some(fields.trim_end_matches(';'))),
        None => split(rest),
    };
    let is_local_file = scheme == "file" && authority.is_empty();
    let path = without_tenant(authority, path);
    is_listed(SCHEMES, &scheme.to_ascii_lowercase())
        && (is_local_file || authority.split(',').all(is_authority))
        && are_harmless_segments(&path)
        && query.is_none_or(is_harmless_query)
}

/// Whether `text` may be a name in the namespace of a standard, which consists of words, also of long compound ones.
fn is_name_in_standard(text: &str) -> bool {
    const PART: Style = Style {
        accepts_strange: true,
        rare_groups: 3,
        abbreviation: 4,
        glued_digits: 3,
        free_digits: 4,
    };
    let is_form =
        |character: char| character.is_ascii_alphanumeric() || "/:#.-_".contains(character);
    text.len() <= 128
        && text.chars().all(is_form)
        && words(text, PART).is_some_and(|words| words.strange.len() <= words.known.len() + 1)
}

fn is_authority(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    if let Some((address, port)) = bare {
        return address.parse::<Ipv6Addr>().is_ok()
            && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (host, port) = text.split_once(':').unwrap_or((text, "0"));
    is_port(port) && (is_host(host) || is_machine(host))
}

/// Removes the public id of a tenant from the path of a host that has one, and the account from that of a queue.
fn without_tenant(authority: &str, path: &str) -> String {
    let first = path.split('/').nth(1).unwrap_or_default();
    let is_id = first.len() == 36
        && first
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let is_account = authority.ends_with(".amazonaws.com") && first.len() == 12 && is_digits(first);
    match (TENANT_HOSTS.contains(&authority) && is_id) || is_account {
        true => path.replacen(first, "tenant", 1),
        false => path.to_owned(),
    }
}

/// `arn:aws:sns:eu-west-1:123456789012:orders`, but not the name of a secret, which ends with random letters.
fn is_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [_, partition, service, region, account, resource] = parts[..] else {
        return false;
    };
    ["aws", "aws-cn", "aws-us-gov"].contains(&partition)
        && service != "secretsmanager"
        && [service, region]
            .iter()
            .all(|part| words(part, LABEL).is_some())
        && (account.is_empty() || (account.len() == 12 && is_digits(account)))
        && are_harmless_segments(&resource.replace(':', "/"))
}

/// Whether `text` is a host with a domain, an IP address, or a machine with a port.
pub(super) fn is_host_and_port(text: &str) -> bool {
    // Eight groups of hexadecimal digits may also be a key.
    let is_address = match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => true,
        Ok(IpAddr::V6(_)) => text.contains("::"),
        Err(_) => false,
    };
    if is_address || is_host(text) || is_network(text) || is_image(text) {
        return true;
    }
    text.rsplit_once(':').is_some_and(|(host, port)| {
        // A word and one digit may be a password.
        is_port(port) && (is_host(host) || (port.len() >= 2 && is_machine(host)))
    })
}

/// `10.0.0.0/8`, `2001:db8::/32`.
fn is_network(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, length)| {
        let is_address = match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => true,
            Ok(IpAddr::V6(_)) => address.contains("::"),
            Err(_) => false,
        };
        is_address && length.len() <= 3 && is_digits(length)
    })
}

/// An image of a container: `registry.acme.nl/mendix/sales:1.4.0`.
fn is_image(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(name, tag)| {
        let is_tag = is_version(tag) || words(tag, Style::PLAIN).is_some();
        name.split_once('/')
            .is_some_and(|(host, path)| is_host(host) && are_harmless_segments(path) && is_tag)
    })
}

fn is_port(text: &str) -> bool {
    text.len() <= 5 && is_digits(text) && text.parse::<u16>().is_ok()
}

/// A host with a known last label, or an IP address.
fn is_host(text: &str) -> bool {
    if text.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    let text = text.strip_prefix("*.").unwrap_or(text);
    let is_random_allowed = CLOUDS.iter().any(|cloud| text.ends_with(cloud));
    let labels: Vec<&str> = text.split('.').collect();
    let Some((last, others)) = labels.split_last().filter(|(_, others)| !others.is_empty()) else {
        return text == "localhost";
    };
    // A domain is registered, whatever its letters; below a word, it may be the end of a passphrase.
    let domain = others.last().copied().unwrap_or_default();
    let is_domain = |label: &str| {
        label == domain
            && others.len() >= 2
            && label.len() <= MAX_DOMAIN
            && !WORD_LABELS.contains(last)
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
    };
    let is_machine_name = |label: &&str| {
        is_label(label) || is_domain(label) || (is_random_allowed && label.len() <= MAX_LABEL)
    };
    let strange: usize = others
        .iter()
        .filter_map(|label| words(label, LABEL))
        .map(|words| words.strange.len())
        .sum();
    let most_strange = if WORD_LABELS.contains(last) {
        1
    } else {
        MAX_STRANGE
    };
    text.len() <= 128
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-{}".contains(&byte))
        && (text == text.to_ascii_lowercase() || text == text.to_ascii_uppercase())
        && is_listed(TOP_LABELS, &last.to_ascii_lowercase())
        && others.iter().all(is_machine_name)
        && (is_random_allowed || strange <= most_strange)
}

/// Letters that form words, names or abbreviations; a label of digits only belongs to an address or a number.
fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && !is_digits(label)
        && words(label, LABEL).is_some_and(|words| words.strange.len() <= 3)
}

/// A machine without a domain: `localhost`, or words of the vocabulary such as `mail-server`, but not a user's name.
fn is_machine(text: &str) -> bool {
    const PROGRAMS: &str = "kafka redis postgres mysql mariadb mongo mongodb rabbitmq activemq broker gateway proxy server \
        smtp ldap db database cache elasticsearch opensearch mail mailhog minio vault consul zookeeper nats mqtt mosquitto \
        registry loki prometheus grafana jaeger otel collector nginx apache tomcat backend frontend web api host";
    const USERS: &str =
        "admin administrator user username root guest login account mendix service test key";
    let is_form = text
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let style = Style {
        glued_digits: 2,
        ..Style::PLAIN
    };
    // A word and a port may also be a password.
    let is_program = |word: &str| {
        is_listed(
            PROGRAMS,
            word.trim_end_matches(|one: char| one.is_ascii_digit()),
        )
    };
    text == "localhost"
        || ((text.contains('-') || is_program(text))
            && is_form
            && !is_listed(USERS, text)
            && words(text, style).is_some_and(|words| words.count() > 0))
}

/// Whether `text` is an e-mail address, possibly after a name as in `Acme <info@acme.com>`.
pub(super) fn is_email(text: &str) -> bool {
    let address = match text.strip_suffix('>').and_then(|text| text.split_once('<')) {
        Some((name, address)) if words(name, LABEL).is_some() && name.len() <= MAX_LABEL => address,
        Some(_) => return false,
        None => text,
    };
    let Some((local, host)) = address.split_once('@') else {
        return false;
    };
    let is_local = local
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte));
    let has_domain = host.parse::<IpAddr>().is_err() && host.contains('.');
    is_local
        && local.len() <= MAX_LABEL
        && words(local, LABEL).is_some_and(|words| words.count() > 0)
        && has_domain
        && is_host(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_words_are_harmless() {
        for text in [
            "https://erp.example.com",
            "https://erp.example.com/api/v1/customers/orders",
            "http://localhost:8080/odata/v4/",
            "https://api.acme.com/orders?page=1&sort=name,asc&api-version=2021-07-01",
            "jdbc:postgresql://db.example.com:5432/mendix",
            "jdbc:sqlserver://db.corp.local:1433;databaseName=mendix;encrypt=true",
            "mailto:info@acme.com",
            "urn:ietf:wg:oauth:2.0:oob",
            "arn:aws:s3:::acme-prod-files",
            "arn:aws:sns:eu-west-1:123456789012:orders",
            "https://login.microsoftonline.com/fae5de74-0f9e-4a59-8a53-1f0f6d1a2b3c/v2.0",
            "file:///opt/mendix/data",
            "wss://[::1]:8443/live",
            "https://acme-prod.c9akciq32.eu-west-1.rds.amazonaws.com:5432",
        ] {
            assert!(is_url(text), "{text}");
        }
    }

    #[test]
    fn urls_with_logins_or_random_parts_are_not() {
        for text in [
            "https://user:pass@erp.example.com",
            "https://user@erp.example.com",
            "https://hooks.slack.com/services/T00000000/B00000000/XXabXXcdXXefXXghXXij1234",
            "https://hooks.zapier.com/hooks/catch/1234567/b2x8k1q/",
            "https://func.azurewebsites.net/api/orders?code=x7Hq2Lk9Qp",
            "https://a1b2c3d4e5.ngrok.io",
            "https://www.example.com/@acme",
            "https://api.example.com/orders?filter=key:value",
            "https://example.com/fae5de74-0f9e-4a59-8a53-1f0f6d1a2b3c",
            "https://example.com/?api_key=orders",
            "gopher://example.com",
            "https://",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:acme/prod-AbCdEf",
        ] {
            assert!(!is_url(text), "{text}");
        }
    }

    #[test]
    fn hosts_need_a_domain_or_a_port() {
        for text in [
            "erp.example.com",
            "localhost",
            "localhost:9092",
            "kafka:9092",
            "10.0.0.12",
            "srv-db01.corp.local:5432",
            "*.mendix.com",
        ] {
            assert!(is_host_and_port(text), "{text}");
        }
        for text in [
            "a1b2:c3d4:e5f6:a7b8:c9d0:e1f2:a3b4:c5d6",
            "admin:12345",
            "mendix:5432",
            "kqzvxw:80",
            "MTk4NjIy.Cl2FMQ.ZnCjm1",
            "orders",
            "puppet.horse.castle.yellow.marble.cloud",
            "abc.def",
            "x9k2m4q7w1.com",
            "123.com",
        ] {
            assert!(!is_host_and_port(text), "{text}");
        }
    }

    #[test]
    fn e_mail_addresses_have_a_name_and_a_domain() {
        for text in [
            "acme@example.com",
            "no-reply@mail.acme.nl",
            "Acme Sales <sales@acme.com>",
            "j.jansen42@example.org",
        ] {
            assert!(is_email(text), "{text}");
        }
        for text in [
            "scott@orcl",
            "a:b@example.com",
            "x7f9Gq2Lk@example.com",
            "@example.com",
            "acme@",
            "Zomer2024!@smtp.example.com",
            "a@b@example.com",
        ] {
            assert!(!is_email(text), "{text}");
        }
    }
}
