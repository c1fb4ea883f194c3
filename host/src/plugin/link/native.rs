//! The envelope as the machine's own code, in the place of the component made of the same source: what a connector takes without the sandbox.
//! For benchmarks alone (`tests/bench/pipeline`, `benches/encode.rs`), behind the feature `native-envelope`.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::LazyLock;

use rowmill_envelope::Envelope;
use rowmill_sdk::{EncoderRunner, HandOver, Output};

use super::{Breakage, Failed, Item};
use crate::batch::{Records, Transactions};
use crate::config::{self, PluginOrigin};
use crate::plugin::message::Message;
use crate::plugin::output::{Call, Handed};
use crate::plugin::wire::GuestError;

/// The name of a built-in envelope that is to run natively: what the benchmarks in Rust call it.
const NAME: &str = "native-envelope";

/// Set, to anything, it means every built-in envelope: a connector's file can't name a plugin.
const VARIABLE: &str = "ROWMILL_BENCH_NATIVE";

static IS_SET: LazyLock<bool> = LazyLock::new(|| std::env::var_os(VARIABLE).is_some());

thread_local! {
    /// The encoder stays on the thread that the plugins work on.
    static ENCODER: RefCell<Option<Native>> = const { RefCell::new(None) };
}

struct Native {
    runner: EncoderRunner<Envelope>,
    /// The call at work, and what was wrong with what it handed over.
    call: Rc<RefCell<(Call, Option<Breakage>)>>,
    opened: HashSet<u32>,
    /// The batch's message, put together: a component's is copied into its memory.
    message: Vec<u8>,
}

/// Whether this plugin is to run natively.
pub(super) fn is_meant(settings: &config::Plugin) -> bool {
    (*IS_SET || settings.name == NAME) && matches!(&settings.origin, PluginOrigin::Builtin(name) if name == "envelope")
}

/// Encodes a batch, given with its Arrow message, as `Link::encode` does: what is handed over is checked and copied in the same way.
pub(super) fn encode(
    settings: &config::Plugin,
    call: Call,
    (item, message): (&Item, &Message),
    transactions: &Transactions,
) -> Result<Vec<Records>, Failed> {
    ENCODER.with_borrow_mut(|slot| {
        let native = match slot.take() {
            Some(native) => native,
            None => Native::new(settings).map_err(refused)?,
        };
        slot.insert(native).encode(call, item, message, transactions)
    })
}

impl Native {
    fn new(settings: &config::Plugin) -> Result<Self, rowmill_sdk::Error> {
        let call = Rc::new(RefCell::new((Call::closed(), None)));
        let taking = Rc::clone(&call);
        let mut runner = EncoderRunner::new(Output::new(Box::new(move |records| {
            let (call, trouble) = &mut *taking.borrow_mut();
            if let Err(untaken) = call.take(&handed(records)) {
                trouble.get_or_insert(untaken.into());
            }
        })));
        runner.configure(&settings.config.to_string())?;
        tracing::warn!("the envelope runs without its sandbox, for a benchmark");
        Ok(Self {
            runner,
            call,
            opened: HashSet::new(),
            message: Vec::new(),
        })
    }

    fn encode(&mut self, call: Call, item: &Item, message: &Message, transactions: &Transactions) -> Result<Vec<Records>, Failed> {
        let announced = &item.announced;
        if self.opened.insert(announced.id) {
            self.runner.open_schema(announced.id, &announced.message).map_err(refused)?;
        }
        *self.call.borrow_mut() = (call, None);
        let transactions = rowmill_sdk::Transactions {
            gtids: transactions.gtids.clone(),
            gtid_ends: transactions.gtid_ends.clone(),
            places: transactions.places.clone(),
            place_ends: transactions.place_ends.clone(),
            xids: transactions.xids.clone(),
        };
        message.copy_to(&mut self.message);
        let encoded = self.runner.encode(announced.id, &self.message, &transactions);
        let (call, trouble) = self.call.replace((Call::closed(), None));
        encoded.map_err(refused)?;
        match trouble {
            Some(trouble) => Err(Failed::Broken(trouble)),
            None => Ok(call.taken),
        }
    }
}

fn refused(error: rowmill_sdk::Error) -> Failed {
    Failed::Refused(GuestError {
        code: error.code,
        message: error.message,
        row: error.row,
        retryable: error.retryable,
    })
}

fn handed(records: &HandOver) -> Handed<'_> {
    Handed {
        rows: &records.rows,
        topics: &records.topics,
        topic_names: &records.topic_names,
        partitions: &records.partitions,
        timestamps: &records.timestamps,
        flags: &records.flags,
        bounds: &records.bounds,
        header_ends: &records.header_ends,
        header_bounds: &records.header_bounds,
        header_data: &records.header_data,
        data: &records.data,
    }
}
