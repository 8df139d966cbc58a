//! Media types of answers, and their selection by `Accept`.

/// Format of an answer's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// JSON.
    Json,
    /// An HTML page.
    Html,
    /// Metrics in the OpenMetrics text format.
    OpenMetrics,
    /// Metrics in Prometheus' own text format.
    PlainText,
    /// Comma-separated values with a header line.
    Csv,
}

impl MediaType {
    /// Returns type and subtype, which is what `Accept` names.
    pub fn essence(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Html => "text/html",
            Self::OpenMetrics => "application/openmetrics-text",
            Self::PlainText => "text/plain",
            Self::Csv => "text/csv",
        }
    }

    /// Returns the value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::PlainText => "text/plain; version=0.0.4; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// Returns the media type in `offered` with the greatest weight in the `Accept` list. The first one is the
    /// default: it wins ties, and a client that accepts none of them gets it too.
    ///
    /// `offered` MUST NOT be empty.
    pub(crate) fn negotiate(offered: &[Self], accept: Option<&str>) -> Self {
        let weight = |media_type: Self| accept.map_or(0, |list| weight(list, media_type));
        let [default, others @ ..] = offered else {
            unreachable!("every route offers a media type");
        };
        others.iter().copied().fold(*default, |best, candidate| {
            if weight(candidate) > weight(best) {
                candidate
            } else {
                best
            }
        })
    }
}

/// Returns the weight of `media_type` in an `Accept` list, in thousandths: that of the most specific range that
/// matches (RFC 9110 §12.5.1). Parameters other than `q` are ignored.
fn weight(list: &str, media_type: MediaType) -> u16 {
    let essence = media_type.essence();
    let (main_type, _) = essence.split_once('/').unwrap_or_default();
    let ranges = list.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        let specificity = match name.split_once('/')? {
            _ if name == essence => 2,
            (start, "*") if start == main_type => 1,
            ("*", "*") => 0,
            _ => return None,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q="));
        Some((specificity, quality.map_or(1000, thousandths)))
    });
    ranges.max().map_or(0, |(_, weight)| weight)
}

/// Returns a quality value between 0 and 1 in thousandths; a malformed one counts as 0.
fn thousandths(quality: &str) -> u16 {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    let is_number = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "1" => 1000,
        "0" if is_number => format!("{fraction:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_media_type_is_the_default_and_the_preferred_one_wins() {
        use MediaType::{Csv, Html, Json, OpenMetrics};
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.4,*/*;q=0.1";
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let cases: [(&[MediaType], Option<&str>, MediaType); 11] = [
            (&[Json, Csv], None, Json),
            (&[Json, Csv], Some("*/*"), Json),
            (&[Json, Csv], Some("text/csv"), Csv),
            (&[Json, Csv], Some("Text/*"), Csv),
            (&[Json, Csv], Some("text/csv;q=0.5, application/json"), Json),
            (&[Json, Csv], Some("text/csv; q=0.05, */*; q=0.1"), Json),
            (&[Json, Csv], Some("text/csv;q=0, */*;q=0.1"), Json),
            (&[Json, Csv], Some("image/png"), Json),
            (&[Json, Csv], Some("text/csv;q=high"), Json),
            (&[Json, OpenMetrics], Some(prometheus), OpenMetrics),
            (&[Json, Html], Some(browser), Html),
        ];
        for (offered, accept, expected) in cases {
            assert_eq!(
                MediaType::negotiate(offered, accept),
                expected,
                "{accept:?}"
            );
        }
    }
}
