//! `rowmill config`.

use rowmill::config;

use super::arguments::Configuration;
use super::failure::Failure;
use super::output;

/// Prints an example or the schema, or checks a file.
pub(super) fn configuration(action: &Configuration) -> Result<(), Failure> {
    match action {
        Configuration::Example => output::print(&config::example()),
        Configuration::Schema => output::print_json(&config::json_schema()),
        Configuration::Check { file } => {
            let config = config::load(file)?;
            output::print(&format!("ok    config: {} is sound, connector {}\n", file.display(), config.name))
        }
    }
}
