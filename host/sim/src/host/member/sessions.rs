//! What a node says to others.

use host_core::NodeId;
use host_core::calls::{Call, CalleeEvent, CallerEvent};
use host_core::lending::Event as LendingEvent;
use host_core::membership::{Standing, View};
use host_core::session::{Effect, Event, Room, Session};

use super::{Member, Todo};
use crate::flaw::Flaw;
use crate::host::{Ctx, Out};
use crate::message::Message;

impl Member {
    /// Sends to a node, or hands it over here. False if there is no room, or
    /// no such node any more.
    pub(in crate::host) fn send(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        to: NodeId,
        message: Message,
        room: Room,
    ) -> bool {
        if to == self.id {
            self.deliver(ctx, view, to, message);
            return true;
        }
        if view.standing(to) == Standing::Gone {
            return false;
        }
        let local = self.id;
        let session = self.sessions.entry(to).or_insert_with(|| Session::new(local, to));
        let mut effects = Vec::new();
        let sent = session.send(ctx.now, message, 100, room, &mut effects).is_ok();
        self.session_effects(ctx, view, to, effects);
        sent
    }

    pub(in crate::host) fn session(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        peer: NodeId,
        event: Event<Message>,
    ) {
        let local = self.id;
        let session = self.sessions.entry(peer).or_insert_with(|| Session::new(local, peer));
        let mut effects = Vec::new();
        session.handle(ctx.now, event, &mut effects);
        self.session_effects(ctx, view, peer, effects);
    }

    pub(in crate::host) fn session_effects(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        peer: NodeId,
        effects: Vec<Effect<Message>>,
    ) {
        let todo = effects.into_iter().map(|effect| Todo::Session(peer, effect));
        self.todo.extend(todo);
        self.pump(ctx, view);
    }

    pub(in crate::host) fn session_effect(
        &mut self,
        ctx: &mut Ctx<'_>,
        view: &View,
        peer: NodeId,
        effect: Effect<Message>,
    ) {
        match effect {
            Effect::Dial => {
                let address = view.get(peer).map(|record| &record.addresses[0]);
                let address = address.and_then(|address| address.parse().ok());
                ctx.out.push(Out::Dial(self.id, peer, address));
            }
            Effect::Transmit(link, packet) => ctx.out.push(Out::Packet(link, packet)),
            Effect::Close(link) => {
                ctx.shared.note(|| format!("{} closes {link:?} with {peer}", self.id));
                self.links.remove(&link);
                ctx.out.push(Out::Close(link));
            }
            Effect::Deliver(message) => {
                if ctx.flaw == Some(Flaw::TakeTwice)
                    && let Message::Call(call) = &message
                {
                    let again = Call { id: call.id, ..call.clone() };
                    self.run(ctx, view, peer, again);
                }
                self.deliver(ctx, view, peer, message);
            }
            Effect::Up(epoch) => {
                ctx.shared.note(|| format!("{} up with {peer} in epoch {epoch}", self.id));
                self.caller(ctx, view, CallerEvent::SessionUp(peer));
            }
            Effect::Lost(epoch) => {
                ctx.shared.note(|| format!("{} lost {peer} in epoch {epoch}", self.id));
                self.lending(ctx, view, LendingEvent::SessionLost(peer));
                self.callee(ctx, view, CalleeEvent::SessionLost(peer));
                if ctx.flaw != Some(Flaw::ForgetLost) {
                    self.caller(ctx, view, CallerEvent::SessionLost(peer));
                }
                self.groups_lost(ctx, view, peer);
            }
            Effect::Room => {}
        }
    }
}
