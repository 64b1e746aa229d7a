//! Who still holds what another node owns: reference counts across nodes.
//!
//! Used for objects and for actors alike. The owner of an item knows the
//! *set of nodes* that borrow it, not how often each holds it:
//!
//! - A node *borrows* when it gets its first hold of an item, and *returns*
//!   when its last is gone. Whether it may be freed is the owner's to say.
//! - Whoever passes an item on keeps a *pin*, a hold of its own, until the
//!   receiver says that the owner has confirmed its borrow: so that the item
//!   is held by somebody whom the owner knows at every moment.
//! - Pins and borrows of a node end with that node. A borrow that comes when
//!   nothing held the item any more is answered `Gone`.
//!
//! Messages go through sessions, in order. When an epoch is lost, messages of
//! it may be too: each side then says again what it holds of the other's and
//! which pins it has not released ([`Message::Holds`], [`Message::Synced`]),
//! and what is not said again is over.

mod borrowed;
mod owned;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{ActorId, NodeId, ObjectId};
use crate::limits;

use borrowed::Borrowed;
use owned::Owned;

/// Something that is counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Item {
    /// Who counts its holders: for an actor the node of its creator, which
    /// need not be where it runs.
    pub owner: NodeId,
    /// What it is.
    pub what: What,
}

/// What an item is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum What {
    /// An object.
    Object(ObjectId),
    /// A handle to an actor.
    Actor(ActorId),
}

/// One passing on of an item, named by the node that did it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PinId {
    /// Who passed it on.
    pub node: NodeId,
    /// Counts up on that node.
    pub seq: u64,
}

/// What nodes say to each other. All are answers in the sense of
/// [`crate::session::Room`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// To the owner: this node holds the item now. Counts up for each borrow,
    /// so that the answer finds the one it is for.
    Borrow(Item, u64),
    /// From the owner: so it is.
    Borrowed(Item, u64),
    /// From the owner: there is no such item any more.
    Gone(Item, u64),
    /// To the owner: this node holds it no longer.
    Return(Item),
    /// To who passed an item on: the pin is not needed any more.
    Release(Vec<PinId>),
    /// After a lost epoch: of what you own, I still hold these; and these of
    /// your pins I will release later.
    Holds(Vec<Item>, Vec<PinId>),
    /// After the last of these: what was not named is over.
    Synced,
}

/// What happens to a node's holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The node made an item of its own, and holds it.
    Made(Item),
    /// The node's last hold of an item is gone; pins do not count.
    Dropped(Item),
    /// A node sent a message.
    Received(NodeId, Message),
    /// What was under way to and from a node may be lost.
    SessionLost(NodeId),
    /// A node has gone for good.
    NodeGone(NodeId),
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Send a message.
    Send(NodeId, Message),
    /// Nobody holds an item of this node any more.
    Free(Item),
    /// An item that this node holds went with its owner, or before this node
    /// could borrow it.
    Lost(Item),
}

/// One node's items: those it owns and those it borrows.
#[derive(Clone, Debug)]
pub struct Lending {
    local: NodeId,
    owned: BTreeMap<Item, Owned>,
    borrowed: BTreeMap<Item, Borrowed>,
    /// What this node passed on, and whom to.
    pins: BTreeMap<u64, Pin>,
    /// Pins and borrows that are over unless they are named again, by node.
    doubtful: BTreeMap<NodeId, Doubtful>,
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Pin {
    item: Item,
    to: NodeId,
}

#[derive(Clone, Default, Debug)]
struct Doubtful {
    pins: BTreeSet<u64>,
    borrows: BTreeSet<Item>,
}

impl Lending {
    /// A node that holds nothing.
    pub fn new(local: NodeId) -> Lending {
        Lending {
            local,
            owned: BTreeMap::new(),
            borrowed: BTreeMap::new(),
            pins: BTreeMap::new(),
            doubtful: BTreeMap::new(),
            next: 0,
        }
    }

    /// The node sends an item, which it holds, to another. The pin goes with
    /// it in the same message; if that is never sent, the session with the
    /// node has to be lost or [`Lending::unpin`] called.
    pub fn pass_on(&mut self, item: Item, to: NodeId) -> PinId {
        self.next += 1;
        let seq = self.next;
        self.pins.insert(seq, Pin { item, to });
        if item.owner == self.local {
            self.owned.entry(item).or_default().pins += 1;
        } else {
            self.borrowed.entry(item).or_default().pins += 1;
        }
        PinId { node: self.local, seq }
    }

    /// A message with an item came: the node holds it now, and has to say
    /// [`Event::Dropped`] when it does not any more.
    pub fn arrived(&mut self, item: Item, pin: PinId, effects: &mut Vec<Effect>) {
        if item.owner == self.local {
            match self.owned.get_mut(&item) {
                Some(owned) => owned.held = true,
                // Its holder went, and the item with it.
                None => effects.push(Effect::Lost(item)),
            }
            effects.push(Effect::Send(pin.node, Message::Release(vec![pin])));
            return;
        }
        let borrowed = self.borrowed.entry(item).or_default();
        borrowed.held = true;
        if borrowed.confirmed {
            effects.push(Effect::Send(pin.node, Message::Release(vec![pin])));
            return;
        }
        borrowed.to_release.push(pin);
        if borrowed.asked.is_none() {
            self.borrow(item, effects);
        }
    }

    /// Takes an event and appends what is to be done.
    pub fn handle(&mut self, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Made(item) => {
                assert_eq!(item.owner, self.local, "what a node makes is its own");
                self.owned.entry(item).or_default().held = true;
            }
            Event::Dropped(item) => self.dropped(item, effects),
            Event::Received(from, message) => self.received(from, message, effects),
            Event::SessionLost(node) => self.session_lost(node, effects),
            Event::NodeGone(node) => self.node_gone(node, effects),
        }
    }

    /// A pin is not needed any more; one that is not there is left alone.
    pub fn unpin(&mut self, seq: u64, effects: &mut Vec<Effect>) {
        let Some(Pin { item, to }) = self.pins.remove(&seq) else { return };
        if let Some(doubtful) = self.doubtful.get_mut(&to) {
            doubtful.pins.remove(&seq);
        }
        if item.owner == self.local {
            if let Some(owned) = self.owned.get_mut(&item) {
                owned.pins -= 1;
            }
            self.free_if_unheld(item, effects);
        } else {
            if let Some(borrowed) = self.borrowed.get_mut(&item) {
                borrowed.pins -= 1;
            }
            self.give_back_if_unheld(item, effects);
        }
    }

    /// Items of this node, items it borrows, and pins: what a leak would be.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.owned.len(), self.borrowed.len(), self.pins.len())
    }

    /// Whether the node knows the item.
    pub fn knows(&self, item: Item) -> bool {
        self.owned.contains_key(&item) || self.borrowed.contains_key(&item)
    }

    fn dropped(&mut self, item: Item, effects: &mut Vec<Effect>) {
        if item.owner == self.local {
            if let Some(owned) = self.owned.get_mut(&item) {
                owned.held = false;
            }
            self.free_if_unheld(item, effects);
        } else {
            if let Some(borrowed) = self.borrowed.get_mut(&item) {
                borrowed.held = false;
            }
            self.give_back_if_unheld(item, effects);
        }
    }

    fn received(&mut self, from: NodeId, message: Message, effects: &mut Vec<Effect>) {
        match message {
            Message::Borrow(item, number) => {
                let answer = match self.owned.get_mut(&item) {
                    Some(owned) => {
                        owned.borrowers.insert(from);
                        if let Some(doubtful) = self.doubtful.get_mut(&from) {
                            doubtful.borrows.remove(&item);
                        }
                        Message::Borrowed(item, number)
                    }
                    None => Message::Gone(item, number),
                };
                effects.push(Effect::Send(from, answer));
            }
            Message::Borrowed(item, number) => self.confirmed(item, number, effects),
            Message::Gone(item, number) => self.refused(item, number, effects),
            Message::Return(item) => self.returned(from, item, effects),
            Message::Release(pins) => {
                for pin in pins {
                    let known = self.pins.get(&pin.seq).is_some_and(|known| known.to == from);
                    if known && pin.node == self.local {
                        self.unpin(pin.seq, effects);
                    }
                }
            }
            Message::Holds(items, pins) => {
                if let Some(doubtful) = self.doubtful.get_mut(&from) {
                    for item in items {
                        doubtful.borrows.remove(&item);
                    }
                    for pin in pins {
                        doubtful.pins.remove(&pin.seq);
                    }
                }
            }
            Message::Synced => self.end_doubtful(from, effects),
        }
    }

    fn returned(&mut self, from: NodeId, item: Item, effects: &mut Vec<Effect>) {
        if let Some(owned) = self.owned.get_mut(&item) {
            owned.borrowers.remove(&from);
        }
        if let Some(doubtful) = self.doubtful.get_mut(&from) {
            doubtful.borrows.remove(&item);
        }
        self.free_if_unheld(item, effects);
    }

    fn borrow(&mut self, item: Item, effects: &mut Vec<Effect>) {
        self.next += 1;
        let borrowed = self.borrowed.entry(item).or_default();
        borrowed.asked = Some(self.next);
        effects.push(Effect::Send(item.owner, Message::Borrow(item, self.next)));
    }

    fn confirmed(&mut self, item: Item, number: u64, effects: &mut Vec<Effect>) {
        let Some(borrowed) = self.borrowed.get_mut(&item) else { return };
        if borrowed.asked != Some(number) {
            return;
        }
        borrowed.asked = None;
        borrowed.confirmed = true;
        release(std::mem::take(&mut borrowed.to_release), effects);
    }

    fn refused(&mut self, item: Item, number: u64, effects: &mut Vec<Effect>) {
        if self.borrowed.get(&item).is_some_and(|borrowed| borrowed.asked == Some(number)) {
            self.lose(item, effects);
        }
    }

    /// A borrowed item is no more. Pins of it that are under way to others
    /// are theirs to find out about.
    fn lose(&mut self, item: Item, effects: &mut Vec<Effect>) {
        let Some(borrowed) = self.borrowed.remove(&item) else { return };
        self.pins.retain(|_, pin| pin.item != item);
        release(borrowed.to_release, effects);
        if borrowed.held {
            effects.push(Effect::Lost(item));
        }
    }

    fn free_if_unheld(&mut self, item: Item, effects: &mut Vec<Effect>) {
        if self.owned.get(&item).is_some_and(Owned::is_unheld) {
            self.owned.remove(&item);
            effects.push(Effect::Free(item));
        }
    }

    fn give_back_if_unheld(&mut self, item: Item, effects: &mut Vec<Effect>) {
        if self.borrowed.get(&item).is_some_and(Borrowed::is_unheld) {
            let borrowed = self.borrowed.remove(&item).expect("it was just there");
            effects.push(Effect::Send(item.owner, Message::Return(item)));
            release(borrowed.to_release, effects);
        }
    }

    /// Messages in both directions may be lost: what the other holds is in
    /// doubt until it says so again, and it is told what this node holds.
    fn session_lost(&mut self, node: NodeId, effects: &mut Vec<Effect>) {
        let doubtful = self.doubtful.entry(node).or_default();
        let pins = self.pins.iter().filter(|(_, pin)| pin.to == node);
        doubtful.pins.extend(pins.map(|(seq, _)| *seq));
        let lent = self.owned.iter().filter(|(_, owned)| owned.borrowers.contains(&node));
        doubtful.borrows.extend(lent.map(|(item, _)| *item));

        let mut items = Vec::new();
        let mut unasked = Vec::new();
        let mut pins = Vec::new();
        for (item, borrowed) in &mut self.borrowed {
            pins.extend(borrowed.to_release.iter().filter(|pin| pin.node == node));
            match item.owner == node {
                true if borrowed.confirmed => items.push(*item),
                // Whether it was asked for or not: the answer may be lost.
                true => unasked.push(*item),
                false => {}
            }
        }
        for items in items.chunks(limits::SYNC_ITEMS) {
            effects.push(Effect::Send(node, Message::Holds(items.to_vec(), Vec::new())));
        }
        for pins in pins.chunks(limits::SYNC_ITEMS) {
            effects.push(Effect::Send(node, Message::Holds(Vec::new(), pins.to_vec())));
        }
        for item in unasked {
            self.borrow(item, effects);
        }
        effects.push(Effect::Send(node, Message::Synced));
    }

    fn end_doubtful(&mut self, node: NodeId, effects: &mut Vec<Effect>) {
        let Some(doubtful) = self.doubtful.remove(&node) else { return };
        for item in doubtful.borrows {
            self.returned(node, item, effects);
        }
        for pin in doubtful.pins {
            self.unpin(pin, effects);
        }
    }

    fn node_gone(&mut self, node: NodeId, effects: &mut Vec<Effect>) {
        self.doubtful.remove(&node);
        let lost = self.borrowed.keys().filter(|item| item.owner == node);
        let lost: Vec<Item> = lost.copied().collect();
        for item in lost {
            self.lose(item, effects);
        }
        for borrowed in self.borrowed.values_mut() {
            borrowed.to_release.retain(|pin| pin.node != node);
        }
        let pins = self.pins.iter().filter(|(_, pin)| pin.to == node);
        let pins: Vec<u64> = pins.map(|(seq, _)| *seq).collect();
        for pin in pins {
            self.unpin(pin, effects);
        }
        let lent = self.owned.iter().filter(|(_, owned)| owned.borrowers.contains(&node));
        let lent: Vec<Item> = lent.map(|(item, _)| *item).collect();
        for item in lent {
            self.returned(node, item, effects);
        }
        effects.retain(|effect| !matches!(effect, Effect::Send(to, _) if *to == node));
    }
}

/// Tells each sender of its own pins.
fn release(pins: Vec<PinId>, effects: &mut Vec<Effect>) {
    let mut by_node: BTreeMap<NodeId, Vec<PinId>> = BTreeMap::new();
    for pin in pins {
        by_node.entry(pin.node).or_default().push(pin);
    }
    for (node, pins) in by_node {
        effects.push(Effect::Send(node, Message::Release(pins)));
    }
}

impl Item {
    /// An object, which its id names the owner of.
    pub fn object(id: ObjectId) -> Item {
        Item { owner: id.node, what: What::Object(id) }
    }

    /// An actor that was created on `owner`.
    pub fn actor(id: ActorId, owner: NodeId) -> Item {
        Item { owner, what: What::Actor(id) }
    }
}
