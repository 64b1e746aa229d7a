//! Arguments on their way in.

use serde::de::DeserializeOwned;

use crate::attachments::{self, Attachments};
use crate::class::{Class, Method, Param};
use crate::codec::{self, Decoder, Malformed};
use crate::error::{Error, Result};
use crate::host;

/// The arguments of one call, as they came.
#[doc(hidden)]
pub struct Arguments {
    values: host::Arguments,
    callee: Callee,
}

/// Whose arguments they are.
#[derive(Clone, Copy)]
struct Callee {
    class: &'static Class,
    /// None: the constructor.
    method: Option<&'static Method>,
}

/// The arguments of one call, taken in order.
#[doc(hidden)]
pub struct Reader<'a> {
    /// Those that are values.
    values: Decoder<'a>,
    /// The others: their places, and the values of the objects.
    objects: std::vec::IntoIter<(u32, host::Value)>,
    /// The place of the next.
    next: u32,
}

/// Why the arguments are not the callee's.
#[doc(hidden)]
pub struct Unfit {
    place: u32,
    why: Malformed,
}

impl Arguments {
    pub(crate) fn of_constructor(class: &'static Class, values: host::Arguments) -> Self {
        Arguments { values, callee: Callee { class, method: None } }
    }

    /// The arguments of a method.
    #[inline]
    pub fn of_method(
        class: &'static Class,
        method: &'static Method,
        values: host::Arguments,
    ) -> Self {
        Arguments { values, callee: Callee { class, method: Some(method) } }
    }

    /// Lets `take` take them all; none may be left over.
    #[inline]
    pub fn read<R>(
        self,
        take: impl FnOnce(&mut Reader<'_>) -> std::result::Result<R, Unfit>,
    ) -> Result<R> {
        let Arguments { values, callee } = self;
        match values {
            host::Arguments::Plain(bytes) => {
                let read = |bytes: &[u8]| callee.read(bytes, Vec::new(), take);
                attachments::lend(None, || codec::with_message(bytes, read))
            }
            host::Arguments::Carrying(carrying) => {
                let host::ArgumentsCarrying { bytes, refs, handles, objects } = carrying;
                let received = Attachments::received(refs, handles);
                let read = |bytes: &[u8]| callee.read(bytes, objects, take);
                attachments::lend(Some(received), || codec::with_message(bytes, read))
            }
        }
    }
}

impl Reader<'_> {
    /// The next argument.
    #[inline]
    pub fn take<T: DeserializeOwned>(&mut self) -> std::result::Result<T, Unfit> {
        let place = self.next;
        self.next += 1;
        let taken = match self.objects.as_slice().first() {
            Some((at, _)) if *at == place => self.next_object(),
            _ => self.values.next(),
        };
        taken.map_err(|why| Unfit { place, why })
    }

    #[cold]
    fn next_object<T: DeserializeOwned>(&mut self) -> std::result::Result<T, Malformed> {
        self.objects.next().map_or_else(|| Err(Malformed::new()), |(_, value)| codec::decode(value))
    }
}

impl Callee {
    #[inline]
    fn read<R>(
        self,
        bytes: &[u8],
        objects: Vec<(u32, host::Value)>,
        take: impl FnOnce(&mut Reader<'_>) -> std::result::Result<R, Unfit>,
    ) -> Result<R> {
        let given = objects.len();
        let mut reader =
            Reader { values: Decoder::new(bytes), objects: objects.into_iter(), next: 0 };
        let taken = take(&mut reader);
        let all_taken = reader.objects.as_slice().is_empty() && reader.values.ends();
        match taken {
            Ok(taken) if all_taken => Ok(taken),
            Ok(_) => Err(self.wrong_count(given + codec::count(bytes))),
            Err(unfit) => Err(self.unfit(&unfit, given + codec::count(bytes))),
        }
    }

    fn params(self) -> &'static [Param] {
        self.method.map_or(self.class.params, |method| method.params)
    }

    fn name(self) -> String {
        match self.method {
            None => format!("{}::new", self.class.name),
            Some(method) => format!("{}.{}", self.class.name, method.name),
        }
    }

    #[cold]
    fn wrong_count(self, given: usize) -> Error {
        let params = self.params();
        let shown: Vec<String> =
            params.iter().map(|param| format!("{}: {}", param.name, param.ty)).collect();
        let noun = if params.len() == 1 { "argument" } else { "arguments" };
        let (name, wanted, shown) = (self.name(), params.len(), shown.join(", "));
        Error::Invalid(format!("{name} takes {wanted} {noun} ({shown}), got {given}"))
    }

    #[cold]
    fn unfit(self, unfit: &Unfit, given: usize) -> Error {
        let params = self.params();
        match params.get(unfit.place as usize) {
            Some(param) if given == params.len() => Error::Invalid(format!(
                "{}: argument `{}` is not a {}: {}",
                self.name(),
                param.name,
                param.ty,
                unfit.why
            )),
            _ => self.wrong_count(given),
        }
    }
}
