//! Secrets of forms that files, headers, statements and people give them.

use super::{BASE32, BASE62, BASE64, BASE64URL, DIGITS, Family, HEX, LOWER, UPPER};

/// Alphabet of wallets and of some identifiers.
const BASE58: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const DUTCH: [&str; 16] = [
    "fiets",
    "stroopwafel",
    "zomer",
    "kaas",
    "tulp",
    "molen",
    "voetbal",
    "koning",
    "dijk",
    "polder",
    "gracht",
    "haven",
    "brood",
    "appel",
    "boom",
    "hond",
];
const GERMAN: [&str; 12] = [
    "sommer", "garten", "katze", "hund", "fussball", "kaiser", "wasser", "berg", "fluss", "apfel",
    "brot", "schloss",
];
const USERS: [&str; 5] = ["mendix", "svc", "admin", "root", "app"];

pub(super) const FORMS: [Family; 27] = [
    ("token of GitLab", |r| {
        format!("glpat-{}", r.text(BASE64URL, 20, 20))
    }),
    ("secret of a webhook", |r| {
        format!("whsec_{}", r.text(BASE62, 24, 40))
    }),
    ("token of Twilio", |r| {
        format!("{}{}", r.of(&["AC", "SK"]), r.text(HEX, 32, 32))
    }),
    ("key of a licence server", |r| {
        format!("NRII-{}", r.text(BASE64URL, 32, 32))
    }),
    ("shared access signature in a URL", |r| {
        format!(
            "https://acme.blob.core.windows.net/files?sv=2022-11-02&ss=b&sp=rl&sig={}%3D",
            r.text(BASE62, 43, 43)
        )
    }),
    ("password in a JDBC URL", |r| {
        format!(
            "jdbc:postgresql://db.example.com:5432/sales?user=sales&password={}",
            r.word()
        )
    }),
    ("login of Oracle", |r| {
        format!(
            "jdbc:oracle:thin:sales/{}@db.example.com:1521:ORCL",
            r.text(BASE62, 6, 12)
        )
    }),
    ("bind to a directory", |r| {
        format!("cn=admin,dc=example,dc=com:{}", r.word())
    }),
    ("word of a basic header", |r| {
        // `admin:` and a word, in base64.
        format!("YWRtaW46{}", r.text(BASE64, 8, 16))
    }),
    ("seed in a URL", |r| {
        format!(
            "otpauth://totp/Acme:mendix?secret={}&issuer=Acme",
            r.text(BASE32, 16, 32)
        )
    }),
    ("seed in groups of small letters", |r| {
        let groups: Vec<_> = (0..8)
            .map(|_| r.text(&BASE32.to_lowercase(), 4, 4))
            .collect();
        groups.join(" ")
    }),
    ("hexadecimal with colons", |r| {
        let bytes: Vec<_> = (0..20).map(|_| r.text(HEX, 2, 2)).collect();
        bytes.join(":")
    }),
    ("base58, 16 to 52", |r| r.text(BASE58, 16, 52)),
    ("UUID in capitals and braces", |r| {
        format!("{{{}}}", r.uuid().to_uppercase())
    }),
    ("passphrase in Dutch or German", |r| {
        let sign = r.of(&["-", " ", "_"]);
        let list: &[&str] = match r.below(2) {
            0 => &DUTCH,
            _ => &GERMAN,
        };
        (0..4).map(|_| r.of(list)).collect::<Vec<_>>().join(sign)
    }),
    ("two words and digits", |r| {
        format!(
            "{}{}{}{}",
            r.word(),
            r.of(&["", "-", "_"]),
            r.word(),
            r.text(DIGITS, 2, 4)
        )
    }),
    ("season and year", |r| {
        format!(
            "{}{}{}",
            r.of(&[
                "Spring", "Summer", "Autumn", "Winter", "Zomer", "Herfst", "March", "October",
                "Monday"
            ]),
            r.of(&["2023", "2024", "2025", "2026", "25", "26"]),
            r.of(&["", "!", "#", "?"])
        )
    }),
    ("company and number", |r| {
        format!(
            "{}{}{}",
            r.of(&["Mendix", "Acme", "Siemens", "Contoso"]),
            r.of(&["@", "-", "_", "", "#"]),
            r.of(&["2024", "123", "1234", "01!"])
        )
    }),
    ("usual password", |r| {
        format!(
            "{}{}",
            r.of(&[
                "P@ssw0rd", "Passw0rd", "W3lkom", "Welkom", "Welcome", "Geheim", "Qwerty", "qazwsx"
            ]),
            r.of(&["1", "01", "123", "!", "1!", "2024"])
        )
    }),
    ("user and password with a sign", |r| {
        format!(
            "{}{}{}",
            r.of(&USERS),
            r.of(&[";", ",", "|", " "]),
            r.text(BASE62, 8, 12)
        )
    }),
    ("user/word", |r| format!("{}/{}", r.of(&USERS), r.word())),
    ("YAML with a password", |r| {
        format!("user: sales\npassword: {}", r.word())
    }),
    ("XML with a password", |r| {
        format!(
            "<login><user>sales</user><password>{}</password></login>",
            r.word()
        )
    }),
    ("statement of SQL with a password", |r| {
        format!(
            "{} {}",
            r.of(&[
                "CREATE USER sales IDENTIFIED BY",
                "ALTER USER sales WITH PASSWORD",
                "SELECT id FROM login WHERE password ="
            ]),
            r.word()
        )
    }),
    ("sentence with a password", |r| {
        format!(
            "{} {}",
            r.of(&[
                "The password is",
                "Wachtwoord:",
                "The secret is",
                "Das Passwort lautet"
            ]),
            r.word()
        )
    }),
    ("regular expression with a secret", |r| {
        format!(
            "^{}[a-z]$",
            r.text(&format!("{LOWER}{UPPER}{DIGITS}"), 8, 16)
        )
    }),
    ("template with a secret", |r| {
        format!("{{1}}{}", r.text(BASE62, 8, 16))
    }),
];
