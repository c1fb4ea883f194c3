//! What ALTER TABLE may do to a table as it is.

use pipeline_tests::{Chance, Session};

use super::column::Column;
use super::definitions;
use super::names;
use super::schema::{RID, Schema};
use super::world::{World, quoted};

struct Clauses<'a> {
    chance: &'a mut Chance,
    world: &'a World,
    number: &'a mut u32,
    schema: &'a Schema,
}

/// One to three clauses.
pub(crate) fn any(chance: &mut Chance, world: &World, number: &mut u32, schema: &Schema, session: &mut Session) -> String {
    let count = if chance.percent(70) { 1 } else { chance.between(2, 3) };
    let mut clauses = Clauses {
        chance,
        world,
        number,
        schema,
    };
    if clauses.chance.percent(4) {
        return clauses.partitions();
    }
    let mut list: Vec<String> = (0..count).map(|_| clauses.one(session)).collect();
    if !world.is_old() && chance.percent(15) {
        let algorithm = chance.pick(&["INSTANT", "INPLACE", "COPY", "DEFAULT"]);
        list.push(format!("ALGORITHM={algorithm}"));
    }
    list.join(", ")
}

impl Clauses<'_> {
    fn one(&mut self, session: &mut Session) -> String {
        match self.chance.below(24) {
            0..=4 => self.add(),
            5..=6 => self
                .other()
                .map_or_else(|| self.add(), |c| format!("DROP COLUMN {}", quoted(&c.name))),
            7..=10 => self.modify(),
            11..=12 => self.change(),
            13 if !self.world.is_old() => self.rename(),
            14 => self.default(),
            15 => String::from("DROP PRIMARY KEY"),
            16 => self.key(),
            17 => self.index(),
            18 => self.drop_index(session),
            19 => self.convert(),
            20 => format!("MODIFY COLUMN {} BIGINT NOT NULL{}", quoted(RID), self.place()),
            21 if self.world.is_mysql9() => self.visibility(),
            _ => self.option(),
        }
    }

    /// A column that may be changed or dropped.
    fn other(&mut self) -> Option<Column> {
        let fit: Vec<&Column> = self
            .schema
            .columns
            .iter()
            .filter(|c| c.name != RID && c.name != "my_row_id")
            .collect();
        (!fit.is_empty()).then(|| (*self.chance.pick(&fit)).clone())
    }

    fn place(&mut self) -> String {
        match self.chance.below(4) {
            0 => String::from(" FIRST"),
            1 => format!(" AFTER {}", quoted(&self.chance.pick(&self.schema.columns).name)),
            _ => String::new(),
        }
    }

    fn add(&mut self) -> String {
        let column = definitions::column(self.chance, self.world, self.number);
        let place = self.place();
        format!("ADD COLUMN {}{place}", column.whole())
    }

    /// Another type, or only another place.
    fn modify(&mut self) -> String {
        let Some(column) = self.other() else { return self.add() };
        let text = if self.chance.percent(40) && !column.generated {
            let charset = column
                .charset
                .as_ref()
                .filter(|_| !self.world.is_mariadb() || !column.column_type.contains("COMPRESSED"));
            let charset = charset.map(|name| format!(" CHARACTER SET {name}")).unwrap_or_default();
            format!("{}{charset} NULL", column.column_type)
        } else {
            definitions::column(self.chance, self.world, self.number).text
        };
        format!("MODIFY COLUMN {} {text}{}", quoted(&column.name), self.place())
    }

    fn change(&mut self) -> String {
        let Some(column) = self.other() else { return self.add() };
        let new = definitions::column(self.chance, self.world, self.number);
        format!("CHANGE COLUMN {} {}{}", quoted(&column.name), new.whole(), self.place())
    }

    fn rename(&mut self) -> String {
        let Some(column) = self.other() else { return self.add() };
        let new = names::column(self.chance, self.number);
        format!("RENAME COLUMN {} TO {}", quoted(&column.name), quoted(&new))
    }

    fn default(&mut self) -> String {
        let Some(column) = self.other() else { return self.add() };
        let what = *self
            .chance
            .pick(&["DROP DEFAULT", "SET DEFAULT 1", "SET DEFAULT '2'", "SET DEFAULT NULL"]);
        format!("ALTER COLUMN {} {what}", quoted(&column.name))
    }

    fn parts(&mut self) -> String {
        let mut parts = Vec::new();
        for _ in 0..=self.chance.below(2) {
            let column = self.chance.pick(&self.schema.columns);
            let name = quoted(&column.name);
            if column.is_spatial()
                || matches!(column.data_type.as_str(), "json" | "vector")
                || parts.iter().any(|p: &String| p.starts_with(&name))
            {
                continue;
            }
            let long = column.is_blob() || column.length > 60;
            parts.push(if long { format!("{name}(5)") } else { name });
        }
        if parts.is_empty() { quoted(RID) } else { parts.join(", ") }
    }

    fn key(&mut self) -> String {
        let parts = if self.chance.percent(50) {
            format!("{}, {}", self.parts(), quoted(RID))
        } else {
            self.parts()
        };
        let instead = self.schema.key.is_empty() || self.chance.percent(20);
        format!("{}ADD PRIMARY KEY ({parts})", if instead { "" } else { "DROP PRIMARY KEY, " })
    }

    fn index(&mut self) -> String {
        let unique = if self.chance.percent(50) { "UNIQUE " } else { "" };
        format!("ADD {unique}INDEX ({})", self.parts())
    }

    fn drop_index(&mut self, session: &mut Session) -> String {
        let rows = session.query(&format!("SHOW INDEX FROM {}", quoted(&self.schema.table)));
        let names: Vec<String> = rows
            .iter()
            .filter_map(|row| row[2].clone())
            .filter(|name| name != "PRIMARY")
            .collect();
        if names.is_empty() {
            return self.index();
        }
        format!("DROP INDEX {}", quoted(self.chance.pick::<String>(&names)))
    }

    fn convert(&mut self) -> String {
        let (charset, _) = self.chance.pick(&self.world.charsets);
        // The bytes of labels stay as they are, whatever they then mean.
        let labels = self.schema.columns.iter().any(|c| matches!(c.data_type.as_str(), "enum" | "set"));
        if self.chance.percent(50) && !labels {
            format!("CONVERT TO CHARACTER SET {charset}")
        } else {
            format!("DEFAULT CHARACTER SET {charset}")
        }
    }

    fn visibility(&mut self) -> String {
        let Some(column) = self.other() else { return self.add() };
        format!(
            "ALTER COLUMN {} SET {}",
            quoted(&column.name),
            self.chance.pick(&["INVISIBLE", "VISIBLE"])
        )
    }

    fn option(&mut self) -> String {
        let all = [
            "COMMENT 'it''s -- /* a comment'",
            "ENGINE=InnoDB",
            "FORCE",
            "ROW_FORMAT=COMPACT",
            "ROW_FORMAT=DYNAMIC",
            "AUTO_INCREMENT=100",
        ];
        (*self.chance.pick(&all)).to_owned()
    }

    fn partitions(&mut self) -> String {
        (*self.chance.pick(&[
            "PARTITION BY KEY () PARTITIONS 4",
            "REMOVE PARTITIONING",
            "ADD PARTITION PARTITIONS 1",
        ]))
        .to_owned()
    }
}
