//! Lines of metrics as OpenMetrics text, by prometheus-client.

use std::fmt::{self, Debug, Formatter, Result};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::meters::Seen;

/// The labels of a line: names and values.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

/// A page that is being written.
pub(super) struct Page<'a>(DescriptorEncoder<'a>);

/// The text of a page that `write` fills.
pub(super) fn text(
    write: impl Fn(&mut Page<'_>) -> Result + Send + Sync + 'static,
) -> std::result::Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Writer(write)));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

impl Page<'_> {
    /// A value that goes up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: f64) -> Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        metric.encode_gauge(&value)
    }

    /// The same, a line for each set of labels.
    pub(super) fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        lines: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        lines
            .into_iter()
            .try_for_each(|(labels, value)| metric.encode_family(&labels)?.encode_gauge(&value))
    }

    /// A count that only grows; its name in the text ends in `_total`.
    pub(super) fn counter(&mut self, name: &str, help: &str, count: u64) -> Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, u64, u64>(&count, None)
    }

    /// The same, a line for each set of labels.
    pub(super) fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        lines: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) -> Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        lines.into_iter().try_for_each(|(labels, count)| {
            let mut line = metric.encode_family(&labels)?;
            line.encode_counter::<NoLabelSet, u64, u64>(&count, None)
        })
    }

    /// A count that is no whole number.
    pub(super) fn counter_seconds(&mut self, name: &str, help: &str, seconds: f64) -> Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, f64, u64>(&seconds, None)
    }

    /// A histogram.
    pub(super) fn histogram(&mut self, name: &str, help: &str, seen: &Seen) -> Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(seen.sum, seen.count, &seen.buckets, None)
    }
}

/// What prometheus-client asks for the lines.
struct Writer<F>(F);

impl<F> Debug for Writer<F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("Writer")
    }
}

impl<F: Fn(&mut Page<'_>) -> Result + Send + Sync + 'static> Collector for Writer<F> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result {
        (self.0)(&mut Page(encoder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_guest_chose_stays_in_its_quotes() {
        let text = text(|page| {
            let labels = [("class", "a\"} 1\nforged 2\\")];
            page.gauges("x", "Help.", [(&labels[..], 1.0)])?;
            page.counter("y", "Help.", 7)
        });
        assert_eq!(
            text.unwrap(),
            "# HELP x Help.\n# TYPE x gauge\nx{class=\"a\\\"} 1\\nforged 2\\\\\"} 1.0\n\
             # HELP y Help.\n# TYPE y counter\ny_total 7\n# EOF\n"
        );
    }
}
