//! Statements as steps.

use super::{Change, Dialect, Step, steps};

/// The steps as text: `+t`, `+t<s` (LIKE), `-t`, `a>b`, `t[…]`.
fn read(text: &str) -> String {
    let Some(steps) = steps("d", text, Dialect::default()) else {
        return "?".to_owned();
    };
    let name = |(database, table): &(String, String)| {
        if database == "d" {
            table.clone()
        } else {
            format!("{database}.{table}")
        }
    };
    let change = |change: &Change| match change {
        Change::Add(column) => format!("+{column}"),
        Change::Drop(column) => format!("-{column}"),
        Change::Rename(old, new) => format!("{old}>{new}"),
        Change::Redefine { old, new, moved } => format!("{old}={new}{}", if *moved { "^" } else { "" }),
        Change::Convert => "convert".to_owned(),
        Change::PrimaryKey => "PK".to_owned(),
        Change::UniqueKey => "UK".to_owned(),
    };
    let step = |step: &Step| match step {
        Step::Create {
            table,
            like,
            if_missing,
            replace,
        } => format!(
            "{}{}{}{}",
            if *replace { "!" } else { "+" },
            name(table),
            if *if_missing { "?" } else { "" },
            like.as_ref().map(|like| format!("<{}", name(like))).unwrap_or_default()
        ),
        Step::Drop(table) => format!("-{}", name(table)),
        Step::DropDatabase(database) => format!("-{database}.*"),
        Step::Rename { from, to } => format!("{}>{}", name(from), name(to)),
        Step::Alter { table, changes } => format!("{}[{}]", name(table), changes.iter().map(change).collect::<Vec<_>>().join(" ")),
    };
    steps.iter().map(step).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_alter_does_to_columns_and_keys_is_read() {
    for (text, expected) in [
        (
            "ALTER TABLE t ADD COLUMN a INT NOT NULL DEFAULT 5 COMMENT 'x, DROP b' AFTER b",
            "t[+a]",
        ),
        (
            "alter table t add a decimal(10,2) first, add `b c` enum('x','y') after a",
            "t[+a +b c]",
        ),
        ("ALTER TABLE t ADD (a INT, b VARCHAR(3) DEFAULT (concat('a',',')))", "t[+a +b]"),
        ("ALTER TABLE t ADD COLUMN (a INT), DROP COLUMN b", "t[+a -b]"),
        ("ALTER TABLE t ADD a INT GENERATED ALWAYS AS (b + 1) STORED UNIQUE KEY", "t[UK +a]"),
        ("ALTER TABLE t ADD a INT AUTO_INCREMENT PRIMARY KEY", "t[PK PK +a]"),
        ("ALTER TABLE t ADD a INT KEY", "t[PK +a]"),
        ("ALTER TABLE t ADD a SERIAL", "t[UK +a]"),
        (
            "ALTER TABLE t ADD UNIQUE KEY u (a), ADD PRIMARY KEY (b), ADD INDEX (c, d)",
            "t[UK PK]",
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES x (b) ON DELETE SET NULL",
            "t[]",
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT PRIMARY KEY (a), ADD CONSTRAINT `u` UNIQUE (b)",
            "t[PK UK]",
        ),
        (
            "ALTER TABLE t DROP a, DROP COLUMN `b`, DROP PRIMARY KEY, DROP INDEX i, DROP FOREIGN KEY f",
            "t[-a -b PK UK]",
        ),
        (
            "ALTER TABLE t MODIFY a BIGINT UNSIGNED, CHANGE COLUMN b c TEXT FIRST, MODIFY COLUMN d INT AFTER e",
            "t[a=a b=c^ d=d^]",
        ),
        (
            "ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a, ALGORITHM=INSTANT",
            "t[a>b b>a]",
        ),
        (
            "ALTER TABLE t RENAME INDEX i TO j, ALTER COLUMN a SET DEFAULT 5, ALTER b DROP DEFAULT",
            "t[]",
        ),
        ("ALTER TABLE t RENAME TO x.u, ADD a INT", "t[+a] t>x.u"),
        ("ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "t[convert]"),
        (
            "ALTER TABLE t DEFAULT CHARACTER SET latin1, ENGINE=InnoDB ROW_FORMAT=DYNAMIC, FORCE",
            "t[]",
        ),
        ("ALTER TABLE t ADD a INT, ENGINE InnoDB PARTITION BY KEY (id) PARTITIONS 4", "t[+a]"),
        (
            "ALTER TABLE t ADD a INT PARTITION BY RANGE (id) (PARTITION p VALUES LESS THAN (5), PARTITION q VALUES LESS THAN (9))",
            "t[+a]",
        ),
        ("ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u", "t[]"),
        ("ALTER TABLE t DROP PARTITION p, q", "t[]"),
        ("ALTER TABLE t PARTITION BY HASH(id) PARTITIONS 4", "t[]"),
        ("ALTER ONLINE TABLE t ORDER BY a, b", "t[]"),
        ("TRUNCATE t", "t[]"),
        ("COMMIT 7 ALTER TABLE t DROP a", "t[-a]"),
        ("START 7 ALTER TABLE t DROP a", ""),
        ("SET STATEMENT max_statement_time=1 FOR ALTER TABLE t DROP a", "t[-a]"),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn what_makes_drops_and_renames_tables_is_read() {
    for (text, expected) in [
        ("CREATE TABLE t (a int)", "+t"),
        ("CREATE TABLE IF NOT EXISTS x.t LIKE s", "+x.t?<s"),
        ("CREATE TABLE t (LIKE s)", "+t<s"),
        ("CREATE OR REPLACE TABLE t AS SELECT 1", "!t"),
        ("CREATE TEMPORARY TABLE t (a int)", ""),
        ("DROP TABLE IF EXISTS `t`,`x`.`u` /* generated by server */", "-t -x.u"),
        ("DROP TEMPORARY TABLE t", ""),
        ("DROP DATABASE IF EXISTS x", "-x.*"),
        ("RENAME TABLE t TO _t_old, _t_new TO t", "t>_t_old _t_new>t"),
        ("CREATE UNIQUE INDEX i ON t (a)", "t[UK]"),
        ("CREATE INDEX i ON t (a)", "t[]"),
        ("DROP INDEX i ON t", "t[UK]"),
        ("CREATE DEFINER=`a`@`b` TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @a = 1", ""),
        ("CREATE PROCEDURE p() BEGIN ALTER TABLE t DROP a; END", ""),
        ("CREATE VIEW t AS SELECT 1", ""),
        ("ALTER DATABASE d CHARACTER SET latin1", ""),
        ("GRANT ALL ON t TO u", ""),
        ("OPTIMIZE TABLE t", ""),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn what_is_not_understood_to_its_end_is_not_understood() {
    for text in [
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS a INT",
        "ALTER TABLE t DROP COLUMN IF EXISTS a",
        "ALTER TABLE t MODIFY COLUMN IF EXISTS a INT",
        "ALTER TABLE t ADD SYSTEM VERSIONING",
        "ALTER TABLE t ADD PERIOD FOR SYSTEM_TIME (a, b)",
        "ALTER TABLE t SOMETHING NEW",
        "ALTER TABLE t WITH SYSTEM VERSIONING",
        "ALTER TABLE t CONVERT PARTITION p TO TABLE u",
        "ALTER TABLE t ADD (a INT, INDEX (a))",
        "DROP TABLE t x",
        "RENAME TABLE a TO b c",
        "CREATE SEQUENCE s",
        "BOGUS t",
        "ALTER TABLE",
        "",
    ] {
        assert_eq!(read(text), "?", "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in "(CREATE|DROP|ALTER|TABLE|RENAME|TO|ADD|MODIFY|COLUMN|[ `'\"(),./*!#\\\\-]|[a-z0-9é])*") {
        let _ = read(&text);
    }
}
