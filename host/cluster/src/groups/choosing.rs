//! Which bundle of its group an actor is put into.

use host_core::control::{Answer, GroupRecord, Key, Request, Value};
use host_core::placement::Strategy;
use host_core::placement::group::candidates;
use host_core::{Error, GroupId, NodeId};

use super::not_there;
use crate::machines::{Event, Machines};
use crate::spawns::Asked;

/// Where the bundles of an actor's group are, and which were asked.
#[derive(Default)]
pub(crate) struct Places {
    /// Bundles that can ever hold the actor, in the order to ask them.
    open: Vec<(u32, NodeId)>,
    /// The first so many had no room, or could not be asked.
    tried: usize,
}

impl Places {
    /// The one that was asked last has no room, or cannot be asked.
    pub(crate) fn refused(&mut self) {
        self.tried += 1;
    }

    /// The one that was asked last will not even let it wait.
    pub(crate) fn closed(&mut self) {
        self.open.remove(0);
    }
}

impl Machines {
    /// Finds out where the bundles of an actor's group are, and places it.
    pub(crate) fn locate_group(&mut self, asked: Box<Asked>, group: GroupId) {
        if group.node == self.shared.id {
            let Some(record) = self.groups.coordinator.record(group).cloned() else {
                let why = match self.groups.coordinator.get(group) {
                    Some(_) => not_ready(group),
                    None => not_there(group),
                };
                return asked.answer(Err(why));
            };
            return self.place_in(asked, &record);
        }
        if self.view().get(group.node).is_none() {
            return asked.answer(Err(not_there(group)));
        }
        let read = self.shared.control.ask(Request::Get(vec![Key::Group(group)]));
        let shared = self.shared.clone();
        self.shared.runtime.spawn(async move {
            let answer = read.await;
            shared.bring(Event::GroupRead(asked, group, answer));
        });
    }

    /// The record of an actor's group, from the control store.
    pub(crate) fn group_read(&mut self, asked: Box<Asked>, group: GroupId, answer: Answer) {
        let Answer::Entries { entries, .. } = answer else {
            let why = format!("the control store did not answer about placement group {group}");
            return asked.answer(Err(Error::Unavailable(why)));
        };
        match entries.first().map(|entry| &entry.value) {
            Some(Value::Group(record)) => self.place_in(asked, record),
            // Its coordinator alone knows which.
            _ => asked.answer(Err(not_ready(group))),
        }
    }

    fn place_in(&mut self, mut asked: Box<Asked>, record: &GroupRecord) {
        self.groups.turn = self.groups.turn.wrapping_add(1);
        let spec = &asked.birth.spec;
        let named = spec.group.and_then(|place| place.bundle);
        let bundles: Vec<_> = record.bundles.iter().map(|(resources, _)| resources).collect();
        let (group, turn) = (record.id, self.groups.turn);
        let fit = candidates(group, bundles.into_iter(), named, &spec.resources, turn);
        match fit {
            Ok(fit) => {
                let at = |bundle: u32| Some((bundle, record.bundles.get(bundle as usize)?.1));
                let open = fit.into_iter().filter_map(at).collect();
                asked.places = Some(Places { open, tried: 0 });
                self.place(asked);
            }
            Err(why) => asked.answer(Err(why)),
        }
    }

    /// The node to ask next for an actor in a group, whose bundle is noted.
    pub(crate) fn choose_bundle(asked: &mut Asked) -> Option<Result<NodeId, Error>> {
        let places = asked.places.as_ref()?;
        let next = match places.open.get(places.tried).filter(|_| !asked.wait) {
            Some(next) => next,
            None => {
                asked.wait = true;
                let Some(first) = places.open.first() else {
                    let why = "the bundles of its group take no more actors now; try again";
                    return Some(Err(Error::Unavailable(why.into())));
                };
                first
            }
        };
        let (bundle, node) = *next;
        let spec = &mut asked.birth.spec;
        if let Some(place) = &mut spec.group {
            place.bundle = Some(bundle);
        }
        // Wherever it starts again, it is there.
        spec.strategy = Strategy::Only(node.to_string().into());
        Some(Ok(node))
    }
}

fn not_ready(group: GroupId) -> Error {
    Error::Unavailable(format!(
        "placement group {group} is not reserved yet, or has ended: wait for `ready` before its \
         actors"
    ))
}
