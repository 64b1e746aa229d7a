//! `wasi:random`, without state for each guest: nearly every guest asks once,
//! for the seed of its hash maps, and should not pay with a generator of its
//! own.

use std::cell::RefCell;

use wasmtime::component::{HasData, Linker};
use wasmtime_wasi::Rng;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use crate::Data;
use crate::limits::RANDOM_BYTES;

thread_local! {
    /// Seeded by the system. Guests share it: its output tells nothing about
    /// what it gave to others.
    static GENERATOR: RefCell<Box<dyn Rng + Send>> = RefCell::new(wasmtime_wasi::thread_rng());
}

pub(crate) fn add_to_linker(linker: &mut Linker<Data>) -> wasmtime::Result<()> {
    random::add_to_linker::<Data, Random>(linker, |_| Random)?;
    insecure::add_to_linker::<Data, Random>(linker, |_| Random)?;
    insecure_seed::add_to_linker::<Data, Random>(linker, |_| Random)
}

struct Random;

impl HasData for Random {
    type Data<'a> = Random;
}

fn bytes(len: u64) -> wasmtime::Result<Vec<u8>> {
    if len > RANDOM_BYTES {
        wasmtime::bail!("asked for {len} random bytes at once; the most is {RANDOM_BYTES}");
    }
    let mut bytes = vec![0; usize::try_from(len)?];
    GENERATOR.with_borrow_mut(|generator| generator.fill_bytes(&mut bytes));
    Ok(bytes)
}

fn number() -> u64 {
    GENERATOR.with_borrow_mut(|generator| generator.next_u64())
}

impl random::Host for Random {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        bytes(len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(number())
    }
}

impl insecure::Host for Random {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        bytes(len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(number())
    }
}

impl insecure_seed::Host for Random {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((number(), number()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_are_as_many_as_asked_and_differ() {
        let (first, second) = (bytes(32).unwrap(), bytes(32).unwrap());
        assert_eq!((first.len(), second.len()), (32, 32));
        assert_ne!(first, second);
        assert_eq!(bytes(0).unwrap(), []);
        assert_ne!(number(), number());
    }

    #[test]
    fn too_many_at_once_are_refused_before_they_are_made() {
        assert!(bytes(RANDOM_BYTES).is_ok());
        for len in [RANDOM_BYTES + 1, u64::MAX] {
            let message = bytes(len).unwrap_err().to_string();
            assert!(message.contains("the most is 1048576"), "{message}");
        }
    }
}
