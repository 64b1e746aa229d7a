//! What there is to sell.

use std::collections::HashMap;

use greenroom::prelude::*;

pub(crate) struct Warehouse {
    /// Items and their weights.
    kilos: HashMap<String, u32>,
}

/// One of each item. Has no `async fn`, so it does one call at a time, and
/// sells nothing twice.
#[actor]
impl Warehouse {
    fn new(stock: Vec<(String, u32)>) -> Self {
        Warehouse { kilos: stock.into_iter().collect() }
    }

    /// Takes an item off the shelf; answers its weight.
    fn take(&mut self, item: String) -> Result<u32> {
        self.kilos.remove(&item).ok_or_else(|| Error::failed(format!("{item} is sold out")))
    }
}
