//! Random statements that change tables, or make and drop them.

use std::rc::Rc;

use super::clauses;
use super::load::{Load, now};
use super::names;
use super::schema::State;
use super::statements::Kind;
use super::steps::{Change, Image, Step, Touched, difference};
use super::world::quoted;

/// Tables that there may be, and must be left.
const MOST_TABLES: usize = 6;
const FEWEST_TABLES: usize = 2;

/// One statement, or a few that belong together. Rows that they move are in no record but those of CREATE … SELECT.
pub(crate) fn any(load: &mut Load<'_>) {
    let at = load.chance.index(load.tables.len());
    let room = load.tables.len() < MOST_TABLES;
    match load.chance.below(24) {
        0 if room => {
            let chosen = load.chance.percent(85);
            load.create(chosen);
        }
        1 if room => like(load, at),
        2 if room => select(load, at),
        3 if load.tables.len() > FEWEST_TABLES => drop(load, at),
        4 => rename(load, at, false),
        5 => rename(load, at, true),
        6 => swap(load, at),
        7 => simple(load, at, &format!("TRUNCATE TABLE {}", name(load, at)), "TRUNCATE"),
        8 => {
            let verb = *load.chance.pick(&["ANALYZE", "OPTIMIZE"]);
            let sql = format!("{verb} TABLE {}", name(load, at));
            simple(load, at, &sql, "QUERY");
        }
        9 => index(load, at),
        10 if room => ghost(load, at),
        _ => alter(load, at),
    }
}

/// Runs a statement that changes tables; whether the server took it.
fn run(load: &mut Load<'_>, sql: &str) -> bool {
    // What the log does not tell, the server is asked for, which knows only what is now.
    if load.world.asks(load.tables.iter().flat_map(|t| &t.schema.columns)) {
        (load.barrier)(&mut load.session);
    }
    load.attempt(sql)
}

fn name(load: &Load<'_>, at: usize) -> String {
    quoted(&load.tables[at].schema.table)
}

/// Takes up a table anew under its old or a new name.
fn refresh(load: &mut Load<'_>, at: usize, name: &str) {
    load.tables.remove(at);
    load.take(name);
    let last = load.tables.pop().unwrap();
    load.tables.insert(at, last);
}

/// A statement on one table that keeps its name.
fn simple(load: &mut Load<'_>, at: usize, sql: &str, operation: &'static str) {
    let table = load.tables[at].schema.table.clone();
    let begin = now();
    if run(load, sql) {
        refresh(load, at, &table);
        load.defined(begin, sql.to_owned(), &[&table], operation);
    }
}

fn alter(load: &mut Load<'_>, at: usize) {
    let schema = Rc::clone(&load.tables[at].schema);
    let list = clauses::any(&mut load.chance, load.world, &mut load.number, &schema, &mut load.session);
    simple(load, at, &format!("ALTER TABLE {} {list}", quoted(&schema.table)), "ALTER");
}

fn index(load: &mut Load<'_>, at: usize) {
    let table = name(load, at);
    load.number += 1;
    let index = format!("`ix {}`", load.number);
    simple(load, at, &format!("CREATE INDEX {index} ON {table} (rid)"), "CINDEX");
    if load.chance.percent(50) {
        simple(load, at, &format!("DROP INDEX {index} ON {table}"), "DINDEX");
    }
}

fn like(load: &mut Load<'_>, at: usize) {
    let chosen = load.chance.percent(85);
    let new = names::table(&mut load.chance, &mut load.number, chosen);
    let sql = format!("CREATE TABLE {} LIKE {}", quoted(&new), name(load, at));
    let begin = now();
    if run(load, &sql) {
        load.take(&new);
        load.defined(begin, sql, &[&new], "CREATE");
    }
}

/// CREATE … SELECT logs an empty table and then its rows.
fn select(load: &mut Load<'_>, at: usize) {
    let chosen = load.chance.percent(85);
    let new = names::table(&mut load.chance, &mut load.number, chosen);
    let key = if load.chance.percent(50) { " (PRIMARY KEY (rid))" } else { "" };
    let sql = format!(
        "CREATE TABLE {}{key} SELECT * FROM {} WHERE rid % 3 <> 1",
        quoted(&new),
        name(load, at)
    );
    let begin = now();
    if !run(load, &sql) {
        return;
    }
    load.take(&new);
    let made = load.tables.last_mut().unwrap();
    let state = std::mem::take(&mut made.state);
    let schema = Rc::clone(&made.schema);
    load.defined(begin, sql.clone(), &[&new], "CREATE");
    let changes = difference(&State::new(), &state);
    let made = load.tables.last_mut().unwrap();
    made.state = state;
    if made.chosen && !changes.is_empty() {
        load.story.changes += changes.len();
        let written = (0..schema.columns.len()).collect();
        load.story.steps.push(Step::Change(Change {
            sql,
            kind: Kind::Insert,
            image: Image::Full,
            transaction: load.story.transactions.len() - 1,
            touched: vec![Touched { schema, changes, written }],
        }));
    }
}

fn erase(load: &mut Load<'_>, at: usize) {
    let table = load.tables[at].schema.table.clone();
    let sql = format!("DROP TABLE {}", quoted(&table));
    let begin = now();
    if run(load, &sql) {
        load.tables.remove(at);
        load.defined(begin, sql, &[&table], "ERASE");
    }
}

fn drop(load: &mut Load<'_>, at: usize) {
    let table = load.tables[at].schema.table.clone();
    erase(load, at);
    if load.chance.percent(50) {
        load.create_named(&table);
    }
}

fn rename(load: &mut Load<'_>, at: usize, by_alter: bool) {
    let old = load.tables[at].schema.table.clone();
    let chosen = load.chance.percent(80);
    let new = names::table(&mut load.chance, &mut load.number, chosen);
    let (sql, operation) = if by_alter {
        (format!("ALTER TABLE {} RENAME TO {}", quoted(&old), quoted(&new)), "ALTER")
    } else {
        (format!("RENAME TABLE {} TO {}", quoted(&old), quoted(&new)), "RENAME")
    };
    let begin = now();
    if run(load, &sql) {
        refresh(load, at, &new);
        load.defined(begin, sql, &[&old, &new], operation);
    }
}

/// Two tables change places.
fn swap(load: &mut Load<'_>, at: usize) {
    let other = load.chance.index(load.tables.len());
    if other == at {
        return;
    }
    let (a, b) = (load.tables[at].schema.table.clone(), load.tables[other].schema.table.clone());
    let sql = format!("RENAME TABLE {0} TO `x_swap`, {1} TO {0}, `x_swap` TO {1}", quoted(&a), quoted(&b));
    let begin = now();
    if run(load, &sql) {
        // Each place of the load keeps its name and takes up the other's columns.
        refresh(load, at, &a);
        refresh(load, other, &b);
        load.defined(begin, sql, &[&a, &b], "RENAME");
    }
}

/// As gh-ost and pt-online-schema-change alter tables: a copy that is altered and filled takes the table's place.
fn ghost(load: &mut Load<'_>, at: usize) {
    let table = load.tables[at].schema.table.clone();
    let place = load.tables.len();
    let new = names::table(&mut load.chance, &mut load.number, false);
    let sql = format!("CREATE TABLE {} LIKE {}", quoted(&new), quoted(&table));
    let begin = now();
    if !run(load, &sql) {
        return;
    }
    load.take(&new);
    load.defined(begin, sql, &[&new], "CREATE");
    alter(load, place);
    let ghost = Rc::clone(&load.tables[place].schema);
    let old = Rc::clone(&load.tables[at].schema);
    // The columns that both have.
    let both: Vec<String> = ghost
        .columns
        .iter()
        .filter(|c| {
            !c.generated && !c.is_cut_within_characters() && old.columns.iter().any(|o| o.name == c.name && o.is_bytes() == c.is_bytes())
        })
        .map(|c| quoted(&c.name))
        .collect();
    let list = both.join(", ");
    load.attempt(&format!(
        "INSERT IGNORE INTO {} ({list}) SELECT {list} FROM {}",
        quoted(&new),
        quoted(&table)
    ));
    let away = names::table(&mut load.chance, &mut load.number, false);
    let sql = format!("RENAME TABLE {0} TO {1}, {2} TO {0}", quoted(&table), quoted(&away), quoted(&new));
    let begin = now();
    if run(load, &sql) {
        load.tables.remove(place);
        refresh(load, at, &table);
        load.take(&away);
        load.defined(begin, sql, &[&table, &away, &new], "RENAME");
    }
    let last = load.tables.len() - 1;
    erase(load, last);
}
