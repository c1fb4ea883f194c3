//! Rows a second of the encoder, natively. `cargo run --release -p rowmill-debezium-json --example debezium_json_speed`

use rowmill_debezium_json::DebeziumJson;

fn main() -> Result<(), rowmill_sdk::Error> {
    rowmill_sdk::harness::encode_speed::<DebeziumJson>(r#"{"schemas_enable":false}"#)
}
