//! The checks: pure, and of one actor at a time.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::{Call, Fault, History, Operation, Outcome, Place, Snapshot, Violation};

pub(super) fn violations(history: &History) -> Vec<Violation> {
    let mut actors: BTreeMap<&str, Life<'_>> = BTreeMap::new();
    for operation in &history.operations {
        actors.entry(&operation.actor).or_default().operations.push(operation);
    }
    for snapshot in &history.snapshots {
        actors.entry(&snapshot.actor).or_default().snapshots.push(snapshot);
    }
    let mut all = Vec::new();
    for (actor, life) in actors {
        let mut faults = life.faults(history);
        let mut open = life.operations.iter().filter(|it| it.outcome == Outcome::Open);
        faults.extend(
            open.by_ref()
                .filter(|it| history.finished.contains(&it.call.caller))
                .map(|it| Fault::Hung { call: it.call.clone() }),
        );
        all.extend(faults.into_iter().map(|what| Violation { actor: actor.to_owned(), what }));
    }
    all
}

/// What is known about one actor.
#[derive(Default)]
struct Life<'a> {
    operations: Vec<&'a Operation>,
    snapshots: Vec<&'a Snapshot>,
}

/// A call that is known to have run.
struct Ran<'a> {
    place: Place,
    call: &'a Call,
    /// Nothing is known of one that nobody sent.
    operation: Option<&'a Operation>,
}

impl Ran<'_> {
    /// When its effect was certain to be there.
    fn answered(&self) -> Option<Duration> {
        let operation = self.operation?;
        matches!(operation.outcome, Outcome::Done(_)).then_some(operation.ended)
    }
}

impl Life<'_> {
    fn faults(&self, history: &History) -> Vec<Fault> {
        let mut faults = Vec::new();
        let ran = self.ran(history, &mut faults);
        self.acknowledged_are_kept(&mut faults);
        self.lives_end(&mut faults);
        run_once(&ran, &mut faults);
        callers_are_in_order(&ran, &mut faults);
        effects_are_in_time(&ran, &mut faults);
        faults
    }

    /// All calls that ran, by place, each place once.
    fn ran(&self, history: &History, faults: &mut Vec<Fault>) -> Vec<Ran<'_>> {
        let operations: HashMap<&Call, &Operation> =
            self.operations.iter().map(|operation| (&operation.call, *operation)).collect();
        let mut places: BTreeMap<Place, &Call> = BTreeMap::new();
        let mut put = |place, call, faults: &mut Vec<Fault>| {
            let one = *places.entry(place).or_insert(call);
            if one != call {
                faults.push(Fault::Split { one: one.clone(), other: call.clone(), place });
            }
        };
        for operation in &self.operations {
            if let Outcome::Done(place) = operation.outcome {
                put(place, &operation.call, faults);
            }
        }
        for snapshot in &self.snapshots {
            for (place, call) in entries(snapshot) {
                put(place, call, faults);
            }
        }
        let ran: Vec<Ran<'_>> = places
            .into_iter()
            .map(|(place, call)| Ran { place, call, operation: operations.get(call).copied() })
            .collect();
        for Ran { place, call, operation } in &ran {
            match operation.map(|operation| operation.outcome) {
                None if history.cut_off.contains(&call.caller) => {}
                None => faults.push(Fault::Invented { call: (*call).clone(), place: *place }),
                Some(Outcome::Refused) => {
                    faults.push(Fault::RefusedRan { call: (*call).clone(), place: *place });
                }
                Some(Outcome::Done(_) | Outcome::Unknown | Outcome::Open) => {}
            }
        }
        ran
    }

    /// What was answered before a look at the log is in it. (That something
    /// else stands there is a split, found elsewhere.)
    fn acknowledged_are_kept(&self, faults: &mut Vec<Fault>) {
        for snapshot in &self.snapshots {
            let length = snapshot.entries.len() as u64;
            for operation in &self.operations {
                let Outcome::Done(place) = operation.outcome else { continue };
                let same_life = place.incarnation == snapshot.incarnation;
                let answered = operation.ended < snapshot.invoked;
                if same_life && answered && place.position >= length {
                    faults.push(Fault::Lost { call: operation.call.clone(), place, length });
                }
            }
        }
    }

    /// No life answers a look that was sent when a later one had answered.
    fn lives_end(&self, faults: &mut Vec<Fault>) {
        for snapshot in &self.snapshots {
            let later = self.operations.iter().find_map(|operation| match operation.outcome {
                Outcome::Done(place)
                    if place.incarnation > snapshot.incarnation
                        && operation.ended < snapshot.invoked =>
                {
                    Some((operation.call.clone(), place))
                }
                _ => None,
            });
            if let Some((call, place)) = later {
                let incarnation = snapshot.incarnation;
                faults.push(Fault::Zombie { incarnation, call, place });
            }
        }
    }
}

fn entries(snapshot: &Snapshot) -> impl Iterator<Item = (Place, &Call)> {
    let incarnation = snapshot.incarnation;
    (0..)
        .zip(&snapshot.entries)
        .map(move |(position, call)| (Place { incarnation, position }, call))
}

fn run_once(ran: &[Ran<'_>], faults: &mut Vec<Fault>) {
    let mut seen: HashMap<&Call, Place> = HashMap::new();
    for Ran { place, call, .. } in ran {
        if let Some(first) = seen.insert(call, *place) {
            faults.push(Fault::Twice { call: (*call).clone(), first, second: *place });
        }
    }
}

fn callers_are_in_order(ran: &[Ran<'_>], faults: &mut Vec<Fault>) {
    let mut last: HashMap<&str, &Call> = HashMap::new();
    for Ran { call, .. } in ran {
        match last.get(call.caller.as_str()) {
            // One that ran twice is reported as that.
            Some(later) if later.sequence > call.sequence => {
                let later = (*later).clone();
                faults.push(Fault::Reordered { earlier: (*call).clone(), later });
            }
            _ => {
                last.insert(&call.caller, call);
            }
        }
    }
}

/// From the last place to the first: no call was sent after one behind it had
/// been answered.
fn effects_are_in_time(ran: &[Ran<'_>], faults: &mut Vec<Fault>) {
    let mut first_answer: Option<(Duration, &Call)> = None;
    for it in ran.iter().rev() {
        if let (Some((answered, before)), Some(operation)) = (first_answer, it.operation)
            && answered < operation.invoked
        {
            faults.push(Fault::Stale { call: it.call.clone(), before: before.clone() });
        }
        if let Some(answered) = it.answered()
            && first_answer.is_none_or(|(first, _)| answered < first)
        {
            first_answer = Some((answered, it.call));
        }
    }
}
