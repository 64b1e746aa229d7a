//! Which bundle of a group an actor goes to.

use crate::error::Error;
use crate::id::GroupId;
use crate::resources::Resources;

/// The bundles that can hold what an actor asks for, in the order to ask them:
/// the one that it names, or all that are large enough, beginning with another
/// for each `turn`. Errors say why there is none.
pub fn candidates<'a>(
    group: GroupId,
    bundles: impl ExactSizeIterator<Item = &'a Resources>,
    named: Option<u32>,
    asked: &Resources,
    turn: u64,
) -> Result<Vec<u32>, Error> {
    let count = bundles.len();
    if let Some(named) = named
        && named as usize >= count
    {
        return Err(Error::Invalid(format!(
            "placement group {group} has {count} bundles, from 0: there is no bundle {named}"
        )));
    }
    let mut fitting = Vec::new();
    let mut reasons = Vec::new();
    for (bundle, at) in bundles.zip(0..).filter(|(_, at)| named.is_none_or(|named| named == *at)) {
        match asked.first_shortage(bundle) {
            None => fitting.push(at),
            Some(shortage) => {
                let (asked, has) = shortage.shown();
                reasons.push(format!("bundle {at} cannot hold {asked} (has {has})"));
            }
        }
    }
    if fitting.is_empty() {
        let why = reasons.join("; ");
        return Err(Error::Unplaceable(format!("in placement group {group}: {why}")));
    }
    let turn = usize::try_from(turn % fitting.len() as u64).unwrap_or(0);
    fitting.rotate_left(turn);
    Ok(fitting)
}
