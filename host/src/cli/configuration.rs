//! `rowmill config`.

use rowmill::config::{self, PluginOrigin};

use super::arguments::Configuration;
use super::failure::Failure;
use super::{output, wiring};

/// Prints an example or the schema, or checks a file.
pub(super) fn configuration(action: &Configuration) -> Result<(), Failure> {
    match action {
        Configuration::Example => output::print(&config::example()),
        Configuration::Schema => output::print_json(&config::json_schema()),
        Configuration::Check { file } => {
            let config = config::load(file)?;
            let unfit = |fault| Failure::unfit(file, &fault);
            wiring::check_properties(&config).map_err(unfit)?;
            // Files of plugins may be another machine's; what ships inside the program is checked here.
            if config
                .plugins
                .iter()
                .all(|plugin| matches!(plugin.origin, PluginOrigin::Builtin(_)))
            {
                wiring::load_plugins(&config).map_err(unfit)?;
            }
            output::print(&format!("ok    config: {} is sound, connector {}\n", file.display(), config.name))
        }
    }
}
