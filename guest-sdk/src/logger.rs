//! The `log` facade goes to the actor's log, and so does a panic's message.

use std::panic::PanicHookInfo;
use std::sync::Once;

use crate::host;

/// Where a panic's message is logged; the host puts the last such line into
/// the error that callers see.
const PANIC_TARGET: &str = "greenroom::panic";

struct ActorLog;

impl log::Log for ActorLog {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match record.args().as_str() {
            Some(message) => host::log(record.level(), record.target(), message),
            None => host::log(record.level(), record.target(), &record.args().to_string()),
        }
    }

    fn flush(&self) {}
}

/// Installs the logger and the panic hook, once.
pub(crate) fn start() {
    static START: Once = Once::new();
    START.call_once(|| {
        // A program that brought its own logger keeps it.
        if log::set_logger(&ActorLog).is_ok() {
            log::set_max_level(host::max_level());
        }
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            report(info);
            print(info);
        }));
    });
}

fn report(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let message = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(message), _) => message,
        (None, Some(message)) => message.as_str(),
        (None, None) => "a value that is not text",
    };
    match info.location() {
        Some(location) => {
            host::log(log::Level::Error, PANIC_TARGET, &format!("{message} ({location})"));
        }
        None => host::log(log::Level::Error, PANIC_TARGET, message),
    }
}
