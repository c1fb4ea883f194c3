//! Reads what a plugin is configured with, and names the member that is wrong.

use crate::Error;

/// Reads a configuration; an unknown or wrong member is an error that names it.
pub(crate) fn settings<T: serde::de::DeserializeOwned>(config: &str) -> Result<T, Error> {
    let config = if config.trim().is_empty() { "{}" } else { config };
    serde_json::from_str(config)
        .map_err(|cause| Error::new("bad-configuration", format!("reading the configuration: {}", told(config, &cause))))
}

/// The host makes JSON of what a person wrote as TOML, so that lines and columns are those of a text that nobody knows: in their place the
/// member is named. Of what is no JSON they are what helps.
fn told(config: &str, cause: &serde_json::Error) -> String {
    let text = cause.to_string();
    if serde_json::from_str::<serde::de::IgnoredAny>(config).is_err() {
        return text;
    }
    let what = without_value(text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what));
    let before: usize = config
        .split_inclusive('\n')
        .take(cause.line().saturating_sub(1))
        .map(str::len)
        .sum();
    // The last byte that was read belongs to what is wrong; it may close the object in which that stands.
    let read = config
        .as_bytes()
        .get(..(before + cause.column()).saturating_sub(1))
        .unwrap_or_default();
    let path = path(read, what.starts_with("missing field"));
    if path.is_empty() { what } else { format!("`{path}`: {what}") }
}

/// Options may be secrets: what stands there is not shown, only what was expected. The word of a choice that there is not is none.
fn without_value(what: &str) -> String {
    let shows = ["invalid type", "invalid value", "invalid length"];
    if what == "expected value" {
        return "expected another kind of value".to_owned();
    }
    match what.rsplit_once(", expected ") {
        Some((_, expected)) if shows.iter().any(|start| what.starts_with(start)) => format!("expected {expected}"),
        _ => what.to_owned(),
    }
}

/// What is open at a place of a JSON text.
enum Open<'a> {
    /// An object, and the name of the member that is being read.
    Object(Option<&'a [u8]>),
    /// A list, and the number of the item that is being read.
    List(usize),
}

/// The way to the value at the end of the beginning of a JSON text, such as `rules[0].column`; `of_object`: to the object that it stands in.
fn path(text: &[u8], of_object: bool) -> String {
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match (byte, open.last_mut()) {
            (b'{', _) => open.push(Open::Object(None)),
            (b'[', _) => open.push(Open::List(0)),
            (b'}' | b']', _) => drop(open.pop()),
            (b',', Some(Open::Object(name))) => *name = None,
            (b',', Some(Open::List(number))) => *number += 1,
            (b'"', last) => {
                let rest = text.get(at..).unwrap_or_default();
                let Some(length) = string_length(rest) else { break };
                if let Some(Open::Object(name @ None)) = last {
                    *name = rest.get(..length);
                }
                at += length + 1;
            }
            _ => {}
        }
    }
    if of_object && let Some(Open::Object(name)) = open.last_mut() {
        *name = None;
    }
    let mut path = String::new();
    for one in &open {
        match one {
            Open::Object(Some(name)) if path.is_empty() => path.push_str(&String::from_utf8_lossy(name)),
            Open::Object(Some(name)) => path.extend([".", &String::from_utf8_lossy(name)]),
            Open::Object(None) => {}
            Open::List(number) => path.push_str(&format!("[{number}]")),
        }
    }
    path
}

/// Bytes of a string up to its closing quote, behind the opening one; `None` where it does not end.
fn string_length(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::settings;

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        #[default]
        Split,
        Single,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read for its errors")]
    struct Rule {
        column: String,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Settings {
        update_mode: Mode,
        headers: bool,
        rules: Vec<Rule>,
    }

    fn refused(config: &str) -> String {
        settings::<Settings>(config).map_or_else(|error| error.message, |_| String::new())
    }

    #[test]
    fn the_member_that_is_wrong_is_named() {
        for (config, expected) in [
            (
                r#"{"headers":true,"update_mode":"both"}"#,
                "`update_mode`: unknown variant `both`, expected `split` or `single`",
            ),
            (
                r#"{"update_mode":1,"headers":true}"#,
                "`update_mode`: expected another kind of value",
            ),
            (r#"{"headers":"x, expected y"}"#, "`headers`: expected a boolean"),
            (
                r#"{"rules":[{"column":"a\"}]"},{"column":12345}]}"#,
                "`rules[1].column`: expected a string",
            ),
            (r#"{"rules":[{}]}"#, "`rules[0]`: missing field `column`"),
            (
                r#"{"hedders":true}"#,
                "unknown field `hedders`, expected one of `update_mode`, `headers`, `rules`",
            ),
            ("{\n  \"headers\": 7\n}", "`headers`: expected a boolean"),
        ] {
            assert_eq!(refused(config), format!("reading the configuration: {expected}"), "{config}");
        }
        assert_eq!(refused(""), "");
        assert!(refused("{\"headers\":").contains("at line 1 column"));
    }
}
