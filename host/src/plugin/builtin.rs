//! Plugins that ship inside the binary.

/// The default encoder, a component.
const ENVELOPE: &[u8] = include_bytes!(env!("ENVELOPE_WASM"));

/// The component of a built-in plugin.
///
/// # Errors
/// Names those that exist.
pub(super) fn component(name: &str) -> anyhow::Result<&'static [u8]> {
    match name {
        "envelope" => Ok(ENVELOPE),
        _ => anyhow::bail!("there is no built-in plugin {name:?}; the one there is: \"envelope\""),
    }
}
