//! One peer: the session's machine, driven.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use host_core::NodeId;
use host_core::session::{Effect, Event, Full, LinkId, Packet, Room, Session};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::link::Link;
use crate::sessions::Shared;

/// What this node and a peer say to each other.
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    shared: Arc<Shared>,
    me: Weak<Peer>,
    /// Held for the length of a step of the machine, never while anybody else
    /// is called.
    state: Mutex<State>,
    /// The timer has to look again.
    earlier: Arc<Notify>,
}

struct State {
    session: Session<Bytes>,
    /// The connection that the machine knows, or the one it is about to.
    link: Option<Link>,
    /// What the machine asked for, in order.
    effects: Vec<Effect<Bytes>>,
    /// What is to be said to this node, in order.
    news: VecDeque<News>,
    /// Whether somebody is saying it.
    telling: bool,
    /// Until when the timer sleeps.
    armed: Option<Duration>,
    gone: bool,
}

/// What a node hears of a peer.
enum News {
    Deliver(Bytes),
    Up(u64),
    Lost(u64),
    Room,
}

impl Peer {
    pub(crate) fn new(id: NodeId, shared: Arc<Shared>) -> Arc<Peer> {
        let state = State {
            session: Session::new(shared.config.local, id),
            link: None,
            effects: Vec::new(),
            news: VecDeque::new(),
            telling: false,
            armed: None,
            gone: false,
        };
        let make = |me: &Weak<Peer>| Peer {
            id,
            shared,
            me: me.clone(),
            state: Mutex::new(state),
            earlier: Arc::default(),
        };
        let peer = Arc::new_cyclic(make);
        tokio::spawn(keep_time(peer.me.clone(), peer.earlier.clone()));
        peer
    }

    /// Sends a payload.
    pub(crate) fn send(&self, payload: Bytes, room: Room) -> Result<(), Full<Bytes>> {
        let bytes = payload.len();
        let sent =
            self.step(|session, now, effects| session.send(now, payload, bytes, room, effects));
        let counts = &self.shared.counts;
        match sent {
            Ok(()) => {
                counts.frames_sent.add(1);
                counts.bytes_sent.add(bytes);
            }
            Err(_) => counts.refused.add(1),
        }
        sent
    }

    /// A connection was made or taken.
    pub(crate) fn connected(&self, link: Link) {
        let id = link.id;
        let replaced = {
            let mut state = self.state.lock();
            if state.gone {
                return link.close();
            }
            state.link.replace(link)
        };
        // The machine would ask for it; but it may never have known of it.
        if let Some(replaced) = replaced {
            replaced.close();
        }
        self.handle(Event::Connected(id));
    }

    /// Packets came over a connection, in this order.
    pub(crate) fn received(&self, link: LinkId, packets: impl Iterator<Item = Packet<Bytes>>) {
        self.step(|session, now, effects| {
            for packet in packets {
                session.handle(now, Event::Received(link, packet), effects);
            }
        });
    }

    /// Something happened.
    pub(crate) fn handle(&self, event: Event<Bytes>) {
        match &event {
            Event::Disconnected(_) => self.shared.counts.breaks.add(1),
            Event::DialFailed => self.shared.counts.dials_failed.add(1),
            Event::Tick | Event::Connected(_) | Event::Received(..) | Event::PeerGone => {}
        }
        self.step(|session, now, effects| session.handle(now, event, effects));
    }

    /// The peer has gone for good.
    pub(crate) fn end(&self) {
        self.handle(Event::PeerGone);
        let link = {
            let mut state = self.state.lock();
            state.gone = true;
            state.link.take()
        };
        if let Some(link) = link {
            link.close();
        }
        self.earlier.notify_one();
    }

    /// A step of the machine, and what follows from it.
    fn step<R>(
        &self,
        step: impl FnOnce(&mut Session<Bytes>, Duration, &mut Vec<Effect<Bytes>>) -> R,
    ) -> R {
        let mut state = self.state.lock();
        let mut effects = std::mem::take(&mut state.effects);
        let result = step(&mut state.session, self.shared.now(), &mut effects);
        for effect in effects.drain(..) {
            self.carry_out(&mut state, effect);
        }
        state.effects = effects;
        let wake_at = state.session.wake_at();
        let sooner = match (wake_at, state.armed) {
            (Some(wake_at), Some(armed)) => wake_at < armed,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if sooner {
            state.armed = wake_at;
            self.earlier.notify_one();
        }
        let tell = !state.news.is_empty() && !std::mem::replace(&mut state.telling, true);
        drop(state);
        if tell {
            self.tell();
        }
        result
    }

    fn carry_out(&self, state: &mut State, effect: Effect<Bytes>) {
        match effect {
            Effect::Transmit(id, packet) => {
                if let Some(link) = state.link.as_ref().filter(|link| link.id == id) {
                    link.push(packet);
                }
            }
            Effect::Close(id) => {
                if let Some(link) = state.link.take_if(|link| link.id == id) {
                    link.close();
                }
            }
            Effect::Dial => self.dial(),
            Effect::Deliver(payload) => {
                self.shared.counts.frames_received.add(1);
                self.shared.counts.bytes_received.add(payload.len());
                state.news.push_back(News::Deliver(payload));
            }
            Effect::Up(epoch) => {
                self.shared.counts.epochs.add(1);
                state.news.push_back(News::Up(epoch));
            }
            Effect::Lost(epoch) => {
                self.shared.counts.epochs_lost.add(1);
                state.news.push_back(News::Lost(epoch));
            }
            Effect::Room => state.news.push_back(News::Room),
        }
    }

    /// Says the news in order: whoever brings news while another is at it
    /// leaves them there. Nobody's lock is held, so the node may answer.
    fn tell(&self) {
        let mut state = self.state.lock();
        while let Some(news) = state.news.pop_front() {
            drop(state);
            let inbound = &*self.shared.inbound;
            match news {
                News::Deliver(payload) => inbound.deliver(self.id, payload),
                News::Up(epoch) => inbound.up(self.id, epoch),
                News::Lost(epoch) => inbound.lost(self.id, epoch),
                News::Room => inbound.room(self.id),
            }
            state = self.state.lock();
        }
        state.telling = false;
    }

    fn dial(&self) {
        let Some(peer) = self.me.upgrade() else { return };
        let shared = self.shared.clone();
        tokio::spawn(async move { shared.dial(peer).await });
    }
}

/// Gives the machine its ticks, until the peer is gone.
async fn keep_time(peer: Weak<Peer>, earlier: Arc<Notify>) {
    loop {
        let until = {
            let Some(peer) = peer.upgrade() else { return };
            let mut state = peer.state.lock();
            if state.gone {
                return;
            }
            state.armed = state.session.wake_at();
            state.armed.map(|at| peer.shared.started + at)
        };
        let sleep = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep => {
                let Some(peer) = peer.upgrade() else { return };
                peer.handle(Event::Tick);
            }
            () = earlier.notified() => {}
        }
    }
}
