//! Rows a second of the transform, natively. `cargo run --release -p rowmill-route --example route_speed`

use rowmill_route::Route;

fn main() -> Result<(), rowmill_sdk::Error> {
    rowmill_sdk::harness::transform_speed::<Route>(r#"{"topic": "orders_{column:status}", "key_columns": ["customer"]}"#)
}
