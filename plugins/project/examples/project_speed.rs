//! Rows a second of the transform, natively. `cargo run --release -p rowmill-project --example project_speed`

use rowmill_project::Project;

fn main() -> Result<(), rowmill_sdk::Error> {
    rowmill_sdk::harness::transform_speed::<Project>(r#"{"drop": ["note"], "rename": {"sku": "article"}, "cast": {"customer": "bigint"}}"#)
}
