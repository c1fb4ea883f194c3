//! Rows a second of the encoder, natively. `cargo run --release -p rowmill-envelope --example encode_speed`

use rowmill_envelope::Envelope;

fn main() -> Result<(), rowmill_sdk::Error> {
    rowmill_sdk::harness::encode_speed::<Envelope>("{}")
}
