//! Generated. The asynchronous functions block: each case is one line of
//! thought.
#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]

wit_bindgen::generate!({
    inline: "
        package greenroom:gpu-cases;

        world guest {
            import wasi:webgpu/webgpu@0.3.0-rc.2;
            export cases: async func() -> list<string>;
            export run: async func(name: string, seed: u64);
        }
    ",
    path: "../../../wit/deps/wasi-webgpu-0.3.0-rc.2",
    world: "greenroom:gpu-cases/guest",
    generate_all,
    async: ["export:cases", "export:run", "-all"],
});
