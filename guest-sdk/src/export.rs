//! Makes a component of a plugin: the exports that the host calls, and the instance that they reach.

use std::marker::PhantomData;

use crate::bindings::lifecycle::exports::rowmill::plugin::lifecycle::{FlushReason as WitReason, Guest as Lifecycle};
use crate::bindings::lifecycle::rowmill::plugin::types;
use crate::bindings::{encoder, transform};
use crate::{Encoder, EncoderRunner, Error, FlushReason, Outcome, Output, Transactions, Transform, TransformRunner};

/// Exports a type as the plugin of this component: `rowmill_sdk::export!(MyEncoder: encoder);` or
/// `rowmill_sdk::export!(MyTransform: transform);`. Natively it does nothing, so that tests link.
#[macro_export]
macro_rules! export {
    ($plugin:ty: encoder) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            ::std::thread_local! {
                static RUNNER: ::std::cell::RefCell<$crate::EncoderRunner<$plugin>> =
                    ::std::cell::RefCell::new($crate::EncoderRunner::new($crate::export::host_output()));
            }
            impl $crate::export::Instance for $plugin {
                type Runner = $crate::EncoderRunner<$plugin>;
                fn with<R>(call: impl FnOnce(&mut Self::Runner) -> R) -> R {
                    RUNNER.with(|runner| call(&mut runner.borrow_mut()))
                }
            }
            type Component = $crate::export::EncoderComponent<$plugin>;
    $crate::bindings::lifecycle::__export_lifecycle!(Component with_types_in $crate::bindings::lifecycle);
    $crate::bindings::encoder::__export_encode!(Component with_types_in $crate::bindings::encoder);
        };
    };
    ($plugin:ty: transform) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            ::std::thread_local! {
                static RUNNER: ::std::cell::RefCell<$crate::TransformRunner<$plugin>> = ::std::default::Default::default();
            }
            impl $crate::export::Instance for $plugin {
                type Runner = $crate::TransformRunner<$plugin>;
                fn with<R>(call: impl FnOnce(&mut Self::Runner) -> R) -> R {
                    RUNNER.with(|runner| call(&mut runner.borrow_mut()))
                }
            }
            type Component = $crate::export::TransformComponent<$plugin>;
    $crate::bindings::lifecycle::__export_lifecycle!(Component with_types_in $crate::bindings::lifecycle);
    $crate::bindings::transform::__export_transform!(Component with_types_in $crate::bindings::transform);
        };
    };
}

/// A plugin that has its one instance in this component.
pub trait Instance {
    /// What runs it.
    type Runner;

    /// Calls it.
    fn with<R>(call: impl FnOnce(&mut Self::Runner) -> R) -> R;
}

/// The exports of an encoder.
pub struct EncoderComponent<E>(PhantomData<E>);

/// The exports of a transform.
pub struct TransformComponent<T>(PhantomData<T>);

/// An output that hands over to the host.
pub fn host_output() -> Output {
    Output::new(Box::new(|records| {
        encoder::rowmill::plugin::output::emit(
            &records.rows,
            &records.topics,
            &records.topic_names,
            &records.partitions,
            &records.timestamps,
            &records.flags,
            &records.bounds,
            &records.header_ends,
            &records.header_bounds,
            &records.header_data,
            &records.data,
        );
    }))
}

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        Self {
            code: error.code,
            message: error.message,
            row: error.row,
            retryable: error.retryable,
        }
    }
}

impl From<types::Transactions> for Transactions {
    fn from(from: types::Transactions) -> Self {
        Self {
            gtids: from.gtids,
            gtid_ends: from.gtid_ends,
            places: from.places,
            place_ends: from.place_ends,
            xids: from.xids,
        }
    }
}

impl From<WitReason> for FlushReason {
    fn from(reason: WitReason) -> Self {
        match reason {
            WitReason::Commit => Self::Commit,
            WitReason::Barrier => Self::Barrier,
            WitReason::Swap => Self::Swap,
            WitReason::Stop => Self::Stop,
        }
    }
}

/// The part that both kinds have, over runners that name it alike.
macro_rules! lifecycle {
    ($component:ident, $trait:ident, $runner:ident) => {
        impl<P: $trait + Instance<Runner = $runner<P>>> Lifecycle for $component<P> {
            fn describe() -> String {
                $runner::<P>::describe()
            }

            fn configure(config: String) -> Result<(), types::Error> {
                Ok(P::with(|runner| runner.configure(&config))?)
            }

            fn open_schema(id: u32, message: Vec<u8>) -> Result<(), types::Error> {
                Ok(P::with(|runner| runner.open_schema(id, &message))?)
            }

            fn close_schema(id: u32) {
                P::with(|runner| runner.close_schema(id));
            }

            fn flush(reason: WitReason) -> Result<(), types::Error> {
                Ok(P::with(|runner| runner.flush(reason.into()))?)
            }
        }
    };
}

lifecycle!(EncoderComponent, Encoder, EncoderRunner);
lifecycle!(TransformComponent, Transform, TransformRunner);

impl<E: Encoder + Instance<Runner = EncoderRunner<E>>> encoder::exports::rowmill::plugin::encode::Guest for EncoderComponent<E> {
    fn encode(schema: u32, batch: Vec<u8>, transactions: types::Transactions) -> Result<(), types::Error> {
        Ok(E::with(|runner| runner.encode(schema, &batch, &transactions.into()))?)
    }

    fn control(event: String) -> Result<(), types::Error> {
        Ok(E::with(|runner| runner.control(&event))?)
    }
}

impl<T: Transform + Instance<Runner = TransformRunner<T>>> transform::exports::rowmill::plugin::transform::Guest for TransformComponent<T> {
    fn process(
        schema: u32,
        batch: Vec<u8>,
        transactions: types::Transactions,
    ) -> Result<transform::exports::rowmill::plugin::transform::Outcome, types::Error> {
        use transform::exports::rowmill::plugin::transform::{Outcome as Wit, Reshaped};
        Ok(match T::with(|runner| runner.process(schema, &batch, &transactions.into()))? {
            Outcome::Unchanged => Wit::Unchanged,
            Outcome::Dropped => Wit::Dropped,
            Outcome::Changed(batch) => Wit::Changed(batch),
            Outcome::Reshaped { schema, batch } => Wit::Reshaped(Reshaped { schema, batch }),
        })
    }
}
