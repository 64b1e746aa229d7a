//! What the macros say of a class and a driver, and how the SDK finds them.

use crate::arguments::Arguments;
use crate::codec;
use crate::error::{Error, Result};
use crate::handle::{Handle, Target};
use crate::host;
use crate::options::{ActorOptions, Options, Spawning};
use crate::scratch::Scratch;

/// A class of actors. `#[actor]` implements it; there is no other way.
///
/// ```
/// use greenroom::prelude::*;
///
/// struct Greeter;
///
/// #[actor]
/// impl Greeter {
///     fn new() -> Self { Greeter }
///     fn greet(&self, name: String) -> String { format!("hello {name}") }
/// }
///
/// # fn main() -> Result<()> {
/// let greeter = Greeter::remote()?;
/// assert_eq!(get(greeter.greet("Ada").remote()?)?, "hello Ada");
/// # Ok(())
/// # }
/// ```
pub trait Actor: Sized + 'static {
    /// The calls of a [`Handle`] to this class, one method for each of the
    /// class's.
    #[doc(hidden)]
    type Stub: From<Target> + AsRef<Target>;

    /// The `remote` of this class's [`Options`].
    #[doc(hidden)]
    type Spawner: Default + AsMut<Spawning>;

    /// The class, as the host sees it.
    #[doc(hidden)]
    const CLASS: &'static Class;

    /// Options for one actor; each overrides the class's own.
    ///
    /// See [`Options`] for all of them.
    fn options() -> Options<Self> {
        Options::default()
    }

    /// The actor of this class with this name, in the caller's default
    /// namespace.
    ///
    /// A class with a method `lookup` of its own is looked up with
    /// [`Handle::<A>::lookup`](Handle::lookup).
    fn lookup(name: &str) -> Result<Handle<Self>> {
        Handle::lookup(name)
    }

    /// The actor of this class with this name, in a namespace.
    fn lookup_in(namespace: &str, name: &str) -> Result<Handle<Self>> {
        Handle::lookup_in(namespace, name)
    }
}

/// A class as the macro describes it.
#[doc(hidden)]
pub struct Class {
    pub name: &'static str,
    pub docs: &'static str,
    pub params: &'static [Param],
    pub methods: &'static [Method],
    pub options: fn() -> ActorOptions,
    pub construct: Construct,
}

impl Class {
    /// Whether several calls of one actor may be in progress.
    pub fn is_concurrent(&self) -> bool {
        match self.construct {
            Construct::Sequential(_) => false,
            #[cfg(feature = "async")]
            Construct::Concurrent(_) => true,
        }
    }
}

/// A method as the macro describes it.
#[doc(hidden)]
pub struct Method {
    pub name: &'static str,
    pub docs: &'static str,
    pub params: &'static [Param],
    pub returns: &'static str,
    pub fails: Option<&'static str>,
}

/// A parameter as the macro describes it.
#[doc(hidden)]
pub struct Param {
    pub name: &'static str,
    pub ty: &'static str,
}

/// The way to an instance of a class.
#[doc(hidden)]
pub enum Construct {
    Sequential(fn(Arguments) -> Result<Box<dyn Sequential>>),
    #[cfg(feature = "async")]
    Concurrent(fn(Arguments) -> crate::task::BoxFuture<Result<Shared>>),
}

/// An async actor, shared by its calls.
#[cfg(feature = "async")]
type Shared = std::rc::Rc<dyn Concurrent>;

/// An actor that runs one call at a time.
#[doc(hidden)]
pub trait Sequential {
    fn invoke(&mut self, method: u32, args: host::Arguments) -> Result<host::Value>;
}

/// An actor whose calls interleave where they await.
#[cfg(feature = "async")]
#[doc(hidden)]
pub trait Concurrent {
    fn invoke(
        self: std::rc::Rc<Self>,
        method: u32,
        args: host::Arguments,
    ) -> crate::task::BoxFuture<Result<host::Value>>;
}

/// The driver as the macro describes it.
#[doc(hidden)]
pub struct Driver {
    pub docs: &'static str,
    /// Where it is, to tell two of them apart.
    pub location: &'static str,
    pub run: Run,
}

/// The two kinds of driver.
#[doc(hidden)]
pub enum Run {
    Blocking(fn(Vec<String>) -> Result<()>),
    #[cfg(feature = "async")]
    Async(fn(Vec<String>) -> crate::task::BoxFuture<Result<()>>),
}

/// What the macros hand to `inventory`.
#[doc(hidden)]
pub enum Registration {
    Class(&'static Class),
    Driver(&'static Driver),
}

inventory::collect!(Registration);

/// `Result`s of methods, by whatever alias they are written.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is called `Result` and is not one",
    note = "a method whose return type ends in `Result` may fail; name other types differently"
)]
pub trait Fallible {
    /// What callers get.
    type Value;
    /// What callers get told.
    type Error;
}

impl<T, E> Fallible for std::result::Result<T, E> {
    type Value = T;
    type Error = E;
}

/// A method that is not in the class's list.
#[doc(hidden)]
#[cold]
pub fn unknown_method(class: &Class, method: u32) -> Error {
    Error::Invalid(format!(
        "{} has {} methods, there is none with index {method}",
        class.name,
        class.methods.len()
    ))
}

/// A method's result on its way out.
#[doc(hidden)]
#[inline]
pub fn reply<T: serde::Serialize>(value: T) -> Result<host::Value> {
    let mut bytes = Scratch::take();
    let mut attachments = None;
    let encoded = codec::encode(&value, &mut bytes, &mut attachments);
    // What the result held is given away; what the actor holds too is not.
    drop(value);
    encoded?;
    Ok(match attachments {
        None => host::Value::Plain(bytes.into_exact()),
        Some(attachments) => attachments.into_value(bytes.into_exact()),
    })
}
