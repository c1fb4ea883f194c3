//! Rows a second of the transform, natively. `cargo run --release -p rowmill-mask --example mask_speed`

use rowmill_mask::Mask;

fn main() -> Result<(), rowmill_sdk::Error> {
    rowmill_sdk::harness::transform_speed::<Mask>(
        r#"{"salt": "s", "rules": [{"columns": ["sku"], "method": "hash"}, {"columns": ["title"], "method": "partial", "first": 3}]}"#,
    )
}
