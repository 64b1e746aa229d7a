//! The allocator of a component: small blocks that were freed are kept for
//! the next that are asked for.
//!
//! A call allocates a handful of small blocks and frees them at once. wasi-libc's
//! allocator takes 230 instructions for such a pair, two fifths of a small call;
//! taking from a list and putting back takes 20.
#![allow(unsafe_code, reason = "an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

/// Small blocks are multiples of this.
const GRAIN: usize = 16;

/// What wasi-libc aligns to without being asked.
const ALIGN: usize = 8;

/// Larger blocks come from the system and go back to it.
const SMALL_MAX: usize = 512;

/// Free blocks kept of each size: what a call needs, and little memory that a
/// guest with other plans would miss (at most 528 KiB, if it once had as many
/// of every size).
const KEPT_MAX: u32 = 64;

const LISTS: usize = SMALL_MAX / GRAIN + 1;

/// Free blocks of one size. Each holds the address of the next.
struct List {
    first: Cell<*mut u8>,
    count: Cell<u32>,
}

/// Keeps small blocks for reuse.
struct Reusing {
    lists: [List; LISTS],
}

// SAFETY: a component has one thread.
unsafe impl Sync for Reusing {}

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: Reusing = Reusing::new();

impl Reusing {
    const fn new() -> Self {
        Reusing {
            lists: [const { List { first: Cell::new(null_mut()), count: Cell::new(0) } }; LISTS],
        }
    }

    /// The list for blocks of this layout, if they are small.
    #[inline]
    fn list(&self, size: usize, align: usize) -> Option<(&List, Layout)> {
        if size > SMALL_MAX || align > ALIGN {
            return None;
        }
        let place = size.div_ceil(GRAIN);
        // SAFETY: ALIGN is a power of two, and the size is far from overflow.
        let layout = unsafe { Layout::from_size_align_unchecked(place * GRAIN, ALIGN) };
        Some((&self.lists[place], layout))
    }
}

// SAFETY: a block is on no list while it is given out, blocks of one list are
// all of its size and alignment, and everything else is the system's.
unsafe impl GlobalAlloc for Reusing {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((list, rounded)) = self.list(layout.size(), layout.align()) else {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(layout) };
        };
        let first = list.first.get();
        if first.is_null() {
            // SAFETY: the size is not 0, since the caller's is not.
            return unsafe { System.alloc(rounded) };
        }
        // SAFETY: a block on a list begins with the address of the next.
        list.first.set(unsafe { first.cast::<*mut u8>().read() });
        list.count.set(list.count.get() - 1);
        first
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some((list, rounded)) = self.list(layout.size(), layout.align()) else {
            // SAFETY: it came from there.
            return unsafe { System.dealloc(block, layout) };
        };
        let count = list.count.get();
        if count >= KEPT_MAX {
            // SAFETY: it came from there, with this layout.
            return unsafe { System.dealloc(block, rounded) };
        }
        // SAFETY: the block is ours again, and has room for an address.
        unsafe { block.cast::<*mut u8>().write(list.first.get()) };
        list.first.set(block);
        list.count.set(count + 1);
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        match (self.list(layout.size(), layout.align()), self.list(new_size, layout.align())) {
            // SAFETY: it came from there.
            (None, None) => unsafe { System.realloc(block, layout, new_size) },
            (Some((_, old)), Some((_, new))) if old == new => block,
            _ => {
                // SAFETY: the caller promises a size that is no overflow.
                let new_layout =
                    unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
                // SAFETY: the new block is as large as the smaller of the two.
                unsafe {
                    let new_block = self.alloc(new_layout);
                    if !new_block.is_null() {
                        let shared = layout.size().min(new_size);
                        block.copy_to_nonoverlapping(new_block, shared);
                        self.dealloc(block, layout);
                    }
                    new_block
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of all sizes, taken, resized and freed in a fixed disorder: none
    /// overlaps another, and each keeps what was written to it.
    #[test]
    fn blocks_keep_what_is_in_them() {
        let allocator = Reusing::new();
        let mut blocks: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut state = 1u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(state >> 33).unwrap() % below
        };
        let fill = |block: *mut u8, size: usize, byte: u8| {
            // SAFETY: the block has this size.
            unsafe { block.write_bytes(byte, size) };
        };
        let check = |block: *mut u8, size: usize, byte: u8| {
            // SAFETY: the block has this size, and was filled.
            let bytes = unsafe { std::slice::from_raw_parts(block, size) };
            assert!(bytes.iter().all(|b| *b == byte));
        };
        for round in 0..20_000usize {
            let byte = u8::try_from(round % 251).unwrap();
            let size = 1 + next(2 * SMALL_MAX);
            match next(3) {
                _ if blocks.len() < 20 => {
                    let layout = Layout::from_size_align(size, 1 << next(6)).unwrap();
                    // SAFETY: the size is not 0.
                    let block = unsafe { allocator.alloc(layout) };
                    assert_eq!(block.addr() % layout.align(), 0);
                    fill(block, size, byte);
                    blocks.push((block, layout, byte));
                }
                0 => {
                    let place = next(blocks.len());
                    let (block, layout, old) = &mut blocks[place];
                    check(*block, layout.size(), *old);
                    // SAFETY: the block is of this allocator and layout.
                    *block = unsafe { allocator.realloc(*block, *layout, size) };
                    check(*block, size.min(layout.size()), *old);
                    *layout = Layout::from_size_align(size, layout.align()).unwrap();
                    fill(*block, size, byte);
                    *old = byte;
                }
                _ => {
                    let place = next(blocks.len());
                    let (block, layout, old) = blocks.swap_remove(place);
                    check(block, layout.size(), old);
                    // SAFETY: the block is of this allocator and layout.
                    unsafe { allocator.dealloc(block, layout) };
                }
            }
        }
        let kept = allocator.lists.iter().map(|list| list.count.get());
        assert!(kept.clone().sum::<u32>() > 0 && kept.max().unwrap() <= KEPT_MAX);
    }
}
