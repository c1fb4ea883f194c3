//! A column's form, and its schema as Kafka Connect's JSON converter writes it.

use rowmill_json::{Binary, Form, SHORTEST, is_geometry, labels, labels_within, quoted};
use rowmill_sdk::json::Fragments;
use rowmill_sdk::{Field, Kind};

use crate::options::{BigintUnsigned, BinaryForm, DecimalForm, Options, TimePrecision};

/// A type of Kafka Connect.
#[derive(Debug, Default)]
struct Connect {
    /// `int32`, `struct` and the like.
    kind: &'static str,
    /// Members of a struct or items of an array, as text.
    inner: &'static str,
    /// Name of the logical type, whose version is 1.
    name: &'static str,
    doc: &'static str,
    parameters: Vec<(&'static str, String)>,
}

impl Connect {
    fn plain(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    fn named(kind: &'static str, name: &'static str) -> Self {
        Self {
            kind,
            name,
            ..Self::default()
        }
    }

    fn with(mut self, parameter: &'static str, value: String) -> Self {
        self.parameters.push((parameter, value));
        self
    }

    /// The schema of a field in the order of the converter's members.
    fn schema(&self, field: &Field) -> String {
        let mut text = format!("{{\"type\":\"{}\",{}\"optional\":{}", self.kind, self.inner, !field.not_null);
        if !self.name.is_empty() {
            text += &format!(",\"name\":\"{}\",\"version\":1", self.name);
        }
        if !self.doc.is_empty() {
            text += &format!(",\"doc\":\"{}\"", self.doc);
        }
        if !self.parameters.is_empty() {
            let parameters: Vec<_> = self
                .parameters
                .iter()
                .map(|(name, value)| format!("\"{name}\":{}", quoted(value)))
                .collect();
            text += &format!(",\"parameters\":{{{}}}", parameters.join(","));
        }
        text + &format!(",\"field\":{}}}", quoted(&field.name))
    }
}

/// A column's form, whose labels go into `fragments`, and its schema.
pub(crate) fn column(field: &Field, options: &Options, fragments: &mut Fragments) -> (Form, String) {
    let (form, connect) = match field.kind {
        Kind::Int => integer(field, options),
        Kind::Year => (Form::Integer, Connect::named("int32", "io.debezium.time.Year")),
        Kind::Bit => bits(field),
        Kind::Float => (Form::Float, Connect::plain("float")),
        Kind::Double => (Form::Double, Connect::plain("double")),
        Kind::Decimal => decimal(field, options),
        Kind::Date | Kind::Datetime | Kind::Time => moment(field, options),
        Kind::Timestamp => (
            Form::Instant { fsp: field.fsp },
            Connect::named("string", "io.debezium.time.ZonedTimestamp"),
        ),
        Kind::String if field.mysql_type == "uuid" => (Form::Text, Connect::named("string", "io.debezium.data.Uuid")),
        Kind::String => (Form::Text, Connect::plain("string")),
        Kind::Json => (Form::Compact, Connect::named("string", "io.debezium.data.Json")),
        Kind::Binary => binary(field, options),
        Kind::Enum => {
            let allowed = field.labels.iter().map(|label| label.replace(',', "\\,")).collect::<Vec<_>>();
            let connect = Connect::named("string", "io.debezium.data.Enum").with("allowed", allowed.join(","));
            (labels(field, fragments), connect)
        }
        Kind::Set => {
            let (first, count) = labels_within(field, fragments);
            let connect = Connect::named("string", "io.debezium.data.EnumSet").with("allowed", field.labels.join(","));
            (Form::Labels { first, count }, connect)
        }
    };
    (form, connect.schema(field))
}

/// The name of a type as MySQL writes it, and the numbers behind it: `decimal(12,2) unsigned` is `decimal`, 12 and 2.
fn parts(mysql_type: &str) -> (&str, Vec<u32>) {
    let name = mysql_type.split(['(', ' ']).next().unwrap_or_default();
    let inner = mysql_type
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .map_or("", |(inner, _)| inner);
    (name, inner.split(',').filter_map(|number| number.trim().parse().ok()).collect())
}

fn integer(field: &Field, options: &Options) -> (Form, Connect) {
    let unsigned = field.mysql_type.contains("unsigned");
    let kind = match (parts(&field.mysql_type).0, unsigned) {
        ("tinyint", _) | ("smallint", false) => "int16",
        ("smallint", true) | ("mediumint", _) | ("int", false) => "int32",
        ("bigint", true) if options.bigint_unsigned_handling_mode == BigintUnsigned::Precise => {
            let connect = Connect::named("bytes", "org.apache.kafka.connect.data.Decimal")
                .with("scale", "0".to_owned())
                .with("connect.decimal.precision", "20".to_owned());
            return (Form::Unscaled, connect);
        }
        ("bigint", true) => return (Form::Signed, Connect::plain("int64")),
        _ => "int64",
    };
    (Form::Integer, Connect::plain(kind))
}

fn bits(field: &Field) -> (Form, Connect) {
    match field.length.unwrap_or(1) {
        1 => (Form::Bit, Connect::plain("boolean")),
        bits => {
            let bytes = u8::try_from(bits.div_ceil(8)).unwrap_or(8);
            let connect = Connect::named("bytes", "io.debezium.data.Bits").with("length", bits.to_string());
            (Form::BitBytes(bytes), connect)
        }
    }
}

fn decimal(field: &Field, options: &Options) -> (Form, Connect) {
    let (_, numbers) = parts(&field.mysql_type);
    let number = |i: usize| numbers.get(i).copied().unwrap_or(0).to_string();
    match options.decimal_handling_mode {
        DecimalForm::Precise => {
            let connect = Connect::named("bytes", "org.apache.kafka.connect.data.Decimal");
            let connect = connect.with("scale", number(1)).with("connect.decimal.precision", number(0));
            (Form::Unscaled, connect)
        }
        DecimalForm::String => (Form::Decimal { quoted: true }, Connect::plain("string")),
        DecimalForm::Double => (Form::Rounded, Connect::plain("double")),
    }
}

fn moment(field: &Field, options: &Options) -> (Form, Connect) {
    use TimePrecision::{AdaptiveTimeMicroseconds, Connect as OfConnect, Isostring};
    let fsp = field.fsp;
    let (form, kind, name) = match (field.kind, options.time_precision_mode) {
        (Kind::Date, AdaptiveTimeMicroseconds) => (Form::Days, "int32", "io.debezium.time.Date"),
        (Kind::Date, OfConnect) => (Form::Days, "int32", "org.apache.kafka.connect.data.Date"),
        (Kind::Date, Isostring) => (Form::DateText { suffix: b'Z' }, "string", "io.debezium.time.IsoDate"),
        (Kind::Time, AdaptiveTimeMicroseconds) => (Form::Microseconds, "int64", "io.debezium.time.MicroTime"),
        (Kind::Time, OfConnect) => (Form::DayTime, "int32", "org.apache.kafka.connect.data.Time"),
        (Kind::Time, Isostring) => (
            Form::Time {
                fsp: SHORTEST,
                suffix: b'Z',
            },
            "string",
            "io.debezium.time.IsoTime",
        ),
        (_, AdaptiveTimeMicroseconds) if fsp <= 3 => (Form::Timestamp, "int64", "io.debezium.time.Timestamp"),
        (_, AdaptiveTimeMicroseconds) => (Form::Microseconds, "int64", "io.debezium.time.MicroTimestamp"),
        (_, OfConnect) => (Form::Timestamp, "int64", "org.apache.kafka.connect.data.Timestamp"),
        (_, Isostring) => (Form::Instant { fsp: SHORTEST }, "string", "io.debezium.time.IsoTimestamp"),
    };
    (form, Connect::named(kind, name))
}

/// The members of a geometry, and those of a point before them.
const WKB: &str =
    "\"fields\":[{\"type\":\"bytes\",\"optional\":false,\"field\":\"wkb\"},{\"type\":\"int32\",\"optional\":true,\"field\":\"srid\"}],";
const POINT: &str = "\"fields\":[{\"type\":\"double\",\"optional\":false,\"field\":\"x\"},{\"type\":\"double\",\"optional\":false,\"field\":\"y\"},\
                     {\"type\":\"bytes\",\"optional\":true,\"field\":\"wkb\"},{\"type\":\"int32\",\"optional\":true,\"field\":\"srid\"}],";

fn binary(field: &Field, options: &Options) -> (Form, Connect) {
    match parts(&field.mysql_type).0 {
        "point" => (
            Form::Point,
            Connect {
                kind: "struct",
                inner: POINT,
                name: "io.debezium.data.geometry.Point",
                doc: "Geometry (POINT)",
                parameters: Vec::new(),
            },
        ),
        _ if is_geometry(field) => (
            Form::Geometry,
            Connect {
                kind: "struct",
                inner: WKB,
                name: "io.debezium.data.geometry.Geometry",
                doc: "Geometry",
                parameters: Vec::new(),
            },
        ),
        "vector" => (
            Form::Vector,
            Connect {
                inner: "\"items\":{\"type\":\"float\",\"optional\":false},",
                ..Connect::named("array", "io.debezium.data.FloatVector")
            },
        ),
        _ => match options.binary_handling_mode {
            BinaryForm::Bytes => (Form::Bytes(Binary::Base64), Connect::plain("bytes")),
            BinaryForm::Base64 => (Form::Bytes(Binary::Base64), Connect::plain("string")),
            BinaryForm::Base64UrlSafe => (Form::Bytes(Binary::UrlSafe), Connect::plain("string")),
            BinaryForm::Hex => (Form::Bytes(Binary::Hex), Connect::plain("string")),
        },
    }
}
