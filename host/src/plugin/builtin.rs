//! Plugins that ship inside the binary.

/// Names and components, the default encoder first. The build script makes the list.
const ALL: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/builtins.rs"));

/// The component of a built-in plugin.
///
/// # Errors
/// Names those that exist.
pub(super) fn component(name: &str) -> anyhow::Result<&'static [u8]> {
    match ALL.iter().find(|(known, _)| *known == name) {
        Some((_, component)) => Ok(component),
        None => {
            let names: Vec<_> = ALL.iter().map(|(known, _)| format!("{known:?}")).collect();
            anyhow::bail!("there is no built-in plugin {name:?}; those that there are: {}", names.join(", "))
        }
    }
}
