//! Words: names of things, and sentences.

use super::Head;
use crate::constants::mask::language::{Style, Words, fold, is_listed, words};
use crate::constants::mask::names::{all_words, is_secret_field};

/// Signs in texts of words. Others, such as `@` and `=`, belong to logins and fields.
const SIGNS: &str = " -_.,:;/'\"()&!?+{}[]<>*|\n\r\t’–";
/// Signs that passwords are decorated with.
const DECORATION: &str = "!?+{}[]<>*|&";
/// Words that stand alone as passwords that everyone tries first. In a longer text they are words like others.
const WEAK_WORDS: &str = "admin administrator root guest master oracle postgres postgresql mysql welcome welkom test tester testing demo \
    user username login secret password private hello internet mendix mxadmin token key keys credential credentials";
/// Terms of OAuth and HTTP that contain words of secrets and are none.
const PROTOCOL_TERMS: &str = "client_credentials authorization_code refresh_token access_token id_token \
    private_key_jwt client_secret_basic client_secret_post Bearer Basic Authorization X-API-Key x-api-key";
/// Maximum number of words without any that hold a sentence together.
const MAX_LOOSE_WORDS: usize = 8;
/// Names: words that no vocabulary has, and abbreviations such as `KLM`.
const NAME: Style = Style {
    accepts_strange: true,
    rare_groups: 1,
    abbreviation: 4,
    glued_digits: 0,
    free_digits: 1,
};
/// Maximum number of words in a name.
const MAX_NAME_WORDS: usize = 4;

/// Whether `text` consists of words of the vocabulary, or is a sentence.
pub(super) fn is_prose(text: &str, heads: &[Head]) -> bool {
    if is_listed(PROTOCOL_TERMS, text) {
        return true;
    }
    if is_class_name(text) {
        return true;
    }
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
            && are_usual_numbers(&words)
            && is_sparsely_decorated(text, &words)
    };
    words(text, Style::PLAIN).is_some_and(is_harmless) || is_sentence(text)
}

/// Whether `text` is a class with the name of its package: `org.apache.kafka.common.serialization.StringSerializer`.
fn is_class_name(text: &str) -> bool {
    const STARTS: &str = "com org net io java javax jakarta nl de eu be fr";
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
        .filter(|(_, packages)| packages.len() >= 3)
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
            ..NAME
        },
    ) else {
        return false;
    };
    let count = words.count();
    count >= 4
        && words.function_words() >= 2
        && words.function_words() * 5 >= count
        && words.strange.len() * 5 <= count * 2
        && !is_secret_field(text)
        && are_usual_numbers(&words)
        && is_sparsely_decorated(text, &words)
}

/// Whether `text` is a name of up to four words, one of which may be unknown.
pub(super) fn is_title(text: &str) -> bool {
    let is_capitalised = |text: &str| text.starts_with(char::is_uppercase);
    // Two unknown words are a name such as `Ziggo Dome`. Generated passwords have no capitals and no spaces.
    let are_few = |words: &Words| match words.strange.len() {
        0 => true,
        1 => text.contains(char::is_uppercase) || words.count() > 1,
        2 => {
            words.count() == 2
                && text.split(' ').count() == 2
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
    text.chars()
        .all(|character| character.is_alphanumeric() || " -_.".contains(character))
        && words(text, NAME).is_some_and(is_name)
        && !is_secret_field(text)
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
fn are_usual_numbers(words: &Words) -> bool {
    const COUNTED: &str = "release version page pages day days week weeks month months year years hour hours minute minutes second seconds \
    level step top max min maximum minimum phase sprint port items rows characters uur dagen tage";
    let counts = words.known.iter().any(|word| is_listed(COUNTED, word));
    let is_usual = |number: &String| number.len() == 1 || (counts && !number.starts_with('0'));
    words.numbers.len() <= 2 && words.numbers.iter().all(is_usual)
}

/// Whether `text` has few signs for its words, as texts have and passwords have not.
fn is_sparsely_decorated(text: &str, words: &Words) -> bool {
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
        ] {
            assert!(!is_prose(text, &[]), "{text}");
        }
        assert!(is_prose("test", &[Head::Title]) && is_prose("default", &[Head::Word]));
    }

    #[test]
    fn a_title_has_one_unknown_word_at_most() {
        for text in [
            "Siemens",
            "Ziggo Dome",
            "Acme Sales",
            "KLM",
            "MxAdmin",
            "svc_warehouse",
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
