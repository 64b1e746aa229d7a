//! Whether this node can do work: it makes an actor and calls it.

use std::sync::Arc;
use std::time::Duration;

use host_core::spec::Options;
use host_core::{Error, limits};
use host_refs::Args;

use super::{Inner, Node};
use crate::actor::Actor;
use crate::sandbox::Package;

/// The component, built by `build.rs` from `canary.wat`.
const CANARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/canary.wasm"));

/// Its class and its method.
const CLASS: &str = "canary";
const METHOD: &str = "echo";

impl Node {
    /// Makes an actor here, calls it, and lets it go: the way of every actor,
    /// with an instance of its own. `Err` is what is in the way.
    pub async fn canary(&self) -> Result<(), Error> {
        let hatched = within(limits::CANARY_COMPILE_TIME, "its code compiled", self.hatch()).await;
        within(limits::CANARY_TIME, "an actor made and called", self.sing(hatched?)).await
    }

    /// The canary's package: compiled once in the life of a node.
    async fn hatch(&self) -> Result<&Arc<Package>, Error> {
        let inner = &self.0;
        let load = async || {
            let bytes: Arc<[u8]> = CANARY.into();
            let cache = inner.config.code_cache.as_deref();
            let id = Package::id_of(&bytes);
            Package::load(&inner.engines, cache, id, bytes).await.map(Arc::new)
        };
        let package = inner.canary.get_or_try_init(load).await;
        package.map_err(|error| Error::Unavailable(error.to_string()))
    }

    async fn sing(&self, package: &Arc<Package>) -> Result<(), Error> {
        let job = self.begin_job();
        let actor = job.spawn(package, CLASS, Args::default(), Options::default())?;
        // MessagePack: a number that the canary cannot know beforehand.
        let mut song = Vec::new();
        rmp::encode::write_uint(&mut song, self.0.objects.next())
            .map_err(|error| Error::Invalid(error.to_string()))?;
        let answer = job.ask(&actor, METHOD, Args::plain(song.clone())).await;
        match answer {
            Ok(answer) if *answer.bytes == *song => Ok(()),
            Ok(_) => Err(Error::Failed {
                message: "a call was answered with something else than it should be".into(),
                value: Arc::default(),
            }),
            Err(error) => Err((*error).clone()),
        }
    }
}

async fn within<T>(
    limit: Duration,
    what: &str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let late = |_| Error::TimedOut(format!("{what}: not within {limit:?}"));
    tokio::time::timeout(limit, work).await.map_err(late)?
}

impl Inner {
    /// Whether an actor was made to see that the node can work: nobody asks
    /// later how such a one ended.
    pub(super) fn is_canary(&self, actor: &Actor) -> bool {
        self.canary.get().is_some_and(|package| Arc::ptr_eq(package, &actor.package))
    }
}

#[cfg(test)]
mod tests {
    use host_wasi::{Output, Stream};

    use super::*;
    use crate::log::{Record, Sink};
    use crate::node::Config;
    use crate::sandbox::Pool;

    struct Silent;

    impl Sink for Silent {
        fn line(&self, _: &Record<'_>) {}
    }

    impl Output for Silent {
        fn write(&self, _: Stream, _: &[u8]) {}
    }

    fn node(places: u32) -> Node {
        let config = Config::for_this_machine(Arc::new(Silent), Arc::new(Silent));
        let pool = Pool::for_actors(Some(places)).unwrap();
        Node::start(Config { pool, ..config.unwrap() }).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_node_that_can_work_sings_and_nothing_stays() {
        let node = node(4);
        for _ in 0..10 {
            node.canary().await.unwrap();
        }
        let package = node.0.canary.get().unwrap().clone();
        assert_eq!(node.package_count(), 0);
        let job = node.begin_job();
        let actor = job.spawn(&package, CLASS, Args::default(), Options::default()).unwrap();
        let first = actor.target().id();
        drop(actor);
        assert_eq!(job.end().await, []);
        // The ten have jobs of their own, which nobody waited for.
        loop {
            let mut departed = std::pin::pin!(node.0.departed.notified());
            departed.as_mut().enable();
            if node.actor_count() == 0 {
                break;
            }
            let departed = tokio::time::timeout(limits::JOB_END_TIME, departed).await;
            departed.expect("a canary stays");
        }
        assert_eq!(node.ended(first), None, "a canary is remembered");
    }

    #[tokio::test]
    async fn a_node_without_room_for_an_actor_says_so() {
        let node = node(1);
        node.canary().await.unwrap();
        let (_, room) = node.rooms().remove(0);
        let _taken = room.enter().await;
        tokio::time::pause();
        let error = node.canary().await.unwrap_err();
        assert!(matches!(&error, Error::TimedOut(why) if why.contains("2s")), "{error}");
    }
}
