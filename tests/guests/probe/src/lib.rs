//! An encoder that does what its configuration names, good or bad: `{"do": "echo"}`, `{"do": "spin"}`, … Each record's value
//! is the mark that the tests patch into the file, a colon, and the row's transaction id; a batch has as many rows as
//! transaction ids.

use std::cell::RefCell;

use exports::rowmill::plugin::encode::Guest as Encode;
use exports::rowmill::plugin::lifecycle::{Error, FlushReason, Guest as Lifecycle};
use rowmill::plugin::host::{log, metric};
use rowmill::plugin::output::emit;
use rowmill::plugin::types::{Level, Transactions};

wit_bindgen::generate!({ path: "../../../wit", world: "encoder-plugin", generate_all });

/// Patched by tests to make another version of the same plugin.
static MARK: [u8; 16] = *b"PROBE-MARK-AAAA!";

thread_local! {
    static TASK: RefCell<String> = const { RefCell::new(String::new()) };
    static CALLS: RefCell<u32> = const { RefCell::new(0) };
    /// Of a schema that has odd dates.
    static ODD: RefCell<Option<u32>> = const { RefCell::new(None) };
}

struct Probe;

fn mark() -> String {
    // Volatile, so that the compiler can't bake the mark into code, where a test would not find it.
    let mark = unsafe { std::ptr::read_volatile(&raw const MARK) };
    String::from_utf8_lossy(&mark[11..15]).into_owned()
}

fn task() -> String {
    TASK.with_borrow(Clone::clone)
}

fn error(code: &str, row: Option<u32>) -> Error {
    Error { code: code.into(), message: "refused on purpose".into(), row, retryable: false }
}

/// One record a row, without a key.
fn echo(xids: &[u64]) {
    let mark = mark();
    let mut data = Vec::new();
    let mut bounds = vec![0];
    for xid in xids {
        bounds.push(data.len() as u32);
        data.extend_from_slice(format!("{mark}:{xid}").as_bytes());
        bounds.push(data.len() as u32);
    }
    let rows: Vec<u32> = (0..xids.len() as u32).collect();
    emit(&rows, &[], &[], &[], &[], &vec![1; rows.len()], &bounds, &[], &[], &[], &data);
}

impl Lifecycle for Probe {
    fn describe() -> String {
        r#"{"name":"probe","version":"1.0.0","kind":"encoder","controls":["heartbeat"],"widths":{"do":"widths"},"unknown":1}"#.into()
    }

    fn configure(config: String) -> Result<(), Error> {
        let is_b = mark() == "BBBB";
        let refused = [("\"refuse-config\"", true), ("\"refuse-config-b\"", is_b), ("\"only-a\"", is_b), ("\"only-b\"", !is_b)];
        if refused.iter().any(|(task, refused)| *refused && config.contains(task)) {
            return Err(error("bad-config", None));
        }
        TASK.set(config.split('"').nth(3).unwrap_or_default().to_owned());
        Ok(())
    }

    fn open_schema(id: u32, message: Vec<u8>) -> Result<(), Error> {
        if message.windows(9).any(|window| window == b"odd_dates") {
            ODD.set(Some(id));
        }
        match message.first_chunk::<4>() {
            Some([0xff, 0xff, 0xff, 0xff]) if message.len() % 8 == 0 => Ok(()),
            _ => Err(error("not-encapsulated", None)),
        }
    }

    fn close_schema(id: u32) {
        metric(&format!("closed_{id}"), 1.0);
    }

    fn flush(reason: FlushReason) -> Result<(), Error> {
        if task() == "emit-on-flush" && reason == FlushReason::Swap {
            emit(&[0], &[0], &["probe_t".into()], &[], &[], &[1], &[0, 0, 7], &[], &[], &[], b"flushed");
        }
        Ok(())
    }
}

impl Encode for Probe {
    fn encode(schema: u32, batch: Vec<u8>, transactions: Transactions) -> Result<(), Error> {
        let xids = transactions.xids;
        let calls = CALLS.with_borrow_mut(|calls| {
            *calls += 1;
            *calls
        });
        match task().as_str() {
            "echo" | "emit-on-flush" | "only-a" | "only-b" => echo(&xids),
            "spin" => loop {
                std::hint::black_box(());
            },
            "allocate" => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(vec![1_u8; 1 << 20]);
                    std::hint::black_box(&hoard);
                }
            }
            "trap" => panic!("on purpose"),
            "trap-second-call" => {
                echo(&xids);
                if calls == 2 {
                    panic!("on purpose, after handing over");
                }
            }
            "trap-if-b" => {
                if mark() == "BBBB" {
                    panic!("on purpose");
                }
                echo(&xids);
            }
            "trap-at-odd-dates" | "trap-at-odd-dates-if-b" => {
                if ODD.with_borrow(|odd| *odd == Some(schema)) && (!task().ends_with("-if-b") || mark() == "BBBB") {
                    panic!("on purpose");
                }
                echo(&xids);
            }
            // Passes any trial, and breaks at every third batch then.
            "trap-third-if-b" => {
                if mark() == "BBBB" && calls == 3 {
                    panic!("on purpose");
                }
                echo(&xids);
            }
            // Passes any trial, and takes no row from the third batch on.
            "refuse-third-if-b" => {
                if mark() == "BBBB" && calls >= 3 {
                    return Err(error("refused-by-b", Some(0)));
                }
                echo(&xids);
            }
            "refuse-row" => {
                echo(&xids);
                return Err(error("value-out-of-range", Some(1)));
            }
            "row-out-of-range" => emit(&[xids.len() as u32], &[], &[], &[], &[], &[], &[0, 0, 0], &[], &[], &[], &[]),
            "rows-descend" => emit(&[1, 0], &[], &[], &[], &[], &[], &[0; 5], &[], &[], &[], &[]),
            "bounds-descend" => emit(&[0], &[], &[], &[], &[], &[], &[2, 1, 2], &[], &[], &[], b"ab"),
            "bounds-beyond" => emit(&[0], &[], &[], &[], &[], &[], &[0, 1, 1000], &[], &[], &[], b"ab"),
            "bounds-missing" => emit(&[0], &[], &[], &[], &[], &[], &[0, 1], &[], &[], &[], b"ab"),
            "topic-unknown" => emit(&[0], &[0], &["secrets".into()], &[], &[], &[], &[0, 0, 0], &[], &[], &[], &[]),
            "topic-index" => emit(&[0], &[7], &["".into()], &[], &[], &[], &[0, 0, 0], &[], &[], &[], &[]),
            "partition" => emit(&[0], &[], &[], &[-2], &[], &[], &[0, 0, 0], &[], &[], &[], &[]),
            "header-name" => emit(&[0], &[], &[], &[], &[], &[], &[0, 0, 0], &[1], &[0, 2, 2], &[0xff, 0xfe], &[]),
            "header-count" => emit(&[0], &[], &[], &[], &[], &[], &[0, 0, 0], &[u32::MAX], &[0], &[], &[]),
            "too-much" => {
                let value = vec![b'x'; 8 << 20];
                loop {
                    emit(&[0], &[], &[], &[], &[], &[1], &[0, 0, value.len() as u32], &[], &[], &[], &value);
                }
            }
            "clock" => {
                let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
                let (start, begin) = (now(), std::time::Instant::now());
                for _ in 0..1000 {
                    std::hint::black_box(now());
                }
                let text = format!("{} {}", now() - start, begin.elapsed().as_nanos());
                emit(&[0], &[], &[], &[], &[], &[1], &[0, 0, text.len() as u32], &[], &[], &[], text.as_bytes());
            }
            "snoop" => {
                let seen = std::env::vars().count() + std::env::args().count();
                let files = std::fs::read_dir("/").is_ok() || std::fs::read("/etc/passwd").is_ok();
                println!("to nowhere");
                let text = format!("{seen} {files}");
                emit(&[0], &[], &[], &[], &[], &[1], &[0, 0, text.len() as u32], &[], &[], &[], text.as_bytes());
            }
            "chatter" => {
                for line in 0..10_000 {
                    log(Level::Info, &format!("line {line}\n\u{1b}[31mforged"));
                }
                metric("lines", 10_000.0);
                metric("Bad Name", 1.0);
                echo(&xids);
            }
            "check-batch" => {
                let aligned = batch.len() % 8 == 0 && batch.first_chunk::<4>() == Some(&[0xff; 4]);
                if !aligned {
                    return Err(error("not-encapsulated", None));
                }
                echo(&xids);
            }
            task => return Err(error(task, None)),
        }
        Ok(())
    }

    fn control(event: String) -> Result<(), Error> {
        emit(&[0], &[], &[], &[], &[], &[1], &[0, 0, event.len() as u32], &[], &[], &[], event.as_bytes());
        Ok(())
    }
}

export!(Probe);
