//! What a table was before statements changed it: its definition of now with each statement undone, the last one first, and what that
//! leaves open taken from a table map of then. Where more than one table could have been it, the answer is none.

use super::collation::BINARY;
use super::definition::{Definition, Form, Known, Rest, Seen, View};
use super::effect::Change;
use super::schema::Flavor;
use super::table_map::Description;

/// Columns whose place is not known; more of them are not told apart.
const MOST_LOOSE: usize = 8;

/// A definition with gaps.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    slots: Vec<Slot>,
    /// Columns that were somewhere among the others.
    loose: Vec<Loose>,
    key: Vec<String>,
    has_primary: bool,
    has_unique: bool,
}

/// A column whose place is not known, nor anything but its name.
#[derive(Debug, Clone)]
struct Loose {
    name: String,
    /// It was dropped, and may have been a part of the key.
    dropped: bool,
}

/// A column in its place.
#[derive(Debug, Clone)]
enum Slot {
    Known(Known),
    /// Only its name is known.
    Hole(String),
}

impl Slot {
    fn name(&self) -> &String {
        match self {
            Self::Known(known) => &known.name,
            Self::Hole(name) => name,
        }
    }

    fn name_mut(&mut self) -> &mut String {
        match self {
            Self::Known(known) => &mut known.name,
            Self::Hole(name) => name,
        }
    }
}

/// Where a column is.
#[derive(Debug, Clone, Copy)]
enum Spot {
    Slot(usize),
    Loose(usize),
}

/// Why a definition can't be told.
pub(super) type Doubt = String;

impl Sketch {
    /// Of now.
    pub(super) fn new(definition: &Definition) -> Self {
        Self {
            slots: definition.columns.iter().cloned().map(Slot::Known).collect(),
            loose: Vec::new(),
            key: definition.key.clone(),
            has_primary: definition.has_primary,
            has_unique: definition.has_unique,
        }
    }

    /// Undoes one statement.
    pub(super) fn undo(&mut self, changes: &[Change]) -> Result<(), Doubt> {
        self.undo_keys(changes)?;
        for change in changes {
            if let Change::Add(name) = change {
                self.remove(name)?;
            }
        }
        self.undo_names(changes)?;
        for change in changes {
            match change {
                Change::Drop(name) => self.loose.push(Loose {
                    name: name.clone(),
                    dropped: true,
                }),
                Change::Convert => self.forget_texts(),
                _ => {}
            }
        }
        Ok(())
    }

    fn undo_keys(&mut self, changes: &[Change]) -> Result<(), Doubt> {
        let has = |wanted: &Change| changes.contains(wanted);
        let redefines = changes.iter().any(|change| matches!(change, Change::Redefine { .. }));
        let rekeyed = has(&Change::PrimaryKey)
            || (has(&Change::UniqueKey) && !self.has_primary)
            // A column that was NULL before makes no key.
            || (redefines && self.has_unique && !self.has_primary);
        if rekeyed {
            Err("its key before that is not known".to_owned())
        } else {
            Ok(())
        }
    }

    fn remove(&mut self, name: &str) -> Result<(), Doubt> {
        if self.key.iter().any(|part| same(part, name)) {
            return Err("its key before that is not known".to_owned());
        }
        match self.find(name)? {
            Spot::Slot(at) => drop(self.slots.remove(at)),
            Spot::Loose(at) => drop(self.loose.remove(at)),
        }
        Ok(())
    }

    /// All names change at once: a statement may swap two of them.
    fn undo_names(&mut self, changes: &[Change]) -> Result<(), Doubt> {
        let mut renamed = Vec::new();
        for change in changes {
            match change {
                Change::Rename(old, new) => renamed.push((self.find(new)?, old, false)),
                Change::Redefine { old, new, moved } => {
                    let spot = self.find(new)?;
                    if let Spot::Slot(at) = spot
                        && let Some(slot) = self.slots.get_mut(at)
                    {
                        *slot = Slot::Hole(new.clone());
                    }
                    renamed.push((spot, old, *moved));
                }
                _ => {}
            }
        }
        let key = self.key.clone();
        for (spot, old, _) in &renamed {
            let name = match spot {
                Spot::Slot(at) => self.slots.get_mut(*at).map(Slot::name_mut),
                Spot::Loose(at) => self.loose.get_mut(*at).map(|loose| &mut loose.name),
            };
            let Some(name) = name else { continue };
            let new = std::mem::replace(name, (*old).clone());
            for (part, before) in self.key.iter_mut().zip(&key) {
                if same(before, &new) {
                    part.clone_from(old);
                }
            }
        }
        let mut moved: Vec<usize> = renamed
            .iter()
            .filter_map(|(spot, _, moved)| match spot {
                Spot::Slot(at) if *moved => Some(*at),
                _ => None,
            })
            .collect();
        moved.sort_unstable();
        for at in moved.into_iter().rev() {
            let mut slot = self.slots.remove(at);
            self.loose.push(Loose {
                name: std::mem::take(slot.name_mut()),
                dropped: false,
            });
        }
        Ok(())
    }

    /// Texts may have had any character set, and another length with it. Labels stay what they are.
    fn forget_texts(&mut self) {
        for slot in &mut self.slots {
            if let Slot::Known(known) = slot
                && matches!(known.form.rest, Rest::Text(collation) if collation != BINARY)
            {
                *slot = Slot::Hole(known.name.clone());
            }
        }
    }

    fn find(&self, name: &str) -> Result<Spot, Doubt> {
        let slot = self.slots.iter().position(|slot| same(slot.name(), name)).map(Spot::Slot);
        let loose = || self.loose.iter().position(|loose| same(&loose.name, name)).map(Spot::Loose);
        slot.or_else(loose)
            .ok_or_else(|| format!("the table has no column {name} that could have come of it"))
    }

    /// The only table that this may have been when the map was written.
    pub(super) fn settle(&self, map: &Description<'_>, flavor: Flavor) -> Result<Definition, Doubt> {
        let mut view = View::new(map);
        let seen: Vec<Seen> = map.columns.iter().map(|(code, metadata)| view.next(*code, *metadata)).collect();
        if map.columns.len() != map.width {
            return Err("the log has a column of a type that is not known".to_owned());
        }
        let (slots, loose) = (self.slots.len(), self.loose.len());
        if slots + loose != seen.len() {
            return Err(format!("it had {} columns, and the log has {}", slots + loose, seen.len()));
        }
        if loose > MOST_LOOSE {
            return Err(format!(
                "{loose} columns of it have been dropped or moved, too many to find their places"
            ));
        }
        let places = Places { sketch: self, seen: &seen }.only()?;
        let mut columns = Vec::with_capacity(seen.len());
        for (place, seen) in places.into_iter().zip(&seen) {
            columns.push(match place {
                Place::Slot(Slot::Known(known)) => known.clone(),
                Place::Slot(Slot::Hole(name)) => recover(name, seen, flavor)?,
                Place::Loose(name) => recover(name, seen, flavor)?,
            });
        }
        // MariaDB drops no column that is one of several of a key.
        let suspicious = flavor == Flavor::Mysql || !self.has_primary;
        let dropped = |name: &str| self.loose.iter().any(|loose| loose.dropped && loose.name == name);
        if let Some(column) = columns.iter().find(|column| !column.nullable && dropped(&column.name))
            && suspicious
        {
            return Err(format!(
                "whether its dropped column {} was a part of its key is not known",
                column.name
            ));
        }
        Ok(Definition {
            columns,
            key: self.key.clone(),
            has_primary: self.has_primary,
            has_unique: self.has_unique,
        })
    }
}

/// Names of columns do not differ by case.
fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// What is in a place of the table map.
#[derive(Clone, Copy)]
enum Place<'a> {
    Slot(&'a Slot),
    Loose(&'a str),
}

/// Where the loose columns were: in the only places that leave to all others ones that fit them.
struct Places<'a> {
    sketch: &'a Sketch,
    seen: &'a [Seen],
}

impl<'a> Places<'a> {
    fn only(&self) -> Result<Vec<Place<'a>>, Doubt> {
        let all = (1_usize << self.sketch.loose.len()) - 1;
        // Ways to fill all places from one on, by the set of loose columns that are left: 0, 1, or 2 for more.
        let mut ways = vec![vec![0_u8; all + 1]; self.seen.len() + 1];
        if let Some(end) = ways.last_mut().and_then(|last| last.first_mut()) {
            *end = 1;
        }
        for at in (0..self.seen.len()).rev() {
            for left in 0..=all {
                let count: u8 = self.choices(at, left).map(|(_, left)| count(&ways, at + 1, left)).sum();
                if let Some(way) = ways.get_mut(at).and_then(|ways| ways.get_mut(left)) {
                    *way = count.min(2);
                }
            }
        }
        match count(&ways, 0, all) {
            0 => Err("what is left of it is not what the log has".to_owned()),
            1 => {
                let (mut left, mut places) = (all, Vec::new());
                for at in 0..self.seen.len() {
                    let next = self.choices(at, left).find(|(_, left)| count(&ways, at + 1, *left) > 0);
                    let (place, rest) = next.ok_or_else(|| "what is left of it is not what the log has".to_owned())?;
                    places.push(place);
                    left = rest;
                }
                Ok(places)
            }
            _ => {
                let names: Vec<&str> = self.sketch.loose.iter().map(|loose| loose.name.as_str()).collect();
                Err(format!("where its column {} was before that can't be told", names.join(", ")))
            }
        }
    }

    /// What may be in a place when so many loose columns are left for it and those after it, and what is left then.
    fn choices(&self, at: usize, left: usize) -> impl Iterator<Item = (Place<'a>, usize)> {
        let sketch = self.sketch;
        let taken = sketch.loose.len() - usize::try_from(left.count_ones()).unwrap_or(0);
        let slot = at.checked_sub(taken).and_then(|at| sketch.slots.get(at));
        let seen = self.seen.get(at);
        let slot = slot.filter(|slot| match slot {
            Slot::Known(known) => seen.is_some_and(|seen| known.fits(seen)),
            Slot::Hole(_) => true,
        });
        let loose = sketch.loose.iter().enumerate();
        let loose = loose.filter(move |(index, _)| left >> index & 1 == 1);
        let loose = loose.map(move |(index, loose)| (Place::Loose(&loose.name), left & !(1 << index)));
        slot.map(|slot| (Place::Slot(slot), left)).into_iter().chain(loose)
    }
}

fn count(ways: &[Vec<u8>], at: usize, left: usize) -> u8 {
    ways.get(at).and_then(|ways| ways.get(left)).copied().unwrap_or(0)
}

/// A column of which a table map and a name are all that is known.
fn recover(name: &str, seen: &Seen, flavor: Flavor) -> Result<Known, Doubt> {
    let unknown = |what: &str| Err(format!("{what} of its column {name} before that can't be told"));
    let rest = match seen.code {
        1..=3 | 8 | 9 if seen.unsigned.is_none() => return unknown("the sign"),
        1..=5 | 8 | 9 | 13 | 246 => Rest::Unsigned(seen.unsigned.unwrap_or(false)),
        247 | 248 => return unknown("the labels"),
        254 if flavor == Flavor::Mariadb && matches!(seen.metadata, 4 | 16) && seen.collation == Some(BINARY) => {
            return unknown("the type (bytes, a UUID or an address)");
        }
        15 | 140 | 141 | 252..=254 => match seen.collation {
            Some(collation) => Rest::Text(collation),
            None => return unknown("the character set"),
        },
        255 => Rest::Geometry(0),
        242 => Rest::Vector(0),
        _ => Rest::Nothing,
    };
    Ok(Known {
        name: name.to_owned(),
        type_text: String::new(),
        nullable: seen.nullable,
        form: Form::seen(seen.code, seen.metadata, rest),
    })
}

#[cfg(test)]
mod tests;
