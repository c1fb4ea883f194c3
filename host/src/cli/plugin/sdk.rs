//! The crate rowmill-sdk as this program was built with it: `build.rs` gathers its files.

include!(env!("SDK_FILES"));
