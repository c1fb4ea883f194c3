//! Which table of now a table of then is: followed through the statements between. Its definition of then is that one's of now with
//! the changes undone.

use super::effect::{Change, Id, Step};
use super::logged::{Effect, Logged, same, same_name};

/// More copies of one table than anybody makes.
const MOST_TRAILS: usize = 16;

/// What a table came to.
#[derive(Debug, Clone)]
pub(super) struct Trail<'a> {
    /// Its name at the end.
    pub(super) name: Id,
    /// What happened to its definition, in order: the changes of each statement happen at once.
    pub(super) changes: Vec<(&'a Logged, &'a [Change])>,
    /// What ended it, or a statement that may have done anything to it.
    pub(super) end: Option<&'a Logged>,
}

impl<'a> Trail<'a> {
    fn new(name: Id) -> Self {
        Self {
            name,
            changes: Vec::new(),
            end: None,
        }
    }

    /// What a column of then is called now; an error where it may be another one.
    pub(super) fn column(&self, name: &str) -> Result<String, String> {
        let mut now = name.to_owned();
        for (logged, changes) in &self.changes {
            let same = |other: &str| other.to_lowercase() == now.to_lowercase();
            let changed = changes.iter().find_map(|change| match change {
                Change::Rename(old, new) if same(old) => Some(Some(new)),
                Change::Drop(old) | Change::Redefine { old, .. } if same(old) => Some(None),
                _ => None,
            });
            match changed {
                Some(Some(new)) => now.clone_from(new),
                Some(None) => return Err(format!("the ddl statement at {} changed it ({})", logged.at, logged.shown)),
                None => {}
            }
        }
        Ok(now)
    }

    /// Takes one step of a statement; the table that is made with its definition, if one is.
    fn step(&mut self, logged: &'a Logged, step: &'a Step, folds: bool) -> Option<Id> {
        let is_it = |id: &Id| same(id, &self.name, folds);
        match step {
            // There is one already: nothing happens, or the log is not what it seems.
            Step::Create {
                table, if_missing: true, ..
            } if is_it(table) => {}
            Step::Create { table, .. } if is_it(table) => self.end = Some(logged),
            // Whether it was there before is not known.
            Step::Create { if_missing: true, .. } => {}
            Step::Create {
                table, like: Some(like), ..
            } if is_it(like) => return Some(table.clone()),
            Step::Create { .. } => {}
            Step::Drop(table) if is_it(table) => self.end = Some(logged),
            Step::DropDatabase(database) if same_name(database, &self.name.0, folds) => self.end = Some(logged),
            Step::Drop(_) | Step::DropDatabase(_) => {}
            Step::Rename { from, to } if is_it(from) => self.name.clone_from(to),
            Step::Rename { to, .. } if is_it(to) => self.end = Some(logged),
            Step::Rename { .. } => {}
            Step::Alter { table, changes } if is_it(table) && !changes.is_empty() => self.changes.push((logged, changes)),
            Step::Alter { .. } => {}
        }
        None
    }
}

/// What the table `id` came to, and the tables that were made like it on the way; the table itself first.
pub(super) fn follow<'a>(id: &Id, statements: impl Iterator<Item = &'a Logged>, folds: bool) -> Vec<Trail<'a>> {
    let mut trails = vec![Trail::new(id.clone())];
    for logged in statements {
        let steps = match &logged.effect {
            Effect::Exact(steps) => steps,
            _ => {
                for trail in trails
                    .iter_mut()
                    .filter(|trail| trail.end.is_none() && logged.touches(&trail.name, folds))
                {
                    trail.end = Some(logged);
                }
                continue;
            }
        };
        for step in steps {
            let mut made = Vec::new();
            for trail in trails.iter_mut().filter(|trail| trail.end.is_none()) {
                if let Some(name) = trail.step(logged, step, folds) {
                    made.push(Trail { name, ..trail.clone() });
                }
            }
            trails.extend(made);
            trails.truncate(MOST_TRAILS);
        }
    }
    trails
}

#[cfg(test)]
mod tests {
    use super::follow;
    use crate::source::effect::steps;
    use crate::source::logged::{Effect, Logged};
    use crate::source::spot::Spot;
    use crate::source::sql::Dialect;

    /// What `d.t` comes to: names, numbers of changing statements, `!` where it ends.
    fn trails(texts: &[&str]) -> String {
        let statements: Vec<Logged> = texts
            .iter()
            .map(|text| Logged {
                at: Spot::default(),
                effect: steps("d", text, Dialect::default()).map_or_else(|| Effect::Anything(text.to_lowercase()), Effect::Exact),
                shown: String::new(),
            })
            .collect();
        let id = ("d".to_owned(), "t".to_owned());
        let trails = follow(&id, statements.iter(), false);
        let trail = |trail: &super::Trail<'_>| {
            let end = if trail.end.is_some() { "!" } else { "" };
            format!("{}{}{end}", trail.name.1, trail.changes.len())
        };
        trails.iter().map(trail).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_table_is_followed_through_renames_and_swaps() {
        assert_eq!(trails(&[]), "t0");
        assert_eq!(trails(&["ALTER TABLE t ADD a INT", "ALTER TABLE u ADD b INT", "TRUNCATE t"]), "t1");
        assert_eq!(
            trails(&[
                "RENAME TABLE t TO u",
                "ALTER TABLE t ADD a INT",
                "ALTER TABLE u ADD b INT, RENAME v"
            ]),
            "v1"
        );
        assert_eq!(
            trails(&["RENAME TABLE t TO _t_old, _t_new TO t", "ALTER TABLE t ADD a INT"]),
            "_t_old0"
        );
        assert_eq!(trails(&["DROP TABLE IF EXISTS u, t", "CREATE TABLE t (a INT)"]), "t0!");
        assert_eq!(trails(&["DROP DATABASE x"]), "t0");
        assert_eq!(trails(&["DROP DATABASE d"]), "t0!");
        assert_eq!(trails(&["CREATE TABLE IF NOT EXISTS t (a INT)"]), "t0");
        assert_eq!(trails(&["CREATE OR REPLACE TABLE t (a INT)"]), "t0!");
    }

    #[test]
    fn a_table_that_was_made_like_it_keeps_its_definition() {
        let ghost = [
            "CREATE TABLE _t_gho LIKE t",
            "ALTER TABLE _t_gho ADD a INT",
            "RENAME TABLE t TO _t_del, _t_gho TO t",
            "DROP TABLE _t_del",
        ];
        assert_eq!(trails(&ghost), "_t_del0! t1");
        assert_eq!(trails(&["ALTER TABLE t DROP a", "CREATE TABLE u (LIKE t)"]), "t1 u1");
        // Whether it was there before, and something else, nobody knows.
        assert_eq!(trails(&["CREATE TABLE IF NOT EXISTS u LIKE t"]), "t0");
    }

    #[test]
    fn what_is_not_understood_ends_the_tables_that_it_names() {
        assert_eq!(trails(&["BOGUS T1"]), "t0!");
        assert_eq!(trails(&["BOGUS u"]), "t0");
    }
}
