//! Messages of `lending` on the wire.

use host_core::lending::{Item, Message, PinId, What};
use host_core::{NodeId, limits};
use host_proto::node as proto;
use host_proto::node::item::What as ProtoWhat;
use host_proto::node::loan::Kind;

use super::{Read, WireId};

/// A message for the wire.
pub(crate) fn loan(message: Message) -> proto::Loan {
    let numbered = |thing, number| proto::Numbered { item: Some(item(thing)), number };
    let kind = match message {
        Message::Borrow(thing, number) => Kind::Borrow(numbered(thing, number)),
        Message::Borrowed(thing, number) => Kind::Borrowed(numbered(thing, number)),
        Message::Gone(thing, number) => Kind::Gone(numbered(thing, number)),
        Message::Return(thing) => Kind::Return(item(thing)),
        Message::Release(pins) => Kind::Release(proto::Pins { pins: ids(pins) }),
        Message::Holds(items, pins) => {
            let items = items.into_iter().map(item).collect();
            Kind::Holds(proto::Holds { items, pins: ids(pins) })
        }
        Message::Synced => Kind::Synced(proto::Synced {}),
    };
    proto::Loan { kind: Some(kind) }
}

/// A message from the wire.
pub(crate) fn read_loan(loan: proto::Loan) -> Read<Message> {
    let numbered = |numbered: proto::Numbered| -> Read<(Item, u64)> {
        Ok((read_item(numbered.item)?, numbered.number))
    };
    Ok(match loan.kind.ok_or("a loan of an unknown kind")? {
        Kind::Borrow(it) => numbered(it).map(|(item, number)| Message::Borrow(item, number))?,
        Kind::Borrowed(it) => numbered(it).map(|(item, number)| Message::Borrowed(item, number))?,
        Kind::Gone(it) => numbered(it).map(|(item, number)| Message::Gone(item, number))?,
        Kind::Return(it) => Message::Return(read_item(Some(it))?),
        Kind::Release(pins) => Message::Release(read_pins(pins.pins)?),
        Kind::Holds(holds) => {
            if holds.items.len() > limits::SYNC_ITEMS {
                return Err(format!("{} items in one message", holds.items.len()));
            }
            let items = holds.items.into_iter().map(|item| read_item(Some(item)));
            Message::Holds(items.collect::<Read<_>>()?, read_pins(holds.pins)?)
        }
        Kind::Synced(_) => Message::Synced,
    })
}

fn ids(pins: Vec<PinId>) -> Vec<proto::Id> {
    pins.into_iter().map(WireId::id).collect()
}

fn read_pins(pins: Vec<proto::Id>) -> Read<Vec<PinId>> {
    if pins.len() > limits::SYNC_ITEMS {
        return Err(format!("{} pins in one message", pins.len()));
    }
    pins.into_iter().map(|pin| PinId::read(Some(pin))).collect()
}

fn item(item: Item) -> proto::Item {
    let what = match item.what {
        What::Object(object) => ProtoWhat::Object(object.id()),
        What::Actor(actor) => ProtoWhat::Actor(actor.id()),
    };
    proto::Item { owner: item.owner.0, what: Some(what) }
}

fn read_item(item: Option<proto::Item>) -> Read<Item> {
    let item = item.ok_or("a loan of nothing")?;
    let what = match item.what.ok_or("a loan of nothing")? {
        ProtoWhat::Object(id) => What::Object(WireId::read(Some(id))?),
        ProtoWhat::Actor(id) => What::Actor(WireId::read(Some(id))?),
    };
    Ok(Item { owner: NodeId(item.owner), what })
}

#[cfg(test)]
mod tests {
    use host_core::{ActorId, ObjectId};

    use super::*;

    #[test]
    fn every_loan_comes_back_as_it_was() {
        let node = NodeId(3);
        let object = Item { owner: node, what: What::Object(ObjectId { node, seq: 1 }) };
        let actor = Item { owner: NodeId(4), what: What::Actor(ActorId { node, seq: 2 }) };
        let pins = vec![PinId { node, seq: 9 }];
        let loans = [
            Message::Borrow(object, 1),
            Message::Borrowed(actor, 2),
            Message::Gone(object, 3),
            Message::Return(actor),
            Message::Release(pins.clone()),
            Message::Holds(vec![object, actor], pins),
            Message::Synced,
        ];
        for message in loans {
            assert_eq!(read_loan(loan(message.clone())), Ok(message));
        }
        assert!(read_loan(proto::Loan { kind: None }).is_err());
        let many = vec![PinId { node, seq: 1 }; limits::SYNC_ITEMS + 1];
        assert!(read_loan(loan(Message::Release(many))).is_err());
    }
}
