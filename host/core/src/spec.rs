//! What an actor asks for: its options as given, and as they hold once class,
//! call site and defaults are put together.

use std::fmt;

use crate::error::Error;
use crate::id::GroupId;
use crate::limits;
use crate::placement::{GPUS, Request, Selector, Strategy};
use crate::resources::{Amount, Resources};

/// How many calls of one actor may be in progress.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Concurrency {
    /// One at a time.
    Sequential,
    /// Up to `max_concurrency`.
    Concurrent,
}

/// A number of tries that may have no end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tries {
    /// This many.
    AtMost(u32),
    /// As many as it takes.
    Unbounded,
}

/// What is between an actor and others, besides the sandbox.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Isolation {
    /// Nothing: it runs in its node's process.
    #[default]
    Shared,
    /// A process of its own.
    Process,
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Isolation::Shared => "shared",
            Isolation::Process => "process",
        })
    }
}

/// Options as a class or a call site gives them; absent ones are inherited.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Options {
    /// CPUs to reserve.
    pub cpus: Option<f64>,
    /// GPUs to reserve.
    pub gpus: Option<f64>,
    /// Bytes of memory to reserve, and the limit.
    pub memory: Option<u64>,
    /// Custom resources to reserve.
    pub resources: Vec<(String, f64)>,
    /// Which of several nodes.
    pub strategy: Option<Strategy>,
    /// Conditions on the node's labels, as [`Selector::parse_all`] reads them;
    /// those of a call site take the place of all that the class gives.
    pub labels: Vec<String>,
    /// Restarts after a crash; -1: no bound.
    pub max_restarts: Option<i32>,
    /// Further tries of a call after a crash; -1: no bound.
    pub max_retries: Option<i32>,
    /// Calls in progress at once.
    pub max_concurrency: Option<u32>,
    /// Calls waiting.
    pub max_pending_calls: Option<u32>,
    /// Name, unique in the namespace.
    pub name: Option<String>,
    /// Where the name lives.
    pub namespace: Option<String>,
    /// Whether it outlives its job and its handles.
    pub detached: Option<bool>,
    /// What is between it and other actors.
    pub isolation: Option<Isolation>,
    /// The placement group that it is put into: its id, as printed, and which
    /// of its bundles, if one is named.
    pub group: Option<(String, Option<u32>)>,
}

/// An actor's options, checked and complete.
#[derive(Clone, PartialEq, Debug)]
pub struct ActorSpec {
    /// What is reserved on its node.
    pub resources: Resources,
    /// Which of several nodes.
    pub strategy: Strategy,
    /// What its node's labels must be.
    pub labels: Vec<Selector>,
    /// The limit of its memories together, in bytes.
    pub memory_bytes_max: u64,
    /// Restarts after a crash.
    pub max_restarts: Tries,
    /// Further tries of a call after a crash.
    pub max_retries: Tries,
    /// Calls in progress at once; 1 for sequential actors.
    pub max_concurrency: u32,
    /// Calls waiting.
    pub max_pending_calls: u32,
    /// Its name, if any.
    pub name: Option<String>,
    /// Where its name lives.
    pub namespace: String,
    /// Whether it outlives its job and its handles.
    pub detached: bool,
    /// What is between it and other actors.
    pub isolation: Isolation,
    /// The placement group that it is in: what it asks for is taken from a
    /// bundle of that, and not from its node.
    pub group: Option<InGroup>,
}

/// A place in a placement group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InGroup {
    /// The group.
    pub group: GroupId,
    /// Which of its bundles, from 0; none until one is chosen.
    pub bundle: Option<u32>,
}

/// The namespace of names that give none.
pub const DEFAULT_NAMESPACE: &str = "default";

impl Options {
    /// These options where given, else `base`'s.
    pub fn over(self, base: &Options) -> Options {
        let mut resources = base.resources.clone();
        for (name, amount) in self.resources {
            if resources.len() > limits::RESERVED_RESOURCES {
                // Refused by `resolve`, however many follow.
                break;
            }
            match resources.iter_mut().find(|(known, _)| *known == name) {
                Some(entry) => entry.1 = amount,
                None => resources.push((name, amount)),
            }
        }
        // Where a group's bundles are is decided: the class has no say.
        let placed = self.group.is_some();
        let labels =
            if placed || !self.labels.is_empty() { self.labels } else { base.labels.clone() };
        Options {
            cpus: self.cpus.or(base.cpus),
            gpus: self.gpus.or(base.gpus),
            memory: self.memory.or(base.memory),
            resources,
            strategy: self.strategy.or_else(|| base.strategy.clone().filter(|_| !placed)),
            labels,
            max_restarts: self.max_restarts.or(base.max_restarts),
            max_retries: self.max_retries.or(base.max_retries),
            max_concurrency: self.max_concurrency.or(base.max_concurrency),
            max_pending_calls: self.max_pending_calls.or(base.max_pending_calls),
            name: self.name.or_else(|| base.name.clone()),
            namespace: self.namespace.or_else(|| base.namespace.clone()),
            detached: self.detached.or(base.detached),
            isolation: self.isolation.or(base.isolation),
            group: self.group.or_else(|| base.group.clone()),
        }
    }

    /// Checks every option and fills in the defaults. Errors are
    /// [`Error::Invalid`] and name the option.
    pub fn resolve(self, concurrency: Concurrency) -> Result<ActorSpec, Error> {
        let resources = self.reserved()?;
        let memory_bytes_max = self.memory.unwrap_or(limits::ACTOR_MEMORY_BYTES);
        if memory_bytes_max < limits::ACTOR_MEMORY_BYTES_MIN {
            return Err(Error::Invalid(format!(
                "memory = {memory_bytes_max} bytes is too little; an actor needs at least {}",
                limits::ACTOR_MEMORY_BYTES_MIN
            )));
        }
        let max_pending_calls = self.max_pending_calls.unwrap_or(limits::MAILBOX_CALLS);
        if max_pending_calls == 0 {
            return Err(Error::Invalid("max_pending_calls must be at least 1".into()));
        }
        if let Some(name) = &self.name {
            check_name("name", name)?;
        }
        let namespace = self.namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.into());
        check_name("namespace", &namespace)?;
        let group = self.group.as_ref().map(|(group, bundle)| {
            if self.strategy.is_some() || !self.labels.is_empty() || self.detached == Some(true) {
                return Err(Error::Invalid(
                    "an actor in a placement group has no strategy and no labels, since its \
                     bundle has a node, and is not detached, since it ends with the group"
                        .into(),
                ));
            }
            Ok(InGroup { group: group_id(group)?, bundle: *bundle })
        });
        let strategy = self.strategy.unwrap_or_default();
        if let Strategy::Only(node) | Strategy::Rather(node) = &strategy {
            check_name("node", node)?;
        }
        Ok(ActorSpec {
            resources,
            strategy,
            labels: selectors(&self.labels)?,
            memory_bytes_max,
            max_restarts: tries("max_restarts", self.max_restarts)?,
            max_retries: tries("max_retries", self.max_retries)?,
            max_concurrency: max_concurrency(self.max_concurrency, concurrency)?,
            max_pending_calls,
            name: self.name,
            namespace,
            detached: self.detached.unwrap_or(false),
            isolation: self.isolation.unwrap_or_default(),
            group: group.transpose()?,
        })
    }

    /// What a bundle of a placement group holds, of options that say nothing
    /// else. Errors are [`Error::Invalid`].
    pub fn bundle(self) -> Result<Resources, Error> {
        let resources = self.reserved()?;
        if resources.is_empty() {
            return Err(Error::Invalid("a bundle that holds nothing".into()));
        }
        Ok(resources)
    }

    fn reserved(&self) -> Result<Resources, Error> {
        if self.resources.len() > limits::RESERVED_RESOURCES {
            return Err(Error::Invalid(format!(
                "more than {} custom resources, the most an actor may ask for",
                limits::RESERVED_RESOURCES
            )));
        }
        let mut resources = Resources::default();
        let named = [("cpus", self.cpus), (GPUS, self.gpus)];
        let custom = self.resources.iter().map(|(name, amount)| (name.as_str(), Some(*amount)));
        for (name, amount) in named.into_iter().chain(custom) {
            check_name("resource", name)?;
            let Some(amount) = amount else { continue };
            let amount = Amount::from_f64(amount)
                .ok_or_else(|| Error::Invalid(format!("{name} = {amount} is not an amount")))?;
            if name == GPUS && amount.floor() > 0 && Amount::whole(amount.floor()) != Some(amount) {
                return Err(Error::Invalid(format!(
                    "gpus = {amount} makes no sense: a part of one GPU, or whole ones"
                )));
            }
            resources.set(name, amount);
        }
        if let Some(bytes) = self.memory {
            let amount = Amount::whole(bytes).ok_or_else(|| {
                Error::Invalid(format!("memory = {bytes} bytes is more than can be counted"))
            })?;
            resources.set("memory", amount);
        }
        Ok(resources)
    }
}

impl ActorSpec {
    /// What it asks of the node it will live on: nothing, in a placement
    /// group.
    pub fn request(&self) -> Request {
        let resources = match self.group {
            Some(_) => Resources::default(),
            None => self.resources.clone(),
        };
        Request {
            resources,
            strategy: self.strategy.clone(),
            required: self.labels.clone(),
            preferred: Vec::new(),
        }
    }
}

fn selectors(texts: &[String]) -> Result<Vec<Selector>, Error> {
    let mut selectors = Vec::new();
    for text in texts {
        selectors.extend(Selector::parse_all(text)?);
        if selectors.len() > limits::SELECTORS {
            let most = limits::SELECTORS;
            return Err(Error::Invalid(format!("more than {most} conditions on labels")));
        }
    }
    Ok(selectors)
}

/// Reads the id of a placement group, as a guest says it.
pub fn group_id(text: &str) -> Result<GroupId, Error> {
    text.parse().map_err(|_| {
        let text: String = text.chars().take(limits::NAME_BYTES).collect();
        Error::Invalid(format!("{text:?} is not the id of a placement group"))
    })
}

/// Reads a number of tries: -1 has no bound, other negative numbers are
/// refused.
pub fn tries(option: &str, value: Option<i32>) -> Result<Tries, Error> {
    match value.unwrap_or(0) {
        -1 => Ok(Tries::Unbounded),
        n => u32::try_from(n).map(Tries::AtMost).map_err(|_| {
            Error::Invalid(format!("{option} = {n} makes no sense; -1 means without bound"))
        }),
    }
}

impl Tries {
    /// What is left after `used`.
    #[must_use]
    pub fn less(self, used: u32) -> Tries {
        match self {
            Tries::AtMost(n) => Tries::AtMost(n.saturating_sub(used)),
            Tries::Unbounded => Tries::Unbounded,
        }
    }

    /// Whether one more is allowed after `used`.
    pub fn allow(self, used: u32) -> bool {
        match self {
            Tries::AtMost(n) => used < n,
            Tries::Unbounded => true,
        }
    }
}

fn max_concurrency(asked: Option<u32>, concurrency: Concurrency) -> Result<u32, Error> {
    match (concurrency, asked) {
        (Concurrency::Sequential, None | Some(1)) => Ok(1),
        (Concurrency::Sequential, Some(n)) => Err(Error::Invalid(format!(
            "max_concurrency = {n} needs an async actor; this class runs one call at a time"
        ))),
        (Concurrency::Concurrent, None) => Ok(limits::ASYNC_CONCURRENCY),
        (Concurrency::Concurrent, Some(n)) if (1..=limits::ASYNC_CONCURRENCY_MAX).contains(&n) => {
            Ok(n)
        }
        (Concurrency::Concurrent, Some(n)) => Err(Error::Invalid(format!(
            "max_concurrency = {n} is not between 1 and {}",
            limits::ASYNC_CONCURRENCY_MAX
        ))),
    }
}

/// Refuses names that are empty, too long, or hold control characters, which
/// would tear tables and logs.
pub fn check_name(what: &str, name: &str) -> Result<(), Error> {
    if name.is_empty() || name.len() > limits::NAME_BYTES {
        return Err(Error::Invalid(format!(
            "a {what} of {} bytes; it must have 1 to {}",
            name.len(),
            limits::NAME_BYTES
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::Invalid(format!("{what} {name:?} holds a control character")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_at_the_call_site_win_over_the_class() {
        let class = Options {
            cpus: Some(1.0),
            max_restarts: Some(3),
            resources: vec![("tpu".into(), 1.0)],
            labels: vec!["zone=a".into()],
            strategy: Some(Strategy::Spread),
            ..Options::default()
        };
        let site = Options {
            cpus: Some(2.0),
            resources: vec![("tpu".into(), 4.0), ("disk".into(), 1.0)],
            labels: vec!["disk=ssd".into(), "zone in (a, b)".into()],
            ..Options::default()
        };
        let merged = site.over(&class);
        assert_eq!(merged.cpus, Some(2.0));
        assert_eq!(merged.max_restarts, Some(3));
        assert_eq!(merged.resources, [("tpu".into(), 4.0), ("disk".into(), 1.0)]);
        let request = merged.resolve(Concurrency::Sequential).unwrap().request();
        assert_eq!(request.strategy, Strategy::Spread);
        let required: Vec<String> = request.required.iter().map(Selector::to_string).collect();
        assert_eq!(required, ["disk=ssd", "zone in (a, b)"]);
    }

    #[test]
    fn a_group_takes_the_place_of_the_classes_conditions_on_nodes() {
        let class = Options {
            strategy: Some(Strategy::Spread),
            labels: vec!["zone=a".into()],
            cpus: Some(1.0),
            ..Options::default()
        };
        let site = Options { group: Some(("g3@n2".into(), Some(1))), ..Options::default() };
        let spec = site.clone().over(&class).resolve(Concurrency::Sequential).unwrap();
        let group = GroupId { node: crate::NodeId(2), seq: 3 };
        assert_eq!(spec.group, Some(InGroup { group, bundle: Some(1) }));
        assert_eq!((spec.strategy.clone(), spec.labels.len()), (Strategy::Pack, 0));
        assert!(!spec.resources.is_empty() && spec.request().resources.is_empty());
        for contradiction in [
            Options { strategy: Some(Strategy::Pack), ..site.clone() },
            Options { labels: vec!["zone=a".into()], ..site.clone() },
            Options { detached: Some(true), ..site.clone() },
            Options { group: Some(("g03@n2".into(), None)), ..site },
        ] {
            let error = contradiction.resolve(Concurrency::Sequential).unwrap_err();
            assert!(matches!(&error, Error::Invalid(m) if m.contains("group")), "{error}");
        }
    }

    #[test]
    fn defaults_are_small_and_safe() {
        let spec = Options::default().resolve(Concurrency::Sequential).unwrap();
        assert_eq!(spec.max_restarts, Tries::AtMost(0));
        assert_eq!(spec.max_concurrency, 1);
        assert_eq!(spec.memory_bytes_max, limits::ACTOR_MEMORY_BYTES);
        assert!(spec.resources.is_empty());
        assert_eq!(spec.namespace, "default");
    }

    #[test]
    fn every_senseless_option_is_refused_by_name() {
        let bad = [
            (Options { cpus: Some(-1.0), ..Options::default() }, "cpus"),
            (Options { gpus: Some(f64::NAN), ..Options::default() }, "gpus"),
            (Options { memory: Some(1), ..Options::default() }, "memory"),
            (Options { max_restarts: Some(-2), ..Options::default() }, "max_restarts"),
            (Options { max_retries: Some(-7), ..Options::default() }, "max_retries"),
            (Options { max_concurrency: Some(2), ..Options::default() }, "max_concurrency"),
            (Options { max_pending_calls: Some(0), ..Options::default() }, "max_pending_calls"),
            (Options { name: Some(String::new()), ..Options::default() }, "name"),
            (Options { namespace: Some("a\nb".into()), ..Options::default() }, "namespace"),
            (Options { labels: vec!["a like b".into()], ..Options::default() }, "a like b"),
            (Options { strategy: Some(Strategy::Only("".into())), ..Options::default() }, "node"),
        ];
        for (options, name) in bad {
            let error = options.resolve(Concurrency::Sequential).unwrap_err();
            assert!(matches!(&error, Error::Invalid(m) if m.contains(name)), "{name}: {error}");
        }
    }

    #[test]
    fn async_actors_default_to_a_thousand_calls() {
        let spec = Options::default().resolve(Concurrency::Concurrent).unwrap();
        assert_eq!(spec.max_concurrency, 1000);
    }
}
