//! Rows a second of the encoder, natively. `cargo run --release -p rowmill-maxwell-json --example maxwell_json_speed`

use rowmill_maxwell_json::MaxwellJson;

fn main() -> Result<(), rowmill_sdk::Error> {
    rowmill_sdk::harness::encode_speed::<MaxwellJson>("{}")
}
