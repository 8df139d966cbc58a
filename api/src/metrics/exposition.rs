//! The gauges of one answer, and their text.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeMetric, LabelSetEncoder, prometheus_text, text,
};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::catalogue::{METRICS, Metric};
use crate::http::media_type::MediaType;

/// A label: its name and its value.
pub(super) type Label = (&'static str, String);

/// Labels of a sample, in the order in which they are written. Samples of one target share its labels.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels {
    target: Arc<[Label]>,
    own: Vec<Label>,
}

impl Labels {
    /// Returns the labels of a target.
    pub(super) fn of_target(labels: impl Into<Arc<[Label]>>) -> Self {
        Self {
            target: labels.into(),
            own: Vec::new(),
        }
    }

    /// Returns these labels and others after them.
    pub(super) fn with(&self, others: impl IntoIterator<Item = Label>) -> Self {
        let mut labels = self.clone();
        labels.own.extend(others);
        labels
    }
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), fmt::Error> {
        self.target.as_ref().encode(encoder)?;
        self.own.as_slice().encode(encoder)
    }
}

/// Gauges with their values.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    samples: BTreeMap<&'static str, Vec<(Labels, i64)>>,
}

impl Exposition {
    /// Adds one sample; `None` adds nothing. A number that does not fit 64 bits with a sign becomes the greatest.
    pub(super) fn add(
        &mut self,
        metric: &Metric,
        labels: &Labels,
        value: Option<impl TryInto<i64>>,
    ) {
        let Some(value) = value else { return };
        let value = value.try_into().unwrap_or(i64::MAX);
        let samples = self.samples.entry(metric.name).or_default();
        samples.push((labels.clone(), value));
    }

    /// Returns the text in `media_type`: Prometheus' own format, or OpenMetrics for any other.
    ///
    /// # Errors
    ///
    /// Never: writing to memory does not fail.
    pub(super) fn encode(self, media_type: MediaType) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut body = String::new();
        match media_type {
            MediaType::PlainText => prometheus_text::encode(&mut body, &registry)?,
            _ => text::encode(&mut body, &registry)?,
        }
        Ok(body)
    }
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for metric in METRICS {
            let Some(samples) = self.samples.get(metric.name) else {
                continue;
            };
            let kind = ConstGauge::new(0_i64).metric_type();
            let mut family = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
            for (labels, value) in samples {
                let sample = family.encode_family(labels)?;
                ConstGauge::new(*value).encode(sample)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::{BUCKET_SIZE, DATABASE_TABLES};
    use super::*;

    fn exposition() -> Exposition {
        let mut exposition = Exposition::default();
        let labels = Labels::of_target([("environment", "a\"\\\nb".to_owned())]);
        exposition.add(&DATABASE_TABLES, &labels, Some(7_u64));
        exposition.add(&BUCKET_SIZE, &labels, Some(u64::MAX));
        exposition.add(&BUCKET_SIZE, &labels, None::<u64>);
        exposition
    }

    #[test]
    fn both_formats_escape_labels_and_leave_unknown_values_out() {
        let sample = "mrt_bucket_size_bytes{environment=\"a\\\"\\\\\\nb\"} 9223372036854775807\n";

        let open = exposition().encode(MediaType::OpenMetrics).unwrap();
        let plain = exposition().encode(MediaType::PlainText).unwrap();

        assert_eq!(open.matches(sample).count(), 1, "{open}");
        assert!(
            open.contains("# TYPE mrt_bucket_size_bytes gauge\n"),
            "{open}"
        );
        assert!(open.ends_with("# EOF\n"), "{open}");
        assert!(plain.contains(sample) && !plain.contains("EOF"), "{plain}");
        assert!(
            open.find("mrt_bucket_size_bytes") < open.find("mrt_database_tables"),
            "{open}"
        );
    }
}
