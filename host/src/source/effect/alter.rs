//! The clauses of ALTER TABLE.

use super::{Change, Id, Parser, Token, is_among};

/// First words of table options; what follows them up to a comma is their value.
const OPTIONS: &str = "ALGORITHM AUTOEXTEND_SIZE AUTO_INCREMENT AVG_ROW_LENGTH CHARACTER CHARSET CHECKSUM COLLATE COMMENT COMPRESSION \
    CONNECTION DATA DEFAULT DELAY_KEY_WRITE DISABLE ENABLE ENCRYPTED ENCRYPTION ENCRYPTION_KEY_ID ENGINE ENGINE_ATTRIBUTE \
    FORCE INSERT_METHOD KEY_BLOCK_SIZE LOCK MAX_ROWS MIN_ROWS PACK_KEYS PAGE_CHECKSUM PAGE_COMPRESSED \
    PAGE_COMPRESSION_LEVEL PASSWORD ROW_FORMAT SECONDARY_ENGINE SECONDARY_ENGINE_ATTRIBUTE SECONDARY_LOAD SECONDARY_UNLOAD \
    STORAGE STATS_AUTO_RECALC STATS_PERSISTENT STATS_SAMPLE_PAGES TABLESPACE TRANSACTIONAL UNION";
/// First words of what concerns partitions or where data lies; such a clause is the statement's last.
const LAST: &str = "PARTITION REORGANIZE TRUNCATE COALESCE EXCHANGE REBUILD ANALYZE OPTIMIZE REPAIR CHECK REMOVE UPGRADE ORDER";

impl Parser<'_> {
    /// One part of ALTER TABLE.
    pub(super) fn clause(&mut self, changes: &mut Vec<Change>, renamed: &mut Option<Id>) -> Option<()> {
        let word = self.keyword()?;
        match word.as_str() {
            "ADD" => self.add(changes),
            "DROP" => self.drop_part(changes),
            "MODIFY" | "CHANGE" => {
                self.tokens.word("COLUMN");
                let old = self.column()?;
                let new = if word == "CHANGE" { self.tokens.part()? } else { old.clone() };
                let moved = self.column_definition(changes)?;
                changes.push(Change::Redefine { old, new, moved });
                Some(())
            }
            "RENAME" if self.tokens.word("COLUMN") => {
                let old = self.column()?;
                self.expect("TO")?;
                changes.push(Change::Rename(old, self.tokens.part()?));
                Some(())
            }
            "RENAME" if self.tokens.word("INDEX") || self.tokens.word("KEY") => self.value(),
            "RENAME" => {
                let _ = self.tokens.word("TO") || self.tokens.word("AS") || self.tokens.mark('=');
                *renamed = Some(self.table()?);
                Some(())
            }
            "ALTER" => {
                // An index that nobody sees is no key.
                if self.tokens.word("INDEX") || self.tokens.word("KEY") {
                    changes.push(Change::UniqueKey);
                }
                self.value()
            }
            "CONVERT" => {
                self.expect("TO")?;
                changes.push(Change::Convert);
                self.value()
            }
            "IMPORT" | "DISCARD" if self.tokens.word("TABLESPACE") => Some(()),
            "IMPORT" | "DISCARD" => self.everything(),
            word if is_among(LAST, word) => self.everything(),
            // WITH SYSTEM VERSIONING and the like would be more than an option.
            "WITH" | "WITHOUT" => self.expect("VALIDATION"),
            word if is_among(OPTIONS, word) => self.value(),
            _ => None,
        }
    }

    fn add(&mut self, changes: &mut Vec<Change>) -> Option<()> {
        let before = self.tokens.clone();
        let word = match self.tokens.next()? {
            Token::Word(word) => word.to_ascii_uppercase(),
            Token::Mark('(') => {
                return self.add_list(changes);
            }
            _ => String::new(),
        };
        match word.as_str() {
            "COLUMN" => {
                if self.tokens.mark('(') {
                    return self.add_list(changes);
                }
                return self.add_column(changes);
            }
            "INDEX" | "KEY" | "FULLTEXT" | "SPATIAL" | "FOREIGN" | "CHECK" => {}
            "PARTITION" => return self.everything(),
            "UNIQUE" => changes.push(Change::UniqueKey),
            "PRIMARY" => changes.push(Change::PrimaryKey),
            "CONSTRAINT" => return self.constraint(changes),
            // MariaDB's; without quotes these may also be a column's name.
            "PERIOD" | "SYSTEM" | "VECTOR" => return None,
            _ => {
                self.tokens = before;
                return self.add_column(changes);
            }
        }
        self.value()
    }

    fn constraint(&mut self, changes: &mut Vec<Change>) -> Option<()> {
        while !self.at_clause_end() {
            match self.tokens.next()? {
                token if token.is_word("PRIMARY") => {
                    changes.push(Change::PrimaryKey);
                    return self.value();
                }
                token if token.is_word("UNIQUE") => {
                    changes.push(Change::UniqueKey);
                    return self.value();
                }
                token if token.is_word("FOREIGN") || token.is_word("CHECK") => return self.value(),
                Token::Word(_) | Token::Name(_) => {}
                _ => return None,
            }
        }
        None
    }

    fn add_column(&mut self, changes: &mut Vec<Change>) -> Option<()> {
        let name = self.column()?;
        self.column_definition(changes)?;
        changes.push(Change::Add(name));
        Some(())
    }

    /// `(column definition, …)`, indexes among them too.
    fn add_list(&mut self, changes: &mut Vec<Change>) -> Option<()> {
        loop {
            let before = self.tokens.clone();
            let word = self.tokens.next()?;
            let index = [
                "INDEX",
                "KEY",
                "FULLTEXT",
                "SPATIAL",
                "UNIQUE",
                "PRIMARY",
                "CONSTRAINT",
                "FOREIGN",
                "CHECK",
                "PERIOD",
                "VECTOR",
            ];
            if index.iter().any(|name| word.is_word(name)) {
                return None;
            }
            self.tokens = before;
            self.add_column(changes)?;
            if self.tokens.mark(')') {
                return Some(());
            }
            if !self.tokens.mark(',') {
                return None;
            }
        }
    }

    fn drop_part(&mut self, changes: &mut Vec<Change>) -> Option<()> {
        let before = self.tokens.clone();
        let word = match self.tokens.next()? {
            Token::Word(word) => word.to_ascii_uppercase(),
            _ => String::new(),
        };
        match word.as_str() {
            "PRIMARY" => changes.push(Change::PrimaryKey),
            "INDEX" | "KEY" => changes.push(Change::UniqueKey),
            "CONSTRAINT" => {
                let name = self.tokens.part()?;
                let primary = name.eq_ignore_ascii_case("PRIMARY");
                changes.push(if primary { Change::PrimaryKey } else { Change::UniqueKey });
            }
            "FOREIGN" | "CHECK" => {}
            "PARTITION" => return self.everything(),
            "PERIOD" | "SYSTEM" => return None,
            _ => {
                if word != "COLUMN" {
                    self.tokens = before;
                }
                changes.push(Change::Drop(self.column()?));
                let _ = self.tokens.word("RESTRICT") || self.tokens.word("CASCADE");
                return Some(());
            }
        }
        self.value()
    }

    /// What follows a column's name, to the comma, bracket or end behind it; whether it says a place.
    fn column_definition(&mut self, changes: &mut Vec<Change>) -> Option<bool> {
        let (mut moved, mut unique) = (false, false);
        while !self.at_clause_end() {
            let token = self.tokens.next()?;
            match &token {
                Token::Mark('(') => self.tokens.group()?,
                Token::Word(_) if token.is_word("FIRST") => moved = true,
                Token::Word(_) if token.is_word("AFTER") => {
                    self.tokens.part()?;
                    moved = true;
                }
                // SERIAL is BIGINT UNSIGNED NOT NULL AUTO_INCREMENT UNIQUE.
                Token::Word(_) if token.is_word("UNIQUE") || token.is_word("SERIAL") => {
                    changes.push(Change::UniqueKey);
                    unique = token.is_word("UNIQUE");
                }
                Token::Word(_) if token.is_word("PRIMARY") => changes.push(Change::PrimaryKey),
                Token::Word(_) if token.is_word("KEY") && !std::mem::take(&mut unique) => changes.push(Change::PrimaryKey),
                // Not of the column any more: PARTITION BY, behind the last clause.
                Token::Word(_) if token.is_word("PARTITION") => self.everything()?,
                // A foreign key's, whose options are words that mean something else here.
                Token::Word(_) if token.is_word("REFERENCES") => {
                    self.table()?;
                }
                _ => {}
            }
        }
        Some(moved)
    }
}
