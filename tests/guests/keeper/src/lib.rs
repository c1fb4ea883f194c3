//! An encoder that keeps a count of its rows: each record's value is the mark that the tests patch into the file, a colon, and how many rows
//! there were with it. `{"do": "trap-second"}` breaks at an instance's second call, `{"do": "refuse-odd"}` counts a batch and refuses it where its
//! first row has an odd transaction id, `{"do": "hoard"}` keeps a megabyte.

use std::cell::RefCell;

use exports::rowmill::plugin::encode::Guest as Encode;
use exports::rowmill::plugin::lifecycle::{Error, FlushReason, Guest as Lifecycle};
use exports::rowmill::plugin::state::Guest as State;
use rowmill::plugin::output::emit;
use rowmill::plugin::types::Transactions;

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package rowmill:keeper;
        world keeper {
            include rowmill:plugin/encoder-plugin@1.0.0;
            include rowmill:plugin/stateful@1.0.0;
        }
    ",
    world: "rowmill:keeper/keeper",
    generate_all,
});

/// Patched by tests to make another version of the same plugin.
static MARK: [u8; 16] = *b"PROBE-MARK-AAAA!";

thread_local! {
    static TASK: RefCell<String> = const { RefCell::new(String::new()) };
    static COUNT: RefCell<u64> = const { RefCell::new(0) };
    static CALLS: RefCell<u32> = const { RefCell::new(0) };
}

struct Keeper;

fn mark() -> String {
    // Volatile, so that the compiler can't bake the mark into code, where a test would not find it.
    let mark = unsafe { std::ptr::read_volatile(&raw const MARK) };
    String::from_utf8_lossy(&mark[11..15]).into_owned()
}

fn error(code: &str) -> Error {
    Error { code: code.into(), message: "refused on purpose".into(), row: None, retryable: false }
}

impl Lifecycle for Keeper {
    fn describe() -> String {
        r#"{"name":"keeper","version":"1.0.0","kind":"encoder","state_version":7}"#.into()
    }

    fn configure(config: String) -> Result<(), Error> {
        TASK.set(config.split('"').nth(3).unwrap_or_default().to_owned());
        Ok(())
    }

    fn open_schema(_id: u32, _message: Vec<u8>) -> Result<(), Error> {
        Ok(())
    }

    fn close_schema(_id: u32) {}

    fn flush(_reason: FlushReason) -> Result<(), Error> {
        Ok(())
    }
}

impl State for Keeper {
    fn save() -> Result<Vec<u8>, Error> {
        if TASK.with_borrow(|task| task == "hoard") {
            return Ok(vec![0; 1 << 20]);
        }
        Ok(COUNT.with_borrow(|count| count.to_string().into_bytes()))
    }

    fn restore(version: u32, bytes: Vec<u8>) -> Result<(), Error> {
        if version != 7 {
            return Err(error("unknown-state"));
        }
        let count = String::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
        COUNT.set(count.ok_or_else(|| error("damaged-state"))?);
        Ok(())
    }
}

impl Encode for Keeper {
    fn encode(_schema: u32, _batch: Vec<u8>, transactions: Transactions) -> Result<(), Error> {
        let calls = CALLS.replace(1);
        let task = TASK.with_borrow(Clone::clone);
        let rows = transactions.xids.len() as u32;
        let mut data = Vec::new();
        let mut bounds = vec![0];
        for _ in 0..rows {
            let count = COUNT.with_borrow_mut(|count| {
                *count += 1;
                *count
            });
            bounds.push(data.len() as u32);
            data.extend_from_slice(format!("{}:{count}", mark()).as_bytes());
            bounds.push(data.len() as u32);
        }
        if task == "trap-second" && calls == 1 {
            panic!("on purpose");
        }
        if task == "refuse-odd" && transactions.xids[0] % 2 == 1 {
            return Err(error("odd"));
        }
        emit(&(0..rows).collect::<Vec<_>>(), &[], &[], &[], &[], &vec![1; rows as usize], &bounds, &[], &[], &[], &data);
        Ok(())
    }

    fn control(_event: String) -> Result<(), Error> {
        Ok(())
    }
}

export!(Keeper);
