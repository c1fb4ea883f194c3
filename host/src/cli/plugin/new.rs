//! `rowmill plugin new`: a project that builds and tests at once.

use std::io::ErrorKind;
use std::path::Path;

use super::super::failure::Failure;
use super::super::output;
use super::{Kind, sdk, templates};

/// Where the SDK that this program holds goes within a project.
const SDK_FOLDER: &str = "rowmill-sdk";

/// Longest name.
const MAX_NAME: usize = 64;

/// Names that cargo refuses, or that would clash within the project.
const RESERVED: [&str; 7] = ["test", "core", "std", "alloc", "proc-macro", "rowmill-sdk", "rowmill"];

/// Words of Rust, of edition 2024: a crate of such a name can't be used by it.
const KEYWORDS: &str = "abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if impl in let loop \
                        macro match mod move mut override priv pub ref return self static struct super trait true try type typeof unsafe unsized use \
                        virtual where while yield";

/// Makes the project in `folder`, which must not be there yet.
pub(super) fn new(folder: &Path, kind: Kind, wanted: Option<&str>) -> Result<(), Failure> {
    let name = name(folder)?;
    let dependency = match wanted {
        None => format!("path = \"{SDK_FOLDER}\""),
        Some(version) if version.starts_with(|first: char| first.is_ascii_digit()) => format!("version = {version:?}"),
        Some(path) => {
            let absolute = std::fs::canonicalize(path).map_err(|error| {
                Failure::usage(format!(
                    "--sdk: expected a version such as 0.1.0, or the folder of rowmill-sdk, found {path:?}: {error}"
                ))
            })?;
            format!("path = {:?}", absolute.display().to_string())
        }
    };
    let type_name = type_name(&name, kind);
    let filled = |text: &str| {
        text.replace("{{name}}", &name)
            .replace("{{crate}}", &name.replace('-', "_"))
            .replace("{{type}}", &type_name)
            .replace("{{sdk}}", &dependency)
    };
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent
        .map_or(Ok(()), std::fs::create_dir_all)
        .map_err(|error| unmade(folder, &error))?;
    std::fs::create_dir(folder).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::usage(format!("{} is there already: choose another name, or remove it", folder.display())),
        _ => unmade(folder, &error),
    })?;
    for (path, text) in templates::files(kind) {
        write(&folder.join(path), filled(text).as_bytes())?;
    }
    if wanted.is_none() {
        for (path, text) in sdk::FILES {
            write(&folder.join(SDK_FOLDER).join(path), text.as_bytes())?;
        }
    }
    output::print(&format!(
        "made {0}\n\n  cd {0}\n  cargo test\n  cargo build --release --target wasm32-wasip2\n  rowmill plugin check target/wasm32-wasip2/release/{1}.wasm\n  rowmill plugin test  target/wasm32-wasip2/release/{1}.wasm\n",
        folder.display(),
        name.replace('-', "_"),
    ))
}

/// The last part of the path, if it may be a crate's name.
fn name(folder: &Path) -> Result<String, Failure> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if RESERVED.contains(&name) || KEYWORDS.split_whitespace().any(|word| word == name) {
        return Err(Failure::usage(format!(
            "a plugin can't be called {name:?}: that is a word of Rust, or the name of a crate that it is built with; choose another name"
        )));
    }
    let well_formed = name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.ends_with('-');
    if well_formed {
        return Ok(name.to_owned());
    }
    Err(Failure::usage(format!(
        "a plugin can't be called {name:?}: expected at most {MAX_NAME} lower-case letters, digits and hyphens, a letter first, such as mask-emails"
    )))
}

/// `mask-emails` is `MaskEmails`; `record` is `RecordPlugin` where the project has a `Record` already.
fn type_name(name: &str, kind: Kind) -> String {
    let capital = |part: &str| {
        let mut letters = part.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    let name: String = name.split('-').map(capital).collect();
    let is_word = |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name);
    let is_taken = templates::files(kind)
        .iter()
        .any(|(path, text)| path.ends_with(".rs") && is_word(text));
    if is_taken { format!("{name}Plugin") } else { name }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    folder
        .and_then(|()| std::fs::write(path, bytes))
        .map_err(|error| unmade(path, &error))
}

fn unmade(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("making {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Kind, name, type_name};

    #[test]
    fn a_plugin_has_a_name_that_cargo_takes() {
        for good in ["mask", "mask-emails", "a1", "deep/down/route-2"] {
            assert!(name(Path::new(good)).is_ok(), "{good}");
        }
        for bad in ["", "Mask", "1a", "a_b", "a b", "-a", "a-", "..", "test", "rowmill-sdk", "ü", "a\"b"] {
            assert!(name(Path::new(bad)).is_err(), "{bad}");
        }
        assert_eq!(type_name("mask-emails-2", Kind::Transform), "MaskEmails2");
        assert_eq!(type_name("record", Kind::Transform), "Record");
        // What the project has of that name already would be another thing.
        assert_eq!(type_name("record", Kind::Encoder), "RecordPlugin");
        assert_eq!(type_name("transform", Kind::Transform), "TransformPlugin");
    }
}
