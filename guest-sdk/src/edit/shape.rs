//! The schema of what comes out. A transform makes the same one of a table's version again and again: it is written once.

use std::sync::Mutex;

use super::{Edit, Slot};
use crate::tree::{self, Node, Tree, Type};
use crate::{Error, Schema};

/// The schema that came of another one last, and what it follows from.
#[derive(Debug, Default)]
pub(crate) struct Last(Mutex<Option<Made>>);

impl Clone for Last {
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[derive(Debug)]
struct Made {
    /// Of each column which one it was, and its field where that is another one now.
    columns: Vec<(Option<usize>, Option<Node>)>,
    metadata: Vec<(String, Option<String>)>,
    key: Option<Vec<String>>,
    /// Columns for routes that were asked for.
    routes: [bool; 4],
    /// Its message; none where it is the schema that came in.
    message: Option<Vec<u8>>,
}

impl Made {
    fn of(edit: &Edit<'_>, message: Option<Vec<u8>>) -> Self {
        let column = |slot: &Slot<'_>| (slot.from, slot.other().cloned());
        Self {
            columns: edit.slots.iter().map(column).collect(),
            metadata: edit.metadata.clone(),
            key: edit.key.clone(),
            routes: edit.routes.asked(),
            message,
        }
    }

    fn is_of(&self, edit: &Edit<'_>) -> bool {
        let columns = edit.slots.iter().map(|slot| (slot.from, slot.other()));
        let known = self.columns.iter().map(|(from, other)| (*from, other.as_ref()));
        columns.eq(known) && self.metadata == edit.metadata && self.key == edit.key && self.routes == edit.routes.asked()
    }
}

impl Edit<'_> {
    /// The message of the schema that comes out, where it is another one than came in.
    pub(super) fn schema(&self) -> Result<Option<Vec<u8>>, Error> {
        let schema: &Schema = self.batch.schema;
        let mut last = schema.last.0.lock();
        if let Ok(last) = &last
            && let Some(made) = last.as_ref().filter(|made| made.is_of(self))
        {
            return Ok(made.message.clone());
        }
        let tree = self.tree()?;
        let message = (tree != schema.tree).then(|| tree.message());
        if let Ok(last) = &mut last {
            **last = Some(Made::of(self, message.clone()));
        }
        Ok(message)
    }

    fn tree(&self) -> Result<Tree, Error> {
        let mut tree = self.batch.schema.tree.clone();
        for (key, value) in &self.metadata {
            tree::set(&mut tree.metadata, key, value.clone());
        }
        if let Some(key) = self.key_ordinals()? {
            tree::set(&mut tree.metadata, "rowmill.key", Some(key));
        }
        let children: Vec<Node> = self.slots.iter().map(|slot| slot.node.clone().into_owned()).collect();
        let width = i32::try_from(children.len().div_ceil(8)).unwrap_or(i32::MAX);
        for field in &mut tree.fields {
            match field.name.as_str() {
                "before" | "after" => field.children.clone_from(&children),
                "before_present" | "after_present" => field.kind = Type::FixedBinary(width),
                _ => {}
            }
        }
        self.routes.extend(&mut tree);
        Ok(tree)
    }

    /// The key's ordinals as they come out, where they may have changed.
    fn key_ordinals(&self) -> Result<Option<String>, Error> {
        let schema = self.batch.schema;
        let ordinals: Vec<usize> = match &self.key {
            None if self
                .slots
                .iter()
                .enumerate()
                .all(|(i, slot)| slot.from == Some(i) || slot.from.is_none())
                && self.slots.len() >= schema.columns.len() =>
            {
                return Ok(None);
            }
            None => {
                let place = |ordinal: &usize| self.slots.iter().position(|slot| slot.from == Some(*ordinal));
                let places = schema.key.iter().map(|ordinal| place(ordinal).ok_or(ordinal));
                places.collect::<Result<_, _>>().map_err(|ordinal| {
                    let name = schema.columns.get(*ordinal).map_or("", |column| column.name.as_str());
                    Error::new(
                        "key-removed",
                        format!(
                            "removing columns of {}.{}: `{name}` belongs to its key; keep it, or set another key (none for records without a key)",
                            schema.database, schema.table
                        ),
                    )
                })?
            }
            Some(_) => self.new_key()?.unwrap_or_default(),
        };
        Ok(Some(serde_json::Value::from(ordinals).to_string()))
    }

    /// Ordinals of the key that was set, as they come out.
    pub(super) fn new_key(&self) -> Result<Option<Vec<usize>>, Error> {
        let Some(names) = &self.key else { return Ok(None) };
        let ordinal = |name: &String| {
            let place = self.slots.iter().position(|slot| slot.node.name.eq_ignore_ascii_case(name));
            place.ok_or_else(|| {
                let schema = self.batch.schema;
                Error::new(
                    "no-such-column",
                    format!(
                        "setting the key of {}.{}: no column `{name}` comes out",
                        schema.database, schema.table
                    ),
                )
            })
        };
        names.iter().map(ordinal).collect::<Result<_, _>>().map(Some)
    }
}
