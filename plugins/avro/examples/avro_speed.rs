//! Rows a second of the encoder, natively. `cargo run --release -p rowmill-avro --example avro_speed`

use rowmill_avro::Avro;

fn main() -> Result<(), rowmill_sdk::Error> {
    rowmill_sdk::harness::encode_speed::<Avro>(r#"{"schema_ids":{"bench.orders":1},"key_schema_ids":{"bench.orders":2}}"#)
}
