//! The text in which metrics are told: OpenMetrics as the library writes it, and the older form of Prometheus made from that.

use prometheus_client::encoding::text::encode as write;
use prometheus_client::registry::Registry;

/// Which text is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus 0.0.4.
    Prometheus,
}

impl Format {
    /// What whoever asks takes, by the header `Accept`.
    pub fn accepted(header: Option<&str>) -> Self {
        match header {
            Some(accept) if accept.contains("application/openmetrics-text") => Self::OpenMetrics,
            _ => Self::Prometheus,
        }
    }

    /// For the header `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

pub(super) fn encode(registry: &Registry, format: Format) -> String {
    let mut text = String::new();
    // Writing to a String can't fail, and no metric of ours refuses to be written.
    let _ = write(&mut text, registry);
    match format {
        Format::OpenMetrics => text,
        Format::Prometheus => older(&text),
    }
}

/// In the older form a counter is described under the name that its values have, and the text has no end mark.
fn older(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "# EOF" {
            continue;
        }
        let kind = |line: &str, name: &str| line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_prefix(name)) == Some(" counter");
        let described = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' '));
        match described {
            Some((name, help)) if lines.peek().is_some_and(|next| kind(next, name)) => {
                out.push_str(&format!("# HELP {name}_total {help}\n# TYPE {name}_total counter\n"));
                lines.next();
            }
            _ => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}
