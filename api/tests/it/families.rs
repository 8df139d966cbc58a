//! Generated secrets of many families, for the tests of masking.

mod forms;
mod keys;
mod phrases;

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const HEX: &str = "0123456789abcdef";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE62: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const SIGNS: &str = "!#$%&*+-./:;<=>?@^_~";
/// Words of which people and programs make passphrases.
const WORDS: &str = "apple autumn balloon banana basket battery beach bicycle blanket blossom bottle branch bread bridge \
    bucket butter button cactus camel candle canyon carpet carrot castle cherry chicken circle clever cloud clover coffee \
    copper coral correct cotton crystal curtain dancer desert diamond dolphin dragon eagle elephant ember falcon feather \
    flower forest fountain galaxy garden ginger giraffe glacier guitar hammer harbor hazel honey horizon horse iceberg \
    island jacket jasmine jungle kettle kitten ladder lantern lemon leopard lizard lobster magnet mango maple marble \
    meadow melon meteor mirror monkey moon mountain mushroom needle noodle ocean olive onion orange orchid oyster paddle \
    panda paper parrot peanut pebble pencil penguin pepper piano pillow planet pocket potato puppet purple puzzle rabbit \
    rainbow raven ribbon river rocket saddle salmon sandal saturn scarf shadow shovel silver snow spider spoon staple \
    stone storm summer sunset sweater table tiger timber tomato tornado trumpet tulip turtle umbrella valley velvet violin \
    volcano wagon walnut whale whisper willow window winter wizard yellow zebra";

/// Pseudo-random numbers (Knuth's MMIX generator).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed);
        // The first numbers of small seeds are alike.
        random.below(2);
        random.below(2);
        random
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn text(&mut self, alphabet: &str, least: usize, most: usize) -> String {
        let alphabet = alphabet.as_bytes();
        let length = least + self.below(most - least + 1);
        (0..length)
            .map(|_| char::from(alphabet[self.below(alphabet.len())]))
            .collect()
    }

    fn of<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        choices[self.below(choices.len())]
    }

    fn word(&mut self) -> &'static str {
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        self.of(&words)
    }

    fn capital(&mut self) -> String {
        let word = self.word();
        format!("{}{}", word[..1].to_uppercase(), &word[1..])
    }

    /// A password with all classes of characters.
    fn password(&mut self, least: usize, most: usize) -> String {
        let mut text = self.text(&format!("{BASE62}{SIGNS}"), least - 4, most - 4);
        for alphabet in [LOWER, UPPER, DIGITS, SIGNS] {
            let at = self.below(text.len() + 1);
            text.insert_str(at, &self.text(alphabet, 1, 1));
        }
        text
    }

    fn uuid(&mut self) -> String {
        let parts: Vec<String> = [8, 4, 4, 4, 12]
            .iter()
            .map(|length| self.text(HEX, *length, *length))
            .collect();
        parts.join("-")
    }

    fn pronounceable(&mut self, syllables: usize) -> String {
        (0..syllables)
            .map(|_| {
                format!(
                    "{}{}",
                    self.text("bcdfghjklmnprstvwz", 1, 1),
                    self.text("aeiou", 1, 1)
                )
            })
            .collect()
    }
}

/// A family of secrets: its name, and what makes one of them.
pub(crate) type Family = (&'static str, fn(&mut Random) -> String);

/// Returns all families.
pub(crate) fn families() -> impl Iterator<Item = Family> {
    GENERAL
        .into_iter()
        .chain(forms::FORMS)
        .chain(keys::KEYS)
        .chain(phrases::PHRASES)
}

const GENERAL: [Family; 62] = [
    ("hexadecimal, 32", |r| r.text(HEX, 32, 32)),
    ("hexadecimal, 40 or 64", |r| r.text(HEX, 40, 64)),
    ("hexadecimal, 8 to 16", |r| r.text(HEX, 8, 16)),
    ("base64, 24 to 88", |r| {
        format!("{}=", r.text(BASE64, 23, 87))
    }),
    ("base64url, 22 to 86", |r| r.text(BASE64URL, 22, 86)),
    ("base32, 16 to 52", |r| r.text(BASE32, 16, 52)),
    ("base32 in groups", |r| {
        [
            r.text(BASE32, 4, 4),
            r.text(BASE32, 4, 4),
            r.text(BASE32, 4, 4),
            r.text(BASE32, 4, 4),
        ]
        .join(" ")
    }),
    ("letters and digits, 8 to 12", |r| r.text(BASE62, 8, 12)),
    ("letters and digits, 16", |r| r.text(BASE62, 16, 16)),
    ("letters and digits, 20", |r| r.text(BASE62, 20, 20)),
    ("letters and digits, 32", |r| r.text(BASE62, 32, 32)),
    ("capitals and digits, 12 to 20", |r| {
        r.text(&format!("{UPPER}{DIGITS}"), 12, 20)
    }),
    ("small letters and digits, 8 to 20", |r| {
        r.text(&format!("{LOWER}{DIGITS}"), 8, 20)
    }),
    ("small letters, 6 to 8", |r| r.text(LOWER, 6, 8)),
    ("small letters, 9 to 24", |r| r.text(LOWER, 9, 24)),
    ("letters, 8 to 24", |r| {
        r.text(&format!("{LOWER}{UPPER}"), 8, 24)
    }),
    ("PIN of 4 digits", |r| r.text(DIGITS, 4, 4)),
    ("PIN of 5 or 6 digits", |r| r.text(DIGITS, 5, 6)),
    ("digits, 8 to 16", |r| r.text(DIGITS, 8, 16)),
    ("digits in groups", |r| {
        [
            r.text(DIGITS, 4, 4),
            r.text(DIGITS, 4, 4),
            r.text(DIGITS, 4, 4),
            r.text(DIGITS, 4, 4),
        ]
        .join("-")
    }),
    ("password with signs, 8 to 12", |r| r.password(8, 12)),
    ("password with signs, 24", |r| r.password(24, 24)),
    ("password with signs, 32", |r| r.password(32, 32)),
    ("signs and letters, 12 to 20", |r| {
        r.text(&format!("{LOWER}{SIGNS}"), 12, 20)
    }),
    ("UUID", Random::uuid),
    ("JSON web token", |r| {
        format!(
            "eyJ{}.eyJ{}.{}",
            r.text(BASE64URL, 20, 40),
            r.text(BASE64URL, 20, 90),
            r.text(BASE64URL, 43, 43)
        )
    }),
    ("user:password", |r| {
        format!(
            "{}:{}",
            r.of(&["mendix", "svc", "admin", "sales"]),
            r.text(BASE62, 8, 16)
        )
    }),
    ("user:word", |r| {
        format!(
            "{}:{}",
            r.of(&["mendix", "svc", "admin", "sales"]),
            r.word()
        )
    }),
    ("user/password@sid", |r| {
        format!(
            "{}/{}@{}",
            r.of(&["scott", "sales", "mendix"]),
            r.text(BASE62, 8, 16),
            r.of(&["orcl", "PROD"])
        )
    }),
    ("login in a URL", |r| {
        format!(
            "{}://sales:{}@db.example.com/app",
            r.of(&["postgres", "https", "amqp", "mongodb+srv"]),
            r.text(BASE62, 6, 20)
        )
    }),
    ("password in a URL", |r| {
        format!(
            "redis://:{}@cache.example.com:6379/0",
            r.text(BASE62, 8, 20)
        )
    }),
    ("client secret of Entra ID", |r| {
        format!(
            "{}8Q~{}",
            r.text(BASE62, 3, 3),
            r.text(&format!("{BASE62}-_.~"), 34, 34)
        )
    }),
    ("webhook with a code", |r| {
        format!(
            "https://orders.azurewebsites.net/api/receive?code={}",
            r.text(BASE64URL, 8, 54)
        )
    }),
    ("webhook of Slack", |r| {
        format!(
            "https://hooks.slack.com/services/T{}/B{}/{}",
            r.text(&format!("{UPPER}{DIGITS}"), 8, 8),
            r.text(&format!("{UPPER}{DIGITS}"), 8, 8),
            r.text(BASE62, 24, 24)
        )
    }),
    ("webhook of Teams", |r| {
        format!(
            "https://acme.webhook.office.com/webhookb2/{}@{}/IncomingWebhook/{}",
            r.uuid(),
            r.uuid(),
            r.text(HEX, 32, 32)
        )
    }),
    ("webhook with a short path", |r| {
        format!(
            "https://hooks.zapier.com/hooks/catch/{}/{}/",
            r.text(DIGITS, 6, 8),
            r.text(&format!("{LOWER}{DIGITS}"), 6, 7)
        )
    }),
    ("link with a random path", |r| {
        format!("https://share.example.com/{}", r.text(BASE62, 8, 24))
    }),
    ("random host", |r| {
        format!("https://{}.ngrok.io", r.text(HEX, 8, 12))
    }),
    ("shared access signature", |r| {
        format!(
            "sv=2023-01-03&st=2026-01-12&sp=r&sig={}%3D",
            r.text(BASE62, 43, 43)
        )
    }),
    ("storage connection string", |r| {
        format!(
            "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={}==;EndpointSuffix=core.windows.net",
            r.text(BASE64, 86, 86)
        )
    }),
    ("connection string", |r| {
        format!(
            "Server=db.example.com;Database=sales;Uid=sales;Pwd={};",
            r.text(BASE62, 6, 16)
        )
    }),
    ("JSON with a password", |r| {
        format!(
            "{{\"host\": \"db.example.com\", \"password\": \"{}\"}}",
            r.text(BASE62, 6, 16)
        )
    }),
    ("JSON with a neutral field", |r| {
        format!(
            "{{\"host\": \"db.example.com\", \"value\": \"{}\"}}",
            r.text(BASE62, 8, 16)
        )
    }),
    ("neutral field", |r| {
        format!("value={}", r.text(BASE62, 8, 16))
    }),
    ("field with a word", |r| format!("pw: {}", r.word())),
    ("AWS access key", |r| {
        format!("AKIA{}", r.text(BASE32, 16, 16))
    }),
    ("AWS secret key", |r| r.text(BASE64, 40, 40)),
    ("token of GitHub", |r| {
        format!(
            "{}_{}",
            r.of(&["ghp", "gho", "ghs"]),
            r.text(BASE62, 36, 36)
        )
    }),
    ("key of Stripe", |r| {
        format!("sk_live_{}", r.text(BASE62, 24, 24))
    }),
    ("key of SendGrid", |r| {
        format!(
            "SG.{}.{}",
            r.text(BASE64URL, 22, 22),
            r.text(BASE64URL, 43, 43)
        )
    }),
    ("token of a bot", |r| {
        format!("{}:{}", r.text(DIGITS, 9, 10), r.text(BASE64URL, 35, 35))
    }),
    ("token with dots", |r| {
        format!(
            "{}.{}.{}",
            r.text(BASE64URL, 24, 24),
            r.text(BASE64URL, 6, 6),
            r.text(BASE64URL, 27, 27)
        )
    }),
    ("licence key", |r| {
        (0..5)
            .map(|_| r.text(&format!("{UPPER}{DIGITS}"), 5, 5))
            .collect::<Vec<_>>()
            .join("-")
    }),
    ("word and digits", |r| {
        format!("{}{}", r.capital(), r.text(DIGITS, 1, 4))
    }),
    ("word, digits and a sign", |r| {
        format!(
            "{}{}{}{}",
            r.capital(),
            r.of(&["", "-", "_", "@", "#"]),
            r.text(DIGITS, 2, 4),
            r.of(&["!", "?", "$", "*"])
        )
    }),
    ("word in leetspeak", |r| {
        r.capital()
            .replace('a', "4")
            .replace('e', "3")
            .replace('o', "0")
            .replace('i', "1")
            + &r.text(DIGITS, 1, 2)
    }),
    ("pronounceable", |r| {
        let count = 4 + r.below(3);
        r.pronounceable(count)
    }),
    ("pronounceable with digits", |r| {
        format!("{}{}", r.pronounceable(3), r.text(DIGITS, 2, 3))
    }),
    ("passphrase of 4 to 6 words", |r| {
        let sign = r.of(&[" ", "-", ".", "_", ""]);
        (0..4 + r.below(3))
            .map(|_| r.word())
            .collect::<Vec<_>>()
            .join(sign)
    }),
    ("passphrase of 3 words", |r| {
        let sign = r.of(&["-", "_", " "]);
        (0..3).map(|_| r.capital()).collect::<Vec<_>>().join(sign) + r.of(&["", "7", "!"])
    }),
    ("private key", |r| {
        format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
            r.text(BASE64, 64, 64)
        )
    }),
    ("hash of a password", |r| {
        format!("$2a$12${}", r.text(BASE62, 53, 53))
    }),
];

/// Returns one secret of `family` that contains `word`, so that a search finds it wherever it leaks.
pub(crate) fn marked(family: Family, random: &mut Random, word: &str) -> String {
    let secret = (family.1)(random);
    // Inside the last run of letters and digits, which is the secret part of most families.
    let end = secret
        .rfind(|character: char| character.is_ascii_alphanumeric())
        .unwrap();
    format!("{}{word}{}", &secret[..end], &secret[end..])
}
