//! What a new project is made of. `{{name}}` and its like are filled in.

use super::Kind;

/// Files of a project of this kind: where they go, and what is in them.
pub(super) fn files(kind: Kind) -> Vec<(&'static str, &'static str)> {
    macro_rules! template {
        ($path:literal) => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/plugin/", $path))
        };
    }
    let mut files = vec![
        ("Cargo.toml", template!("Cargo.toml.in")),
        (".cargo/config.toml", template!("config.toml")),
        (".gitignore", template!("gitignore")),
        (
            "rust-toolchain.toml",
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../rust-toolchain.toml")),
        ),
    ];
    files.extend(match kind {
        Kind::Transform => [
            ("README.md", template!("transform/README.md")),
            ("src/lib.rs", template!("transform/src/lib.rs.in")),
            ("tests/plugin.rs", template!("transform/tests/plugin.rs.in")),
            ("tests/golden/sample.jsonl", template!("transform/tests/sample.jsonl")),
        ],
        Kind::Encoder => [
            ("README.md", template!("encoder/README.md")),
            ("src/lib.rs", template!("encoder/src/lib.rs.in")),
            ("tests/plugin.rs", template!("encoder/tests/plugin.rs.in")),
            ("tests/golden/sample.jsonl", template!("encoder/tests/sample.jsonl")),
        ],
    });
    files
}
