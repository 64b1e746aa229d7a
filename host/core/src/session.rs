//! What two nodes have said to each other, over connections that break.
//!
//! A session gives every frame a number, keeps it until the peer has
//! acknowledged it, sends it again on the next connection, and hands what it
//! receives on in order and once. That holds within an *epoch*. When the peer
//! is not heard for [`limits::SESSION_GRACE`], the epoch is lost: whatever was
//! in flight may have arrived or not, its senders are told so, and nothing of
//! it is accepted any more. The next epoch begins empty, with a higher number.
//!
//! Each side may lose an epoch by itself. The two agree when they connect:
//! the higher number wins, and the other side loses its own. Since a side
//! enters an epoch only once and empty, equal numbers are the same epoch.
//!
//! The machine knows nothing of what frames say, and does not send bulk data.
//! Start with [`Session::send`] and [`Session::handle`].

#[cfg(test)]
mod tests;
mod unacked;

use std::time::Duration;

use crate::id::NodeId;
use crate::limits;

use unacked::Unacked;

/// A connection, as whoever makes connections numbers them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(pub u64);

/// What goes over a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Packet<P> {
    /// The first on each connection, from both sides.
    Hello {
        /// Who says it.
        from: NodeId,
        /// Whom it means: a later start of the same node is another.
        to: NodeId,
        /// The epoch it is in.
        epoch: u64,
        /// The last frame of that epoch that it has received.
        received: u64,
    },
    /// Something to be handed on, in order.
    Frame {
        /// Its epoch.
        epoch: u64,
        /// Counts up from 1 in each epoch.
        number: u64,
        /// The last frame received, as in `Beat`.
        received: u64,
        /// What it says.
        payload: P,
    },
    /// A sign of life.
    Beat {
        /// Its epoch.
        epoch: u64,
        /// The last frame received.
        received: u64,
    },
}

/// How important it is that a frame is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Room {
    /// Something new, which can be refused.
    New,
    /// An answer to something taken before: it has as much room again, so
    /// that new things cannot keep answers away.
    Answer,
}

/// The session keeps as much as it may. Gives back what was not sent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{peer} is {frames} frames and {bytes} bytes behind")]
pub struct Full<P> {
    /// Who is slow.
    pub peer: NodeId,
    /// Frames that are not acknowledged.
    pub frames: usize,
    /// Bytes that are not acknowledged.
    pub bytes: usize,
    /// What was not sent.
    pub payload: P,
}

/// What happens to a session.
#[derive(Clone, Debug)]
pub enum Event<P> {
    /// Time has passed; to be given at [`Session::wake_at`].
    Tick,
    /// A connection is there, whoever made it. It replaces any other.
    Connected(LinkId),
    /// The connection that was asked for could not be made.
    DialFailed,
    /// A connection broke.
    Disconnected(LinkId),
    /// Something came over a connection, in the order it was sent.
    Received(LinkId, Packet<P>),
    /// The peer has gone for good. Nothing happens after this.
    PeerGone,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect<P> {
    /// Make a connection.
    Dial,
    /// Send this over the connection.
    Transmit(LinkId, Packet<P>),
    /// Give up the connection.
    Close(LinkId),
    /// The peer said this; in order, and once.
    Deliver(P),
    /// The peer is reached, in this epoch.
    Up(u64),
    /// The epoch is over: what was sent in it may have arrived or not, and
    /// nothing of it will arrive from now on.
    Lost(u64),
    /// There is room again after [`Full`].
    Room,
}

/// One node's side of what it and a peer say to each other.
#[derive(Clone, Debug)]
pub struct Session<P> {
    local: NodeId,
    peer: NodeId,
    epoch: u64,
    link: Link,
    unacked: Unacked<P>,
    /// The last frame of this epoch that was handed on.
    received: u64,
    /// What the peer was last told of that.
    acknowledged: u64,
    /// Since when the peer has not been heard; none while nothing has been
    /// said in this epoch that could be lost.
    silent_since: Option<Duration>,
    beat_at: Duration,
    /// When something last happened to it: a peer is silent only as far as
    /// somebody listened.
    listened: Duration,
    redial: Redial,
    refused: bool,
    gone: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Link {
    None,
    /// Hello was sent, at that time, and not heard.
    Opening(LinkId, Duration),
    Open(LinkId),
}

#[derive(Clone, Copy, Debug)]
enum Redial {
    /// Nobody wanted anything yet.
    Idle,
    At(Duration, Duration),
    /// Asked for; the delay if it fails.
    Dialling(Duration),
}

impl<P: Clone> Session<P> {
    /// A session in its first epoch, which nobody has used.
    pub fn new(local: NodeId, peer: NodeId) -> Session<P> {
        Session {
            local,
            peer,
            epoch: 1,
            link: Link::None,
            unacked: Unacked::default(),
            received: 0,
            acknowledged: 0,
            silent_since: None,
            beat_at: Duration::ZERO,
            listened: Duration::ZERO,
            redial: Redial::Idle,
            refused: false,
            gone: false,
        }
    }

    /// Sends something of so many bytes: now, or when the peer is connected.
    pub fn send(
        &mut self,
        now: Duration,
        payload: P,
        bytes: usize,
        room: Room,
        effects: &mut Vec<Effect<P>>,
    ) -> Result<(), Full<P>> {
        if self.gone || !self.unacked.has_room(bytes, room) {
            self.refused = true;
            let (frames, bytes) = (self.unacked.len(), self.unacked.bytes());
            return Err(Full { peer: self.peer, frames, bytes, payload });
        }
        if self.silent_since.is_none() {
            self.silent_since = Some(now);
            self.listened = now;
        }
        let number = self.unacked.push(payload.clone(), bytes);
        match self.link {
            Link::Open(link) => self.transmit(now, link, number, payload, effects),
            Link::Opening(..) => {}
            Link::None => self.want(now),
        }
        self.act(now, effects);
        Ok(())
    }

    /// Takes an event at `now`, on the node's own clock, which never goes
    /// back, and appends what is to be done.
    pub fn handle(&mut self, now: Duration, event: Event<P>, effects: &mut Vec<Effect<P>>) {
        if self.gone {
            return;
        }
        self.forgive_stall(now);
        // Before what came meanwhile: a node that was paused has lost first.
        self.keep_grace(now, effects);
        match event {
            Event::Tick => {}
            Event::Connected(link) => self.connected(now, link, effects),
            Event::DialFailed => {
                if let Redial::Dialling(delay) = self.redial {
                    self.redial_after(now, delay);
                }
            }
            Event::Disconnected(link) if self.link.id() == Some(link) => {
                self.link = Link::None;
                self.redial_after(now, Duration::ZERO);
            }
            Event::Received(link, packet) if self.link.id() == Some(link) => {
                self.received(now, link, packet, effects);
            }
            // Of a connection that was given up.
            Event::Disconnected(_) | Event::Received(..) => {}
            Event::PeerGone => {
                self.lose(self.epoch + 1, effects);
                self.close(effects);
                self.redial = Redial::Idle;
                self.gone = true;
                return;
            }
        }
        self.act(now, effects);
    }

    /// When [`Event::Tick`] is due.
    pub fn wake_at(&self) -> Option<Duration> {
        let grace = self.silent_since.map(|since| {
            let listens = self.listened.saturating_add(limits::SESSION_BEAT);
            since.saturating_add(limits::SESSION_GRACE).min(listens)
        });
        let link = match self.link {
            Link::None => match self.redial {
                Redial::At(at, _) => Some(at),
                Redial::Idle | Redial::Dialling(_) => None,
            },
            Link::Opening(_, since) => Some(since.saturating_add(limits::SESSION_GRACE)),
            Link::Open(_) => Some(self.beat_at),
        };
        grace.into_iter().chain(link).min().filter(|_| !self.gone)
    }

    /// The epoch it is in.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether the peer is connected and has said hello.
    pub fn is_up(&self) -> bool {
        matches!(self.link, Link::Open(_))
    }

    /// Frames that are kept, since the peer has not acknowledged them.
    pub fn unacked(&self) -> usize {
        self.unacked.len()
    }

    /// A node that comes late to its own timer did not listen meanwhile: that
    /// says nothing of the peer, up to the time in which the peer gives up.
    fn forgive_stall(&mut self, now: Duration) {
        let due = self.listened.saturating_add(limits::SESSION_BEAT);
        self.listened = now;
        let late = now.saturating_sub(due);
        if late <= limits::SESSION_BEAT {
            return;
        }
        let forgiven = late.min(limits::SESSION_GRACE);
        let later = |since: Duration| since.saturating_add(forgiven).min(now);
        self.silent_since = self.silent_since.map(later);
        if let Link::Opening(_, since) = &mut self.link {
            *since = later(*since);
        }
    }

    fn keep_grace(&mut self, now: Duration, effects: &mut Vec<Effect<P>>) {
        let over = |since: Duration| now >= since.saturating_add(limits::SESSION_GRACE);
        let opening = matches!(self.link, Link::Opening(_, since) if over(since));
        if self.silent_since.is_some_and(over) {
            self.lose(self.epoch + 1, effects);
            self.close(effects);
            self.redial_after(now, limits::DIAL_DELAY_MIN);
        } else if opening {
            self.close(effects);
            self.redial_after(now, limits::DIAL_DELAY_MIN);
        }
    }

    /// What is due by now.
    fn act(&mut self, now: Duration, effects: &mut Vec<Effect<P>>) {
        match (self.link, self.redial) {
            (Link::None, Redial::At(at, delay)) if at <= now => {
                self.redial = Redial::Dialling(
                    (delay * 2).clamp(limits::DIAL_DELAY_MIN, limits::DIAL_DELAY_MAX),
                );
                effects.push(Effect::Dial);
            }
            (Link::Open(link), _)
                if self.beat_at <= now
                    || self.received - self.acknowledged >= limits::SESSION_ACK_FRAMES =>
            {
                let beat = Packet::Beat { epoch: self.epoch, received: self.received };
                self.said(now);
                effects.push(Effect::Transmit(link, beat));
            }
            _ => {}
        }
    }

    fn want(&mut self, now: Duration) {
        if let Redial::Idle = self.redial {
            self.redial = Redial::At(now, Duration::ZERO);
        }
    }

    fn redial_after(&mut self, now: Duration, delay: Duration) {
        let yields = if self.local > self.peer { limits::DIAL_YIELD } else { Duration::ZERO };
        self.redial = Redial::At(now.saturating_add(delay).saturating_add(yields), delay);
    }

    fn connected(&mut self, now: Duration, link: LinkId, effects: &mut Vec<Effect<P>>) {
        self.close(effects);
        self.link = Link::Opening(link, now);
        let (from, to) = (self.local, self.peer);
        let hello = Packet::Hello { from, to, epoch: self.epoch, received: self.received };
        self.acknowledged = self.received;
        effects.push(Effect::Transmit(link, hello));
    }

    fn received(
        &mut self,
        now: Duration,
        link: LinkId,
        packet: Packet<P>,
        effects: &mut Vec<Effect<P>>,
    ) {
        let fits = match (self.link, packet) {
            (Link::Opening(..), Packet::Hello { from, to, epoch, received }) => {
                let known = from == self.peer && to == self.local;
                known && self.greeted(now, link, epoch, received, effects)
            }
            (Link::Open(_), Packet::Frame { epoch, number, received, payload }) => {
                let fits = epoch == self.epoch
                    && number <= self.received + 1
                    && self.acked(received, effects);
                if fits && number == self.received + 1 {
                    self.received = number;
                    effects.push(Effect::Deliver(payload));
                }
                fits
            }
            (Link::Open(_), Packet::Beat { epoch, received }) => {
                epoch == self.epoch && self.acked(received, effects)
            }
            // Before the hello, or a second one.
            _ => false,
        };
        if fits {
            self.silent_since = Some(now);
        } else {
            self.close(effects);
            self.redial_after(now, limits::DIAL_DELAY_MAX);
        }
    }

    /// The peer's hello: agrees on the epoch, and sends what it has not got.
    fn greeted(
        &mut self,
        now: Duration,
        link: LinkId,
        epoch: u64,
        received: u64,
        effects: &mut Vec<Effect<P>>,
    ) -> bool {
        if epoch > self.epoch {
            // Even if nothing was said here: the peer said something that did
            // not arrive, and is owed an answer about it.
            self.silent_since = Some(now);
            self.lose(epoch, effects);
        }
        // A peer in an older epoch will come up to this one with nothing.
        let fits = epoch < self.epoch || self.acked(received, effects);
        if !fits {
            return false;
        }
        self.link = Link::Open(link);
        self.redial = Redial::At(now, Duration::ZERO);
        self.said(now);
        let (epoch, received) = (self.epoch, self.received);
        self.acknowledged = received;
        for (number, payload) in self.unacked.iter() {
            let frame = Packet::Frame { epoch, number, received, payload: payload.clone() };
            effects.push(Effect::Transmit(link, frame));
        }
        // Last: whoever hears it may send at once, and that comes after these.
        effects.push(Effect::Up(epoch));
        true
    }

    /// The peer has received so much. False if that was never sent.
    fn acked(&mut self, received: u64, effects: &mut Vec<Effect<P>>) -> bool {
        if !self.unacked.acked(received) {
            return false;
        }
        if self.refused && self.unacked.is_half_empty() {
            self.refused = false;
            effects.push(Effect::Room);
        }
        true
    }

    fn transmit(
        &mut self,
        now: Duration,
        link: LinkId,
        number: u64,
        payload: P,
        effects: &mut Vec<Effect<P>>,
    ) {
        let (epoch, received) = (self.epoch, self.received);
        self.said(now);
        effects.push(Effect::Transmit(link, Packet::Frame { epoch, number, received, payload }));
    }

    /// Something is being sent: it acknowledges, and stands for a beat.
    fn said(&mut self, now: Duration) {
        self.acknowledged = self.received;
        self.beat_at = now.saturating_add(limits::SESSION_BEAT);
    }

    /// Ends the epoch and begins `next`, empty. Whoever said something in it
    /// is told, once, whether or not anything is unacknowledged: a call that
    /// has arrived is in flight until its answer has come.
    fn lose(&mut self, next: u64, effects: &mut Vec<Effect<P>>) {
        assert!(next > self.epoch, "an epoch is entered once");
        if self.silent_since.take().is_some() {
            effects.push(Effect::Lost(self.epoch));
        }
        self.epoch = next;
        self.unacked = Unacked::default();
        self.received = 0;
        self.acknowledged = 0;
        if std::mem::take(&mut self.refused) {
            effects.push(Effect::Room);
        }
    }

    fn close(&mut self, effects: &mut Vec<Effect<P>>) {
        if let Some(link) = self.link.id() {
            effects.push(Effect::Close(link));
            self.link = Link::None;
        }
    }
}

impl Link {
    fn id(self) -> Option<LinkId> {
        match self {
            Link::None => None,
            Link::Opening(link, _) | Link::Open(link) => Some(link),
        }
    }
}
