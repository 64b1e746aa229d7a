//! Where the host comes in: describe, construct, invoke, run.
//!
//! An instance is one actor or one driver, so the actor lives in a thread-local
//! slot: the one thread of a component, or the thread that the fake host gives
//! each actor.

use std::cell::RefCell;

use crate::arguments::Arguments;
use crate::class::{Class, Construct, Driver, Registration, Run, Sequential};
use crate::error::{Error, Result};
use crate::host::{self, Value};
use crate::logger;

/// What is linked into this program.
pub(crate) struct Package {
    /// By name.
    pub(crate) classes: Vec<&'static Class>,
    pub(crate) driver: Option<&'static Driver>,
}

/// The actor that this instance is.
enum Instance {
    Sequential(Box<dyn Sequential>),
    #[cfg(feature = "async")]
    Concurrent(std::rc::Rc<dyn crate::class::Concurrent>),
}

thread_local! {
    static ACTOR: RefCell<Option<Instance>> = const { RefCell::new(None) };
}

/// What this package is made of. The order that `inventory` has is the
/// linker's; the host is told the same every time.
pub(crate) fn describe() -> Package {
    let mut package = Package { classes: Vec::new(), driver: None };
    for registration in inventory::iter::<Registration> {
        match registration {
            Registration::Class(class) => package.classes.push(class),
            Registration::Driver(driver) => {
                if let Some(other) = package.driver.replace(driver) {
                    panic!("two drivers: {} and {}", other.location, driver.location);
                }
            }
        }
    }
    package.classes.sort_by_key(|class| class.name);
    for pair in package.classes.windows(2) {
        assert!(pair[0].name != pair[1].name, "two classes are called {}", pair[0].name);
    }
    package
}

/// The class with this name.
#[cfg(target_family = "wasm")]
pub(crate) fn class(name: &str) -> Result<&'static Class> {
    let found =
        inventory::iter::<Registration>.into_iter().find_map(|registration| match registration {
            Registration::Class(class) if class.name == name => Some(*class),
            Registration::Class(_) | Registration::Driver(_) => None,
        });
    found.ok_or_else(|| Error::Invalid(format!("this package has no class {name}")))
}

fn driver() -> Result<&'static Driver> {
    describe().driver.ok_or_else(|| Error::Invalid("this package has no driver".to_owned()))
}

fn become_actor(instance: Instance) -> Result<()> {
    ACTOR.with_borrow_mut(|slot| match slot {
        Some(_) => Err(Error::Invalid("this instance is an actor already".to_owned())),
        None => {
            *slot = Some(instance);
            Ok(())
        }
    })
}

/// Makes this instance a sequential actor.
#[cfg(not(all(target_family = "wasm", feature = "async")))]
pub(crate) fn construct(class: &'static Class, values: host::Arguments) -> Result<()> {
    logger::start();
    match class.construct {
        Construct::Sequential(construct) => {
            let actor = construct(Arguments::of_constructor(class, values))?;
            become_actor(Instance::Sequential(actor))
        }
        #[cfg(feature = "async")]
        Construct::Concurrent(_) => Err(misused("the actor is async")),
    }
}

/// Ends the actor's state, where the instance goes on.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn forget() {
    drop(ACTOR.take());
}

/// Calls a method of a sequential actor.
#[inline]
pub(crate) fn invoke(method: u32, values: host::Arguments) -> Result<Value> {
    ACTOR.with(|slot| match slot.try_borrow_mut() {
        Ok(mut slot) => match &mut *slot {
            Some(Instance::Sequential(actor)) => actor.invoke(method, values),
            #[cfg(feature = "async")]
            Some(Instance::Concurrent(_)) => Err(misused("the actor is async")),
            None => Err(misused("nothing was constructed")),
        },
        Err(_) => Err(misused("the actor is in a call")),
    })
}

#[cold]
fn misused(why: &str) -> Error {
    Error::Invalid(format!("an instance is not used as it should be: {why}"))
}

/// Runs the driver.
#[cfg(not(all(target_family = "wasm", feature = "async")))]
pub(crate) fn run(args: Vec<String>) -> Result<()> {
    logger::start();
    let ended = match driver()?.run {
        Run::Blocking(run) => run(args),
        #[cfg(feature = "async")]
        Run::Async(run) => crate::fake::block_on(run(args)),
    };
    flush();
    ended
}

/// Lets out what was printed without a line's end: nobody else does, since no
/// `main` returns here.
fn flush() {
    use std::io::Write;
    // A stdout that is closed is no reason to fail.
    let _ = std::io::stdout().flush();
}

#[cfg(feature = "async")]
mod concurrent {
    use super::*;
    use crate::task::{InCall, OfCall};

    /// Makes this instance an actor of either kind.
    pub(crate) async fn construct_async(
        class: &'static Class,
        values: host::Arguments,
    ) -> Result<()> {
        logger::start();
        let args = Arguments::of_constructor(class, values);
        let instance = match class.construct {
            Construct::Sequential(construct) => Instance::Sequential(construct(args)?),
            Construct::Concurrent(construct) => Instance::Concurrent(construct(args).await?),
        };
        become_actor(instance)
    }

    /// Calls a method of an actor of either kind.
    pub(crate) async fn invoke_async(
        call: u64,
        method: u32,
        values: host::Arguments,
    ) -> Result<Value> {
        let concurrent = ACTOR.with(|slot| match slot.try_borrow() {
            Ok(slot) => match &*slot {
                Some(Instance::Concurrent(actor)) => Some(std::rc::Rc::clone(actor)),
                Some(Instance::Sequential(_)) | None => None,
            },
            Err(_) => None,
        });
        match concurrent {
            Some(actor) => OfCall::new(call, actor.invoke(method, values)).await,
            None => {
                let _in_call = InCall::enter(call);
                invoke(method, values)
            }
        }
    }

    /// Runs the driver, of either kind.
    #[cfg(target_family = "wasm")]
    pub(crate) async fn run_async(args: Vec<String>) -> Result<()> {
        logger::start();
        let ended = match driver()?.run {
            Run::Blocking(run) => run(args),
            Run::Async(run) => run(args).await,
        };
        flush();
        ended
    }
}

#[cfg(feature = "async")]
pub(crate) use concurrent::*;
