//! A transform that does what its configuration names: leaves, drops, repeats, patches or garbles its batch.

use std::cell::RefCell;
use std::collections::HashMap;

use exports::rowmill::plugin::lifecycle::{Error, FlushReason, Guest as Lifecycle};
use exports::rowmill::plugin::transform::{Guest as Transform, Outcome, Reshaped};
use rowmill::plugin::patch;
use rowmill::plugin::types::Transactions;

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package rowmill:sieve;
        world sieve {
            include rowmill:plugin/transform-plugin@1.0.0;
            include rowmill:plugin/patching@1.0.0;
        }
    ",
    world: "rowmill:sieve/sieve",
    generate_all,
});

thread_local! {
    static TASK: RefCell<String> = const { RefCell::new(String::new()) };
    static SCHEMAS: RefCell<HashMap<u32, Vec<u8>>> = RefCell::default();
}

struct Sieve;

impl Lifecycle for Sieve {
    fn describe() -> String {
        r#"{"name":"sieve","version":"1.0.0","kind":"transform"}"#.into()
    }

    fn configure(config: String) -> Result<(), Error> {
        TASK.set(config.split('"').nth(3).unwrap_or_default().to_owned());
        Ok(())
    }

    fn open_schema(id: u32, message: Vec<u8>) -> Result<(), Error> {
        SCHEMAS.with_borrow_mut(|schemas| schemas.insert(id, message));
        Ok(())
    }

    fn close_schema(id: u32) {
        SCHEMAS.with_borrow_mut(|schemas| schemas.remove(&id));
    }

    fn flush(_reason: FlushReason) -> Result<(), Error> {
        if TASK.with_borrow(|task| task == "keep-at-flush") {
            patch::keep(&[1]);
        }
        Ok(())
    }
}

impl Transform for Sieve {
    fn process(schema: u32, batch: Vec<u8>, _transactions: Transactions) -> Result<Outcome, Error> {
        let schema = SCHEMAS.with_borrow(|schemas| schemas[&schema].clone());
        Ok(match TASK.with_borrow(Clone::clone).as_str() {
            "drop" => Outcome::Dropped,
            "same" => Outcome::Changed(batch),
            "again" => Outcome::Reshaped(Reshaped { schema, batch }),
            "cut" => Outcome::Changed(batch[..batch.len() / 2].to_vec()),
            "garbage" => Outcome::Changed(batch.iter().enumerate().map(|(i, byte)| if i < 8 { *byte } else { byte ^ 0x55 }).collect()),
            "keep-two" => patched(&[0b101], Outcome::Unchanged),
            "keep-two-again" => patched(&[0b101], Outcome::Reshaped(Reshaped { schema, batch: Vec::new() })),
            "schema-alone" => Outcome::Reshaped(Reshaped { schema, batch: Vec::new() }),
            "keep-none" => patched(&[0], Outcome::Unchanged),
            "keep-all" => patched(&[0b111], Outcome::Unchanged),
            "keep-too-many" => patched(&[0b1001], Outcome::Unchanged),
            "keep-too-much" => patched(&vec![0; 1 << 20], Outcome::Unchanged),
            "keep-and-batch" => patched(&[0b101], Outcome::Changed(batch)),
            "columns-lost" => {
                patch::columns(&[], &[]);
                Outcome::Unchanged
            }
            "columns-garbage" => {
                patch::columns(&[-1, i32::MIN, i32::MAX], &[0xff; 100]);
                Outcome::Unchanged
            }
            "swapped" => Outcome::Reshaped(Reshaped { schema: batch, batch: schema }),
            _ => Outcome::Unchanged,
        })
    }
}

fn patched(rows: &[u8], outcome: Outcome) -> Outcome {
    patch::keep(rows);
    outcome
}

export!(Sieve);
