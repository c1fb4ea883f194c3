//! Rows a second of the encoder, natively. `cargo run --release -p rowmill-canal-json --example canal_json_speed`

use rowmill_canal_json::CanalJson;

fn main() -> Result<(), rowmill_sdk::Error> {
    rowmill_sdk::harness::encode_speed::<CanalJson>("{}")
}
