//! Constants in Parameter Store: `<path>/<Module.Constant>`. A convention of this API, not of Mendix.

use std::collections::BTreeMap;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::ParameterType;
use chrono::DateTime;

use super::error::LayerError;
use super::layer::{Entry, LayerValues, PendingReason};
use super::setting::Setting;

/// Maximum number of pages, which have ten parameters each.
const MAX_PAGES: usize = 100;

/// Reads the parameters directly under `path`. Secure strings are decrypted only if `decrypt` is set.
pub(in crate::constants) async fn read(
    client: &Client,
    path: &str,
    decrypt: bool,
) -> Result<LayerValues, LayerError> {
    let mut entries: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    let mut next = None;
    for _ in 0..MAX_PAGES {
        let page = client
            .get_parameters_by_path()
            .path(path)
            .recursive(false)
            .with_decryption(decrypt)
            .max_results(10)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| LayerError::from_aws(&error))?;
        for parameter in page.parameters() {
            let whole = parameter.name().unwrap_or_default();
            let name = whole.strip_prefix(path).unwrap_or_default();
            let name = name.trim_start_matches('/');
            if name.is_empty() {
                continue;
            }
            let is_secret = parameter.r#type() == Some(&ParameterType::SecureString);
            let setting = match (is_secret && !decrypt, parameter.value()) {
                (true, _) => Setting::Unread,
                (false, Some(text)) => Setting::text(text),
                (false, None) => Setting::Null,
            };
            let changed_at = parameter
                .last_modified_date()
                .and_then(|at| DateTime::from_timestamp(at.secs(), at.subsec_nanos()));
            let entry = Entry {
                key: Some(whole.to_owned()),
                is_secret,
                changed_at,
                ..Entry::of(setting)
            };
            entries.insert(name.to_owned(), vec![entry]);
        }
        next = page.next_token().map(str::to_owned);
        if next.is_none() {
            let is_empty = entries.is_empty();
            let warning = "sets no constants: it has no parameter directly below its path";
            return Ok(LayerValues {
                is_partial: is_empty,
                warnings: is_empty.then(|| warning.to_owned()).into_iter().collect(),
                entries,
                change_reason: Some(PendingReason::ParameterChanged),
                ..LayerValues::default()
            });
        }
    }
    Err(LayerError::TooMany {
        limit: MAX_PAGES * 10,
    })
}
