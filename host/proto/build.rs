//! Compiles the contracts, without protoc: `protox` reads the files in Rust.

use std::error::Error;

/// The contracts, each a file of `proto/`.
const FILES: [&str; 9] = [
    "admin.proto",
    "content.proto",
    "control.proto",
    "etcd.proto",
    "identity.proto",
    "join.proto",
    "node.proto",
    "records.proto",
    "session.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure()
        // Values are passed on without a copy.
        .bytes(".")
        .emit_rerun_if_changed(false)
        .compile_fds(files)?;
    Ok(())
}
