//! Objects of this node that others hold, and objects of others held here.

use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};

use host_core::lending::{Effect as LendingEffect, Event as LendingEvent, Item, PinId, What};
use host_core::{Error, NodeId, ObjectId};
use host_proto::node as proto;
use host_proto::node::message::Kind;
use host_proto::node::settled::Kind as How;
use host_refs::{Attached, Fetch, ObjectRef, Outcome, Value, WeakObjectRef};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use crate::machines::{Event, Machines, Todo};
use crate::member::{Inner, Shared};
use crate::values::{INLINE_BYTES, Pins, wire_ref};
use crate::wire::{self, Read, WireId};

/// Nodes that may wait for one object. More than there are nodes is hostile.
const WATCHERS_MAX: usize = 4_096;

/// The objects of both kinds.
#[derive(Default)]
pub(crate) struct Objects {
    /// Of this node, while another may hold them.
    exports: FxHashMap<ObjectId, Export>,
    /// Of others, while they are held here.
    imports: FxHashMap<ObjectId, WeakObjectRef>,
}

struct Export {
    object: ObjectRef,
    /// Who is told how it turns out, while it is pending.
    watchers: Vec<NodeId>,
}

/// Lives as long as there are references to an object of another node.
struct Borrow {
    object: ObjectId,
    member: Weak<Inner>,
}

impl Drop for Borrow {
    fn drop(&mut self) {
        if let Some(member) = self.member.upgrade() {
            member.leave(Event::ObjectDropped(self.object));
        }
    }
}

/// Brings an object of another node here when it is needed.
struct Far {
    shared: Arc<Shared>,
    object: ObjectId,
    size: u64,
    attached: Option<Box<Attached>>,
    /// Keeps it alive where it is.
    #[allow(dead_code, reason = "held for its drop")]
    hold: Option<ObjectRef>,
    /// What was brought here, while the object store has room for it.
    here: Mutex<Option<(Value, Box<dyn Send>)>>,
}

impl Fetch for Far {
    fn fetch(&self) -> host_refs::Fetching<'_> {
        if let Some((value, _)) = &*self.here.lock() {
            let value = value.clone();
            return Box::pin(std::future::ready(Ok(value)));
        }
        Box::pin(async move {
            let local = &self.shared.local;
            let bytes = local.pull(self.object, self.size, self.object.node).await?;
            let value = Value { bytes, attached: self.attached.clone() };
            if let Some(held) = local.admit(self.object, value.weight()) {
                *self.here.lock() = Some((value.clone(), held));
            }
            Ok(value)
        })
    }
}

/// Told when an object that others watch is settled.
struct Watched {
    object: ObjectId,
    member: Weak<Inner>,
}

impl Wake for Watched {
    fn wake(self: Arc<Self>) {
        if let Some(member) = self.member.upgrade() {
            member.leave(Event::ExportSettled(self.object));
        }
    }
}

impl Objects {
    /// An object of this node that others may hold.
    pub(crate) fn exported(&self, object: ObjectId) -> Option<ObjectRef> {
        self.exports.get(&object).map(|export| export.object.clone())
    }

    /// Objects of this node that others hold, and the reverse.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.exports.len(), self.imports.len())
    }
}

impl Machines {
    /// An object for a node.
    pub(crate) fn send_ref(
        &mut self,
        object: &ObjectRef,
        to: NodeId,
        pins: &mut Pins,
    ) -> proto::Ref {
        let id = object.id();
        if id.node == self.shared.id {
            let export = || Export { object: object.clone(), watchers: Vec::new() };
            self.objects.exports.entry(id).or_insert_with(export);
        }
        let pin = self.lending.pass_on(Item::object(id), to);
        pins.push(pin.seq);
        wire_ref(object, pin)
    }

    /// An object that a node passed on.
    pub(crate) fn take_ref(&mut self, sent: Option<proto::Ref>) -> Read<ObjectRef> {
        let sent = sent.ok_or("an object is missing")?;
        let id = ObjectId::read(sent.object)?;
        let pin = PinId::read(sent.pin)?;
        let item = Item::object(id);
        let mut effects = Vec::new();
        self.lending.arrived(item, pin, &mut effects);
        self.later(effects.into_iter().map(Todo::Lending));
        if id.node == self.shared.id {
            let object = self.objects.exported(id);
            // Its references here count by themselves.
            self.lending(LendingEvent::Dropped(item));
            return Ok(object.unwrap_or_else(|| lost(id)));
        }
        let known = self.objects.imports.get(&id).and_then(WeakObjectRef::upgrade);
        if let Some(known) = known {
            return Ok(known);
        }
        let borrow = Borrow { object: id, member: self.shared.weak() };
        let object = ObjectRef::borrowed(id, Box::new(borrow));
        self.objects.imports.insert(id, object.downgrade());
        self.answer(id.node, Kind::Watch(proto::Watch { object: Some(id.id()) }));
        Ok(object)
    }

    /// The last reference to another node's object is gone, unless a new one
    /// came meanwhile.
    pub(crate) fn object_dropped(&mut self, id: ObjectId) {
        let gone = self.objects.imports.get(&id).is_some_and(|weak| weak.upgrade().is_none());
        if gone {
            self.objects.imports.remove(&id);
            self.lending(LendingEvent::Dropped(Item::object(id)));
        }
    }

    /// No node holds an object of this one any more.
    pub(crate) fn object_freed(&mut self, id: ObjectId) {
        self.objects.exports.remove(&id);
    }

    /// An object that is held here went with its owner.
    pub(crate) fn object_lost(&mut self, id: ObjectId) {
        let object = self.objects.imports.get(&id).and_then(WeakObjectRef::upgrade);
        if let Some(object) = object {
            object.settle(Err(Arc::new(gone(id))), None);
        }
    }

    /// The same for all that a node owned.
    pub(crate) fn objects_lost(&mut self, node: NodeId) {
        let lost = self.objects.imports.keys().filter(|id| id.node == node);
        let lost: Vec<ObjectId> = lost.copied().collect();
        lost.into_iter().for_each(|id| self.object_lost(id));
    }

    /// What was asked of a node may be lost: it is asked again.
    pub(crate) fn watch_again(&mut self, node: NodeId) {
        let pending = |(id, weak): (&ObjectId, &WeakObjectRef)| {
            let object = weak.upgrade().filter(|_| id.node == node)?;
            (!object.is_settled()).then_some(*id)
        };
        let pending: Vec<ObjectId> = self.objects.imports.iter().filter_map(pending).collect();
        for id in pending {
            self.answer(node, Kind::Watch(proto::Watch { object: Some(id.id()) }));
        }
    }

    pub(crate) fn take_watch(&mut self, from: NodeId, watch: proto::Watch) -> Read<()> {
        let id = ObjectId::read(watch.object)?;
        let Some(export) = self.objects.exports.get_mut(&id) else {
            let how = How::Failed(wire::error(&gone(id)));
            let settled = proto::Settled { object: Some(id.id()), kind: Some(how) };
            self.answer(from, Kind::Settled(settled));
            return Ok(());
        };
        if export.watchers.len() >= WATCHERS_MAX {
            return Err(format!("{id} is watched by {WATCHERS_MAX} nodes"));
        }
        if !export.watchers.contains(&from) {
            export.watchers.push(from);
        }
        let watched = Watched { object: id, member: self.shared.weak() };
        if !export.object.wake_when_settled(&Waker::from(Arc::new(watched))) {
            self.export_settled(id);
        }
        Ok(())
    }

    /// An object that others watch is settled: they are told.
    pub(crate) fn export_settled(&mut self, id: ObjectId) {
        let Some(export) = self.objects.exports.get_mut(&id) else { return };
        let watchers = std::mem::take(&mut export.watchers);
        if watchers.is_empty() {
            return;
        }
        let object = export.object.clone();
        match object.outcome_now() {
            Some(outcome) => {
                for node in watchers {
                    self.tell_settled(id, &outcome, node);
                }
            }
            // On disk: it is brought back first, and they stay in the list.
            None => {
                if let Some(export) = self.objects.exports.get_mut(&id) {
                    export.watchers = watchers;
                }
                self.bring_back(object);
            }
        }
    }

    fn bring_back(&self, object: ObjectRef) {
        let shared = self.shared.clone();
        self.shared.runtime.spawn(async move {
            let outcome = object.outcome().await;
            shared.bring(Event::ExportRead(object.id(), outcome));
        });
    }

    /// An object that others watch is there again.
    pub(crate) fn export_read(&mut self, id: ObjectId, outcome: &Outcome) {
        let Some(export) = self.objects.exports.get_mut(&id) else { return };
        for node in std::mem::take(&mut export.watchers) {
            self.tell_settled(id, outcome, node);
        }
    }

    fn tell_settled(&mut self, id: ObjectId, outcome: &Outcome, to: NodeId) {
        let mut pins = Pins::new();
        let how = match outcome {
            Ok(value) if value.bytes.len() <= INLINE_BYTES => {
                How::Value(self.send_value(value, to, &mut pins))
            }
            Ok(value) => How::Value(self.send_away(value, to, &mut pins)),
            Err(error) => How::Failed(wire::error(error)),
        };
        let settled = proto::Settled { object: Some(id.id()), kind: Some(how) };
        self.answer(to, Kind::Settled(settled));
    }

    pub(crate) fn take_settled(&mut self, from: NodeId, settled: proto::Settled) -> Read<()> {
        let id = ObjectId::read(settled.object)?;
        if id.node != from {
            return Err(format!("{from} says how {id} turned out, which is not its own"));
        }
        let object = self.objects.imports.get(&id).and_then(WeakObjectRef::upgrade);
        match settled.kind.ok_or("an object that turned out in an unknown way")? {
            How::Failed(error) => {
                if let Some(object) = object {
                    object.settle(Err(Arc::new(wire::read_error(error))), None);
                }
            }
            How::Value(value) if value.size > 0 => {
                let attached = self.take_attached(value.refs, value.handles)?;
                if let Some(object) = object {
                    object.settle_away(self.far(id, value.size, attached, None));
                }
            }
            How::Value(value) => {
                let value = self.take_value(value)?;
                if let Some(object) = object {
                    self.shared.local.settle(&object, value);
                }
            }
        }
        Ok(())
    }

    /// An object that came with what it holds: only its bytes are elsewhere.
    pub(crate) fn settle_far(&mut self, object: &ObjectRef, value: proto::Value) -> Read<()> {
        let attached = self.take_attached(value.refs, value.handles)?;
        if object.id().node != self.shared.id {
            object.settle_away(self.far(object.id(), value.size, attached, None));
        }
        Ok(())
    }

    /// Where the bytes of a value are that is an object of another node.
    pub(crate) fn far(
        &self,
        object: ObjectId,
        size: u64,
        attached: Option<Box<Attached>>,
        hold: Option<ObjectRef>,
    ) -> Arc<dyn Fetch> {
        let (shared, here) = (self.shared.clone(), Mutex::new(None));
        Arc::new(Far { shared, object, size, attached, hold, here })
    }
}

/// A call that an object's loss ends says so.
fn gone(id: ObjectId) -> Error {
    Error::ObjectLost(format!("{id} is lost: {} has gone, or let go of it", id.node))
}

/// A reference to an object of this node that is not there any more.
fn lost(id: ObjectId) -> ObjectRef {
    let object = ObjectRef::borrowed(id, Box::new(()));
    object.settle(Err(Arc::new(gone(id))), None);
    object
}

impl Machines {
    pub(crate) fn lending(&mut self, event: LendingEvent) {
        let mut effects = Vec::new();
        self.lending.handle(event, &mut effects);
        self.later(effects.into_iter().map(Todo::Lending));
    }

    pub(crate) fn lending_effect(&mut self, effect: LendingEffect) {
        match effect {
            LendingEffect::Send(to, message) => self.answer(to, Kind::Loan(wire::loan(message))),
            LendingEffect::Free(Item { what: What::Object(id), .. }) => self.object_freed(id),
            LendingEffect::Free(Item { what: What::Actor(id), .. }) => self.actor_freed(id),
            LendingEffect::Lost(Item { what: What::Object(id), .. }) => self.object_lost(id),
            // Its next call finds out what became of it.
            LendingEffect::Lost(Item { what: What::Actor(_), .. }) => {}
        }
    }
}
