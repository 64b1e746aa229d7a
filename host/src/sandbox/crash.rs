//! What a guest's end was: the engine's error, told as one of ours.

use host_core::Error;
use host_core::resources::format_bytes;
use host_wasi::Data;
use wasmtime::{AsContextMut, PoolConcurrencyLimitError, Trap, WasmBacktrace};

use super::contract::cut;
use super::state::Guest;

/// Frames of a backtrace that are shown.
const FRAMES: usize = 30;

/// The typed error for a crash in `method` of the actor `what`.
pub(super) fn crash(
    mut store: impl AsContextMut<Data = Data>,
    what: &str,
    method: &str,
    error: &wasmtime::Error,
) -> Error {
    if let Some(error) = error.downcast_ref::<Error>() {
        return error.clone();
    }
    if let Some(full) = error.downcast_ref::<PoolConcurrencyLimitError>() {
        return Error::OutOfMemory(format!(
            "no room for another live actor ({full}); start the host with more --max-actors"
        ));
    }
    let mut context = store.as_context_mut();
    let guest = Guest::of(context.data_mut());
    guest.wake_unwoken();
    let trap = error.downcast_ref::<Trap>();
    let aborted = matches!(trap, Some(Trap::UnreachableCodeReached)) || trap.is_none();
    if let (Some(_), true) = (guest.memory.refused, aborted) {
        return Error::OutOfMemory(format!(
            "{what} asked for more than its {} of memory in {method}; \
             give it more with the option memory",
            format_bytes(guest.memory.bytes_max())
        ));
    }
    let message = match (guest.panic.take(), trap) {
        (Some(panic), Some(Trap::UnreachableCodeReached)) => panic,
        (_, Some(Trap::StackOverflow)) => "call stack exhausted".into(),
        (_, Some(trap)) => trap.to_string(),
        (_, None) => cut(error.root_cause().to_string()),
    };
    Error::Trapped { method: method.into(), message, backtrace: backtrace(error) }
}

fn backtrace(error: &wasmtime::Error) -> String {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    let names = trace.frames().iter().take(FRAMES).map(|frame| {
        frame.func_name().map_or_else(|| format!("function {}", frame.func_index()), str::to_string)
    });
    names.collect::<Vec<_>>().join("\n")
}
