//! What one version of a table fixes: which columns come out, under which names and types.

use rowmill_sdk::{Error, Schema};

use crate::cast::Cast;
use crate::options::{Missing, Options};

/// What becomes of a table's columns.
#[derive(Debug)]
pub struct Table {
    /// Columns that go.
    pub(crate) dropped: Vec<usize>,
    /// Columns that get another type, and perhaps another name with it.
    pub(crate) casts: Vec<(usize, Cast)>,
    /// Columns that get another name only.
    pub(crate) renamed: Vec<(usize, String)>,
    /// Another key, by the names that come out.
    pub(crate) key: Option<Vec<String>>,
    /// The columns that it is made of.
    pub(crate) key_columns: Vec<usize>,
}

/// Prepares for a table.
pub(crate) fn open(options: &Options, schema: &Schema) -> Result<Table, Error> {
    let refused = |code: &str, what: String| Error::new(code, format!("opening {}.{}: {what}", schema.database, schema.table));
    let ordinal = |option: &str, name: &str| match schema.find(name) {
        Some(ordinal) => Ok(Some(ordinal)),
        None if options.missing == Missing::Ignore => Ok(None),
        None => {
            let known: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
            let what = format!(
                "`{option}` names column `{name}`, and the table has {}; mend the name, choose the tables by `tables` of the [[plugin]], or set \
                 `missing = \"ignore\"`",
                known.join(", ")
            );
            Err(refused("no-such-column", what))
        }
    };
    let ordinals = |option: &'static str, names: &[String]| -> Result<Vec<usize>, Error> {
        let found = names.iter().map(|name| ordinal(option, name)).collect::<Result<Vec<_>, _>>()?;
        Ok(found.into_iter().flatten().collect())
    };
    let (kept, mut dropped) = (ordinals("keep", &options.keep)?, ordinals("drop", &options.drop)?);
    if !options.keep.is_empty() {
        dropped.extend((0..schema.columns.len()).filter(|column| !kept.contains(column)));
    }
    let mut names: Vec<Option<String>> = schema.columns.iter().map(|column| Some(column.name.clone())).collect();
    for (from, to) in &options.rename {
        if let Some(name) = ordinal("rename", from)?.and_then(|column| names.get_mut(column)) {
            *name = Some(to.clone());
        }
    }
    for column in &dropped {
        if let Some(name) = names.get_mut(*column) {
            *name = None;
        }
    }
    if names.iter().all(Option::is_none) {
        return Err(refused("no-columns", "no column would be left".to_owned()));
    }
    distinct(&names).map_err(|name| refused("column-exists", format!("two columns come out as `{name}`")))?;
    let mut casts = Vec::new();
    for (from, to) in &options.cast {
        let Some(column) = ordinal("cast", from)? else { continue };
        let (Some(field), Some(Some(name))) = (schema.columns.get(column), names.get(column)) else {
            continue;
        };
        let cast = Cast::new(field, name, to).map_err(|what| refused("no-such-cast", format!("`cast` of column `{from}`: {what}")))?;
        casts.push((column, cast));
    }
    let key = key(options, schema, &names).map_err(|what| refused("bad-key", what))?;
    let of_key = |name: &Option<String>| {
        let mut wanted = key.iter().flatten();
        name.as_ref()
            .is_some_and(|name| wanted.any(|wanted| wanted.eq_ignore_ascii_case(name)))
    };
    let key_columns = (0..)
        .zip(&names)
        .filter(|(_, name)| of_key(name))
        .map(|(column, _)| column)
        .collect();
    let renamed = names.into_iter().enumerate().filter_map(|(column, name)| {
        let name = name?;
        let is_other = schema.columns.get(column).is_some_and(|field| field.name != name);
        (is_other && casts.iter().all(|(cast, _)| *cast != column)).then_some((column, name))
    });
    Ok(Table {
        renamed: renamed.collect(),
        dropped,
        casts,
        key,
        key_columns,
    })
}

/// Names a column that comes out twice.
fn distinct(names: &[Option<String>]) -> Result<(), String> {
    let mut seen: Vec<String> = Vec::new();
    for name in names.iter().flatten() {
        let lower = name.to_ascii_lowercase();
        if seen.contains(&lower) {
            return Err(name.clone());
        }
        seen.push(lower);
    }
    Ok(())
}

/// The key that comes out, where it is another one; or why there is none.
fn key(options: &Options, schema: &Schema, names: &[Option<String>]) -> Result<Option<Vec<String>>, String> {
    if let Some(key) = &options.key {
        let is_there = |wanted: &String| names.iter().flatten().any(|name| name.eq_ignore_ascii_case(wanted));
        return match key.iter().find(|wanted| !is_there(wanted)) {
            Some(wanted) if options.missing == Missing::Refuse => Err(format!("`key` names `{wanted}`, and no such column comes out")),
            Some(_) => Ok(None),
            None => Ok(Some(key.clone())),
        };
    }
    let gone = schema.key.iter().find(|column| names.get(**column).is_some_and(Option::is_none));
    match gone.and_then(|column| schema.columns.get(*column)) {
        None => Ok(None),
        Some(column) => Err(format!(
            "column `{}` belongs to the key and would go, so that other rows' records would have the same key; keep it, or name another `key` \
             (`key = []`: records without one)",
            column.name
        )),
    }
}
