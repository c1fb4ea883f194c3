//! An encoder that behaves until a row with the sequence number 13, or with the value 13 in its first column, is in its batch; then it does what
//! its configuration names: `{"beast": "spin"}`. Each other record's value is the row's number, without a key.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use exports::rowmill::plugin::encode::Guest as Encode;
use exports::rowmill::plugin::lifecycle::{Error, FlushReason, Guest as Lifecycle};
use rowmill::plugin::host::log;
use rowmill::plugin::output::emit;
use rowmill::plugin::types::{Level, Transactions};
use rowmill_sdk::{Batch, Schema, Values};

wit_bindgen::generate!({ path: "../../../wit", world: "encoder-plugin", generate_all });

thread_local! {
    static BEAST: RefCell<String> = const { RefCell::new(String::new()) };
    static SCHEMAS: RefCell<HashMap<u32, Schema>> = RefCell::default();
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

struct Zoo;

fn error(code: &str, message: &str, row: Option<u32>) -> Error {
    Error { code: code.into(), message: message.into(), row, retryable: false }
}

/// What is no UTF-8, as a text.
fn garbled() -> String {
    // The point of it: the host is not to trust what a guest calls a text.
    unsafe { String::from_utf8_unchecked(vec![0xff, 0xfe, b'x']) }
}

/// Bytes that are not there.
fn beyond() -> &'static [u8] {
    // Never read here: only the address and the length are handed over.
    unsafe { std::slice::from_raw_parts(std::hint::black_box(0x7fff_0000) as *const u8, 0x7fff_ffff) }
}

fn spin() -> ! {
    loop {
        std::hint::black_box(());
    }
}

/// Calls itself until the engine has no stack left. What becomes of the result keeps it from being a loop.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    if depth == u64::MAX {
        return 0;
    }
    recurse(depth + 1).wrapping_mul(3) ^ depth
}

/// The same with something in its memory at each depth, so that the guest's own stack ends first.
#[inline(never)]
fn recurse_with_room(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 512]);
    if room[0] == u64::MAX {
        return 0;
    }
    recurse_with_room(depth + 1).wrapping_add(room[3])
}

fn put(rows: &[u32], values: &[String]) {
    let mut data = Vec::new();
    let mut bounds = vec![0];
    for value in values {
        bounds.push(data.len() as u32);
        data.extend_from_slice(value.as_bytes());
        bounds.push(data.len() as u32);
    }
    emit(rows, &[], &[], &[], &[], &vec![1; rows.len()], &bounds, &[], &[], &[], &data);
}

/// What a row is called: its first column where that is an integer that the batch has, else its sequence number.
fn number(batch: &Batch<'_>, row: usize) -> i64 {
    let first = batch.after.columns.first().filter(|_| batch.after.has(row));
    match first.map(|column| &column.values) {
        Some(Values::Int32(values)) => i64::from(values.i32(row)),
        _ => batch.seq(row) as i64,
    }
}

fn turn(beast: &str, rows: &[u32], values: &[String]) -> Result<(), Error> {
    let at = values.iter().position(|value| value == "13").unwrap_or_default();
    match beast {
        "spin" => spin(),
        "allocate" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1_u8; 1 << 20]);
                std::hint::black_box(&hoard);
            }
        }
        "recurse" => {
            std::hint::black_box(recurse(std::hint::black_box(0)));
        }
        "recurse-with-room" => {
            std::hint::black_box(recurse_with_room(std::hint::black_box(0)));
        }
        "trap" => panic!("on purpose"),
        "trap-late" => {
            put(rows, values);
            panic!("on purpose, after handing over");
        }
        "exit" => std::process::exit(0),
        "huge-offsets" => emit(&[0], &[], &[], &[], &[], &[], &[0, u32::MAX - 1, u32::MAX], &[], &[], &[], b"ab"),
        "lying-offsets" => emit(&[0], &[], &[], &[], &[], &[], &[2, 1, 2], &[], &[], &[], b"ab"),
        "outside" => emit(&[0], &[], &[], &[], &[], &[], &[0, 0, 1], &[], &[], &[], beyond()),
        "many-rows" => emit(&vec![0; 100], &[], &[], &[], &[], &[], &[0, 0, 1], &[], &[], &[], b"a"),
        "few-flags" => emit(&vec![0; 2], &[], &[], &[], &[], &[1], &[0; 5], &[], &[], &[], &[]),
        "other-row" => emit(&[rows.len() as u32], &[], &[], &[], &[], &[], &[0, 0, 0], &[], &[], &[], &[]),
        "unknown-topic" => emit(&[0], &[0], &["secrets".into()], &[], &[], &[], &[0, 0, 0], &[], &[], &[], &[]),
        "garbled-topic" => emit(&[0], &[0], &[garbled()], &[], &[], &[], &[0, 0, 0], &[], &[], &[], &[]),
        "garbled-log" => log(Level::Info, &garbled()),
        "garbled-error" => return Err(error("code", &garbled(), None)),
        "other-rows-error" => return Err(error("no-such-row", "refusing a row that there is not", Some(1_000_000))),
        "log-flood" => {
            let line = "x".repeat(10_000);
            (0..20_000).for_each(|_| log(Level::Error, &line));
            put(rows, values);
        }
        "output-bomb" => {
            let value = vec![b'x'; 4 << 20];
            loop {
                emit(&[at as u32], &[], &[], &[], &[], &[1], &[0, 0, value.len() as u32], &[], &[], &[], &value);
            }
        }
        other => return Err(error("unknown-beast", other, None)),
    }
    Ok(())
}

impl Lifecycle for Zoo {
    fn describe() -> String {
        r#"{"name":"zoo","version":"1.0.0","kind":"encoder"}"#.into()
    }

    fn configure(config: String) -> Result<(), Error> {
        let beast = config.split('"').nth(3).unwrap_or_default();
        if beast == "slow-start" {
            spin();
        }
        BEAST.set(beast.to_owned());
        Ok(())
    }

    fn open_schema(id: u32, message: Vec<u8>) -> Result<(), Error> {
        let schema = Schema::read(&message).map_err(|_| error("schema", "reading a schema", None))?;
        SCHEMAS.with_borrow_mut(|schemas| schemas.insert(id, schema));
        Ok(())
    }

    fn close_schema(id: u32) {
        SCHEMAS.with_borrow_mut(|schemas| schemas.remove(&id));
    }

    fn flush(_reason: FlushReason) -> Result<(), Error> {
        Ok(())
    }
}

impl Encode for Zoo {
    fn encode(schema: u32, message: Vec<u8>, transactions: Transactions) -> Result<(), Error> {
        let calls = CALLS.replace(CALLS.get() + 1);
        let transactions = rowmill_sdk::Transactions {
            gtids: transactions.gtids,
            gtid_ends: transactions.gtid_ends,
            places: transactions.places,
            place_ends: transactions.place_ends,
            xids: transactions.xids,
        };
        SCHEMAS.with_borrow(|schemas| {
            let unread = |_| error("batch", "reading a batch", None);
            let batch = Batch::read(&schemas[&schema], &message, &transactions).map_err(unread)?;
            let rows: Vec<u32> = (0..batch.rows() as u32).collect();
            let mut values: Vec<String> = (0..batch.rows()).map(|row| number(&batch, row).to_string()).collect();
            let beast = BEAST.with_borrow(Clone::clone);
            if beast == "whim" {
                // Another answer at each call of an instance, and again from the start with the next one.
                values.iter_mut().for_each(|value| *value += &format!(" at call {calls}"));
            } else if values.iter().any(|value| value == "13") {
                return turn(&beast, &rows, &values);
            }
            put(&rows, &values);
            Ok(())
        })
    }

    fn control(_event: String) -> Result<(), Error> {
        Ok(())
    }
}

export!(Zoo);
