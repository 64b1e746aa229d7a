//! The arguments of a call: values one behind the other, and objects whose
//! values are put between them when the call runs.

use std::sync::Arc;

use bytes::Bytes;
use host_core::Error;

use crate::{ObjectRef, Value};

/// The arguments of a call as it was sent. Cloning shares the bytes.
#[derive(Clone, Default)]
pub struct Args {
    /// The arguments that are values, one behind the other, with what they
    /// carry.
    pub values: Value,
    /// The object that holds [`Args::values`] in their stead: they were large,
    /// and came from another node.
    pub far: Option<ObjectRef>,
    /// The others: the place of each among all arguments, ascending, and the
    /// object whose value the method gets.
    pub objects: Vec<(u32, ObjectRef)>,
}

/// The arguments of a call as it runs.
#[derive(Default)]
pub struct ArgValues {
    /// See [`Args::values`].
    pub values: Value,
    /// See [`Args::objects`].
    pub objects: Vec<(u32, Value)>,
}

impl Args {
    /// Values that carry nothing, encoded one behind the other.
    pub fn plain(bytes: impl Into<Bytes>) -> Args {
        Args { values: Value::plain(bytes), ..Args::default() }
    }

    /// The objects that have to be settled before the call can run.
    pub fn awaited(&self) -> impl Iterator<Item = &ObjectRef> {
        let objects = self.objects.iter().map(|(_, object)| object);
        self.far.iter().chain(objects).filter(|object| !object.is_settled())
    }

    /// What they weigh in a mailbox, in bytes: objects are elsewhere.
    pub fn weight(&self) -> usize {
        self.values.weight()
    }

    /// The values of all, if none is an object; else the arguments again.
    pub fn into_values(self) -> Result<ArgValues, Args> {
        if self.objects.is_empty() && self.far.is_none() {
            return Ok(ArgValues { values: self.values, objects: Vec::new() });
        }
        Err(self)
    }

    /// The values of all, once they are there; the error of the first that
    /// failed.
    pub async fn resolve(self) -> Result<ArgValues, Arc<Error>> {
        let values = match self.far {
            Some(far) => far.outcome().await?,
            None => self.values,
        };
        let mut objects = Vec::with_capacity(self.objects.len());
        for (place, object) in self.objects {
            objects.push((place, object.outcome().await?));
        }
        Ok(ArgValues { values, objects })
    }
}
