//! Makes a component of a plugin: the exports that the host calls, and the instance that they reach.

use std::marker::PhantomData;

use crate::bindings::lifecycle::exports::rowmill::plugin::lifecycle::{FlushReason as WitReason, Guest as Lifecycle};
use crate::bindings::lifecycle::rowmill::plugin::types;
use crate::bindings::{encoder, state, transform};
use crate::{Encoder, EncoderRunner, Error, FlushReason, Outcome, Output, State, Transactions, Transform, TransformRunner};

/// Exports a type as the plugin of this component: `rowmill_sdk::export!(MyEncoder: encoder);` or
/// `rowmill_sdk::export!(MyTransform: transform);`, and where it implements [`State`](crate::State),
/// `rowmill_sdk::export!(MyTransform: transform with state);`. Natively it does nothing, so that tests link. Whole plugins are the examples of
/// [`Encoder`](crate::Encoder), [`Transform`](crate::Transform) and [`State`](crate::State) ([example](crate::State)).
#[macro_export]
macro_rules! export {
    ($plugin:ty: encoder) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            $crate::__export_plugin!($plugin, EncoderRunner, ::std::option::Option::None);
            type Component = $crate::export::EncoderComponent<$plugin>;
    $crate::bindings::lifecycle::__export_lifecycle!(Component with_types_in $crate::bindings::lifecycle);
    $crate::bindings::encoder::__export_encode!(Component with_types_in $crate::bindings::encoder);
        };
    };
    ($plugin:ty: encoder with state) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            $crate::__export_plugin!(
                $plugin,
                EncoderRunner,
                ::std::option::Option::Some(<$plugin as $crate::State>::VERSION)
            );
            type Component = $crate::export::EncoderComponent<$plugin>;
    $crate::bindings::lifecycle::__export_lifecycle!(Component with_types_in $crate::bindings::lifecycle);
    $crate::bindings::encoder::__export_encode!(Component with_types_in $crate::bindings::encoder);
    $crate::bindings::state::__export_state!(Component with_types_in $crate::bindings::state);
        };
    };
    ($plugin:ty: transform) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            $crate::__export_plugin!($plugin, TransformRunner, ::std::option::Option::None);
            type Component = $crate::export::TransformComponent<$plugin>;
    $crate::bindings::lifecycle::__export_lifecycle!(Component with_types_in $crate::bindings::lifecycle);
    $crate::bindings::transform::__export_transform!(Component with_types_in $crate::bindings::transform);
        };
    };
    ($plugin:ty: transform with state) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            $crate::__export_plugin!(
                $plugin,
                TransformRunner,
                ::std::option::Option::Some(<$plugin as $crate::State>::VERSION)
            );
            type Component = $crate::export::TransformComponent<$plugin>;
    $crate::bindings::lifecycle::__export_lifecycle!(Component with_types_in $crate::bindings::lifecycle);
    $crate::bindings::transform::__export_transform!(Component with_types_in $crate::bindings::transform);
    $crate::bindings::state::__export_state!(Component with_types_in $crate::bindings::state);
        };
    };
}

/// The component's one instance of the plugin.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_plugin {
    ($plugin:ty, $runner:ident, $state_version:expr) => {
        ::std::thread_local! {
            static RUNNER: ::std::cell::RefCell<$crate::$runner<$plugin>> =
                ::std::cell::RefCell::new(<$crate::$runner<$plugin> as $crate::export::OfComponent>::make());
        }
        impl $crate::export::Instance for $plugin {
            type Runner = $crate::$runner<$plugin>;
            const STATE_VERSION: ::std::option::Option<u32> = $state_version;
            fn with<R>(call: impl FnOnce(&mut Self::Runner) -> R) -> R {
                RUNNER.with(|runner| call(&mut runner.borrow_mut()))
            }
        }
    };
}

/// A runner as the component's one instance has it.
pub trait OfComponent {
    /// Makes it.
    fn make() -> Self;
}

impl<E: Encoder> OfComponent for EncoderRunner<E> {
    fn make() -> Self {
        Self::new(host_output())
    }
}

impl<T: Transform> OfComponent for TransformRunner<T> {
    fn make() -> Self {
        Self::default()
    }
}

/// A plugin that has its one instance in this component.
pub trait Instance {
    /// What runs it.
    type Runner;

    /// Version of what it saves; none: it keeps no state.
    const STATE_VERSION: Option<u32>;

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
                $runner::<P>::describe_with(P::STATE_VERSION)
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

/// The part that plugins with a state have, over runners that name it alike.
macro_rules! stateful {
    ($component:ident, $trait:ident, $runner:ident) => {
        impl<P: $trait + State + Instance<Runner = $runner<P>>> state::exports::rowmill::plugin::state::Guest for $component<P> {
            fn save() -> Result<Vec<u8>, types::Error> {
                Ok(P::with(|runner| runner.save())?)
            }

            fn restore(version: u32, bytes: Vec<u8>) -> Result<(), types::Error> {
                Ok(P::with(|runner| runner.restore(version, &bytes))?)
            }
        }
    };
}

stateful!(EncoderComponent, Encoder, EncoderRunner);
stateful!(TransformComponent, Transform, TransformRunner);
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
            Outcome::Patched(patch) => {
                if let Some(rows) = &patch.rows {
                    transform::rowmill::plugin::patch::keep(rows);
                }
                if let Some(columns) = &patch.columns {
                    transform::rowmill::plugin::patch::columns(&columns.origins, &columns.fresh);
                }
                match patch.schema {
                    None => Wit::Unchanged,
                    Some(schema) => Wit::Reshaped(Reshaped { schema, batch: Vec::new() }),
                }
            }
            Outcome::Dropped => Wit::Dropped,
            Outcome::Changed(batch) => Wit::Changed(batch),
            Outcome::Reshaped { schema, batch } => Wit::Reshaped(Reshaped { schema, batch }),
        })
    }
}
