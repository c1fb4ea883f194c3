//! Arbitrary events through the interpreter: whatever the bytes, it answers or says what is wrong.
//!
//! An input is a binlog file without its magic and without checksums; `seeds.py` makes some from real files.

#![no_main]
#![allow(dead_code, unused_imports, reason = "files of the rooms are taken as they are")]

#[path = "../../host/src/fault/mod.rs"]
mod fault;
#[path = "../../host/src/position/mod.rs"]
mod position;

#[path = "../../host/src/config"]
mod config {
    mod settings;
    pub use settings::*;
}

#[path = "../../host/src/source"]
mod source {
    mod event;
    mod checksum;
    mod reader;
    mod charset;
    mod collation;
    mod schema;
    mod table_map;
    mod columns;
    mod transaction_id;
    mod sql;
    mod ddl;
    mod statement;
    mod rows;
    mod place;
    mod tables;
    mod refusal;
    mod payload;
    mod unpack;
    mod stream;

    /// Stands for the room's own, which needs a connection.
    pub mod catalog {
        use super::schema::Column;

        /// No catalogue.
        #[derive(Debug)]
        pub struct Catalog;

        impl Catalog {
            pub(super) fn refine(&mut self, _: &str, _: &str, _: &mut [Column]) -> Result<(), crate::fault::Fault> {
                Ok(())
            }
        }
    }

    fn check(change: &stream::Change<'_>) {
        if let stream::Change::Rows(rows) = change {
            assert_eq!(rows.first.present.len(), rows.table.columns.len().div_ceil(8));
            assert!(rows.table.key.iter().all(|i| *i < rows.table.columns.len()));
        }
    }

    /// Reads `data` as events and gives each to an interpreter, past errors too.
    pub fn run(mut data: &[u8]) {
        let tables = [("d", "t"), ("rowmill_fuzz", "t"), ("rowmill_fuzz", "pk"), ("rowmill_fuzz", "q")];
        let named = tables.map(|(database, table)| (database.to_owned(), table.to_owned())).to_vec();
        let filter = crate::config::TableFilter { named, ..Default::default() };
        let mut interpreter = stream::Interpreter::new(crate::position::Position::default(), filter, catalog::Catalog);
        while let Some((header, rest)) = data.split_first_chunk() {
            let mut event = event::Event::from_header(header);
            let length = usize::try_from(event.size).unwrap_or(0).saturating_sub(event::HEADER_LEN);
            let (body, rest) = rest.split_at(length.min(rest.len()));
            event.body = body.to_vec();
            data = rest;
            let _ = event.clone().cut_checksum();
            let packed = interpreter.read(&event).is_ok_and(|change| {
                check(&change);
                matches!(change, stream::Change::Packed)
            });
            let payload = packed.then(|| interpreter.unpack(&event));
            if let Some(Ok(mut payload)) = payload {
                while let Ok(Some(inner)) = payload.next() {
                    if let Ok(change) = interpreter.read_packed(inner) {
                        check(&change);
                    }
                }
            }
            if let Some(set) = &interpreter.position().gtid {
                let text = set.to_string();
                assert_eq!(text.parse().ok().as_ref(), Some(set), "{text}");
            }
        }
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| source::run(data));
