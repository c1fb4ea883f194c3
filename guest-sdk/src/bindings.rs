//! What wit-bindgen makes of `wit/rowmill.wit`, in parts: both worlds of the contract
//! export `lifecycle`, and one crate can hold its export macro only once. A component is linked from two of the parts,
//! or three where it keeps state, and so has the exports of its own world and no other.

/// What both worlds export: `lifecycle`.
pub mod lifecycle {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package rowmill:sdk-lifecycle;
            world lifecycle-part {
                import rowmill:plugin/host@1.0.0;
                export rowmill:plugin/lifecycle@1.0.0;
            }
        ",
        world: "rowmill:sdk-lifecycle/lifecycle-part",
        pub_export_macro: true,
        export_macro_name: "__export_lifecycle",
        default_bindings_module: "$crate::bindings::lifecycle",
        generate_all,
    });
}

/// What an encoder has beside it.
pub mod encoder {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package rowmill:sdk-encoder;
            world encoder-part {
                import rowmill:plugin/output@1.0.0;
                export rowmill:plugin/encode@1.0.0;
            }
        ",
        world: "rowmill:sdk-encoder/encoder-part",
        with: { "rowmill:plugin/types@1.0.0": crate::bindings::lifecycle::rowmill::plugin::types },
        pub_export_macro: true,
        export_macro_name: "__export_encode",
        default_bindings_module: "$crate::bindings::encoder",
        generate_all,
    });
}

/// What a transform has beside it.
pub mod transform {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package rowmill:sdk-transform;
            world transform-part {
                import rowmill:plugin/patch@1.0.0;
                export rowmill:plugin/transform@1.0.0;
            }
        ",
        world: "rowmill:sdk-transform/transform-part",
        with: { "rowmill:plugin/types@1.0.0": crate::bindings::lifecycle::rowmill::plugin::types },
        pub_export_macro: true,
        export_macro_name: "__export_transform",
        default_bindings_module: "$crate::bindings::transform",
        generate_all,
    });
}

/// What a plugin of either kind has beside it where it keeps state.
pub mod state {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package rowmill:sdk-state;
            world state-part {
                export rowmill:plugin/state@1.0.0;
            }
        ",
        world: "rowmill:sdk-state/state-part",
        with: { "rowmill:plugin/types@1.0.0": crate::bindings::lifecycle::rowmill::plugin::types },
        pub_export_macro: true,
        export_macro_name: "__export_state",
        default_bindings_module: "$crate::bindings::state",
        generate_all,
    });
}
