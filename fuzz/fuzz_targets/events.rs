//! Arbitrary events through the interpreter: whatever the bytes, it answers or says what is wrong.
//!
//! An input is a binlog file without its magic and without checksums; `seeds.py` makes some from real files.

#![no_main]
#![allow(dead_code, reason = "files of the rooms are taken as they are")]

#[path = "../../host/src/fault/mod.rs"]
mod fault;
#[path = "../../host/src/position/mod.rs"]
mod position;

mod config {
    #[path = "../../../host/src/config/settings.rs"]
    mod settings;
    pub use settings::*;
}

mod source {
    #[path = "../../../host/src/source/event.rs"]
    mod event;
    #[path = "../../../host/src/source/checksum.rs"]
    mod checksum;
    #[path = "../../../host/src/source/reader.rs"]
    mod reader;
    #[path = "../../../host/src/source/collation.rs"]
    mod collation;
    #[path = "../../../host/src/source/schema.rs"]
    mod schema;
    #[path = "../../../host/src/source/table_map.rs"]
    mod table_map;
    #[path = "../../../host/src/source/columns.rs"]
    mod columns;
    #[path = "../../../host/src/source/transaction_id.rs"]
    mod transaction_id;
    #[path = "../../../host/src/source/statement.rs"]
    mod statement;
    #[path = "../../../host/src/source/rows.rs"]
    mod rows;
    #[path = "../../../host/src/source/place.rs"]
    mod place;
    #[path = "../../../host/src/source/tables.rs"]
    mod tables;
    #[path = "../../../host/src/source/stream.rs"]
    mod stream;

    /// Stands for the room's own, which needs a connection.
    pub mod catalog {
        use super::schema::Column;

        /// No catalogue.
        #[derive(Debug)]
        pub struct Catalog;

        impl Catalog {
            pub(super) fn refine(&mut self, _: &str, _: &str, _: &mut [Column]) {}
        }
    }

    /// Reads `data` as events and gives each to an interpreter, past errors too.
    pub fn run(mut data: &[u8]) {
        let filter = crate::config::TableFilter {
            databases: vec!["d".to_owned(), "rowmill_fuzz".to_owned()],
            auto_add: regex::Regex::new("^[a-z].*$").ok(),
            ..Default::default()
        };
        let mut interpreter = stream::Interpreter::new(crate::position::Position::default(), filter, catalog::Catalog);
        while let Some((header, rest)) = data.split_first_chunk() {
            let mut event = event::Event::from_header(header);
            let length = usize::try_from(event.size).unwrap_or(0).saturating_sub(event::HEADER_LEN);
            let (body, rest) = rest.split_at(length.min(rest.len()));
            event.body = body.to_vec();
            data = rest;
            let _ = event.clone().cut_checksum();
            if let Ok(change) = interpreter.read(&event)
                && let stream::Change::Rows(rows) = change
            {
                assert_eq!(rows.first.present.len(), rows.table.columns.len().div_ceil(8));
                assert!(rows.table.key.iter().all(|i| *i < rows.table.columns.len()));
            }
            if let Some(set) = &interpreter.position().gtid {
                let text = set.to_string();
                assert_eq!(text.parse().ok().as_ref(), Some(set), "{text}");
            }
        }
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| source::run(data));
