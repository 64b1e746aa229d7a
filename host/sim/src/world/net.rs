//! Connections: streams in order, which stall and break.

use std::collections::BTreeMap;
use std::time::Duration;

use host_core::NodeId;
use host_core::session::{LinkId, Packet};

use super::{Happens, World};
use crate::counts::Fact;
use crate::host::Input;
use crate::message::Message;

pub(super) struct Links {
    links: BTreeMap<LinkId, Link>,
    next: u64,
    /// By from and to: until when nothing gets through.
    cut: Vec<Vec<Duration>>,
    /// Until when packets come twice or out of order.
    disorder_until: Duration,
}

struct Link {
    ends: [End; 2],
}

struct End {
    at: usize,
    start: u32,
    node: NodeId,
    /// When the last thing sent to this end arrives.
    busy_until: Duration,
    open: bool,
}

impl Links {
    pub(super) fn new(boxes: usize) -> Links {
        let cut = vec![vec![Duration::ZERO; boxes]; boxes];
        Links { links: BTreeMap::new(), next: 0, cut, disorder_until: Duration::ZERO }
    }

    pub(super) fn cut(&mut self, from: usize, to: usize, until: Duration) {
        let cut = &mut self.cut[from][to];
        *cut = until.max(*cut);
    }

    pub(super) fn disorder(&mut self, until: Duration) {
        self.disorder_until = until.max(self.disorder_until);
    }

    fn cut_until(&self, from: usize, to: usize) -> Duration {
        self.cut[from][to]
    }

    pub(super) fn ids(&self) -> Vec<LinkId> {
        self.links.keys().copied().collect()
    }

    /// A link that nobody will hear of again.
    pub(super) fn forget(&mut self, id: LinkId) {
        self.links.remove(&id);
    }

    /// The links of a box.
    pub(super) fn of(&self, at: usize) -> Vec<LinkId> {
        let of = self.links.iter().filter(|(_, link)| link.ends.iter().any(|end| end.at == at));
        of.map(|(id, _)| *id).collect()
    }
}

impl World {
    /// Milliseconds, and now and then many.
    fn delay(&mut self) -> Duration {
        match self.rng.u32(0..200) {
            0 => {
                self.oracle.counts[Fact::PacketsDelayed] += 1;
                Duration::from_millis(self.rng.u64(50..400))
            }
            _ => Duration::from_micros(self.rng.u64(100..3_000)),
        }
    }

    pub(super) fn dial(
        &mut self,
        at: usize,
        start: u32,
        from: NodeId,
        to: NodeId,
        address: Option<usize>,
    ) {
        let delay = self.delay();
        // Whoever listens there now may be a later start of the node.
        let reached = address.filter(|to_box| {
            let cut = |a: usize, b: usize| self.links.cut_until(a, b) > self.now;
            let member = self.boxes[*to_box].host.as_ref().and_then(|host| host.member.as_ref());
            !cut(at, *to_box) && !cut(*to_box, at) && member.is_some_and(|member| member.id == to)
        });
        let Some(to_box) = reached else {
            let failed = Input::DialFailed(from, to);
            let wait = delay + Duration::from_millis(self.rng.u64(0..500));
            let later = self.now + wait;
            return self.schedule(later, Happens::Input(at, start, failed));
        };
        self.links.next += 1;
        let id = LinkId(self.links.next);
        let (now, to_start) = (self.now, self.boxes[to_box].start);
        let member = self.boxes[to_box].host.as_ref().and_then(|host| host.member.as_ref());
        let node = member.expect("it was reached").id;
        let there = now + delay;
        let here = there + self.delay();
        let end = |at, start, node, busy_until| End { at, start, node, busy_until, open: true };
        let ends = [end(at, start, from, here), end(to_box, to_start, node, there)];
        self.links.links.insert(id, Link { ends });
        self.schedule(there, Happens::Input(to_box, to_start, Input::Connected(node, id, from)));
        self.schedule(here, Happens::Input(at, start, Input::Connected(from, id, to)));
    }

    pub(super) fn packet(&mut self, at: usize, id: LinkId, packet: Packet<Message>) {
        let delay = self.delay();
        let Some(link) = self.links.links.get(&id) else { return };
        let other = usize::from(link.ends[0].at == at);
        let to = link.ends[other].at;
        let sent = self.now.max(self.links.cut_until(at, to));
        self.oracle.counts[Fact::PacketsStalled] += u64::from(sent > self.now);
        let disorder = (self.now < self.links.disorder_until).then(|| self.rng.u32(0..12));
        let Some(link) = self.links.links.get_mut(&id) else { return };
        let own = &link.ends[1 - other];
        if !own.open {
            return;
        }
        let end = &mut link.ends[other];
        let in_order = end.busy_until.max(sent + delay);
        let (start, node) = (end.start, end.node);
        let arrives = if disorder == Some(0) {
            self.oracle.counts[Fact::PacketsReordered] += u64::from(sent + delay < in_order);
            sent + delay
        } else {
            end.busy_until = in_order;
            in_order
        };
        if disorder == Some(1) {
            self.oracle.counts[Fact::PacketsDuplicated] += 1;
            let again = arrives + self.delay();
            let input = Input::Packet(node, id, packet.clone());
            self.schedule(again, Happens::Input(to, start, input));
        }
        self.schedule(arrives, Happens::Input(to, start, Input::Packet(node, id, packet)));
    }

    /// One end gives up; the other hears of it after what is under way.
    pub(super) fn close(&mut self, at: usize, id: LinkId) {
        let delay = self.delay();
        let Some(link) = self.links.links.get_mut(&id) else { return };
        let other = usize::from(link.ends[0].at == at);
        link.ends[1 - other].open = false;
        let end = &mut link.ends[other];
        let heard = end.busy_until.max(self.now) + delay;
        let (to, start, node) = (end.at, end.start, end.node);
        let cut = self.links.cut_until(at, to);
        self.links.links.remove(&id);
        let heard = heard.max(cut);
        self.schedule(heard, Happens::Input(to, start, Input::Disconnected(node, id)));
    }

    /// A link breaks: what is under way is lost. One end may hear of it much
    /// later.
    pub(super) fn break_link(&mut self, id: LinkId) {
        let Some(link) = self.links.links.remove(&id) else { return };
        self.oracle.counts[Fact::LinksBroken] += 1;
        let late = self.rng.bool();
        for (end, late) in link.ends.iter().zip([false, late]) {
            let wait = if late { self.rng.u64(0..3_000) } else { self.rng.u64(0..5) };
            let heard = self.now + Duration::from_millis(wait);
            let input = Input::Disconnected(end.node, id);
            self.schedule(heard, Happens::Input(end.at, end.start, input));
        }
        self.lose_under_way(id);
    }

    fn lose_under_way(&mut self, id: LinkId) {
        let before = self.happens.len();
        self.happens.retain(|_, happens| {
            !matches!(&**happens, Happens::Input(_, _, Input::Packet(_, link, _)) if *link == id)
        });
        self.oracle.counts[Fact::PacketsLost] += (before - self.happens.len()) as u64;
    }
}
