//! The `host` command.

use std::process::ExitCode;

/// glibc's gives blocks of many megabytes back to the kernel at once, and half
/// of the time it takes to move one is spent on faulting in the next: 64 MiB
/// through the object store went from 0.4 to 1.8 GB/s.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    host::cli::main()
}
