//! Which actor has which name.
//!
//! Owns the table of one cluster's names, or one node's part of it: a name
//! belongs to one actor at a time in its namespace, until that actor gives it
//! up by ending. Whether a name is well formed is [`crate::spec`]'s business.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::id::ActorId;

/// The names that are taken. Names come from guests, so they are kept in
/// trees: no choice of them makes a lookup slow.
#[derive(Clone, Default, Debug)]
pub struct Names {
    /// By namespace, then by name; no namespace is empty.
    spaces: BTreeMap<Arc<str>, BTreeMap<Arc<str>, ActorId>>,
    /// The same the other way round; no list is empty.
    held: FxHashMap<ActorId, Vec<FullName>>,
}

/// Another actor has the name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the name is taken by {holder}")]
pub struct Taken {
    /// Which actor has it.
    pub holder: ActorId,
}

#[derive(Clone, Debug)]
struct FullName {
    namespace: Arc<str>,
    name: Arc<str>,
}

impl Names {
    /// Gives the name to the actor. To claim what one has already is allowed
    /// and changes nothing, so that a claim can be repeated.
    pub fn claim(&mut self, namespace: &str, name: &str, actor: ActorId) -> Result<(), Taken> {
        match self.lookup(namespace, name) {
            Some(holder) if holder == actor => return Ok(()),
            Some(holder) => return Err(Taken { holder }),
            None => {}
        }
        let namespace = match self.spaces.get_key_value(namespace) {
            Some((known, _)) => known.clone(),
            None => namespace.into(),
        };
        let name: Arc<str> = name.into();
        self.spaces.entry(namespace.clone()).or_default().insert(name.clone(), actor);
        self.held.entry(actor).or_default().push(FullName { namespace, name });
        Ok(())
    }

    /// The actor that has the name.
    pub fn lookup(&self, namespace: &str, name: &str) -> Option<ActorId> {
        self.spaces.get(namespace)?.get(name).copied()
    }

    /// The actor ended: its names are free again. For one without a name this
    /// is a single failed hash lookup.
    pub fn release(&mut self, actor: ActorId) {
        for FullName { namespace, name } in self.held.remove(&actor).unwrap_or_default() {
            let Some(space) = self.spaces.get_mut(&namespace) else { continue };
            space.remove(&name);
            if space.is_empty() {
                self.spaces.remove(&namespace);
            }
        }
    }

    /// Namespace, name and holder of every name, in order; of one namespace
    /// if it is given.
    pub fn list<'a>(
        &'a self,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a str, &'a str, ActorId)> {
        let one = namespace.and_then(|namespace| self.spaces.get_key_value(namespace));
        let all = namespace.is_none().then_some(&self.spaces).into_iter().flatten();
        one.into_iter()
            .chain(all)
            .flat_map(|(space, names)| names.iter().map(move |(name, id)| (&**space, &**name, *id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::NodeId;

    fn actor(seq: u64) -> ActorId {
        ActorId { node: NodeId(1), seq }
    }

    #[test]
    fn a_name_has_one_holder() {
        let mut names = Names::default();
        assert_eq!(names.claim("default", "hits", actor(1)), Ok(()));
        let taken = names.claim("default", "hits", actor(2)).unwrap_err();
        assert_eq!(taken, Taken { holder: actor(1) });
        assert_eq!(taken.to_string(), "the name is taken by a1@n1");
        assert_eq!(names.lookup("default", "hits"), Some(actor(1)));
    }

    #[test]
    fn claiming_again_changes_nothing() {
        let mut names = Names::default();
        names.claim("default", "hits", actor(1)).unwrap();
        assert_eq!(names.claim("default", "hits", actor(1)), Ok(()));
        assert_eq!(names.list(None).count(), 1);
        names.release(actor(1));
        assert_eq!(names.list(None).count(), 0);
    }

    #[test]
    fn namespaces_do_not_meet() {
        let mut names = Names::default();
        names.claim("a", "hits", actor(1)).unwrap();
        names.claim("b", "hits", actor(2)).unwrap();
        assert_eq!(names.lookup("a", "hits"), Some(actor(1)));
        assert_eq!(names.lookup("b", "hits"), Some(actor(2)));
        assert_eq!(names.lookup("", "hits"), None);
    }

    #[test]
    fn the_end_of_an_actor_frees_all_its_names() {
        let mut names = Names::default();
        names.claim("a", "one", actor(1)).unwrap();
        names.claim("b", "two", actor(1)).unwrap();
        names.claim("b", "three", actor(2)).unwrap();
        names.release(actor(1));
        assert_eq!(names.list(None).collect::<Vec<_>>(), [("b", "three", actor(2))]);
        assert_eq!(names.claim("a", "one", actor(3)), Ok(()));
    }

    #[test]
    fn a_namespace_without_names_leaves_nothing_behind() {
        // Guests choose them, and could make ever new ones.
        let mut names = Names::default();
        names.claim("a", "one", actor(1)).unwrap();
        names.claim("a", "two", actor(2)).unwrap();
        names.release(actor(1));
        assert_eq!((names.spaces.len(), names.held.len()), (1, 1));
        names.release(actor(2));
        assert_eq!((names.spaces.len(), names.held.len()), (0, 0));
    }

    #[test]
    fn releasing_twice_or_without_a_name_is_harmless() {
        let mut names = Names::default();
        names.claim("a", "one", actor(1)).unwrap();
        names.release(actor(1));
        names.claim("a", "one", actor(2)).unwrap();
        names.release(actor(1));
        names.release(actor(9));
        assert_eq!(names.lookup("a", "one"), Some(actor(2)));
    }

    #[test]
    fn the_list_is_sorted_and_can_be_narrowed() {
        let mut names = Names::default();
        for (space, name, seq) in [("b", "x", 1), ("a", "z", 2), ("a", "y", 3)] {
            names.claim(space, name, actor(seq)).unwrap();
        }
        let all = [("a", "y", actor(3)), ("a", "z", actor(2)), ("b", "x", actor(1))];
        assert_eq!(names.list(None).collect::<Vec<_>>(), all);
        assert_eq!(names.list(Some("a")).collect::<Vec<_>>(), all[..2]);
        assert_eq!(names.list(Some("c")).count(), 0);
    }
}
