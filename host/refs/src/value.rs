//! A value between guests: MessagePack bytes and the references they carry.

use bytes::Bytes;

use crate::{Handle, ObjectRef};

/// One immutable value. Cloning shares the bytes.
#[derive(Clone, Default)]
pub struct Value {
    /// MessagePack; where a ref or handle stands, an extension with its index.
    pub bytes: Bytes,
    /// The references, if there are any: most values have none.
    pub attached: Option<Box<Attached>>,
}

/// The references inside one value.
#[derive(Clone, Default)]
pub struct Attached {
    /// Object refs, in the order of their indices.
    pub refs: Vec<ObjectRef>,
    /// Handles, in the order of their indices.
    pub handles: Vec<Handle>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        let (refs, handles) = (std::mem::take(&mut self.refs), std::mem::take(&mut self.handles));
        super::drops::flat((refs, handles));
    }
}

impl Attached {
    /// The references, taken out.
    pub fn into_parts(mut self) -> (Vec<ObjectRef>, Vec<Handle>) {
        (std::mem::take(&mut self.refs), std::mem::take(&mut self.handles))
    }
}

impl Value {
    /// A value without references.
    pub fn plain(bytes: impl Into<Bytes>) -> Value {
        Value { bytes: bytes.into(), attached: None }
    }

    /// What it weighs in the object store and in mailboxes, in bytes: its
    /// own, and a round number for each reference.
    pub fn weight(&self) -> usize {
        const REFERENCE: usize = 128;
        let attached = self.attached.as_ref().map_or(0, |all| all.refs.len() + all.handles.len());
        self.bytes.len() + attached * REFERENCE
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (refs, handles) =
            self.attached.as_ref().map_or((0, 0), |all| (all.refs.len(), all.handles.len()));
        write!(f, "Value({} bytes, {refs} refs, {handles} handles)", self.bytes.len())
    }
}
