//! Rows a second of the encoder, natively. `cargo run --release -p rowmill-flat-json --example flat_json_speed`

use rowmill_flat_json::FlatJson;

fn main() -> Result<(), rowmill_sdk::Error> {
    rowmill_sdk::harness::encode_speed::<FlatJson>("{}")
}
