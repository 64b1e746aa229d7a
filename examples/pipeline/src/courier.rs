//! Couriers: slow to answer, but they can think about many parcels at once.

use std::time::Duration;

use greenroom::prelude::*;
use greenroom::time;

/// What a courier asks for a parcel.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Quote {
    pub(crate) courier: String,
    pub(crate) price: u32,
}

pub(crate) struct Courier {
    name: String,
    base: u32,
    per_kilo: u32,
}

/// Carries parcels, for a price.
#[actor]
impl Courier {
    fn new(name: String, base: u32, per_kilo: u32) -> Self {
        Courier { name, base, per_kilo }
    }

    /// Thinks for a while, then says a price.
    async fn quote(&self, kilos: u32) -> Result<Quote> {
        time::sleep(Duration::from_millis(200)).await?;
        Ok(Quote { courier: self.name.clone(), price: self.base + self.per_kilo * kilos })
    }
}
