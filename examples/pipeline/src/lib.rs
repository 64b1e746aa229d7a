//! A shop: orders go through stages, and stages are actors. The async ones
//! have many orders in progress at once.

mod courier;
mod warehouse;

use std::time::Instant;

use courier::{Courier, Quote};
use greenroom::prelude::*;
use warehouse::Warehouse;

struct Checkout {
    couriers: Vec<Handle<Courier>>,
    packing: Handle<Packing>,
}

/// The first stage: finds out what an order costs, then has it packed.
#[actor]
impl Checkout {
    fn new(couriers: Vec<Handle<Courier>>, packing: Handle<Packing>) -> Self {
        Checkout { couriers, packing }
    }

    /// Sells an item; answers what its parcel says.
    ///
    /// While one order waits for the couriers, others go on.
    async fn order(&self, item: String) -> Result<String> {
        let warehouse = Warehouse::lookup("warehouse")?;
        let kilos = warehouse.take(&item).remote()?.await?;
        let quote = self.cheapest(kilos).await?;
        self.packing.pack(item, quote).remote()?.await
    }
}

impl Checkout {
    /// Asks all couriers at once.
    async fn cheapest(&self, kilos: u32) -> Result<Quote> {
        let asked: Result<Vec<_>> =
            self.couriers.iter().map(|courier| courier.quote(kilos).remote()).collect();
        let quotes = get_async(asked?).await?;
        quotes.into_iter().min_by_key(|quote| quote.price).ok_or_else(|| "no couriers".into())
    }
}

#[derive(Default)]
struct Packing {
    parcels: u32,
}

/// The last stage: one parcel at a time.
#[actor]
impl Packing {
    fn new() -> Self {
        Self::default()
    }

    /// Packs an item; answers what the parcel says.
    fn pack(&mut self, item: String, quote: Quote) -> String {
        self.parcels += 1;
        format!("parcel {}: {item}, with {} for {}", self.parcels, quote.courier, quote.price)
    }
}

/// Orders everything the shop has, and one thing that it has not, all at once.
#[driver]
async fn main() -> Result<()> {
    let stock = [("lamp", 2), ("chair", 7), ("piano", 300)];
    let stock: Vec<_> = stock.map(|(item, kilos)| (item.to_owned(), kilos)).into();
    // Nobody is handed the warehouse: who needs it looks it up.
    let _warehouse = Warehouse::options().name("warehouse").remote(stock)?;
    let couriers = vec![
        Courier::remote("pigeon", 0, 9)?,
        Courier::remote("bicycle", 10, 3)?,
        Courier::remote("lorry", 50, 1)?,
    ];
    let checkout = Checkout::remote(couriers, Packing::remote()?)?;

    let start = Instant::now();
    let mut orders = Vec::new();
    for item in ["lamp", "chair", "piano", "lamp"] {
        orders.push((item, checkout.order(item).remote()?));
    }
    for (item, order) in orders {
        match order.await {
            Ok(parcel) => println!("{parcel}"),
            Err(error) => println!("no {item}: {error}"),
        }
    }
    println!("{} ms", start.elapsed().as_millis());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use greenroom::testing;

    use super::*;

    fn shop() -> (Handle<Warehouse>, Handle<Checkout>) {
        let stock = ["lamp", "chair"].map(|item| (item.to_owned(), 2));
        let warehouse = Warehouse::options().name("warehouse").remote(stock).unwrap();
        let couriers =
            vec![Courier::remote("dear", 10, 1).unwrap(), Courier::remote("cheap", 5, 1).unwrap()];
        let checkout = Checkout::remote(couriers, Packing::remote().unwrap()).unwrap();
        (warehouse, checkout)
    }

    #[test]
    fn the_cheapest_courier_wins() {
        let (_warehouse, checkout) = shop();
        let parcel = get(checkout.order("lamp").remote().unwrap());
        assert_eq!(parcel.unwrap(), "parcel 1: lamp, with cheap for 7");
    }

    #[test]
    fn orders_wait_for_couriers_at_the_same_time() {
        let (_warehouse, checkout) = shop();
        let orders = ["lamp", "chair"].map(|item| checkout.order(item).remote().unwrap());
        get(orders).unwrap();
        assert!(testing::elapsed() < Duration::from_millis(201));
    }

    #[test]
    fn nothing_is_sold_twice() {
        let (_warehouse, checkout) = shop();
        let [first, second] = ["lamp", "lamp"].map(|item| checkout.order(item).remote().unwrap());
        get(first).unwrap();
        assert_eq!(get(second).unwrap_err().to_string(), "lamp is sold out");
    }
}
