//! Proofs that a text is harmless: each kind recognises one form. What no kind recognises is not shown.

mod address;
mod code;
mod expression;
mod fields;
mod labelled;
mod measure;
mod named;
mod number;
mod path;
mod prose;
mod template;

use schemars::JsonSchema;
use serde::Serialize;

use super::names::Head;

/// Why a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The fleet file's `show` names the constant.
    Listed,
    /// It is empty.
    Empty,
    /// It is a value of its type: a Boolean, a number or a date.
    Type,
    /// It is `true` or `false`.
    Boolean,
    /// It has one or two characters, or three letters: too little for a secret.
    Short,
    /// It is a number that is short or round, or whose name states a quantity, possibly with a unit.
    Number,
    /// It is a date or a time.
    DateTime,
    /// It is a version.
    Version,
    /// It is a URL without a login, whose path and query consist of words.
    Url,
    /// It is a host or an IP address, possibly with a port.
    Host,
    /// It is an e-mail address.
    Email,
    /// It is a telephone number with its country.
    Telephone,
    /// It is a path or a file name that consists of words.
    Path,
    /// It is a media type.
    MediaType,
    /// It is a language, possibly with a country.
    Locale,
    /// It is a time zone.
    TimeZone,
    /// It is a cron expression.
    Schedule,
    /// It is a colour.
    Colour,
    /// It is a pattern for dates, numbers or log lines.
    Pattern,
    /// It is a unit, a currency, a country, a size, a range, a rate, or a number of the form that the name states.
    Measure,
    /// It is a query, a filter, a path into a document or a regular expression, and consists of words.
    Expression,
    /// It is a text with placeholders or marks that consists of words without them.
    Template,
    /// It is a class, a module or another name that consists of words.
    Words,
    /// It repeats words of the constant's name.
    OwnName,
    /// It is a name, as the constant's name states.
    Title,
    /// It is a marketplace module's default that consists of words.
    MarketplaceDefault,
    /// It is a list whose items are harmless.
    List,
    /// It is JSON or a list of fields, each of which is harmless.
    Fields,
}

/// What is known of a text besides its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    /// Name of the constant, or of a field within a value.
    pub(super) name: &'a str,
    /// What that name says about the value.
    pub(super) heads: &'a [Head],
    /// Whether it is the default that a marketplace module is delivered with.
    pub(super) is_marketplace_default: bool,
}

/// One kind of proof.
type Kind = fn(&str, Context<'_>) -> bool;

/// All kinds of proofs for a whole text; the first one that applies is the reason in the answer.
const KINDS: [(Proof, Kind); 29] = [
    (Proof::Empty, |text, _| text.is_empty()),
    (Proof::Boolean, |text, _| number::is_boolean(text)),
    (Proof::Number, number::is_harmless_number),
    (Proof::Version, |text, _| number::is_version(text)),
    (Proof::DateTime, |text, _| number::is_date_or_time(text)),
    (Proof::Locale, |text, _| code::is_locale(text)),
    (Proof::TimeZone, |text, _| code::is_time_zone(text)),
    (Proof::Colour, |text, _| code::is_colour(text)),
    (Proof::MediaType, |text, _| code::is_media_type(text)),
    (Proof::Schedule, |text, _| code::is_schedule(text)),
    (Proof::Pattern, |text, _| code::is_pattern(text)),
    (Proof::Url, |text, _| address::is_url(text)),
    (Proof::Host, |text, _| address::is_host_and_port(text)),
    (Proof::Email, |text, _| address::is_email(text)),
    (Proof::Telephone, |text, _| number::is_telephone(text)),
    (Proof::Path, |text, _| path::is_path(text)),
    (Proof::Path, |text, context| {
        context.heads.contains(&Head::File)
            && text.split('/').count() >= 3
            && path::are_harmless_segments(text)
    }),
    (Proof::Measure, |text, _| measure::is_measure(text)),
    (Proof::Measure, named::has_named_form),
    (Proof::Expression, |text, _| expression::is_expression(text)),
    (Proof::Expression, |text, _| {
        expression::is_regular_expression(text)
    }),
    (Proof::Pattern, |text, _| template::is_log_pattern(text)),
    (Proof::Template, |text, context| {
        template::is_template(text, context.heads)
    }),
    (Proof::OwnName, |text, context| {
        prose::is_own_name(text, context.name)
    }),
    (Proof::Words, |text, context| {
        prose::is_prose(text, context.heads)
    }),
    (Proof::Title, |text, context| {
        context.heads.contains(&Head::Title) && prose::is_title(text)
    }),
    (Proof::Title, labelled::is_label),
    (Proof::List, labelled::is_list_of_labels),
    (Proof::MarketplaceDefault, |text, context| {
        context.is_marketplace_default && prose::is_title(text)
    }),
];

/// Returns why `text` is harmless; `None` if nothing proves it.
pub(super) fn prove(text: &str, context: Context<'_>) -> Option<Proof> {
    let text = text.trim();
    let whole = whole(text, context);
    let parts = || fields::is_harmless_list(text, context).then_some(Proof::List);
    let fields = || fields::are_harmless_fields(text, context).then_some(Proof::Fields);
    let short = || number::is_short(text).then_some(Proof::Short);
    whole.or_else(short).or_else(parts).or_else(fields)
}

/// Returns why `text`, which is neither a list nor has fields, is harmless.
fn whole(text: &str, context: Context<'_>) -> Option<Proof> {
    let proven = KINDS.iter().find(|(_, is_proven)| is_proven(text, context));
    proven.map(|(proof, _)| *proof)
}
