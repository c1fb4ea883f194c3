//! Identifiers: plain ones, and such as nobody should use but somebody does.

use pipeline_tests::Chance;

/// What an odd column name begins with.
const ODD: [&str; 26] = [
    "a.b",
    "it's \"quoted\" `here`",
    "back\\slash",
    "{\"json\":[1]}",
    "日本語 ☃",
    "tab\tand\nline",
    "%s$1#;--",
    "SELECT",
    " leading",
    "é",
    "E\u{301}",
    "\u{2028}\u{feff}",
    "\u{1}\u{7f}",
    "/*! x */",
    "-- ",
    "dataColumn",
    "before",
    "null",
    "0",
    "0x",
    "ﬀ ß İ",
    "a name of almost as many characters as names may have at all",
    "}},\"after\":",
    "${env:HOME}",
    "<&>",
    "\u{ffff}",
];

/// A column's name that no other column of the scenario has, in upper or lower case.
pub(crate) fn column(chance: &mut Chance, number: &mut u32) -> String {
    *number += 1;
    if chance.percent(60) {
        format!("{}{number}", chance.pick(&["c", "Col_", "v"]))
    } else {
        // The number last: a name must not end with a space.
        let start = chance.pick(&ODD);
        format!("{start}{number}")
    }
}

/// A table's name that Kafka allows in a topic's, too. It begins with `t` if the connector is to choose it, else with `x`.
pub(crate) fn table(chance: &mut Chance, number: &mut u32, chosen: bool) -> String {
    *number += 1;
    let start = match (chosen, chance.below(4)) {
        (true, 0) => "T.able-",
        (true, 1) => "t_",
        (true, _) => "t",
        (false, _) => "x",
    };
    format!("{start}{number}")
}
