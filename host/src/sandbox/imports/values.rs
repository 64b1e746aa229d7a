//! Values on their way in and out of a guest: its resource indices become
//! counted references, and the other way round.

use host_core::{Error, limits};
use wasmtime::component::Resource;

use crate::sandbox::contract::{
    OutgoingArguments, WitArguments, WitArgumentsCarrying, WitCarrying, WitValue,
};
use crate::sandbox::table::Table;
use host_refs::{ArgValues, Args, Attached, Value};

/// The arguments of a call, as the guest lent them.
#[inline]
pub(super) fn args(
    table: &Table,
    args: OutgoingArguments,
) -> wasmtime::Result<Result<Args, Error>> {
    let carrying = match args {
        OutgoingArguments::Plain(bytes) => return Ok(Ok(Args::plain(bytes))),
        OutgoingArguments::Carrying(carrying) => carrying,
    };
    if carrying.objects.len() > limits::CALL_ARGS {
        return Ok(Err(Error::Invalid(format!(
            "a call with {} objects as arguments; the most is {}",
            carrying.objects.len(),
            limits::CALL_ARGS
        ))));
    }
    let objects = carrying.objects.iter().map(|(place, object)| {
        let object = table.object(object.rep())?;
        Ok((*place, object.clone()))
    });
    let objects = objects.collect::<wasmtime::Result<_>>()?;
    let (bytes, refs, handles) = (carrying.bytes, carrying.refs, carrying.handles);
    let values = lend(table, WitCarrying { bytes, refs, handles })?;
    Ok(values.map(|values| Args { values, far: None, objects }))
}

/// A value, as the guest lent it.
pub(super) fn sent(table: &Table, value: WitValue) -> wasmtime::Result<Result<Value, Error>> {
    match value {
        WitValue::Plain(bytes) => Ok(Ok(Value::plain(bytes))),
        WitValue::Carrying(carrying) => lend(table, carrying),
    }
}

/// A value whose references the guest keeps.
fn lend(table: &Table, carrying: WitCarrying) -> wasmtime::Result<Result<Value, Error>> {
    if let Err(error) = check(&carrying) {
        return Ok(Err(error));
    }
    let WitCarrying { bytes, refs, handles } = carrying;
    if refs.is_empty() && handles.is_empty() {
        return Ok(Ok(Value::plain(bytes)));
    }
    let refs = refs.iter().map(|object| table.object(object.rep()).cloned());
    let handles = handles.iter().map(|handle| table.handle(handle.rep()).cloned());
    let attached = Attached {
        refs: refs.collect::<Result<_, _>>()?,
        handles: handles.collect::<Result<_, _>>()?,
    };
    Ok(Ok(Value { bytes, attached: Some(Box::new(attached)) }))
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
    if value.attached.is_none() {
        return Ok(WitValue::Plain(value.bytes));
    }
    Ok(WitValue::Carrying(carry(table, value)?))
}

/// Arguments for the guest, with their references in the guest's table.
pub(in crate::sandbox) fn lower_args(
    table: &mut Table,
    args: ArgValues,
) -> Result<WitArguments, Error> {
    let ArgValues { values, objects } = args;
    if values.attached.is_none() && objects.is_empty() {
        return Ok(WitArguments::Plain(values.bytes));
    }
    let WitCarrying { bytes, refs, handles } = carry(table, values)?;
    let objects = objects.into_iter().map(|(place, value)| Ok((place, lower(table, value)?)));
    let objects = objects.collect::<Result<_, Error>>()?;
    let carrying = WitArgumentsCarrying { bytes, refs, handles, objects };
    Ok(WitArguments::Carrying(Box::new(carrying)))
}

fn carry(table: &mut Table, value: Value) -> Result<WitCarrying, Error> {
    let (objects, held) = value.attached.map(|all| all.into_parts()).unwrap_or_default();
    let mut refs = Vec::with_capacity(objects.len());
    for object in objects {
        refs.push(Resource::new_own(table.push_ref(object)?));
    }
    let mut handles = Vec::with_capacity(held.len());
    for handle in held {
        handles.push(Resource::new_own(table.push_handle(handle)?));
    }
    Ok(WitCarrying { bytes: value.bytes, refs, handles })
}
