//! Room for live instances: as many as the engine's pool has slots.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of one engine's pool.
pub struct Room {
    places: u32,
    free: Arc<Semaphore>,
}

/// A place in a [`Room`], for as long as it is held.
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Room {
    pub(super) fn new(places: u32) -> Room {
        Room { places, free: Arc::new(Semaphore::new(places as usize)) }
    }

    /// How many places there are.
    pub fn places(&self) -> u32 {
        self.places
    }

    /// How many are taken.
    pub fn taken(&self) -> u32 {
        let free = u32::try_from(self.free.available_permits()).unwrap_or(u32::MAX);
        self.places.saturating_sub(free)
    }

    /// A place, if one is free and nobody waits for it.
    pub fn enter_now(&self) -> Option<Place> {
        let permit = self.free.clone().try_acquire_owned().ok()?;
        Some(Place { _permit: permit })
    }

    /// A place, once one is free: in the order asked.
    pub async fn enter(&self) -> Place {
        let permit = self.free.clone().acquire_owned().await.expect("never closed");
        Place { _permit: permit }
    }
}
