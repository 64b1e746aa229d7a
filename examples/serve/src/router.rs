//! The router: gathers requests into batches and sends each batch to the
//! server that has least to do.
//!
//! A batch is a call of the router to itself, and all requests in it await that
//! call's one result: while the batch waits for company or for a server, more
//! requests join. So nothing here wakes anything else; objects do.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use greenroom::prelude::*;
use greenroom::time;

use crate::server::Server;

/// Texts that a server computes together.
const BATCH_MAX: usize = 16;

/// How long a batch waits for company.
const BATCH_WAIT: Duration = Duration::from_millis(2);

/// Batches that a server has: one it computes, and the next, so that it never
/// waits. What comes beyond waits here, where it can still grow.
const BATCHES_PER_SERVER: usize = 2;

/// Requests that may be under way at most: half the calls that it may have.
const REQUESTS_LIMIT: usize = 500;

/// Servers that one batch may be tried on: if the third dies too, it is likely
/// the batch's own fault.
const TRIES_MAX: usize = 3;

/// The vectors of a batch, in the order of its texts.
type Vectors = Vec<Vec<f32>>;

/// The router has enough to do. The request was not taken, and may be sent
/// again a little later.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{waiting} requests are waiting, and more cannot")]
pub(crate) struct Busy {
    pub(crate) waiting: usize,
}

/// What a router has done.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Stats {
    /// Requests that got their vector.
    pub(crate) answered: usize,
    /// Batches that were computed.
    pub(crate) batches: usize,
    /// Batches that lost their server and were sent to another.
    pub(crate) repeated: usize,
}

/// How servers are made.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The model's folder.
    pub(crate) folder: PathBuf,
    /// How many there are.
    pub(crate) servers: usize,
    /// GPUs of each, or a share of one; 0: none.
    pub(crate) gpus: f64,
    /// Requests that may be under way.
    pub(crate) requests_max: usize,
}

/// A server, and what it has to do.
struct Backend {
    server: Handle<Server>,
    /// Each is the result of a batch that is not there yet.
    batches: Vec<(u64, ObjectRef<Vectors>)>,
    /// Texts in these batches.
    texts: usize,
}

/// A batch that waits for a server. The last of them still grows.
struct Open {
    number: u64,
    texts: Vec<String>,
    result: ObjectRef<Vectors>,
}

/// Gives requests to model servers.
pub(crate) struct Router {
    plan: Plan,
    backends: RefCell<Vec<Backend>>,
    open: RefCell<VecDeque<Open>>,
    /// Requests under way.
    requests: Cell<usize>,
    /// Batches that were ever opened: the next one's number.
    opened: Cell<u64>,
    stats: Cell<Stats>,
}

/// Batches are calls too: there has to be room for one beside each request.
#[actor(max_concurrency = 1000)]
impl Router {
    /// Starts the servers.
    fn new(plan: Plan) -> Result<Self> {
        let backends = (0..plan.servers).map(|_| Backend::start(&plan)).collect::<Result<_>>()?;
        if plan.requests_max > REQUESTS_LIMIT {
            let asked = plan.requests_max;
            return Err(Error::failed(format_args!(
                "{asked} requests are more than {REQUESTS_LIMIT}"
            )));
        }
        Ok(Router {
            plan,
            backends: RefCell::new(backends),
            open: RefCell::default(),
            requests: Cell::new(0),
            opened: Cell::new(0),
            stats: Cell::default(),
        })
    }

    /// The vector of a text.
    ///
    /// Fails with [`Busy`] if too many wait.
    async fn embed(&self, text: String) -> Result<Vec<f32>> {
        let waiting = self.requests.get();
        if waiting >= self.plan.requests_max {
            return Err(Error::from_application(&Busy { waiting }));
        }
        let _counted = Counted::new(&self.requests);
        let (result, place) = self.join(text)?;
        let mut vectors = result.await?;
        if place >= vectors.len() {
            return Err(Error::failed("a batch has fewer vectors than texts"));
        }
        self.count(|stats| stats.answered += 1);
        Ok(vectors.swap_remove(place))
    }

    /// Computes an open batch. Only the router calls this, once for each.
    async fn batch(&self, number: u64) -> Result<Vectors> {
        let waited = self.room().await;
        // Also of a batch that fails: nobody may join it any more.
        let texts = self.close(number)?;
        waited?;
        let mut last = None;
        for _ in 0..TRIES_MAX {
            match self.compute(number, &texts).await {
                Err(error) if lost_its_server(&error) => {
                    self.count(|stats| stats.repeated += 1);
                    last = Some(error);
                }
                result => {
                    self.count(|stats| stats.batches += 1);
                    return result;
                }
            }
        }
        Err(last.unwrap_or_else(|| Error::failed("a batch is tried at least once")))
    }

    /// The servers, for whoever wants to see what happens if one is killed.
    fn servers(&self) -> Vec<Handle<Server>> {
        self.backends.borrow().iter().map(|backend| backend.server.clone()).collect()
    }

    /// What was done so far.
    fn stats(&self) -> Stats {
        self.stats.get()
    }
}

impl Router {
    /// Puts a text into the open batch, or opens one; answers the batch's
    /// result and the text's place in it.
    fn join(&self, text: String) -> Result<(ObjectRef<Vectors>, usize)> {
        let mut open = self.open.borrow_mut();
        if let Some(batch) = open.back_mut().filter(|batch| batch.texts.len() < BATCH_MAX) {
            batch.texts.push(text);
            return Ok((batch.result.clone(), batch.texts.len() - 1));
        }
        let number = self.opened.replace(self.opened.get() + 1);
        let result = context::me::<Router>()?.batch(number).remote()?;
        open.push_back(Open { number, texts: vec![text], result: result.clone() });
        Ok((result, 0))
    }

    /// Waits for company, and for a server that has room.
    async fn room(&self) -> Result<()> {
        time::sleep(BATCH_WAIT).await?;
        while !self.backends.borrow().iter().any(Backend::has_room) {
            let under_way = self.under_way();
            if under_way.is_empty() {
                return Err(Error::failed("no server is left, and none could be started"));
            }
            // An object that fails is ready too.
            wait_async(under_way, 1, None).await?;
        }
        Ok(())
    }

    /// Lets nobody join a batch any more; answers its texts.
    fn close(&self, number: u64) -> Result<Vec<String>> {
        let mut open = self.open.borrow_mut();
        let at = open.iter().position(|batch| batch.number == number);
        let batch = at.and_then(|at| open.remove(at));
        Ok(batch.ok_or("a batch is computed once")?.texts)
    }

    /// Sends a batch to the server that has least to do, and waits for it. A
    /// server that is lost is replaced.
    async fn compute(&self, number: u64, texts: &[String]) -> Result<Vectors> {
        let (server, sent) = {
            let mut backends = self.backends.borrow_mut();
            let least = backends.iter_mut().min_by_key(|backend| backend.texts);
            let backend = least.ok_or("no server is left")?;
            let sent = backend.server.embed(texts).remote();
            if let Ok(sent) = &sent {
                backend.batches.push((number, sent.clone()));
                backend.texts += texts.len();
            }
            (Handle::id(&backend.server), sent)
        };
        let result = match sent {
            Ok(sent) => sent.await,
            Err(error) => Err(error),
        };
        let mut backends = self.backends.borrow_mut();
        let Some(at) = backends.iter().position(|backend| Handle::id(&backend.server) == server)
        else {
            // Another batch found out that it is lost.
            return result;
        };
        let own = &mut backends[at];
        if let Some(at) = own.batches.iter().position(|(other, _)| *other == number) {
            own.batches.swap_remove(at);
            own.texts -= texts.len();
        }
        if result.as_ref().is_err_and(lost_its_server) {
            match Backend::start(&self.plan) {
                Ok(another) => backends[at] = another,
                Err(error) => {
                    eprintln!("{server} is lost, and no other could be started: {error}");
                    backends.remove(at);
                }
            }
        }
        result
    }

    fn under_way(&self) -> Vec<ObjectRef<Vectors>> {
        let backends = self.backends.borrow();
        let batches = backends.iter().flat_map(|backend| &backend.batches);
        batches.map(|(_, result)| result.clone()).collect()
    }

    fn count(&self, change: impl FnOnce(&mut Stats)) {
        let mut stats = self.stats.get();
        change(&mut stats);
        self.stats.set(stats);
    }
}

impl Backend {
    fn start(plan: &Plan) -> Result<Self> {
        let mut options = Server::options();
        if plan.gpus > 0.0 {
            options = options.gpus(plan.gpus);
        }
        Ok(Backend { server: options.remote(&plan.folder)?, batches: Vec::new(), texts: 0 })
    }

    fn has_room(&self) -> bool {
        self.batches.len() < BATCHES_PER_SERVER
    }
}

/// Whether a batch may be computed by another server: this one is gone, or
/// cannot be reached. Computing it twice does no harm.
fn lost_its_server(error: &Error) -> bool {
    matches!(error, Error::Died(_) | Error::Trapped(_) | Error::Unavailable(_))
}

/// A request that is under way until this is dropped, however it ends.
struct Counted<'a>(&'a Cell<usize>);

impl<'a> Counted<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Counted(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
