//! Bytes that travel as bytes.

use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, DerefMut, Range};
use std::sync::Arc;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of a message that are at least so many are not copied out of it, if
/// they are most of it.
pub(crate) const SHARED_MIN: usize = 4 * 1024;

/// Bytes that are sent as a whole, and received without a copy.
///
/// A `Vec<u8>` is, to serde, a list of numbers, encoded one by one. For more
/// than a few bytes use this, or `#[serde(with = "serde_bytes")]` on a field.
///
/// Large bytes that an actor receives are the message's own. Changing them
/// copies them only if a clone holds them too.
///
/// ```
/// use greenroom::Bytes;
///
/// let mut bytes = Bytes::from(vec![1, 2, 3]);
/// assert_eq!(bytes.len(), 3);
/// bytes[0] = 7;
/// assert_eq!(bytes.into_vec(), [7, 2, 3]);
/// ```
#[derive(Clone, Default)]
pub struct Bytes(Inner);

#[derive(Clone)]
enum Inner {
    Own(Vec<u8>),
    /// A part of a message.
    Shared(Arc<Vec<u8>>, Range<usize>),
}

impl Default for Inner {
    fn default() -> Self {
        Inner::Own(Vec::new())
    }
}

impl Bytes {
    /// The bytes in a vector: copied only if a clone holds them too.
    pub fn into_vec(self) -> Vec<u8> {
        let (buffer, range) = match self.0 {
            Inner::Own(vec) => return vec,
            Inner::Shared(buffer, range) => (buffer, range),
        };
        match Arc::try_unwrap(buffer) {
            Ok(mut vec) => {
                vec.truncate(range.end);
                vec.drain(..range.start);
                vec
            }
            Err(shared) => shared[range].to_vec(),
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Inner::Own(vec) => vec,
            Inner::Shared(buffer, range) => &buffer[range.clone()],
        }
    }
}

impl DerefMut for Bytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        if let Inner::Shared(buffer, range) = &mut self.0 {
            if Arc::get_mut(buffer).is_none() {
                self.0 = Inner::Own(buffer[range.clone()].to_vec());
            }
        }
        match &mut self.0 {
            Inner::Own(vec) => vec,
            // Nobody else holds it.
            Inner::Shared(buffer, range) => &mut Arc::make_mut(buffer)[range.clone()],
        }
    }
}

thread_local! {
    /// The message that is being decoded, if it is a large one.
    static MESSAGE: Cell<Option<Arc<Vec<u8>>>> = const { Cell::new(None) };
}

/// Runs a decoder of a large message, which [`Bytes`] in it may share.
pub(crate) fn share<R>(message: Vec<u8>, decode: impl FnOnce(&[u8]) -> R) -> R {
    /// Puts back what was there, also when a `Deserialize` of the user's panics.
    struct Turn(Option<Arc<Vec<u8>>>);

    impl Drop for Turn {
        fn drop(&mut self) {
            MESSAGE.set(self.0.take());
        }
    }

    let message = Arc::new(message);
    let _turn = Turn(MESSAGE.replace(Some(Arc::clone(&message))));
    decode(&message)
}

/// The part of the message that these bytes are, if it is most of it.
fn part_of_message(bytes: &[u8]) -> Option<Inner> {
    if bytes.len() < SHARED_MIN {
        return None;
    }
    let message = MESSAGE.take()?;
    let start = bytes.as_ptr().addr().checked_sub(message.as_ptr().addr());
    let range = start.map(|start| start..start.saturating_add(bytes.len()));
    let is_most = bytes.len() >= message.len() / 2;
    let found = range.filter(|range| range.end <= message.len() && is_most);
    let part = found.map(|range| Inner::Shared(Arc::clone(&message), range));
    MESSAGE.set(Some(message));
    part
}

impl Serialize for Bytes {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Received;

        impl<'de> Visitor<'de> for Received {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            #[inline]
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(part_of_message(bytes).unwrap_or_else(|| Inner::Own(bytes.to_vec()))))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes::from(bytes))
            }

            fn visit_str<E>(self, text: &str) -> Result<Bytes, E> {
                Ok(Bytes::from(text.as_bytes()))
            }

            /// A list of numbers is taken as well: so other languages may send.
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> Result<Bytes, A::Error> {
                let mut bytes = Vec::with_capacity(items.size_hint().unwrap_or(0).min(SHARED_MIN));
                while let Some(byte) = items.next_element()? {
                    bytes.push(byte);
                }
                Ok(Bytes::from(bytes))
            }
        }

        deserializer.deserialize_bytes(Received)
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes(Inner::Own(bytes))
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Bytes::from(bytes.to_vec())
    }
}

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Self {
        bytes.into_vec()
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bytes").field(&&**self).finish()
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Bytes {}

impl PartialOrd for Bytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bytes {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: &Bytes) -> Vec<u8> {
        rmp_serde::to_vec(bytes).expect("bytes can be encoded")
    }

    fn received(message: Vec<u8>) -> Bytes {
        share(message, |message| rmp_serde::from_slice(message).expect("it is bytes"))
    }

    #[test]
    fn large_bytes_are_the_messages_own_and_small_ones_a_copy() {
        for (length, shared) in [(SHARED_MIN, true), (SHARED_MIN - 1, false), (0, false)] {
            let sent = Bytes::from(vec![7; length]);
            let came = received(message(&sent));
            assert_eq!(came, sent);
            assert_eq!(matches!(came.0, Inner::Shared(..)), shared);
            assert_eq!(came.into_vec(), sent.into_vec());
        }
        assert!(MESSAGE.take().is_none());
    }

    #[test]
    fn a_small_part_does_not_hold_a_large_message() {
        let parts = [Bytes::from(vec![1; SHARED_MIN]), Bytes::from(vec![2; 3 * SHARED_MIN])];
        let message = rmp_serde::to_vec(&parts).expect("bytes can be encoded");
        let came: [Bytes; 2] =
            share(message, |message| rmp_serde::from_slice(message).expect("two"));
        assert_eq!(came, parts);
        assert!(matches!(came[0].0, Inner::Own(_)) && matches!(came[1].0, Inner::Shared(..)));
    }

    #[test]
    fn a_change_is_seen_by_nobody_else() {
        let mut one = received(message(&Bytes::from(vec![7; SHARED_MIN])));
        let other = one.clone();
        one[0] = 1;
        assert_eq!((one[0], other[0]), (1, 7));
        one[1] = 2;
        assert_eq!(one.into_vec()[..3], [1, 2, 7]);
        assert_eq!(other.into_vec()[..3], [7, 7, 7]);
    }

    #[test]
    fn lists_of_numbers_and_text_are_taken_too() {
        assert_eq!(received(vec![0x93, 1, 2, 0xcc, 200]).into_vec(), [1, 2, 200]);
        assert_eq!(&*received(b"\xa2hi".to_vec()), b"hi");
    }
}
