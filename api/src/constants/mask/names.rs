//! What a name says about its value: that it is a secret, or of which form a harmless one is.
//!
//! Names are read as words: `ConcertHall` has no `cert` in it and `dbpw` ends with `pw`. The module's name does not
//! count: `Encryption.LogNode` is a log node. Models are written in their authors' languages, so other languages' words
//! for password and key are included.

use super::language::{fold, has_listed, is_listed, parts};

/// Parts of words that only names of secrets have, in lower case without accents.
const STEMS: &str = "password passwd passphrase passcode secret token credential apikey accesskey privatekey masterkey encrypt \
    decrypt authorization authorisation certificate mnemonic bearer hmac wachtw toegangscode geheim sleutel \
    certificaat kennwort passwort schluessel schlussel zertifikat contrasen salasana losenord adgangskod jelszo";
/// The same, but of several words: `Connection_String`, `mot de passe`.
const PHRASES: &str = "apikey accesskey privatekey signingkey connectionstring connstr authheader sharedaccess licensekey licencekey \
    motdepasse secretkey";
/// Words that make a constant's name that of a secret, but not the name of a field in a value: `jdbc:postgresql:`.
const NAME_WORDS: [&str; 2] = ["jdbc", "dsn"];
/// Words that only names of secrets have.
const WORDS: &str = "pw psw pwd pass passw pin otp totp iv aes rsa psk seed salt pepper sas jwt pat cert certs license licence \
    licentie lizenz signature signing private clave claves hasla haslo senha parola heslo sifre nonce pincode puk";
/// Ends of words of secrets: `dbpw`, `smtppass`.
const ENDS: &str = "pw psw pwd passw pass seed otp salt cert key keys pincode";
/// Words that end like those of secrets.
const HARMLESS_ENDS: &str = "compass bypass trespass overpass underpass surpass concert basalt cobalt monkey monkeys turkey hockey donkey \
    jockey whiskey disney linseed aniseed hotkey hotkeys";
/// Words before `key` that make it the key of a map, a table or a keyboard.
const HARMLESS_KEYS: &str = "sort sorting storage primary foreign partition cache group grouping lookup business natural object message \
    translation label text record search field json unique composite shortcut arrow hot property setting feature row \
    index filter session public routing ordering correlation join dedup deduplication idempotency";
/// Words after `key` that make the value something about a key.
const ABOUT_KEYS: &str = "name alias size length type path file column field version format board usage algorithm serializer deserializer \
    prefix suffix separator delimiter pattern style order count";
/// Words before `signature` that make it the end of a letter.
const HARMLESS_SIGNATURES: [&str; 6] = ["mail", "email", "letter", "sender", "brief", "template"];
/// Words before `code` that make it a secret.
const SECRET_CODES: &str =
    "access auth security verification activation unlock entry pin secret recovery invite login";
/// Last words of secret names. Elsewhere in a name the same words say what the value is about: `AuthUrl`, `LoginPage`.
const LAST_WORDS: [&str; 4] = ["auth", "login", "logins", "key"];

/// Names of fields in a value, above all of a URL's query, that carry secrets although a constant's name may be so.
const FIELDS: &str = "code sig k sv auth login session sessionid sid state challenge ticket assertion hash h t user username uid \
    userid authtoken ak";

/// What the last word of a name says about the form of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// A number: `Seconds`, `Port`, `PageSize`.
    Quantity,
    /// A URL, a host or an address: `Endpoint`, `Host`.
    Address,
    /// A file or folder: `Path`, `FileName`.
    File,
    /// A word: `Type`, `Algorithm`, `Scope`.
    Word,
    /// A name of something, which may be in no vocabulary: `CompanyName`, `LogNode`.
    Title,
}

const QUANTITIES: &str = "port timeout seconds second secs sec minutes minute min mins hours hour days day weeks months month years year \
    ms millis milliseconds size limit max maximum minimum count retries retry interval width height amount threshold \
    percentage percent level rows attempts delay duration length ttl kb mb gb bytes index priority offset pages \
    items age expiry expiration lifetime iterations rounds cost retention once rate weight temperature factor \
    ratio score zoom step decimals digits precision scale baud batch volume speed capacity quota radius margin padding \
    breakpoint fee price discount latitude longitude lat lng lon coordinate coordinates bbox box bounds position center \
    aantal anzahl dagen tage jaar jahre uur uren stunden minuten maximaal maximal minimaal minimal dauer frist termijn \
    grens grenze drempel bedrag betrag prijs preis";
const ADDRESSES: &str = "url uri urls endpoint endpoints link href website redirect callback host hostname domain server address page \
    location origin issuer audience email site";
const FILES: [&str; 8] = [
    "path",
    "file",
    "filename",
    "folder",
    "directory",
    "dir",
    "keystore",
    "truststore",
];
const KINDS: &str = "type mode algorithm method format header scope provider claim policy strategy status driver class dialect";
const TEXTS: &str =
    "label title message text description greeting signature handtekening unterschrift";
const TITLES: &str = "lognode node company organisation organization brand vendor city country environment stage schema table bucket \
    queue topic database username user sender template theme language role roles userrole widget microflow entity \
    attribute column class package plugin driver dialect app application tenant department team street currency \
    venue product project workspace channel group category prefix module title assignee owner author approver font \
    bucket instance server model browser dataset catalog catalogue collection realm cluster zone site location stack \
    function pipeline stream feed service sheet worksheet tab sender recipient consumer producer province state \
    county carrier supplier manufacturer bank profile algorithm mechanism suffix locale system deployment letter tone stage branch board watermark layer \
    device hub node cluster level afdeling abteilung land stad \
    stadt ort plaats operator party contractor norm view icon dashboard grade season event campaign office shop \
    store depot line publisher component section panel screen form case range sort variant plan persona procedure client partner env exchange layout mailbox connector metric \
    similarity collection scheme area hall room building floor block species breed class standard edition banner club sport \
    league museum artist office ward clinic school faculty campus jurisdiction court municipality gemeente gate berth \
    vessel channel unit";
/// Words before `Name` that make the value a name; a bare `Name` says less.
const NAME: &str = "name";

/// Returns the words of a constant's own name, without its module, in lower case and without accents.
pub(super) fn name_words(name: &str) -> Vec<String> {
    let own = name.split_once('.').map_or(name, |(_, own)| own);
    all_words(own)
}

/// Returns all words of `name` in lower case and without accents; digits are left out.
pub(super) fn all_words(name: &str) -> Vec<String> {
    let chunks = name.split(|character: char| !character.is_alphanumeric());
    let words = chunks.flat_map(|chunk| parts(chunk).into_iter().map(fold));
    words
        .filter(|word| !word.is_empty() && !word.starts_with(|first: char| first.is_ascii_digit()))
        .collect()
}

/// Returns whether `name` is that of a secret: the full name of a constant.
pub(super) fn is_secret_name(name: &str) -> bool {
    let words = name_words(name);
    let is_last = words
        .last()
        .is_some_and(|last| LAST_WORDS.contains(&last.as_str()));
    let is_harmless_key = words.last().is_some_and(|last| last == "key") && !has_secret_key(&words);
    let has_word = words.iter().any(|word| NAME_WORDS.contains(&word.as_str()));
    is_secret(&words) || has_word || (is_last && !is_harmless_key)
}

/// Returns whether `name` is that of a secret field inside a value.
pub(super) fn is_secret_field(name: &str) -> bool {
    is_secret(&all_words(name))
}

/// Returns whether a field named `name` may carry a secret, in a query or in a list of fields.
pub(super) fn is_suspicious_field(name: &str) -> bool {
    is_secret_field(name) || is_listed(FIELDS, &fold(name))
}

fn is_secret(words: &[String]) -> bool {
    let joined = words.concat();
    let is_letter = words
        .windows(2)
        .any(|pair| pair[1] == "signature" && HARMLESS_SIGNATURES.contains(&pair[0].as_str()));
    let is_secret_word = |word: &String| {
        let word = word.as_str();
        if word == "signature" && is_letter {
            return false;
        }
        // A key by itself depends on the words around it.
        let has_end = !["key", "keys"].contains(&word)
            && ENDS.split_whitespace().any(|end| word.ends_with(end));
        is_listed(WORDS, word) || (has_end && !is_listed(HARMLESS_ENDS, word))
    };
    let has_stem = |word: &String| STEMS.split_whitespace().any(|stem| word.contains(stem));
    words.iter().any(has_stem)
        || PHRASES
            .split_whitespace()
            .any(|phrase| joined.contains(phrase))
        || words.iter().any(is_secret_word)
        || has_secret_key(words)
        || has_secret_code(words)
}

/// Whether one of `words` is `key` or `keys`, and neither the word before it nor the one after it says of what.
fn has_secret_key(words: &[String]) -> bool {
    words.iter().enumerate().any(|(index, word)| {
        let before = index.checked_sub(1).and_then(|before| words.get(before));
        let after = words.get(index + 1);
        let is_in =
            |list: &str, word: Option<&String>| word.is_some_and(|word| is_listed(list, word));
        (word == "key" || word == "keys")
            && !is_in(HARMLESS_KEYS, before)
            && !is_in(ABOUT_KEYS, after)
    })
}

fn has_secret_code(words: &[String]) -> bool {
    words
        .windows(2)
        .any(|pair| pair[1] == "code" && is_listed(SECRET_CODES, &pair[0]))
}

/// Returns what the end of `name` says about the form of its value.
pub(super) fn heads(name: &str) -> Vec<Head> {
    let words = name_words(name);
    if words.is_empty() {
        return Vec::new();
    }
    // A list of cities has the form of a city.
    let words = match words.split_last() {
        Some((last, rest)) if last == "list" && !rest.is_empty() => rest.to_vec(),
        _ => words,
    };
    let last = words.last().map_or("", String::as_str);
    let before = words.len().checked_sub(2).and_then(|at| words.get(at));
    let mut heads = Vec::new();
    // Numbers are also named by an earlier word: `MaxRowsPerPage`, `TimeoutInSeconds`.
    if has_listed(QUANTITIES, &words) {
        heads.push(Head::Quantity);
    }
    let is_last_in = |list: &str| has_listed(list, &words[words.len() - 1..]);
    if is_last_in(ADDRESSES) {
        heads.push(Head::Address);
    }
    let is_file_name =
        last == NAME && before.is_some_and(|before| FILES.contains(&before.as_str()));
    if FILES.contains(&last) || is_file_name {
        heads.push(Head::File);
    }
    if is_last_in(KINDS) || is_last_in(TEXTS) {
        heads.push(Head::Word);
    }
    if is_last_in(TITLES) || is_last_in(KINDS) || (last == NAME && before.is_some()) {
        heads.push(Head::Title);
    }
    heads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_words_condemn_a_name_in_every_notation() {
        for name in [
            "Mail.Password",
            "Mail.SMTP_PWD",
            "App.ClientSecret",
            "App.ApiKey",
            "App.API_KEY",
            "App.Api-Key",
            "App.AccessKeyId",
            "App.PrivateUrl",
            "App.EncryptionKey",
            "App.HashSalt",
            "App.Certificate",
            "App.WebhookSignature",
            "App.ConnectionString",
            "App.JDBC_URL",
            "App.BearerValue",
            "App.SasUrl",
            "App.AZURE_SAS",
            "App.SASUrl",
            "App.LicenseId",
            "App.MapsKey",
            "App.TokenValue",
            "App.credentials",
            "App.Passphrase",
            "Mail.Wachtwoord",
            "App.API_Sleutel",
            "App.GeheimeCode",
            "Mail.Kennwort",
            "App.LizenzSchlüssel",
            "Mail.Contraseña",
            "Mail.CONTRASENA",
            "App.Clave",
            "App.ClaveApi",
            "App.AuthHeader",
            "App.Auth-Header",
            "Mail.Losenord",
            "Mail.Senha",
            "Mail.MotDePasse",
            "Mail.Lösenord",
            "Mail.BasicAuth",
            "Mail.SMTP_AUTH",
            "App.DbLogin",
            "App.AdminPin",
            "App.pw",
            "App.dbpw",
            "App.DbPsw",
            "App.Wachtw",
            "App.HmacValue",
            "App.AesIV",
            "App.Seed",
            "App.userseed",
            "App.Otp",
            "App.smtppass",
            "App.Keys",
            "App.StripeKeyLive",
            "App.Key2",
            "App.AccessCode",
            "Password",
            "App.masterkey",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn words_that_only_contain_the_letters_of_a_secret_do_not() {
        for name in [
            "Concert.VenueName",
            "Basalt.Density",
            "App.ConcertHall",
            "App.BasaltDensity",
            "App.Compass",
            "App.Monkey",
            "App.SortKey",
            "FeedbackModule.LocalStorageKey",
            "Encryption.LogNode",
            "ForgotPassword.LogNode",
            "Token.Value",
            "Sales.ApiBaseUrl",
            "Sales.IsAsyncMode",
            "Sales.SalesAssistantUrl",
            "App.DisasterSite",
            "Atlas_Core.Atlas_Core_Version",
            "Sales.Currency",
            "Sales.Keyboard",
            "Sales.AuthUrl",
            "Sales.LoginPage",
            "Sales.Author",
            "Sales.Shipping",
            "App.Keynote",
            "App.Turkey",
            "App.PrimaryKey",
            "App.KeyColumn",
            "App.Opinion",
            "App.TheSlot",
            "App.HasLowStock",
            "App.Spinner",
            "App.Laptop",
            "App.Passenger",
            "App.Passage",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn a_stem_condemns_a_name_at_any_position() {
        for stem in STEMS.split_whitespace() {
            for (before, after) in [("", ""), ("My", "Value"), ("the_", "_2"), ("X9", "")] {
                let capital = format!("{}{}", stem[..1].to_uppercase(), &stem[1..]);
                for written in [stem.to_owned(), stem.to_uppercase(), capital] {
                    let name = format!("App.{before}{written}{after}");
                    assert!(is_secret_name(&name), "{name}");
                }
            }
        }
    }

    #[test]
    fn the_end_of_a_name_says_what_its_value_is() {
        assert_eq!(heads("App.TokenSeconds"), [Head::Quantity]);
        assert_eq!(heads("App.TokenUrl"), [Head::Address]);
        assert_eq!(heads("App.KeystoreFileName"), [Head::File, Head::Title]);
        assert_eq!(heads("App.TokenType"), [Head::Word, Head::Title]);
        assert_eq!(heads("App.Greeting"), [Head::Word]);
        assert_eq!(heads("Encryption.LogNode"), [Head::Title]);
        assert_eq!(heads("Sales.Name"), []);
        assert_eq!(heads("Sales.Setting"), []);
    }
}
