//! Whether a text consists of words. Two sources decide: a vocabulary, and which letters follow each other in words.
//!
//! `vocabulary.txt` holds words of software, business and administration in English, Dutch, German, French, Spanish,
//! Italian and Portuguese. Concrete everyday words, of which generated passphrases consist, are left out on purpose:
//! `correct horse battery staple` is not a text of these words.
//!
//! `letters.txt` holds the 3,500 most frequent groups of three letters in the word lists of eight European languages,
//! `^` and `$` being the start and the end: of seven random letters, three in a thousand form only such groups.

use std::collections::BTreeSet;
use std::sync::LazyLock;

static VOCABULARY: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("vocabulary.txt").lines().collect());

static GROUPS: LazyLock<BTreeSet<[u8; 3]>> = LazyLock::new(|| {
    let lines = include_str!("letters.txt").lines();
    let pairs = lines.filter_map(|line| line.split_once(' '));
    pairs
        .filter_map(|(first, last)| Some((<[u8; 2]>::try_from(first.as_bytes()).ok()?, last)))
        .flat_map(|([one, two], last)| last.bytes().map(move |three| [one, two, three]))
        .collect()
});

/// Words that hold sentences together, in the languages of the vocabulary.
const FUNCTION_WORDS: &str = "a aan about after all als also an and are as at au auf aus aux avec avez be been \
    before bei bereits beste bij bitte but by can ce ces cet cette che con dan dans das dat de del dem der des deze \
    di did die diesen dieser dieses dit do does door du een ein eine el en er es est esta este et ete etes for from \
    geachte ha han has have het hier if ihr ihre il in into is ist it its je jij kan kein keine konnen kunt la las \
    le les lo los maar may met mijn mit mochten naar nach nicht niet no noch nog non nos not notre nous oder of om \
    on only ons onze ook op or os ou our para pas per please plus por pour que se should sich sie sind so sont su \
    sur sus te that the then there these they this to uit um uma un una und une uw van veuillez von voor vos votre \
    vous was we seit since sinds depuis weet werden were when which wie wij will wilt wir wird wirklich with worden wordt wurde wurden y you \
    your zeker zijn zu";

/// Names of formats, algorithms and products that end with digits.
const COMPOUNDS: &str = "utf8 utf16 latin1 iso8601 rfc3339 base64 md5 sha1 sha256 sha384 sha512 aes128 aes256 rsa256 rs256 rs384 rs512 \
    hs256 hs512 es256 pkcs1 pkcs5 pkcs7 pkcs12 p12 x509 oauth1 oauth2 oidc1 saml2 saml20 tls12 tls13 http2 http3 h2 \
    ipv4 ipv6 s3 ec2 db2 k8s b2b b2c i18n l10n a11y log4j mp3 mp4 json5 html5 css3 es6 x64 x86 win32 d365 o365 m365 \
    mx9 mx10 4o o1 o3 a3 a4 a5 a6 win64 g1gc useg1gc west1 west2 west3 west4 east1 east2 east4 central1 central2 north1 north2 south1 com1 com2 com3";

/// Abbreviations that end names such as `importCSV`.
const FORMATS: &str =
    "CSV PDF XML XSD SQL URL URI API SSO LDAP DTO EDI RPC CRM ERP PNG JPG ZIP FTP UTC IDS";
/// Maximum length of a word, in letters: longer ones are several words, or none.
const MAX_WORD_LENGTH: usize = 24;

/// What counts as a word in one place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Whether a word outside the vocabulary counts if its letters follow each other as in words.
    pub(super) accepts_strange: bool,
    /// Number of groups of letters in a strange word that may be rare.
    pub(super) rare_groups: usize,
    /// Up to this length, any letters are an abbreviation.
    pub(super) abbreviation: usize,
    /// Maximum number of digits that directly follow a word.
    pub(super) glued_digits: usize,
    /// Maximum number of digits that stand alone.
    pub(super) free_digits: usize,
}

impl Style {
    /// Words of the vocabulary only.
    pub(super) const PLAIN: Self = Self {
        accepts_strange: false,
        rare_groups: 0,
        abbreviation: 0,
        glued_digits: 0,
        free_digits: 2,
    };
}

/// The words of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// Words of the vocabulary, in lower case.
    pub(super) known: Vec<String>,
    /// Words that are only built like words, in lower case.
    pub(super) strange: Vec<String>,
    /// Numbers of their own.
    pub(super) numbers: Vec<String>,
    /// Letters of their own.
    pub(super) letters: usize,
}

impl Words {
    /// Returns the number of words.
    pub(super) fn count(&self) -> usize {
        self.known.len() + self.strange.len()
    }

    /// Returns the number of words that hold sentences together.
    pub(super) fn function_words(&self) -> usize {
        let is_function_word = |word: &&String| is_listed(FUNCTION_WORDS, word);
        self.known.iter().filter(is_function_word).count()
    }
}

/// Returns the words of `text`; `None` if any part of it is neither a word nor a short number.
///
/// Signs separate words and are not judged.
pub(super) fn words(text: &str, style: Style) -> Option<Words> {
    let mut words = Words::default();
    let chunks = text.split(|character: char| !character.is_alphanumeric());
    for chunk in chunks.filter(|chunk| !chunk.is_empty()) {
        read_chunk(chunk, style, &mut words)?;
    }
    // Random text with many signs consists of single letters.
    (words.letters <= 1 + words.count() / 4).then_some(words)
}

fn read_chunk(chunk: &str, style: Style, words: &mut Words) -> Option<()> {
    let lower = fold(chunk);
    if lower.bytes().all(|byte| byte.is_ascii_digit()) {
        words.numbers.push(lower);
        return (chunk.len() <= style.free_digits).then_some(());
    }
    if is_known(&lower) || is_compound(&lower) || is_listed(COMPOUNDS, &lower) || is_version(&lower)
    {
        words.known.push(lower);
        return Some(());
    }
    // `1h`, `500ms`: where numbers stand, durations and sizes do too.
    if style.free_digits >= 4 && is_measured(&lower) {
        words.numbers.push("1".to_owned());
        return Some(());
    }
    if chunk.chars().count() == 1 {
        words.letters += 1;
        return lower.is_ascii().then_some(());
    }
    let parts = parts(without_version(chunk));
    // Digits stand before or after a word, not between two.
    let is_number = |part: &&str| part.starts_with(|character: char| character.is_ascii_digit());
    let inner = parts.get(1..parts.len() - 1).unwrap_or_default();
    if inner.iter().any(is_number) || parts.iter().filter(|part| is_number(part)).count() > 1 {
        return None;
    }
    // Syllables are also short words: `PoDitPar`.
    let lengths = parts
        .iter()
        .filter(|part| !is_number(part))
        .map(|part| part.len());
    let sum = |is_short: bool| {
        lengths
            .clone()
            .filter(|length| (*length <= 3) == is_short)
            .sum::<usize>()
    };
    if lengths.clone().count() > 2 && sum(false) < sum(true) {
        return None;
    }
    // Three capitals at the end of a word are an abbreviation, or random: `branchHRM`.
    let ends_with_capitals = parts.len() == 2
        && parts[1].len() == 3
        && parts[1].bytes().all(|byte| byte.is_ascii_uppercase())
        && parts[0].bytes().all(|byte| byte.is_ascii_lowercase());
    if ends_with_capitals && !is_listed(FORMATS, parts[1]) {
        return None;
    }
    // A name may end with a capital: `DigiD`.
    let has_single = parts.len() == 2 && parts[1].len() == 1 && !parts.iter().any(is_number);
    if has_single && style.accepts_strange && is_built_like_a_word(&lower, style.rare_groups) {
        words.strange.push(lower);
        return Some(());
    }
    for part in parts {
        let lower = fold(part);
        if part.starts_with(|character: char| character.is_ascii_digit()) {
            if part.len() > style.glued_digits {
                return None;
            }
        } else if (is_known(&lower) && lower.len() > 1) || is_compound(&lower) {
            words.known.push(lower);
        } else if is_abbreviation(part, chunk, style)
            || (style.accepts_strange && is_built_like_a_word(&lower, style.rare_groups))
        {
            words.strange.push(lower);
        } else {
            return None;
        }
    }
    Some(())
}

/// Whether `part` is a whole chunk of few letters, or a few letters followed by digits.
fn is_abbreviation(part: &str, chunk: &str, style: Style) -> bool {
    let rest = chunk.strip_prefix(part);
    let is_whole = rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    // The more letters, the fewer digits: `fs01`, `srv1`.
    let digits = chunk.len() - part.len();
    is_whole
        && part.is_ascii()
        && (2..=style.abbreviation).contains(&part.len())
        && digits <= if part.len() == 2 { 2 } else { 1 }
}

/// `1h`, `500ms`, `16k`.
fn is_measured(lower: &str) -> bool {
    const UNITS: &str = "ms s m h d w y k px kb mb gb";
    let unit = lower.trim_start_matches(|character: char| character.is_ascii_digit());
    (1..=3).contains(&(lower.len() - unit.len())) && is_listed(UNITS, unit)
}

/// Removes a version from the end of a name: `PressureSensorV2`.
fn without_version(chunk: &str) -> &str {
    match chunk.rsplit_once('V') {
        Some((name, digits))
            if name.len() >= 4
                && name.ends_with(|last: char| last.is_lowercase())
                && (1..=2).contains(&digits.len())
                && digits.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name
        }
        _ => chunk,
    }
}

/// `v2`, `v10`, `Q3`.
fn is_version(lower: &str) -> bool {
    lower.strip_prefix(['v', 'q']).is_some_and(|digits| {
        (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Returns whether `word` is one of the words of `list`, which are separated by spaces.
pub(super) fn is_listed(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|listed| listed == word)
}

/// Returns whether `lower` is in the vocabulary, or the plural of a word in it.
pub(super) fn is_known(lower: &str) -> bool {
    const LEAST: usize = 5;
    let is_in = |word: &str| VOCABULARY.binary_search(&word).is_ok();
    is_in(lower)
        || (lower.len() >= LEAST && lower.strip_suffix('s').is_some_and(is_in))
        || lower
            .strip_suffix("ies")
            .is_some_and(|stem| stem.len() >= LEAST && is_in(&format!("{stem}y")))
}

/// Returns whether one of `words`, or the word of which it is the plural, is in `list`.
pub(super) fn has_listed(list: &str, words: &[String]) -> bool {
    words.iter().any(|word| {
        let singular = word.strip_suffix("ies").map(|stem| format!("{stem}y"));
        is_listed(list, word)
            || word
                .strip_suffix('s')
                .is_some_and(|one| is_listed(list, one))
            || singular.is_some_and(|one| is_listed(list, &one))
    })
}

/// Returns whether `lower` is made of two words of the vocabulary: `klantnummer`, `microsoftonline`.
fn is_compound(lower: &str) -> bool {
    // Of random syllables, many are words of three letters.
    const LEAST: usize = 4;
    const SHORT_PARTS: &str = "ref app sub api net web log doc tag map job pre non bij uit auf aus";
    const LEAST_IN_TOTAL: usize = 8;
    lower.is_ascii()
        && (LEAST_IN_TOTAL..=MAX_WORD_LENGTH).contains(&lower.len())
        && (3..=lower.len() - 3).any(|at| {
            let (one, other) = lower.split_at(at);
            let is_part = |part: &str| {
                is_known(part) && (part.len() >= LEAST || is_listed(SHORT_PARTS, part))
            };
            is_part(one) && is_part(other)
        })
        // `tabletable`
        && lower[..lower.len() / 2] != lower[lower.len() / 2..]
}

/// Returns whether the letters of `lower` follow each other as in words, except in `rare_groups` groups of three.
pub(super) fn is_built_like_a_word(lower: &str, rare_groups: usize) -> bool {
    if !(3..=MAX_WORD_LENGTH).contains(&lower.len())
        || !lower.bytes().all(|byte| byte.is_ascii_lowercase())
        || (lower.len() > 4 && lower.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return false;
    }
    let marked: Vec<u8> = [b'^']
        .into_iter()
        .chain(lower.bytes())
        .chain([b'$'])
        .collect();
    let groups = marked
        .windows(3)
        .filter_map(|group| <[u8; 3]>::try_from(group).ok());
    groups.filter(|group| !GROUPS.contains(group)).count() <= rare_groups
}

/// Splits letters and digits at the borders of words: `HTTPServerUrl2` is `HTTP`, `Server`, `Url` and `2`.
pub(super) fn parts(chunk: &str) -> Vec<&str> {
    let characters: Vec<(usize, char)> = chunk.char_indices().collect();
    let mut parts = Vec::new();
    let mut start = 0;
    for (index, pair) in characters.windows(2).enumerate() {
        let ((_, before), (at, character)) = (pair[0], pair[1]);
        let next = characters.get(index + 2).map(|(_, next)| *next);
        let changes_class = before.is_ascii_digit() != character.is_ascii_digit();
        let starts_capital = !before.is_uppercase() && character.is_uppercase();
        // The last of several upper-case letters starts the next word.
        let ends_capitals = before.is_uppercase()
            && character.is_uppercase()
            && next.is_some_and(char::is_lowercase);
        if changes_class || starts_capital || ends_capitals {
            parts.push(&chunk[start..at]);
            start = at;
        }
    }
    parts.push(&chunk[start..]);
    parts
}

/// Returns `text` in lower case without the accents of European languages.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.chars().flat_map(char::to_lowercase) {
        match character {
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => folded.push('a'),
            'ç' | 'ć' | 'č' => folded.push('c'),
            'è' | 'é' | 'ê' | 'ë' | 'ę' => folded.push('e'),
            'ì' | 'í' | 'î' | 'ï' => folded.push('i'),
            'ł' => folded.push('l'),
            'ñ' | 'ń' => folded.push('n'),
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' => folded.push('o'),
            'ś' | 'š' => folded.push('s'),
            'ù' | 'ú' | 'û' | 'ü' => folded.push('u'),
            'ý' | 'ÿ' => folded.push('y'),
            'ź' | 'ż' | 'ž' => folded.push('z'),
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            other => folded.push(other),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vocabulary_is_sorted_and_in_lower_case() {
        assert!(VOCABULARY.is_sorted());
        assert!(
            VOCABULARY
                .iter()
                .all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()))
        );
        assert!(is_known("customer") && is_known("facturen") && !is_known("staple"));
    }

    #[test]
    fn parts_end_at_capitals_and_digits() {
        for (chunk, expected) in [
            ("HTTPServerUrl2", vec!["HTTP", "Server", "Url", "2"]),
            ("camelCase", vec!["camel", "Case"]),
            ("Größe2Ä", vec!["Größe", "2", "Ä"]),
            ("ABc", vec!["A", "Bc"]),
            ("x", vec!["x"]),
        ] {
            assert_eq!(parts(chunk), expected, "{chunk}");
        }
    }

    #[test]
    fn words_of_the_vocabulary_are_read_in_every_notation() {
        for text in [
            "Sales Orders",
            "salesOrder",
            "SALES_ORDER",
            "sales-order v2",
            "Größe",
            "x: order",
        ] {
            let read = words(text, Style::PLAIN);
            assert_eq!(read.is_some(), text != "Größe", "{text}");
        }
        for text in [
            "kqzvxw",
            "Welkom01",
            "aBcDeF",
            "a-b-c-d",
            "2024",
            "correct horse battery staple",
        ] {
            assert_eq!(words(text, Style::PLAIN), None, "{text}");
        }
    }

    #[test]
    fn letters_follow_each_other_as_in_words_or_not() {
        for word in ["initech", "kantoor", "lieferung", "umbrella"] {
            assert!(is_built_like_a_word(word, 1), "{word}");
        }
        for word in ["kqzvxw", "xkcdpq", "zzzzzz", "ab", "wordword1"] {
            assert!(!is_built_like_a_word(word, 1), "{word}");
        }
    }
}
