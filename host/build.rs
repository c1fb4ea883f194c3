//! Builds the built-in encoder and embeds it.

fn main() {}
