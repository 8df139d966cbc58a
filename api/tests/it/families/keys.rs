//! Secrets in the forms of keys, of connection strings and of links that open something.

use super::{BASE32, BASE62, BASE64URL, DIGITS, Family, HEX, LOWER, Random, UPPER};

fn groups(random: &mut Random, count: usize, alphabet: &str, length: usize, sign: &str) -> String {
    let groups: Vec<String> = (0..count)
        .map(|_| random.text(alphabet, length, length))
        .collect();
    groups.join(sign)
}

pub(super) const KEYS: [Family; 30] = [
    ("hexadecimal in capitals, 16 to 64", |r| {
        r.text(HEX, 16, 64).to_uppercase()
    }),
    ("hexadecimal with a start", |r| {
        format!("0x{}", r.text(HEX, 16, 64))
    }),
    ("hexadecimal in groups of 4", |r| groups(r, 8, HEX, 4, "-")),
    ("hexadecimal in pairs", |r| groups(r, 16, HEX, 2, " ")),
    ("base32 in small letters, 16 to 32", |r| {
        r.text(&BASE32.to_lowercase(), 16, 32)
    }),
    ("keys of 6 letters and digits", |r| {
        r.text(&format!("{UPPER}{DIGITS}"), 6, 6)
    }),
    ("keys of 5 small letters and digits", |r| {
        format!(
            "{}{}",
            r.text(DIGITS, 1, 1),
            r.text(&format!("{LOWER}{DIGITS}"), 5, 5)
        )
    }),
    ("key with dots", |r| groups(r, 4, BASE62, 6, ".")),
    ("key with dashes", |r| {
        groups(r, 4, &format!("{LOWER}{DIGITS}"), 6, "-")
    }),
    ("key with underscores", |r| groups(r, 3, BASE62, 8, "_")),
    ("key with a product's start", |r| {
        format!(
            "{}_{}",
            r.of(&["acme", "mx", "prod", "live", "api"]),
            r.text(BASE62, 16, 32)
        )
    }),
    ("coupon of capitals", |r| groups(r, 3, UPPER, 4, "-")),
    ("coupon in lists", |r| {
        groups(r, 4, &format!("{UPPER}{DIGITS}"), 4, ",")
    }),
    ("recovery codes", |r| groups(r, 6, DIGITS, 8, " ")),
    ("digits with dots", |r| groups(r, 3, DIGITS, 4, ".")),
    ("account and digits", |r| {
        format!("{}-{}", r.text(UPPER, 2, 3), r.text(DIGITS, 5, 8))
    }),
    ("Service Bus", |r| {
        format!(
            "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey={}=",
            r.text(BASE62, 43, 43)
        )
    }),
    ("Redis of Azure", |r| {
        format!(
            "acme.redis.cache.windows.net:6380,password={}=,ssl=True,abortConnect=False",
            r.text(BASE62, 43, 43)
        )
    }),
    ("connection of ODBC", |r| {
        format!(
            "DRIVER={{ODBC Driver 17}};SERVER=db;UID=sales;PWD={{{}}}",
            r.text(BASE62, 8, 16)
        )
    }),
    ("connection in words", |r| {
        format!(
            "host=db.example.com port=5432 user=sales password={}",
            r.word()
        )
    }),
    ("connection of MongoDB", |r| {
        format!(
            "mongodb+srv://sales:{}@acme.ab1cd.mongodb.net/?retryWrites=true",
            r.text(BASE62, 8, 16)
        )
    }),
    ("login of an FTP server", |r| {
        format!("ftp.example.com|sales|{}", r.text(BASE62, 8, 14))
    }),
    ("command with a login", |r| {
        format!("-u sales:{}", r.text(BASE62, 8, 14))
    }),
    ("option with a secret", |r| {
        format!("-Dmail.value={}", r.text(BASE62, 8, 14))
    }),
    ("header with a key", |r| {
        format!("X-Api-Key: {}", r.text(BASE62, 20, 40))
    }),
    ("webhook of Discord", |r| {
        format!(
            "https://discord.com/api/webhooks/{}/{}",
            r.text(DIGITS, 18, 19),
            r.text(BASE64URL, 68, 68)
        )
    }),
    ("webhook of a workflow", |r| {
        format!(
            "https://prod-12.westeurope.logic.azure.com:443/workflows/{}/triggers/manual/paths/invoke?api-version=2016-10-01&sig={}",
            r.text(HEX, 32, 32),
            r.text(BASE64URL, 43, 43)
        )
    }),
    ("link of an invitation", |r| {
        format!(
            "https://app.example.com/invite/{}",
            r.text(&format!("{LOWER}{DIGITS}"), 6, 12)
        )
    }),
    ("link with a fragment", |r| {
        format!("https://files.example.com/d#{}", r.text(BASE62, 8, 22))
    }),
    ("name of a bucket and a key", |r| {
        format!("s3://AK{}@acme-files/orders", r.text(BASE62, 18, 18))
    }),
];
