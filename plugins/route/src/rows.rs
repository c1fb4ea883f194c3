//! Says of each row of a batch where it goes.

use rowmill_json::{Keys, OddDates, Side, missing_key};
use rowmill_sdk::{Batch, Edit, Error, Outcome, json};

use crate::options::{Illegal, Missing, Options};
use crate::table::{JsonKey, Key, Partition, Table};
use crate::template::{Ready, image_with, print};

/// Characters of a topic's name, Kafka's limit.
const MAX_NAME: usize = 249;

/// What stands between the values that are hashed together: no text has it.
const BETWEEN: char = '\0';

/// Routes the rows of a batch.
pub(crate) fn route(options: &Options, table: &mut Table, batch: &Batch<'_>) -> Result<Outcome, Error> {
    let mut edit = batch.edit();
    if let Some(topic) = &table.topic {
        topics(options, topic, &mut edit)?;
    }
    match &table.partition {
        None => {}
        Some(Partition::Column(column)) => of_column(*column, &mut edit)?,
        Some(Partition::Hash(columns, partitions)) => {
            let mut text = String::new();
            edit.route_partition(|row, out| {
                text.clear();
                for (i, column) in columns.iter().enumerate() {
                    if i > 0 {
                        text.push(BETWEEN);
                    }
                    print(row, *column, &mut text)?;
                }
                out.int(rowmill_sdk::partition(text.as_bytes(), *partitions).into())
            })?;
        }
    }
    match &mut table.key {
        None => {}
        Some(Key::Text(template)) => {
            let mut text = String::new();
            edit.route_key(|row, out| {
                if template.write(row, &mut text)? {
                    return out.bytes(text.as_bytes());
                }
                Err(no_value("key", "the key"))
            })?;
        }
        Some(Key::Json(key)) => json_keys(key, batch, &mut edit)?,
    }
    if !table.headers.is_empty() {
        let mut text = String::new();
        edit.route_headers(|row, headers| {
            for (name, template) in &table.headers {
                if template.write(row, &mut text)? {
                    headers.add(name, text.as_bytes());
                }
            }
            Ok(())
        })?;
    }
    edit.finish()
}

fn topics(options: &Options, topic: &Ready, edit: &mut Edit<'_>) -> Result<(), Error> {
    let (mut text, mut name) = (String::new(), String::new());
    edit.route_topic(|row, out| {
        if !topic.write(row, &mut text)? {
            // What is not written goes where it went.
            return match options.missing {
                Missing::Own => Ok(()),
                Missing::Refuse => Err(no_value("topic", "the topic")),
            };
        }
        let is_sound = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
        let shown = if text.chars().all(is_sound) {
            &text
        } else if options.illegal == Illegal::Refuse {
            return Err(bad_topic("it has characters that no topic's name has; set `illegal = \"replace\"`"));
        } else {
            name.clear();
            name.extend(text.chars().map(|character| if is_sound(character) { character } else { '_' }));
            &name
        };
        match shown.as_str() {
            "" => Err(bad_topic("it is empty")),
            "." | ".." => Err(bad_topic("it is one or two dots")),
            long if long.len() > MAX_NAME => Err(bad_topic("it has more than 249 characters")),
            sound => out.text(sound),
        }
    })?;
    Ok(())
}

fn of_column(column: usize, edit: &mut Edit<'_>) -> Result<(), Error> {
    edit.route_partition(|row, out| {
        let Some(image) = image_with(row, column)? else { return Ok(()) };
        let Some(number) = image.int(column)? else { return Ok(()) };
        match i32::try_from(number) {
            Ok(number) if number >= 0 => out.int(number.into()),
            _ => Err(Error::new(
                "bad-partition",
                "routing a row: its partition is below 0, or above 2147483647",
            )),
        }
    })?;
    Ok(())
}

/// Keys as encoders write them.
fn json_keys(key: &mut JsonKey, batch: &Batch<'_>, edit: &mut Edit<'_>) -> Result<(), Error> {
    let JsonKey {
        fragments,
        columns,
        key,
        brace,
        zone,
    } = key;
    let side = |after: bool| Side::<false>::new((&*fragments, columns.as_slice()), batch, after, OddDates::Text);
    let (before, after) = (side(false)?, side(true)?);
    let mut text = Vec::new();
    edit.route_key(|row, out| {
        let row = row.number();
        let sides = [after.as_ref(), before.as_ref()].map(|side| side.filter(|side| side.image.has(row)));
        let (side, other) = match sides {
            [Some(after), before] => (after, before),
            [None, Some(before)] => (before, None),
            [None, None] => return Err(missing_key(row)),
        };
        let keys = Keys {
            row,
            columns: key,
            fragments,
            side,
            other,
        };
        keys.check()?;
        text.clear();
        let end = fragments.get(*brace);
        json::write(&mut text, keys.worst() + end.length(), |cursor| {
            keys.write_to_end(cursor, zone, end)
        });
        out.bytes(&text)
    })?;
    Ok(())
}

#[cold]
fn no_value(option: &str, what: &str) -> Error {
    Error::new(
        "column-missing",
        format!("routing a row: {what} needs a column that is NULL, or that its images lack; change `{option}`, or filter such rows"),
    )
}

#[cold]
fn bad_topic(what: &str) -> Error {
    Error::new("bad-topic", format!("routing a row: the name of its topic can't be: {what}"))
}
