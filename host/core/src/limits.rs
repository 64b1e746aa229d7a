//! Every bound of the host, each with its reason. What an operator or an
//! actor's options may change is a default here; the rest is fixed.

use std::time::Duration;

/// Calls waiting in an actor's mailbox, unless its options say otherwise.
/// Ten thousand waiting calls of a method that takes a millisecond are ten
/// seconds of work: a caller that is further ahead should be told.
pub const MAILBOX_CALLS: u32 = 10_000;

/// Argument bytes waiting in an actor's mailbox, so that few large calls are
/// bounded like many small ones. Refs to objects count by their size in the
/// store, not here.
pub const MAILBOX_BYTES: u64 = 64 << 20;

/// An actor's linear memories together, unless its options say otherwise.
pub const ACTOR_MEMORY_BYTES: u64 = 256 << 20;

/// The least memory an actor may ask for: a Rust guest starts with 17 pages.
pub const ACTOR_MEMORY_BYTES_MIN: u64 = 2 << 20;

/// Questions to its node that an actor in a worker process has open at once.
/// Each is a future of some hundred bytes; no call has more than one that waits
/// for long, unless its author waits for many things at once.
pub const ACTOR_QUESTIONS: usize = 10_000;

/// Elements of an actor's tables together. A Rust guest has one table entry
/// for each function whose address is taken: some hundreds.
pub const ACTOR_TABLE_ELEMENTS: usize = 20_000;

/// Object refs and handles that an actor holds at once. Each costs the host
/// about 200 bytes, so a guest can make it spend at most about 200 MB.
pub const ACTOR_RESOURCES: usize = 1_000_000;

/// Calls in progress in an async actor, unless its options say otherwise
/// (Ray's default).
pub const ASYNC_CONCURRENCY: u32 = 1_000;

/// The most an async actor may ask for.
pub const ASYNC_CONCURRENCY_MAX: u32 = 100_000;

/// One value, encoded. MessagePack counts lengths in 32 bits.
pub const VALUE_BYTES: usize = 1 << 30;

/// Arguments of one call.
pub const CALL_ARGS: usize = 256;

/// Refs and handles inside one value.
pub const VALUE_ATTACHMENTS: usize = 100_000;

/// What a guest may make the host allocate while lifting one call's
/// arguments (wasmtime's hostcall fuel): a value of the largest size and its
/// attachments.
pub const HOSTCALL_BYTES: usize = VALUE_BYTES + (16 << 20);

/// Custom resources that one actor asks for. People name a few; each is
/// looked for among the others.
pub const RESERVED_RESOURCES: usize = 64;

/// Refs in one `get` or `wait`.
pub const WAIT_REFS: usize = 1_000_000;

/// A result up to this size travels in the reply (Ray's inline cut-off).
pub const INLINE_RESULT_BYTES: usize = 100 << 10;

/// Class, method, actor and namespace names.
pub const NAME_BYTES: usize = 256;

/// Classes in one package, and methods in one class.
pub const DESCRIBED_ITEMS: usize = 4_096;

/// One text that a guest hands over to be shown: an error message, a panic,
/// a doc comment. The rest is cut off.
pub const MESSAGE_BYTES: usize = 64 << 10;

/// Live actors of one job: a runaway spawn loop ends here, not at the
/// machine's end.
pub const JOB_ACTORS: usize = 1_000_000;

/// A running call that was cancelled has this long to notice, before its
/// actor is interrupted.
pub const CANCEL_GRACE: Duration = Duration::from_millis(500);

/// How often running guests are made to yield: a guest in an endless loop
/// holds a worker thread no longer than this before others have their turn.
pub const EPOCH_TICK: Duration = Duration::from_millis(1);

/// One log line; longer lines are cut.
pub const LOG_LINE_BYTES: usize = 8 << 10;

/// Log lines an actor may write in a burst, and bytes of its log that are
/// kept for `host logs`.
pub const LOG_BURST_LINES: u32 = 5_000;

/// Log lines an actor may write per second after its burst; lines beyond are
/// counted, and the count is logged.
pub const LOG_LINES_PER_SECOND: u32 = 1_000;

/// A package file.
pub const PACKAGE_BYTES: u64 = 512 << 20;

/// Bytes of packages that a node keeps on disk: thousands of usual ones, and
/// 16 of the largest. Past it those go that were not asked for longest.
pub const PACKAGES_BYTES: u64 = 8 << 30;

/// An actor's construction, first and at every restart.
pub const CONSTRUCT_TIME: Duration = Duration::from_secs(60);

/// A package's answer to `describe`.
pub const DESCRIBE_TIME: Duration = Duration::from_secs(5);

/// Calls that an actor runs in one go before others have their turn.
pub const CALLS_PER_TURN: u32 = 64;

/// Calls run in place within calls run in place: each nests a poll, and past
/// this the callee runs in its own task.
pub const INLINE_DEPTH: u32 = 32;

/// Objects smaller than this are left out of the object store's account: it
/// would cost as much as they do.
pub const ACCOUNTED_OBJECT_BYTES: usize = 4 << 10;

/// How long a `put`, or a result, waits for room in the object store while
/// colder objects are being written to disk.
pub const SPILL_WAIT: Duration = Duration::from_secs(30);

/// The part of the object store's cap past which the coldest objects go to
/// disk (Ray's threshold).
pub const SPILL_PERCENT: u64 = 80;

/// Processes of actors that a node has at once, those that wait for an actor
/// included: each takes some tens of MB before its actor takes anything.
/// Further actors wait.
pub const WORKERS: usize = 256;

/// Memory that a worker process may take besides its actor's own and its
/// share of a GPU's: for the program, the code of its package, and a driver that
/// compiles shaders.
pub const WORKER_MEMORY_BYTES: u64 = 1 << 30;

/// How often the memory of a worker process is looked at. What takes more than
/// it may takes it for this long: some hundred MB.
pub const WORKER_MEMORY_LOOK: Duration = Duration::from_millis(100);

/// Objects smaller than this never go to disk: the file would cost more than
/// the memory.
pub const SPILL_OBJECT_BYTES: usize = INLINE_RESULT_BYTES;

/// A job that ends gives its actors this long to be dropped.
pub const JOB_END_TIME: Duration = Duration::from_secs(10);

/// How long a node has to make an actor and call it, to show that it can work:
/// a thousand times what that takes. One that needs longer has no room for
/// more.
pub const CANARY_TIME: Duration = Duration::from_secs(2);

/// How long a node has to compile the code of that actor, once in its life: a
/// hundred times what that takes.
pub const CANARY_COMPILE_TIME: Duration = Duration::from_secs(10);

/// How long what was found of a node's health stands: probes that come more
/// often cost nothing.
pub const HEALTH_AGE: Duration = Duration::from_secs(1);

/// Dead actors that are remembered, so that a stale handle can say why.
pub const DEAD_ACTORS: usize = 10_000;

/// The wait before the second restart of an actor that keeps crashing; it
/// doubles with each. Ray's least delay for calls to an actor that is away:
/// long enough that a crash loop costs no whole CPU.
pub const RESTART_DELAY_MIN: Duration = Duration::from_millis(100);

/// The longest wait before a restart (Ray's cap): a person who has mended the
/// cause does not wait long to see it.
pub const RESTART_DELAY_MAX: Duration = Duration::from_secs(5);

/// An actor that has lived this long is healthy: its next crash is answered
/// as a first one is. Far above the longest delay, so that no crash loop
/// passes for health.
pub const RESTART_HEALTHY: Duration = Duration::from_secs(60);

/// Reasons in one explanation of a placement, and waiters shown of one call
/// cycle: a line for people, even in a cluster of thousands.
pub const EXPLAINED_ITEMS: usize = 8;

/// A node's lease. Long enough to ride out a change of etcd's leader (1.3 s)
/// and a pause of some seconds; short enough that actors come back elsewhere
/// before people look.
pub const LEASE_TTL: Duration = Duration::from_secs(10);

/// Renewals in the time of a lease: two may fail before it is in danger.
pub const LEASE_RENEWALS: u32 = 3;

/// The part of a lease, one in this many, that is not used: clocks that drift,
/// and the time it takes to stop actors.
pub const LEASE_MARGIN: u32 = 5;

/// The wait before something that the control store did not answer is asked
/// again.
pub const CONTROL_RETRY: Duration = Duration::from_millis(500);

/// The control store has this long to answer a question. A new leader of etcd
/// takes 1.3 s, and two renewals of a lease that are not answered still leave
/// time for what follows.
pub const CONTROL_TIME: Duration = Duration::from_secs(2);

/// What the record of an actor has to make it again elsewhere: its options,
/// and the arguments of its constructor, which travel inline up to about this
/// size. Records are read by the page, and written at every restart.
pub const BIRTH_BYTES: usize = 96 << 10;

/// A peer that was not heard for so long is not reached: its calls in flight
/// answer `Unavailable`. Four missed beats, and a pause of the network that
/// TCP repairs within one retransmission.
pub const SESSION_GRACE: Duration = Duration::from_secs(1);

/// How often a session says that it lives, and acknowledges, if nothing else
/// is sent.
pub const SESSION_BEAT: Duration = Duration::from_millis(250);

/// Frames of a session that are kept until acknowledged. At 200,000 a second
/// and a round trip of 50 ms, 10,000 are in flight.
pub const SESSION_FRAMES: usize = 16_384;

/// Bytes of the same. Bulk data moves elsewhere, so that most frames are
/// small; some large arguments fit.
pub const SESSION_BYTES: usize = 64 << 20;

/// Frames that are received before they are acknowledged without waiting for
/// the beat, so that the sender's memory is freed.
pub const SESSION_ACK_FRAMES: u64 = 64;

/// The first wait before a peer is dialled again; it doubles with each.
pub const DIAL_DELAY_MIN: Duration = Duration::from_millis(50);

/// The longest wait before a peer is dialled again.
pub const DIAL_DELAY_MAX: Duration = Duration::from_secs(2);

/// The node with the higher id waits so much longer before it dials again,
/// so that the two do not dial past each other for ever.
pub const DIAL_YIELD: Duration = Duration::from_millis(200);

/// A node has this long to say whether it keeps a bundle of a group.
pub const PREPARE_TIME: Duration = Duration::from_secs(5);

/// A bundle that was neither committed nor aborted in this time is in doubt:
/// well past the time its coordinator takes.
pub const PREPARED_TIME: Duration = Duration::from_secs(30);

/// Bundles of one placement group: a group of a bundle for each GPU of 32
/// machines with 8.
pub const GROUP_BUNDLES: usize = 256;

/// Placement groups that were created on one node and not removed.
pub const NODE_GROUPS: usize = 10_000;

/// A placement group that waits is looked at again after this time, also if
/// nobody said that there is room.
pub const GROUP_LOOK_TIME: Duration = Duration::from_secs(1);

/// And at most so often, however often somebody says so.
pub const GROUP_LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How often a node that keeps bundles sees whether their groups are still
/// recorded: what it should have been told may be lost.
pub const GROUP_COMPARE_TIME: Duration = Duration::from_secs(10);

/// Calls under way from one node to others. Each costs some 300 bytes and its
/// arguments; a node that waits for a million answers should be told.
pub const CALLS_UNDER_WAY: usize = 1_000_000;

/// Places of actors that a node remembers while it has no call for them.
pub const PLACES: usize = 100_000;

/// Nodes that have gone and whose names are remembered, for messages.
pub const GONE_NODES: usize = 1_000;

/// The wait before the directory is asked again where an actor is.
pub const LOCATE_RETRY: Duration = Duration::from_millis(200);

/// How long a call waits for its target to be found, or reached: a lease, the
/// time to start elsewhere, and some patience with a control store that is
/// away.
pub const LOCATE_TIME: Duration = Duration::from_secs(30);

/// Answers to calls with retries that are kept in case they were lost, so
/// that a further try need not run again. More are not wrong to lose.
pub const KEPT_ANSWERS: usize = 10_000;

/// Bytes of the same.
pub const KEPT_ANSWER_BYTES: usize = 16 << 20;

/// Items or pins in one message after a lost session: 100 KB or so.
pub const SYNC_ITEMS: usize = 4_096;

/// Labels of a node. Kubernetes' own labels of a node are about ten.
pub const LABELS: usize = 64;

/// Conditions on labels that one actor may have; each is looked at for each
/// node, in every decision.
pub const SELECTORS: usize = 32;

/// Values that one such condition may name.
pub const SELECTED: usize = 32;

/// When a node was lost, the next in line takes its actors over after so much
/// longer, if those before it did not: well past a write to a slow control
/// store, so that two seldom try the same.
pub const TAKEOVER_DELAY: Duration = Duration::from_secs(2);

/// How long an actor that could be placed nowhere waits until it is tried
/// again.
pub const TAKEOVER_RETRY: Duration = Duration::from_secs(1);

/// Actors of lost nodes that one node takes over at once: the control store
/// is for everybody.
pub const TAKEOVERS: usize = 64;

/// So many nodes look after each actor of a lost node, one after the other.
/// That all of them go within moments is left to the sweep: if every node
/// looked, a lost node would cost a read for each of its actors and each node.
pub const TAKEOVER_RANKS: u32 = 4;

/// How often the node with the lowest id looks for actors on nodes that have
/// gone: what nobody took over, because nobody was there to see.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// A wait for another node that has lasted so long may be part of a call
/// cycle: most calls are over long before.
pub const PROBE_AFTER: Duration = Duration::from_millis(200);

/// The longest time between two probes of one wait: a long wait is seldom a
/// cycle, but a probe may have been lost.
pub const PROBE_INTERVAL_MAX: Duration = Duration::from_secs(5);

/// Waits in one probe's path. A longer cycle is not found.
pub const PROBE_PATH: usize = 64;

/// Probes that went on along a wait and are remembered for a moment, so that
/// ways that meet are followed once. Past it none go on for that moment: a
/// wait is probed for again.
pub const PROBES_PASSED: usize = 10_000;

/// Probes that one probe becomes on a node.
pub const PROBE_FANOUT: usize = 64;

const _: () = assert!(VALUE_BYTES <= u32::MAX as usize);
const _: () = assert!(SPILL_PERCENT < 100);
const _: () = assert!(ASYNC_CONCURRENCY <= ASYNC_CONCURRENCY_MAX);
const _: () = assert!(RESTART_DELAY_MAX.as_secs() < RESTART_HEALTHY.as_secs());
const _: () = assert!(LEASE_MARGIN > 1 && LEASE_RENEWALS > 1);
const _: () = assert!(CONTROL_TIME.as_millis() * 4 < LEASE_TTL.as_millis());
const _: () = assert!(SESSION_BEAT.as_millis() * 4 <= SESSION_GRACE.as_millis());
const _: () = assert!(SESSION_GRACE.as_millis() * 2 < LEASE_TTL.as_millis());
const _: () = assert!(PREPARE_TIME.as_secs() < PREPARED_TIME.as_secs());
const _: () = assert!(LEASE_TTL.as_secs() * 2 < LOCATE_TIME.as_secs());
