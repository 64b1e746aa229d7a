//! Values on their way in and out of a guest: its resource indices become
//! counted references, and the other way round.

use host_core::{Error, limits};
use wasmtime::component::Resource;

use crate::refs::{Arg, Attached, Value};
use crate::sandbox::contract::{Outgoing, WitCarrying, WitValue};
use crate::sandbox::table::Table;

/// The arguments of a call, as the guest lent them.
pub(super) fn args(
    table: &Table,
    args: Vec<Outgoing>,
) -> wasmtime::Result<Result<Vec<Arg>, Error>> {
    if args.len() > limits::CALL_ARGS {
        return Ok(Err(Error::Invalid(format!(
            "a call with {} arguments; the most is {}",
            args.len(),
            limits::CALL_ARGS
        ))));
    }
    let mut out = Vec::with_capacity(args.len());
    for arg in args {
        let arg = match arg {
            Outgoing::Plain(bytes) => Arg::Value(Value::plain(bytes)),
            Outgoing::Object(object) => Arg::Object(table.object(object.rep())?.clone()),
            Outgoing::Carrying(carrying) => match lend(table, carrying)? {
                Ok(value) => Arg::Value(value),
                Err(error) => return Ok(Err(error)),
            },
        };
        out.push(arg);
    }
    Ok(Ok(out))
}

/// A value whose references the guest keeps.
fn lend(table: &Table, carrying: WitCarrying) -> wasmtime::Result<Result<Value, Error>> {
    if let Err(error) = check(&carrying) {
        return Ok(Err(error));
    }
    let refs = carrying.refs.iter().map(|object| table.object(object.rep()).cloned());
    let handles = carrying.handles.iter().map(|handle| table.handle(handle.rep()).cloned());
    let attached = Attached {
        refs: refs.collect::<Result<_, _>>()?,
        handles: handles.collect::<Result<_, _>>()?,
    };
    Ok(Ok(Value { bytes: carrying.bytes, attached: Some(Box::new(attached)) }))
}

/// A value whose references the guest gives away: what a method returns.
pub(in crate::sandbox) fn given(
    table: &mut Table,
    value: WitValue,
) -> wasmtime::Result<Result<Value, Error>> {
    let carrying = match value {
        WitValue::Plain(bytes) => return Ok(Ok(Value::plain(bytes))),
        WitValue::Carrying(carrying) => carrying,
    };
    let checked = check(&carrying);
    // Taken out in any case: the guest has given them up.
    let refs = carrying.refs.iter().map(|object| table.take_object(object.rep()));
    let refs = refs.collect::<Result<_, _>>()?;
    let handles = carrying.handles.iter().map(|handle| table.take_handle(handle.rep()));
    let attached = Attached { refs, handles: handles.collect::<Result<_, _>>()? };
    Ok(checked.map(|()| Value { bytes: carrying.bytes, attached: Some(Box::new(attached)) }))
}

fn check(carrying: &WitCarrying) -> Result<(), Error> {
    let count = carrying.refs.len() + carrying.handles.len();
    if count > limits::VALUE_ATTACHMENTS {
        return Err(Error::Invalid(format!(
            "a value with {count} refs and handles; the most is {}",
            limits::VALUE_ATTACHMENTS
        )));
    }
    Ok(())
}

/// A value for the guest, with its references in the guest's table.
pub(in crate::sandbox) fn lower(table: &mut Table, value: Value) -> Result<WitValue, Error> {
    let Some(attached) = value.attached else { return Ok(WitValue::Plain(value.bytes)) };
    let (objects, held) = attached.into_parts();
    let mut refs = Vec::with_capacity(objects.len());
    for object in objects {
        refs.push(Resource::new_own(table.push_ref(object)?));
    }
    let mut handles = Vec::with_capacity(held.len());
    for handle in held {
        handles.push(Resource::new_own(table.push_handle(handle)?));
    }
    Ok(WitValue::Carrying(WitCarrying { bytes: value.bytes, refs, handles }))
}
