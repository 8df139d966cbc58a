//! Words: names of things, and sentences.

use super::Head;
use super::number::{is_date_or_time, is_digits};
use crate::constants::mask::language::{Style, Words, fold, is_listed, words};
use crate::constants::mask::names::{all_words, is_secret_field};

/// Signs in texts of words. Others, such as `@` and `=`, belong to logins and fields.
const SIGNS: &str = " -_.,:;/'\"()&!?+{}[]<>*|\n\r\t’–";
/// Signs that passwords are decorated with.
const DECORATION: &str = "!?+{}[]<>*|&";
/// Words that stand alone as passwords that everyone tries first. In a longer text they are words like others.
const WEAK_WORDS: &str = "admin administrator root guest master oracle postgres postgresql mysql welcome welkom test tester testing demo \
    user username login secret password private hello internet mendix mxadmin hallo bonjour token key keys credential credentials";
/// Terms of OAuth and HTTP that contain words of secrets and are none.
const PROTOCOL_TERMS: &str = "client_credentials authorization_code refresh_token access_token id_token \
    private_key_jwt client_secret_basic client_secret_post Bearer Basic Authorization X-API-Key x-api-key";
/// Maximum number of words without any that hold a sentence together.
const MAX_LOOSE_WORDS: usize = 8;
/// Texts, in which years and sizes stand.
const TEXT: Style = Style {
    free_digits: 4,
    ..Style::PLAIN
};
/// Names: words that no vocabulary has, and abbreviations such as `KLM`.
const NAME: Style = Style {
    accepts_strange: true,
    rare_groups: 1,
    abbreviation: 4,
    glued_digits: 0,
    free_digits: 1,
};
/// Names of resources, which end with a number.
const NUMBERED: Style = Style {
    glued_digits: 2,
    free_digits: 3,
    ..NAME
};
/// Words to which a number is added without a space.
const ENUMERATED: &str = "plant line lijn area zone table page step phase level room sheet blad blatt tab node column queue worker server host version release";
/// A word and a number of one or two digits: `Chrome 90`, `Blad1`.
const VERSION: Style = Style {
    glued_digits: 1,
    free_digits: 2,
    ..Style::PLAIN
};
/// What the names of companies end with.
const LEGAL_FORMS: &str = "bv nv gmbh ag kg se sa sas sarl srl spa ltd inc llc plc holding group";
/// Maximum number of words in the name of a resource.
const MAX_NUMBERED_WORDS: usize = 8;
/// Maximum number of words in a name.
const MAX_NAME_WORDS: usize = 4;

/// Whether `text` consists of words of the vocabulary, or is a sentence.
pub(super) fn is_prose(text: &str, heads: &[Head]) -> bool {
    if is_listed(PROTOCOL_TERMS, text) {
        return true;
    }
    if is_class_name(text) || is_user_agent(text) {
        return true;
    }
    let text = &without_telephone(text);
    if !has_only_signs_of_prose(text) {
        return false;
    }
    let is_harmless = |words: Words| {
        let is_loose = words.function_words() * 6 < words.count();
        let is_named = heads.contains(&Head::Title) || heads.contains(&Head::Word);
        let is_weak = words.known.iter().all(|word| is_listed(WEAK_WORDS, word));
        // `MySecret` may be one; a sentence about secrets is not.
        let is_about_secrets = words.count() <= 2 && is_secret_field(text);
        let is_login = is_login_of_words(text) || states_a_secret(text);
        words.count() > 0
            && !is_login
            && !(is_loose && words.count() > MAX_LOOSE_WORDS)
            && !(is_weak && words.count() <= 2 && !is_named)
            && !is_about_secrets
            && are_usual_numbers(text, &words)
            && is_sparsely_decorated(text, &words)
    };
    words(text, TEXT).is_some_and(is_harmless) || is_sentence(text)
}

/// Whether `text` names a program and its version: `AcmeSales/2.4 (Mendix 10.18)`.
fn is_user_agent(text: &str) -> bool {
    let is_number = |part: &str| {
        part.contains('.')
            && part.len() <= 12
            && part
                .split('.')
                .all(|group| group.len() <= 4 && is_digits(group))
    };
    let parts = || {
        text.split(|character: char| " /();,".contains(character))
            .filter(|part| !part.is_empty())
    };
    let is_word = |part: &str| words(part, Style::PLAIN).is_some_and(|words| words.letters == 0);
    text.contains('/')
        && text.len() <= 200
        && parts().any(is_number)
        && parts().any(|part| !is_number(part))
        && parts().all(|part| is_number(part) || is_word(part))
}

/// Removes a telephone number from a sentence: `via 088 123 4567`.
fn without_telephone(text: &str) -> String {
    let is_part = |character: char| character.is_ascii_digit() || " -()".contains(character);
    let Some(start) = text
        .find([' ', ':'])
        .and_then(|at| text[at..].find(['0', '+']).map(|found| at + found))
    else {
        return text.to_owned();
    };
    let after = &text[start + 1..];
    let end = start
        + 1
        + after
            .find(|character: char| !is_part(character))
            .unwrap_or(after.len());
    let number = text[start..end].trim_end();
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let groups = number
        .split([' ', '-'])
        .filter(|group| !group.is_empty())
        .count();
    let is_number = (9..=13).contains(&digits) && groups >= 2 && text[..start].ends_with(' ');
    match is_number && text[..start].split_whitespace().count() >= 3 {
        true => format!("{}{}", &text[..start], &text[start + number.len()..]),
        false => text.to_owned(),
    }
}

/// Whether `text` is a class with the name of its package: `org.apache.kafka.common.serialization.StringSerializer`.
fn is_class_name(text: &str) -> bool {
    const STARTS: &str = "com org net io java javax jakarta nl de eu be fr communitycommons";
    const PART: Style = Style {
        accepts_strange: true,
        rare_groups: 0,
        abbreviation: 3,
        glued_digits: 2,
        free_digits: 0,
    };
    let parts: Vec<&str> = text.split('.').collect();
    let Some((class, packages)) = parts
        .split_last()
        .filter(|(_, packages)| packages.len() >= 2)
    else {
        return false;
    };
    let is_part =
        |part: &str| part.chars().all(char::is_alphanumeric) && words(part, PART).is_some();
    is_listed(STARTS, packages[0])
        && packages
            .iter()
            .all(|part| part.chars().all(|letter| !letter.is_uppercase()) && is_part(part))
        && class.starts_with(char::is_uppercase)
        && is_part(class)
}

/// Whether `text` is a sentence: it has words that hold it together, and most others are in the vocabulary.
///
/// A sentence about secrets may name one, so it may contain no other words.
fn is_sentence(text: &str) -> bool {
    let Some(words) = words(
        text,
        Style {
            abbreviation: 3,
            free_digits: 4,
            ..NAME
        },
    ) else {
        return false;
    };
    let count = words.count();
    let is_long = count >= 4
        && words.function_words() >= 2
        && words.function_words() * 5 >= count
        && words.strange.len() * 5 <= count * 2;
    // `No weather data available`
    let is_plain = text.contains(' ')
        && count >= 3
        && words.function_words() >= 1
        && words.function_words() * 5 >= count
        && words.strange.len() <= 1;
    (is_long || is_plain)
        && !is_secret_field(text)
        && are_usual_numbers(text, &words)
        && is_sparsely_decorated(text, &words)
}

/// Whether `text` is a name of up to four words, one of which may be unknown.
pub(super) fn is_title(text: &str) -> bool {
    let is_capitalised = |text: &str| text.starts_with(char::is_uppercase);
    // Two unknown words are a name such as `Ziggo Dome`. Generated passwords have no capitals and no spaces.
    let are_few = |words: &Words| match words.strange.len() {
        0 => true,
        1 => text.contains(char::is_uppercase) || words.count() > 1,
        // `Hoek van Holland`: unknown words with capitals, held together by one that passphrases do not have.
        2 | 3 if text.contains(' ') && are_capitalised_names(text) => true,
        2 => {
            let is_company = words.known.iter().all(|word| is_listed(LEGAL_FORMS, word));
            words.count() <= 3
                && is_company
                && text.split(' ').count() == words.count()
                && text.split(' ').all(is_capitalised)
        }
        _ => false,
    };
    let is_name = |words: Words| {
        words.count() > 0
            && words.count() <= MAX_NAME_WORDS
            && are_few(&words)
            && is_sparsely_decorated(text, &words)
    };
    let text = without_revision(without_date(text));
    // Two words of the vocabulary prove a name, in which numbers may be anything: `acme-sales-consumer-01`.
    let is_numbered = |words: Words| {
        !text.contains(' ')
            && words.known.len() >= 2
            && words.strange.len() <= 1
            && words.count() <= MAX_NUMBERED_WORDS
            && words.numbers.len() <= 2
    };
    let is_version = |words: Words| {
        let is_enumerated = words.known.iter().all(|word| is_listed(ENUMERATED, word));
        words.known.len() == 1 && words.strange.is_empty() && (text.contains(' ') || is_enumerated)
    };
    text.chars()
        .all(|character| character.is_alphanumeric() || " -_.".contains(character))
        && (words(text, NAME).is_some_and(is_name)
            || words(text, NUMBERED).is_some_and(is_numbered)
            || words(text, VERSION).is_some_and(is_version))
        && !is_secret_field(text)
        && !states_a_secret(text)
}

/// Whether every word of `text` has a capital, except at least one that holds names together.
fn are_capitalised_names(text: &str) -> bool {
    const LINKS: &str = "van de der den het von zu la le du da di del of the aan op";
    let is_link = |part: &str| is_listed(LINKS, part);
    let is_name = |part: &str| {
        let mut letters = part.chars();
        letters.next().is_some_and(char::is_uppercase)
            && part.chars().count() > 1
            && letters.all(char::is_lowercase)
    };
    text.split(' ').any(is_link) && text.split(' ').all(|part| is_link(part) || is_name(part))
}

/// Removes `:0` from the end.
fn without_revision(text: &str) -> &str {
    match text.rsplit_once(':') {
        Some((name, revision)) if revision.len() == 1 && is_digits(revision) => name,
        _ => text,
    }
}

/// Removes a date of eight digits between signs: `haiku-20240307-v1`.
fn without_date(text: &str) -> &str {
    let is_date = |part: &str| {
        part.len() == 8
            && is_digits(part)
            && is_date_or_time(&format!("{}-{}-{}", &part[..4], &part[4..6], &part[6..]))
    };
    text.split('-')
        .find(|part| is_date(part))
        .map_or(text, |date| {
            let at = text.find(date).unwrap_or_default();
            match text[at + date.len()..].len() <= 6 {
                true => text[..at].trim_end_matches('-'),
                false => text,
            }
        })
}

/// Whether all words of `text` are also in the constant's name: `ForgotPassword.LogNode` is `ForgotPassword`.
pub(super) fn is_own_name(text: &str, name: &str) -> bool {
    let is_form = text
        .chars()
        .all(|character| character.is_alphanumeric() || " -_.".contains(character));
    let has_digits = text.chars().any(char::is_numeric);
    let own = all_words(name);
    let words = all_words(text);
    is_form
        && !has_digits
        && !words.is_empty()
        && words.len() <= own.len()
        && words.iter().all(|word| own.contains(word))
}

/// Whether `text` may be a user and a password: `svc/orders`.
fn is_login_of_words(text: &str) -> bool {
    const USERS: &str = "admin administrator root svc service sa sys system user username login account mendix mxadmin sales scott \
        guest test api app db dba postgres oracle mysql";
    text.split_once('/')
        .is_some_and(|(user, rest)| is_listed(USERS, user.trim()) && !rest.contains('/'))
}

/// Whether `text` says what a secret is: `The password is orders`, `IDENTIFIED BY orders`.
fn states_a_secret(text: &str) -> bool {
    const VERBS: &str = "is equals ist lautet est es luidt";
    let words: Vec<String> = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(fold)
        .collect();
    words.windows(2).any(|pair| {
        (is_secret_field(&pair[0]) && is_listed(VERBS, &pair[1])) || pair == ["identified", "by"]
    })
}

fn has_only_signs_of_prose(text: &str) -> bool {
    let is_colon_inside =
        |(at, _): (usize, &str)| text[at + 1..].starts_with(|next: char| !next.is_whitespace());
    text.chars().all(|character| character.is_alphanumeric() || SIGNS.contains(character))
        // `user:password`, unlike `Subject: order`.
        && !text.match_indices(':').any(is_colon_inside)
}

/// Whether numbers have one digit, or stand in a text that counts something: `release-12`, `30 days`.
fn are_usual_numbers(text: &str, words: &Words) -> bool {
    let has_space = text.trim().contains(' ');
    const COUNTED: &str = "release version page pages day days week weeks month months year years hour hours minute minutes second seconds \
    level step top max min maximum minimum phase sprint port items rows characters uur dagen tage";
    const ALGORITHMS: &str = "sha aes rsa hmac scram ecdsa pbkdf gcm cbc bit bits";
    const SIZES: &str = "128 192 224 256 384 512 1024 2048 4096";
    let has = |list: &str| words.known.iter().any(|word| is_listed(list, word));
    let (counts, is_algorithm) = (has(COUNTED), has(ALGORITHMS));
    let is_text = words.count() >= 3 && words.function_words() > 0;
    let is_usual = |number: &String| match number.len() {
        // `button/4` may be a password.
        1 => counts || words.count() >= 2 || has_space,
        2 => (counts || is_text) && !number.starts_with('0'),
        _ => {
            let is_year =
                number.len() == 4 && (number.starts_with("19") || number.starts_with("20"));
            (is_algorithm && is_listed(SIZES, number))
                || (is_text && is_year)
                || (counts && words.count() >= 2 && number[1..].bytes().all(|byte| byte == b'0'))
        }
    };
    words.numbers.len() <= 2 && words.numbers.iter().all(is_usual)
}

/// Whether `text` has few signs for its words, as texts have and passwords have not.
fn is_sparsely_decorated(text: &str, words: &Words) -> bool {
    // One sign ends a text of several words.
    let text = match text.trim_end().contains(' ') && words.count() >= 2 && words.numbers.is_empty()
    {
        true => text.trim_end().strip_suffix(['!', '?']).unwrap_or(text),
        false => text,
    };
    let is_decoration = |character: &char| DECORATION.contains(*character);
    let signs = text.chars().filter(is_decoration).count();
    let words_per_sign = if words.function_words() > 0 { 3 } else { 4 };
    signs * words_per_sign <= words.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_vocabulary_and_sentences_are_prose() {
        for text in [
            "Sales Orders",
            "CustomerServiceEndpointName",
            "sales-orders-v2-production-eu-west-1",
            "com.mendix.storage.s3.EndPoint",
            "release-1-8",
            "On-Premises",
            "MyFirstModule.ACT_Order_Create",
            "Sales/Orders",
            "Max. 30 days",
            "Please contact the service desk of Globex if this takes longer",
            "Uw bestelling is ontvangen en wordt verwerkt",
            "Ihre Bestellung wird bearbeitet",
            "production",
            "Subject: new order",
            "SCRAM-SHA-512",
            "AcmeSales/2.4 (Mendix 10.18)",
            "Neem contact op met de servicedesk via 088 123 4567",
            "Making logistics simple since 1987",
            "communitycommons.actions.StringLeftPad",
            "javax.net.SocketFactory",
        ] {
            assert!(is_prose(text, &[]), "{text}");
        }
    }

    #[test]
    fn passphrases_weak_passwords_and_logins_are_not() {
        for text in [
            "correct horse battery staple",
            "river-stone-garden",
            "admin",
            "welcome",
            "Welcome-01",
            "Welkom01",
            "Summer2024!",
            "Sales!Order!",
            "user:welcome",
            "MySecret",
            "kufidobe",
            "aB3-xK9",
            "The password of the server is kufidobe",
            "order order order order order order order order order",
            "4839",
            "",
            "Orders 2024",
            "orders 4839",
            "Call 0881234567",
            "orders-sales-1987",
            "sales/48.39 kqzvxw",
        ] {
            assert!(!is_prose(text, &[]), "{text}");
        }
        assert!(is_prose("test", &[Head::Title]) && is_prose("default", &[Head::Word]));
    }

    #[test]
    fn a_title_has_one_unknown_word_at_most() {
        for text in [
            "Siemens",
            "Hoek van Holland",
            "Ziggo Dome",
            "Ziggo Dome GmbH",
            "Plant1",
            "Acme Sales",
            "KLM",
            "MxAdmin",
            "svc_warehouse",
            "acme-prd-uploads-euw1",
            "acme-sales-consumer-01",
            "Chrome 90",
            "Sheet1",
            "anthropic.claude-3-haiku-20240307-v1:0",
            "gpt-4o-mini",
        ] {
            assert!(is_title(text), "{text}");
        }
        for text in [
            "fabrikam umbrella",
            "kqzvxw",
            "Fabrikam12",
            "my password",
            "a@b",
            "Horse Battery Staple",
            "river-stone-01",
            "Fabrikam1",
            "Branch6",
            "Welcome1",
            "orders-4839",
            "orders-20240307-kqzvxw",
            "horse battery",
        ] {
            assert!(!is_title(text), "{text}");
        }
    }

    #[test]
    fn a_value_may_repeat_the_name_of_its_constant() {
        assert!(is_own_name("ForgotPassword", "ForgotPassword.LogNode"));
        assert!(is_own_name("basalt", "Basalt.Density"));
        assert!(!is_own_name("ForgotPassword1", "ForgotPassword.LogNode"));
        assert!(!is_own_name("Other", "ForgotPassword.LogNode") && !is_own_name("", "A.B"));
    }
}
