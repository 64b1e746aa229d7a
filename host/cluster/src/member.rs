//! A member of a cluster: what the host around it holds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use host_core::control::{NodeRecord, Request as Question};
use host_core::placement::group::{Coordinator, GroupStrategy};
use host_core::placement::{Request, against_each};
use host_core::resources::Resources;
use host_core::waits::Waiter;
use host_core::{ActorId, Cause, ClusterId, Error, GroupId, JobId, NodeId, ObjectId};
use host_proto::node::Message;
use host_refs::{Args, Handle, ObjectRef};
use host_transport::{Caller, Dial, Inbound, Sessions};
use parking_lot::Mutex;
use prost::Message as _;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;
use tonic::transport::Channel;

use crate::drain::Drain;
use crate::inbox::Inbox;
use crate::machines::{Event, Machines, Todo};
use crate::nodes::Registered;
use crate::ports::{Birth, Control, Local, Reach};
use crate::records::{Lookup, Whom};
use crate::spawns::Asked;

/// How long a node has to say whether it can be drained.
const DRAIN_ANSWER_TIME: Duration = Duration::from_secs(5);

/// Whether whoever opened a connection may speak for the node of this name;
/// `Err` is what it is told.
pub type Admit = Box<dyn Fn(&str, &Caller<'_>) -> Result<(), String> + Send + Sync>;

/// What a member is made of.
pub struct Config {
    /// The host around it.
    pub local: Arc<dyn Local>,
    /// The control store.
    pub control: Arc<dyn Control>,
    /// Makes channels to other nodes.
    pub reach: Arc<dyn Reach>,
    /// Asked of whoever opens a connection.
    pub admit: Admit,
    /// Why the others cannot do without this node, if they cannot: then it is
    /// not drained.
    pub stays: Option<String>,
}

/// A node of a cluster, while it has its id. Cloning is cheap.
#[derive(Clone)]
pub struct Member(Arc<Inner>);

/// Why a member is none any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Its lease is over: the host registers anew, under another id.
    LeaseLost,
    /// The control store is another cluster's, or was wiped.
    Foreign(Option<ClusterId>),
    /// The host ended it.
    Left,
}

/// A node as the others know it.
#[derive(Clone, Debug)]
pub struct NodeSummary {
    /// Its record.
    pub record: Arc<NodeRecord>,
    /// What it last said was free.
    pub free: Resources,
    /// How many actors it last said it runs.
    pub actors: u32,
}

/// What a member keeps for others: all zero once nobody holds anything of
/// anybody else's.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Objects of this node that others hold.
    pub objects_lent: usize,
    /// Objects of others that are held here.
    pub objects_borrowed: usize,
    /// Actors of this node that others hold handles to.
    pub actors_lent: usize,
    /// Actors elsewhere that are held here.
    pub actors_borrowed: usize,
    /// Actors that run here for others.
    pub guests: usize,
    /// Things that are on their way, or held by others still.
    pub loans: usize,
    /// Calls to and from other nodes that are not over.
    pub calls: usize,
}

/// The inbox and the machines; and what all parts of a member use.
pub(crate) struct Inner {
    shared: Arc<Shared>,
    inbox: Inbox<Event, Machines>,
    /// Whether a task is about to work off what was left.
    called: AtomicBool,
}

/// What all parts of a member use.
pub(crate) struct Shared {
    pub(crate) id: NodeId,
    pub(crate) name: Arc<str>,
    pub(crate) local: Arc<dyn Local>,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) sessions: Sessions,
    reach: Arc<dyn Reach>,
    started: Instant,
    admit: Admit,
    /// Until when the timer sleeps; and that it has to look again.
    armed: Mutex<Option<Duration>>,
    earlier: Notify,
    ended: watch::Sender<Option<Ended>>,
    member: Weak<Inner>,
    /// Why it is not to be drained, if it is not.
    pub(crate) stays: Option<String>,
    /// Whether it is being drained.
    pub(crate) draining: AtomicBool,
    /// Whether it has been, and nothing is left on it.
    pub(crate) drained: watch::Sender<bool>,
}

impl Member {
    /// A member that has just got its id, on the runtime that this is called
    /// on.
    pub fn start(config: Config, registered: Registered) -> Member {
        let Registered { membership, id, name, cluster, started, effects } = registered;
        let Config { local, control, reach, admit, stays } = config;
        let inner = Arc::new_cyclic(|me: &Weak<Inner>| {
            let config = host_transport::Config { local: id, cluster };
            let shared = Arc::new(Shared {
                id,
                name,
                local,
                control,
                runtime: tokio::runtime::Handle::current(),
                sessions: Sessions::new(
                    config,
                    Arc::new(Dialler { member: me.clone(), reach: reach.clone() }),
                    Arc::new(Ears(me.clone())),
                ),
                reach,
                started,
                admit,
                armed: Mutex::new(None),
                earlier: Notify::new(),
                ended: watch::Sender::new(None),
                member: me.clone(),
                stays,
                draining: AtomicBool::new(false),
                drained: watch::Sender::new(false),
            });
            let mut machines = Machines::new(shared.clone(), membership);
            machines.later(effects.into_iter().map(Todo::Membership));
            Inner { shared, inbox: Inbox::new(machines), called: AtomicBool::new(false) }
        });
        inner.shared.runtime.spawn(keep_time(Arc::downgrade(&inner)));
        inner.bring(Event::Tick);
        Member(inner)
    }

    /// The node's id.
    pub fn id(&self) -> NodeId {
        self.0.shared.id
    }

    /// The service that takes other nodes' connections.
    pub fn sessions(&self) -> &Sessions {
        &self.0.shared.sessions
    }

    /// Why it is no member any more, once it is none.
    pub async fn ended(&self) -> Ended {
        let mut ended = self.0.shared.ended.subscribe();
        let seen = ended.wait_for(Option::is_some).await;
        seen.ok().and_then(|why| why.clone()).unwrap_or(Ended::Left)
    }

    /// Takes a node of the cluster, perhaps this one, out of use: nothing more
    /// is placed on it, and what is there goes elsewhere, ends by itself, or is
    /// ended at the deadline. Then its host is to leave: see
    /// [`Member::drained`]. Answers how far it is, until it is over; a sender
    /// that is gone before means that the node was lost.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a node that is not there, that is being drained
    /// already, or that cannot be done without; [`Error::Unavailable`] if it
    /// does not answer.
    pub async fn drain(
        &self,
        node: NodeId,
        deadline: Duration,
    ) -> Result<watch::Receiver<Drain>, Error> {
        let (begun, answer) = oneshot::channel();
        self.0.bring(Event::Drain(node, deadline, begun));
        let answer = tokio::time::timeout(DRAIN_ANSWER_TIME, answer).await;
        let silent = || Error::Unavailable(format!("{node} was lost, or does not answer"));
        answer.ok().and_then(Result::ok).unwrap_or_else(|| Err(silent()))
    }

    /// Whether this node is being drained.
    pub fn is_draining(&self) -> bool {
        self.0.shared.draining.load(Ordering::Acquire)
    }

    /// Once this node has been drained, and nothing is left on it: the host is
    /// to leave and to stop.
    pub async fn drained(&self) {
        let mut drained = self.0.shared.drained.subscribe();
        if drained.wait_for(|is| *is).await.is_err() {
            std::future::pending().await
        }
    }

    /// Makes channels to other members, beside the sessions.
    pub fn dialler(&self) -> Arc<dyn Dial> {
        let member = Arc::downgrade(&self.0);
        Arc::new(Dialler { member, reach: self.0.shared.reach.clone() })
    }

    /// Leaves the cluster: gives the lease back, so that the others need not
    /// wait for its end, and ends. A store that does not answer is not waited
    /// for longer than its port does.
    pub async fn leave(&self) {
        let lease = self.0.look(|machines| machines.membership.lease());
        self.0.bring(Event::Leave);
        if let Some(lease) = lease {
            let _ = self.0.shared.control.ask(Question::Revoke(lease)).await;
        }
    }

    /// Of each node, why an actor that asks for this cannot go there now; none
    /// for one where it can. For people.
    pub fn why_not(&self, request: &Request) -> Vec<String> {
        let views = self.0.look(|machines| machines.node_views());
        against_each(request, &views).iter().map(ToString::to_string).collect()
    }

    /// Makes an actor on whichever node suits the request best.
    pub async fn spawn(&self, birth: Birth, args: Args, reuse: bool) -> Result<Handle, Error> {
        let request = birth.spec.request();
        let (answer, answered) = oneshot::channel();
        self.0.bring(Event::Spawn(Box::new(Asked::new(birth, args, request, reuse, answer))));
        answered.await.unwrap_or_else(|_| Err(self.0.shared.left()))
    }

    /// Asks for a placement group of a job. [`Error::Unplaceable`] if the nodes
    /// there are can never hold it.
    pub async fn create_group(
        &self,
        job: JobId,
        bundles: Vec<Resources>,
        strategy: GroupStrategy,
    ) -> Result<GroupId, Error> {
        let (answer, answered) = oneshot::channel();
        self.0.bring(Event::CreateGroup(job, bundles, strategy, answer));
        answered.await.unwrap_or_else(|_| Err(self.0.shared.left()))
    }

    /// Told when a group of a job is reserved, or is not there.
    pub fn group_ready(&self, group: GroupId, job: JobId) -> oneshot::Receiver<Result<(), Error>> {
        let (tell, told) = oneshot::channel();
        self.0.bring(Event::GroupReady(group, job, tell));
        told
    }

    /// Ends a group of a job, if it is there.
    pub fn remove_group(&self, group: GroupId, job: JobId) {
        self.0.bring(Event::RemoveGroup(group, job));
    }

    /// Looks at the groups that were created on this node.
    pub fn groups<T>(&self, look: impl FnOnce(&Coordinator) -> T) -> T {
        self.0.look(|machines| look(machines.groups.coordinator()))
    }

    /// The actor with a name, on whichever node.
    pub async fn lookup(&self, namespace: &str, name: &str) -> Result<Handle, Error> {
        let whom = Whom::Named { namespace: namespace.into(), name: name.into() };
        self.find_whom(whom).await
    }

    /// An actor that a guest of this node could hold: one that is held here
    /// already, or that has a record, which any node may read.
    /// [`Error::Invalid`] for every other: an id is no capability.
    pub async fn find(&self, actor: ActorId) -> Result<Handle, Error> {
        self.find_whom(Whom::Id(actor)).await
    }

    async fn find_whom(&self, whom: Whom) -> Result<Handle, Error> {
        let (answer, answered) = oneshot::channel();
        self.0.bring(Event::Lookup(Lookup::new(whom, answer)));
        answered.await.unwrap_or_else(|_| Err(self.0.shared.left()))
    }

    /// An actor that runs here has ended for good, or, if the cluster restarts
    /// it, this life of it.
    pub fn actor_ended(&self, actor: ActorId, cause: Cause, message: String) {
        self.0.bring(Event::Ended(actor, cause, message));
    }

    /// An actor here begins to wait, among others, for calls that were sent
    /// elsewhere: those that make these objects. The wait, by its number, is
    /// among those of [`Local::waits`] already.
    pub fn wait_began(&self, waiter: Waiter, number: u64, objects: Vec<ObjectId>) {
        self.0.bring(Event::WaitBegan(waiter, number, objects));
    }

    /// That wait is over.
    pub fn wait_ended(&self, number: u64) {
        self.0.clone().leave(Event::WaitEnded(number));
    }

    /// A job that began here is over: its actors end on all nodes.
    pub fn end_job(&self, job: JobId) {
        self.0.bring(Event::EndJob(job));
    }

    /// An object of this node that others hold: what they pull.
    pub fn exported(&self, object: ObjectId) -> Option<ObjectRef> {
        self.0.look(|machines| machines.objects.exported(object))
    }

    /// How long its lease surely lasts yet; none if it is no member any more.
    pub fn lease_left(&self) -> Option<Duration> {
        let until = self.0.look(|machines| machines.membership.valid_until())?;
        Some(until.saturating_sub(self.0.shared.now()))
    }

    /// What it keeps for others.
    pub fn counts(&self) -> Counts {
        self.0.look(|machines| machines.counts())
    }

    /// A node that is a member now.
    pub fn node(&self, id: NodeId) -> Option<Arc<NodeRecord>> {
        self.0.record(id)
    }

    /// The nodes of the cluster, as this one knows them, by id.
    pub fn nodes(&self) -> Vec<NodeSummary> {
        self.0.look(|machines| machines.summaries())
    }
}

impl Inner {
    /// Brings an event.
    pub(crate) fn bring(&self, event: Event) {
        self.inbox.bring(event, Machines::handle);
    }

    /// Brings an event from where a lock may be held, as in a drop: it is
    /// worked off by whoever is at it, or by a task.
    pub(crate) fn leave(self: Arc<Self>, event: Event) {
        self.inbox.leave(event);
        if self.called.swap(true, Ordering::AcqRel) {
            return;
        }
        let runtime = self.shared.runtime.clone();
        runtime.spawn(async move {
            self.called.store(false, Ordering::Release);
            self.inbox.work(Machines::handle);
        });
    }

    fn record(&self, node: NodeId) -> Option<Arc<NodeRecord>> {
        self.look(|machines| machines.view().get(node).cloned())
    }

    fn look<R>(&self, look: impl FnOnce(&mut Machines) -> R) -> R {
        self.inbox.look(look, Machines::handle)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.end(Ended::Left);
    }
}

impl Shared {
    /// Brings an event, if the member is still there.
    pub(crate) fn bring(&self, event: Event) {
        if let Some(member) = self.member.upgrade() {
            member.bring(event);
        }
    }

    /// The member, not counted.
    pub(crate) fn weak(&self) -> Weak<Inner> {
        self.member.clone()
    }

    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// What is told to those who ask a member that is none any more.
    pub(crate) fn left(&self) -> Error {
        Error::Unavailable(format!("{} ({}) has left the cluster", self.name, self.id))
    }

    /// The timer has to wake by then.
    pub(crate) fn wake_by(&self, at: Option<Duration>) {
        let Some(at) = at else { return };
        let mut armed = self.armed.lock();
        if armed.is_none_or(|armed| at < armed) {
            *armed = Some(at);
            self.earlier.notify_one();
        }
    }

    /// The member is none any more; the first reason stands.
    pub(crate) fn end(&self, why: Ended) {
        self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            ended.get_or_insert(why);
            first
        });
        self.sessions.end();
        self.earlier.notify_one();
    }
}

/// Gives the machines their ticks, while the member lives.
async fn keep_time(member: Weak<Inner>) {
    loop {
        let Some(inner) = member.upgrade() else { return };
        let shared = inner.shared.clone();
        // Nothing here may keep the member alive while it sleeps.
        drop(inner);
        if shared.ended.borrow().is_some() {
            return;
        }
        let until = shared.armed.lock().map(|at| shared.started + at);
        let sleep = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep => {
                *shared.armed.lock() = None;
                shared.bring(Event::Tick);
            }
            () = shared.earlier.notified() => {}
        }
    }
}

/// Finds nodes by the records of the control store.
struct Dialler {
    member: Weak<Inner>,
    reach: Arc<dyn Reach>,
}

impl Dial for Dialler {
    fn dial(&self, peer: NodeId) -> host_transport::Answer<'_, Result<Channel, String>> {
        let member = self.member.upgrade();
        match member.and_then(|member| member.record(peer)) {
            Some(record) => self.reach.reach(record),
            None => Box::pin(std::future::ready(Err(format!("{peer} is no member")))),
        }
    }
}

/// What sessions tell, for as long as the member lives.
struct Ears(Weak<Inner>);

impl Ears {
    fn bring(&self, event: Event) {
        if let Some(inner) = self.0.upgrade() {
            inner.bring(event);
        }
    }
}

impl Inbound for Ears {
    fn admit(&self, from: NodeId, caller: &Caller<'_>) -> Result<(), String> {
        let inner = self.0.upgrade().ok_or("this node has left the cluster")?;
        let record = inner.record(from);
        // A node that has just joined may be here before the news of it.
        let record = record.ok_or_else(|| format!("{from} is not known here yet"))?;
        (inner.shared.admit)(&record.name, caller)
    }

    fn deliver(&self, from: NodeId, payload: Bytes) {
        match Message::decode(payload) {
            Ok(message) => self.bring(Event::Said(from, Box::new(message))),
            Err(error) => tracing::warn!(%from, %error, "a message that cannot be read"),
        }
    }

    fn up(&self, peer: NodeId, _epoch: u64) {
        self.bring(Event::Up(peer));
    }

    fn lost(&self, peer: NodeId, _epoch: u64) {
        self.bring(Event::Lost(peer));
    }

    fn room(&self, peer: NodeId) {
        self.bring(Event::Room(peer));
    }
}
