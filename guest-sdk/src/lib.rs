//! Write plugins for rowmill.

#[doc(hidden)]
pub mod bindings;
mod batch;
mod column;
mod describe;
mod encoder;
mod error;
#[doc(hidden)]
pub mod export;
mod flatbuffer;
pub mod host;
pub mod json;
mod message;
mod output;
mod schema;
mod transactions;
mod transform;

pub use batch::{Batch, Flags, Image, Op};
pub use column::{Bits, Bytes, Column, Fixed, Values};
pub use describe::Description;
pub use encoder::{Encoder, EncoderRunner, FlushReason};
pub use error::Error;
pub use output::{HandOver, Key, Output, Record, Sink};
pub use schema::{Field, Kind, Schema};
pub use transactions::Transactions;
pub use transform::{Outcome, Transform, TransformRunner};
