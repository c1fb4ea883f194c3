//! The documentation's promise: every public item has an example that is run as a test, or names the page whose example uses it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A public item: the type or trait that it belongs to, its name, its documentation.
struct Item {
    owner: String,
    name: String,
    docs: String,
    /// File and line.
    place: (PathBuf, usize),
}

/// The SDK's sources, as far as they are what its users see.
#[derive(Default)]
struct Sources {
    items: Vec<Item>,
    /// Documentation of modules, by their files.
    modules: HashMap<PathBuf, String>,
}

impl Sources {
    fn read(folder: &Path) -> Self {
        let mut sources = Self::default();
        sources.add_folder(folder);
        sources
    }

    fn add_folder(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.add_folder(&path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("bindings.rs") {
                self.add(&path, &std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    fn add(&mut self, path: &Path, text: &str) {
        // Of this module only its macro is public.
        let only_macros = path.ends_with("export.rs");
        let mut docs = String::new();
        let (mut owner, mut in_public_trait) = (String::new(), false);
        let (mut exported, mut hidden) = (false, false);
        for (number, line) in (1..).zip(text.lines()) {
            let code = line.trim_start();
            if let Some(doc) = code.strip_prefix("//!") {
                let module = self.modules.entry(path.to_owned()).or_default();
                writeln!(module, "{}", doc.trim_start()).unwrap();
            } else if let Some(doc) = code.strip_prefix("///") {
                writeln!(docs, "{}", doc.trim_start()).unwrap();
            } else if code.starts_with("#[") {
                // A macro makes documentation of its arguments.
                docs.push_str(code.strip_prefix("#[doc = ").unwrap_or_default());
                exported |= code == "#[macro_export]";
                hidden |= code == "#[doc(hidden)]";
            } else {
                let name = match named(code, in_public_trait) {
                    Some(name) if !only_macros && !name.starts_with('$') => Some(name),
                    _ => code.strip_prefix("macro_rules! ").filter(|_| exported).map(first_word),
                };
                if let Some(name) = name.filter(|_| !hidden) {
                    let (name, docs) = (name.to_owned(), docs.clone());
                    let of_its_own = code.starts_with("pub struct") || code.starts_with("pub enum") || code.starts_with("pub trait");
                    let owner = if of_its_own { String::new() } else { owner.clone() };
                    let place = (path.to_owned(), number);
                    self.items.push(Item { owner, name, docs, place });
                }
                if let Some(block) = block(code) {
                    owner = block.to_owned();
                    in_public_trait = code.starts_with("pub trait");
                } else if line == "}" {
                    owner.clear();
                    in_public_trait = false;
                }
                docs.clear();
                (exported, hidden) = (false, false);
            }
        }
    }

    /// The documentation that a link of `item` leads to.
    fn target(&self, item: &Item, link: &str) -> Option<&str> {
        let file = &item.place.0;
        let module = |path: &Path| self.modules.get(path).map(String::as_str);
        match link {
            "self" => return module(file),
            "super" => return module(&file.with_file_name("mod.rs")),
            _ => {}
        }
        let path = link.trim_start_matches("crate::").trim_start_matches("self::");
        let (owner, name) = match path.split_once("::") {
            Some(("Self", name)) => (item.owner.as_str(), name),
            Some(parts) => parts,
            None if path == "Self" => ("", item.owner.as_str()),
            None => ("", path),
        };
        let found = self.items.iter().find(|other| other.owner == owner && other.name == name);
        found.map(|found| found.docs.as_str())
    }

    /// Why an item has no example; none where it has one.
    fn flaw(&self, item: &Item) -> Option<String> {
        if has_example(&item.docs) {
            return None;
        }
        let Some(link) = item.docs.split("[example](").nth(1).and_then(|rest| rest.split(')').next()) else {
            return Some("it has no example and no link to one".to_owned());
        };
        let Some(docs) = self.target(item, link) else {
            return Some(format!("its link leads nowhere: {link}"));
        };
        let uses = |word: &str| word == item.name;
        let used = code(docs).split(|c: char| !c.is_alphanumeric() && c != '_').any(uses);
        (!used).then(|| format!("the example that it links to does not use it: {link}"))
    }
}

/// The name of the item that a line of code begins, if it is public.
fn named(code: &str, in_public_trait: bool) -> Option<&str> {
    let public = code.strip_prefix("pub ").or(Some(code).filter(|_| in_public_trait))?;
    let is_qualifier = |word: &str| matches!(word, "const" | "unsafe" | "async");
    if let Some((qualifiers, rest)) = public.split_once("fn ")
        && qualifiers.split_whitespace().all(is_qualifier)
    {
        return Some(first_word(rest));
    }
    let (keyword, rest) = public.split_once(' ')?;
    matches!(keyword, "struct" | "enum" | "trait" | "type" | "const").then(|| first_word(rest))
}

/// The type or trait whose members a line of code begins.
fn block(code: &str) -> Option<&str> {
    if let Some(rest) = code.strip_prefix("pub trait ") {
        return Some(first_word(rest));
    }
    let mut rest = code.strip_prefix("impl")?;
    if rest.starts_with('<') {
        let mut depth = 0_u32;
        let end = rest.find(|c: char| {
            depth = depth + u32::from(c == '<') - u32::from(c == '>');
            depth == 0
        })?;
        rest = rest.get(end + 1..)?;
    }
    let of = rest.split_once(" for ").map_or(rest, |(_, of)| of).trim_start();
    Some(first_word(of.trim_start_matches("crate::")))
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
        .next()
        .unwrap_or_default()
}

/// What of a documentation is code.
fn code(docs: &str) -> String {
    docs.split("```").skip(1).step_by(2).collect()
}

fn has_example(docs: &str) -> bool {
    !code(docs).is_empty()
}

#[test]
fn every_public_item_has_an_example_or_leads_to_one_that_uses_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let sources = Sources::read(&folder);
    assert!(sources.items.len() > 280, "only {} items were found", sources.items.len());
    for module in ["lib.rs", "host.rs", "json/mod.rs", "harness/mod.rs", "harness/events.rs"] {
        let docs = sources.modules.get(&folder.join(module));
        assert!(docs.is_some_and(|docs| has_example(docs)), "the module in {module} has no example");
    }
    let told = |item: &Item| {
        let (file, line) = &item.place;
        sources
            .flaw(item)
            .map(|flaw| format!("\n{}:{line} {}::{}: {flaw}", file.display(), item.owner, item.name))
    };
    let flaws: String = sources.items.iter().filter_map(told).collect();
    assert!(flaws.is_empty(), "items without an example:{flaws}");
}

#[test]
fn an_item_without_an_example_is_found() {
    let mut sources = Sources::default();
    let text = "/// Has one.\n///\n/// ```\n/// Thing.used();\n/// ```\npub struct Thing;\n\nimpl<T: Into<u8>> Thing<T> {\n    /// Is used ([example](Self)).\n    \
                pub fn used() {}\n\n    /// Is not ([example](Self)).\n    pub fn other() {}\n\n    /// None.\n    pub const fn third() {}\n\n    /// Not public.\n    \
                pub(crate) fn inner() {}\n}\n";
    sources.add(Path::new("thing.rs"), text);
    let flawed: Vec<&str> = sources
        .items
        .iter()
        .filter(|item| sources.flaw(item).is_some())
        .map(|item| item.name.as_str())
        .collect();
    assert_eq!(flawed, ["other", "third"]);
    assert_eq!(sources.items.len(), 4);
    let Some(other) = sources.items.get(2) else {
        panic!("four items were found")
    };
    assert_eq!(other.owner, "Thing");
}
