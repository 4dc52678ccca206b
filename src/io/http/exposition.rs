//! The Prometheus text format, version 0.0.4.

use crate::event::totals::Histogram;
use std::fmt::{Display, Write as _};

/// The text as far as it is written. Of one family all figures come together, after its head.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

impl Exposition {
    /// The head of a family.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One figure of the family named last.
    pub(super) fn figure(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        self.labels(labels, None);
        let _ = writeln!(self.0, " {value}");
    }

    /// A family of one figure without labels.
    pub(super) fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.figure(name, &[], value);
    }

    /// One histogram of the family named last, in seconds.
    pub(super) fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let mut bucket = |bound: &str, n: u64| {
            let _ = write!(self.0, "{name}_bucket");
            self.labels(labels, Some(bound));
            let _ = writeln!(self.0, " {n}");
        };
        for (ms, n) in histogram.cumulative() {
            bucket(&format!("{}", ms as f64 / 1000.0), n);
        }
        bucket("+Inf", histogram.count());
        self.figure(&format!("{name}_sum"), labels, histogram.sum().as_secs_f64());
        self.figure(&format!("{name}_count"), labels, histogram.count());
    }

    fn labels(&mut self, labels: &[(&str, &str)], bound: Option<&str>) {
        let all = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
        let mut before = '{';
        for (name, value) in all {
            let _ = write!(self.0, "{before}{name}=\"{}\"", escaped(value));
            before = ',';
        }
        if before == ',' {
            self.0.push('}');
        }
    }

    /// The whole text.
    pub(super) fn text(self) -> String {
        self.0
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    #[test]
    fn a_label_with_quotation_marks_stays_one_label() {
        let mut text = Exposition::default();
        text.figure("calls", &[("queue", "the \"main\" one\\\n")], 7);
        assert_eq!(text.text(), "calls{queue=\"the \\\"main\\\" one\\\\\\n\"} 7\n");
    }

    #[test]
    fn a_histogram_is_written_in_seconds_with_all_its_buckets() {
        let mut histogram = Histogram::new(&[50, 1000]);
        histogram.observe(Duration::from_millis(100));
        histogram.observe(Duration::from_millis(1500));
        let mut text = Exposition::default();
        text.histogram("wait_seconds", &[("queue", "main")], &histogram);
        let expected = "wait_seconds_bucket{queue=\"main\",le=\"0.05\"} 0\n\
                        wait_seconds_bucket{queue=\"main\",le=\"1\"} 1\n\
                        wait_seconds_bucket{queue=\"main\",le=\"+Inf\"} 2\n\
                        wait_seconds_sum{queue=\"main\"} 1.6\n\
                        wait_seconds_count{queue=\"main\"} 2\n";
        assert_eq!(text.text(), expected);
    }
}
