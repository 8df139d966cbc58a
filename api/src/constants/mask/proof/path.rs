//! Paths, file names and queries that consist of words.

use percent_encoding::percent_decode_str;

use super::number::{is_boolean, is_date_or_time, is_digits, is_version};
use crate::constants::mask::language::{Style, is_listed, words};
use crate::constants::mask::names::is_suspicious_field;

/// Words in URLs and paths are often names, which no vocabulary has.
const SEGMENT: Style = Style {
    accepts_strange: true,
    rare_groups: 0,
    abbreviation: 3,
    glued_digits: 3,
    free_digits: 4,
};
/// Masks of files begin with words, or with an abbreviation such as `INV`.
const MASK: Style = Style {
    abbreviation: 3,
    ..Style::PLAIN
};
/// Folders that no slash begins may have years in their names.
const FOLDER: Style = Style {
    free_digits: 4,
    ..MASK
};
/// Maximum length of a segment, in bytes.
const MAX_SEGMENT: usize = 64;
/// Maximum number of segments.
const MAX_SEGMENTS: usize = 16;
/// Maximum number of names in one segment.
const MAX_STRANGE: usize = 2;
/// Signs inside a segment.
const SIGNS: &str = "-_.~ +,()";
const EXTENSIONS: &str = "html htm xhtml jsp php asp aspx js mjs css scss json xml xsd xsl xslt wsdl yaml yml properties conf cfg ini toml \
    txt md csv tsv log pdf doc docx xls xlsx ppt pptx zip gz tar jar mda mpk png jpg jpeg gif svg ico webp ttf woff \
    sql sh bat jks pfx crt cer heic heif tif tiff bmp mp3 mp4 avi mov wav eml msg odt ods rtf 7z rar sta edi idoc dat \
    jsonl ndjson parquet avro xlsm xlsb dwg dxf ifc geojson kml gpx shp ics vcf stp step stl igs";

/// Whether `text` is a path or a file name, possibly with a query.
pub(super) fn is_path(text: &str) -> bool {
    let windows = text.replace('\\', "/").replace("$/", "/");
    let windows = without_dates(&windows);
    if !windows.contains(['/', '=']) && is_mask(&windows) {
        return true;
    }
    let (path, query) = split(&windows);
    let drive =
        path.get(1..3) == Some(":/") && path.starts_with(|drive: char| drive.is_ascii_alphabetic());
    let path = if drive { &path[2..] } else { path };
    let is_absolute = ["/", "./", "../", "~/"]
        .iter()
        .any(|start| path.starts_with(start));
    let last = path.rsplit('/').next().unwrap_or_default();
    let is_file = is_file_name(last);
    if is_mask(last) {
        return are_harmless_segments(path.strip_suffix(last).unwrap_or_default());
    }
    if is_topic(&windows) || is_extension(&windows) {
        return true;
    }
    // Two words with a slash between them may be a user and a password.
    let is_folder = || {
        path.strip_suffix('/')
            .is_some_and(|folder| folder.split('/').all(|part| words(part, FOLDER).is_some()))
    };
    let is_form = is_absolute || is_file || is_folder();
    is_form && are_harmless_segments(path) && query.is_none_or(is_harmless_query)
}

/// A topic of three or more levels, possibly with wildcards: `devices/+/telemetry`, `$aws/things/#`.
fn is_topic(text: &str) -> bool {
    let levels: Vec<&str> = text.trim_start_matches('$').split('/').collect();
    let is_level = |level: &str| {
        let has_form = level
            .chars()
            .all(|one| one.is_alphanumeric() || "-_".contains(one));
        matches!(level, "+" | "#")
            || (has_form && words(level, MASK).is_some_and(|words| words.letters == 0))
    };
    let known = levels.iter().filter_map(|level| words(level, Style::PLAIN));
    (3..=MAX_SEGMENTS).contains(&levels.len())
        && levels.iter().all(|level| is_level(level))
        && known.filter(|words| words.count() > 0).count() * 2 >= levels.len()
}

/// `.jpg`.
fn is_extension(text: &str) -> bool {
    text.strip_prefix('.')
        .is_some_and(|extension| is_listed(EXTENSIONS, extension))
}

/// Splits a path from its query and fragment.
pub(super) fn split(text: &str) -> (&str, Option<&str>) {
    match text.find(['?', '#']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// Replaces patterns of dates in a name: `orders_yyyyMMdd.csv`, `export_{yyyy-MM-dd}.xlsx`.
fn without_dates(text: &str) -> String {
    const PATTERNS: [&str; 12] = [
        "yyyyMMddHHmmss",
        "yyyyMMdd_HHmmss",
        "yyyyMMddHHmm",
        "yyyyMMdd",
        "yyyy-MM-dd",
        "ddMMyyyy",
        "yyMMdd",
        "yyyyMM",
        "HHmmss",
        "YYYYMMDD",
        "HHmm",
        "yyyy",
    ];
    PATTERNS
        .iter()
        .fold(text.to_owned(), |text, pattern| {
            text.replace(pattern, "date")
        })
        .replace("{date}", "date")
        .replace("{timestamp}", "date")
}

fn is_file_name(text: &str) -> bool {
    text.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty() && is_listed(EXTENSIONS, &extension.to_ascii_lowercase())
    })
}

/// `*.csv`, `orders_*.xml`.
fn is_mask(text: &str) -> bool {
    text == "*.*"
        || is_file_name(text)
            && text.rsplit_once('.').is_some_and(|(stem, _)| {
                let is_form =
                    |character: char| character.is_alphanumeric() || "*?_-.".contains(character);
                stem.contains(['*', '?'])
                    && stem.chars().all(is_form)
                    && words(stem, MASK).is_some_and(|words| words.letters == 0)
            })
}

/// Whether every part of a path is a word or a few of them, a short number, a version or a placeholder.
pub(super) fn are_harmless_segments(path: &str) -> bool {
    path.split('/').count() <= MAX_SEGMENTS && path.split('/').all(is_harmless_segment)
}

fn is_harmless_segment(segment: &str) -> bool {
    let Ok(decoded) = percent_decode_str(segment).decode_utf8() else {
        return false;
    };
    let segment: &str = &decoded;
    let inner = |start, end| {
        segment
            .strip_prefix(start)
            .and_then(|rest| rest.strip_suffix(end))
    };
    let inner = inner('{', '}').or_else(|| inner('<', '>'));
    let bare = inner.unwrap_or_else(|| segment.trim_start_matches(['$', ':']));
    if matches!(bare, "" | "." | ".." | "*" | "**") || is_version(bare) || is_date_or_time(bare) {
        return true;
    }
    let stem = if is_file_name(bare) {
        bare.rsplit_once('.').map_or(bare, |(stem, _)| stem)
    } else {
        bare
    };
    let is_placeholder =
        |text: &str| text.len() == 3 && text.starts_with('{') && text.ends_with('}');
    is_placeholder(stem)
        || stem.len() <= MAX_SEGMENT
            && stem
                .chars()
                .all(|character| character.is_alphanumeric() || SIGNS.contains(character))
            && words(stem, SEGMENT)
                .is_some_and(|words| words.strange.len() <= MAX_STRANGE && words.numbers.len() <= 3)
}

/// Whether a query has no field that may carry a secret, and its values are words, dates or short numbers.
///
/// The same holds for the fields after a semicolon in a JDBC URL, and for a fragment.
pub(super) fn is_harmless_query(query: &str) -> bool {
    query.len() <= 512 && query.split(['&', ';', '#', '?']).all(is_harmless_pair)
}

fn is_harmless_pair(pair: &str) -> bool {
    let Some((name, value)) = pair.split_once('=') else {
        let is_sign = |character: char| "_-/".contains(character);
        let is_form = |character: char| character.is_alphanumeric() || is_sign(character);
        return pair.chars().all(is_form) && words(pair, Style::PLAIN).is_some();
    };
    let Ok(value) = percent_decode_str(value).decode_utf8() else {
        return false;
    };
    let is_word = |text: &str| {
        let is_sign = |character: char| "-_.,/ $*+".contains(character);
        text.len() <= MAX_SEGMENT
            && text
                .chars()
                .all(|character| character.is_alphanumeric() || is_sign(character))
            && words(text, Style::PLAIN).is_some()
    };
    let is_sign = |character: char| "_-.$[]/".contains(character);
    let is_name = name.len() <= MAX_SEGMENT
        && name
            .chars()
            .all(|character| character.is_alphanumeric() || is_sign(character))
        && words(name, SEGMENT).is_some();
    let is_number = value.len() <= 4 && is_digits(&value);
    let is_placeholder = value
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let is_harmless = is_placeholder.is_some_and(is_word)
        || is_number
        || is_version(&value)
        || is_date_or_time(&value)
        || is_word(&value);
    let is_shown =
        value.is_empty() || is_boolean(&value) || (is_harmless && !is_suspicious_field(name));
    is_name && is_shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_files_of_words_are_harmless() {
        for text in [
            "/opt/mendix/data/files/Archive",
            "index.html",
            "C:\\Mendix\\data\\import.csv",
            "../config/app-v2.json",
            "/SSO/login?f=true&cont=",
            "/rest/v1/orders/{id}",
            "index.html?profile=Responsive",
            "/",
            "exports/",
            "/odata/$metadata",
            "customer-import_template.xlsx",
            "\\\\server\\share\\export",
            "\\\\fs01.acme.local\\finance$\\export",
            "orders_yyyyMMdd.csv",
            "export_{yyyyMMdd_HHmmss}.xlsx",
            "INV_????.csv",
            "devices/+/telemetry",
            "$aws/things/+/shadow/update",
            "acme/sales/v1",
            ".jpg",
            "/track/?barcode={barcode}",
        ] {
            assert!(is_path(text), "{text}");
        }
    }

    #[test]
    fn random_parts_users_and_secret_fields_are_not() {
        for text in [
            "/hooks/a8Xk2Lq9",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzz",
            "scott/tiger",
            "scott/tiger@orcl",
            "sales/orders",
            "sales/orders/kqzvxw",
            "x/y/orders",
            ".kqz",
            "/x?code=orders",
            "/x?token=orders",
            "/x?q=kqzvxw",
            "kqzvxw.html",
            "/services/T0000000/B0000000/xxabxx",
            "9f8d7c6b5a4e3f2d.json",
            "/a@b",
            "<:Ycz9/",
            "/?/iei?zx&$qi",
            "<:Ycz9/",
            "/?/iei?zx&$qi",
            "word",
        ] {
            assert!(!is_path(text), "{text}");
        }
    }
}
