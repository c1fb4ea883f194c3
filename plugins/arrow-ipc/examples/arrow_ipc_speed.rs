//! Rows a second of the encoder, natively. `cargo run --release -p rowmill-arrow-ipc --example arrow_ipc_speed`

use rowmill_arrow_ipc::ArrowIpc;

fn main() -> Result<(), rowmill_sdk::Error> {
    rowmill_sdk::harness::encode_speed::<ArrowIpc>("{}")
}
