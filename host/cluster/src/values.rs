//! Values on their way: what they carry is passed on with a pin, and becomes
//! references of this node when it arrives.

use host_core::NodeId;
use host_proto::node as proto;
use host_refs::{Args, Attached, Handle, ObjectRef, Value};

use crate::machines::Machines;
use crate::wire::{Read, WireId};

/// What is larger is pulled when it is needed, beside the sessions, so that
/// it holds up no small call. A frame of so many bytes takes half a
/// millisecond on a link of 1 Gbit/s.
pub(crate) const INLINE_BYTES: usize = 64 << 10;

/// The pins of one message: taken back if it is not sent.
pub(crate) type Pins = Vec<u64>;

impl Machines {
    /// A value for a node.
    pub(crate) fn send_value(
        &mut self,
        value: &Value,
        to: NodeId,
        pins: &mut Pins,
    ) -> proto::Value {
        let mut sent = proto::Value { bytes: value.bytes.clone(), ..proto::Value::default() };
        if let Some(attached) = &value.attached {
            sent.refs =
                attached.refs.iter().map(|object| self.send_ref(object, to, pins)).collect();
            sent.handles =
                attached.handles.iter().map(|handle| self.send_handle(handle, to, pins)).collect();
        }
        sent
    }

    /// A value for a node, by reference to an object if it is large.
    pub(crate) fn send_carried(
        &mut self,
        value: &Value,
        to: NodeId,
        pins: &mut Pins,
    ) -> proto::Carried {
        if value.bytes.len() <= INLINE_BYTES {
            let value = Some(self.send_value(value, to, pins));
            return proto::Carried { value, far: None };
        }
        let object = self.shared.local.put(value.clone());
        let far = Some(self.send_ref(&object, to, pins));
        let value = Some(self.send_away(value, to, pins));
        proto::Carried { value, far }
    }

    /// A large value without its bytes.
    pub(crate) fn send_away(&mut self, value: &Value, to: NodeId, pins: &mut Pins) -> proto::Value {
        let size = value.bytes.len() as u64;
        let bytes = bytes::Bytes::new();
        let carried = Value { bytes: bytes.clone(), attached: value.attached.clone() };
        proto::Value { size, bytes, ..self.send_value(&carried, to, pins) }
    }

    /// The arguments of a call for a node.
    pub(crate) fn send_args(&mut self, args: &Args, to: NodeId, pins: &mut Pins) -> proto::Args {
        let values = match &args.far {
            None => self.send_carried(&args.values, to, pins),
            Some(far) => proto::Carried { value: None, far: Some(self.send_ref(far, to, pins)) },
        };
        let objects = args.objects.iter().map(|(place, object)| {
            let object = Some(self.send_ref(object, to, pins));
            proto::Placed { place: *place, object }
        });
        let objects = objects.collect();
        proto::Args { values: Some(values), objects }
    }

    /// A value that a node sent, with its bytes.
    pub(crate) fn take_value(&mut self, value: proto::Value) -> Read<Value> {
        let attached = self.take_attached(value.refs, value.handles)?;
        Ok(Value { bytes: value.bytes, attached })
    }

    /// What a value carries. All of it is taken, even if some makes no sense:
    /// a pin that nobody releases would hold its item for ever.
    pub(crate) fn take_attached(
        &mut self,
        refs: Vec<proto::Ref>,
        handles: Vec<proto::Handle>,
    ) -> Read<Option<Box<Attached>>> {
        if refs.is_empty() && handles.is_empty() {
            return Ok(None);
        }
        let refs: Vec<Read<ObjectRef>> =
            refs.into_iter().map(|object| self.take_ref(Some(object))).collect();
        let handles: Vec<Read<Handle>> =
            handles.into_iter().map(|handle| self.take_handle(handle)).collect();
        let refs = refs.into_iter().collect::<Read<_>>()?;
        let handles = handles.into_iter().collect::<Read<_>>()?;
        Ok(Some(Box::new(Attached { refs, handles })))
    }

    /// The arguments that a node sent.
    pub(crate) fn take_args(&mut self, args: Option<proto::Args>) -> Read<Args> {
        let args = args.ok_or("a call without arguments")?;
        let carried = args.values.unwrap_or_default();
        let mut places: Vec<Read<(u32, ObjectRef)>> = Vec::with_capacity(args.objects.len());
        for placed in args.objects {
            let object = self.take_ref(placed.object);
            places.push(object.map(|object| (placed.place, object)));
        }
        let (far, value) = (carried.far, carried.value);
        let (values, far) = match far {
            None => (self.take_value(value.unwrap_or_default())?, None),
            Some(far) => {
                let far = self.take_ref(Some(far))?;
                if let Some(value) = value {
                    self.settle_far(&far, value)?;
                }
                (Value::default(), Some(far))
            }
        };
        let objects: Vec<(u32, ObjectRef)> = places.into_iter().collect::<Read<_>>()?;
        if !objects.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err("the arguments that are objects are not in order".into());
        }
        Ok(Args { values, far, objects })
    }
}

/// Ids of objects, as they are passed on.
pub(crate) fn wire_ref(object: &ObjectRef, pin: host_core::lending::PinId) -> proto::Ref {
    proto::Ref { object: Some(object.id().id()), pin: Some(pin.id()) }
}
