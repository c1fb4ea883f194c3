//! Rows a second of the transform, natively. `cargo run --release -p rowmill-filter --example filter_speed`

use rowmill_filter::Filter;

fn main() -> Result<(), rowmill_sdk::Error> {
    rowmill_sdk::harness::transform_speed::<Filter>(r#"{"where": "status IN ('new', 'paid', 'shipped') AND price >= 0.50"}"#)
}
