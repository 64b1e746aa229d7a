use super::*;

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

type Effects = Vec<Effect<u32>>;

fn handle(session: &mut Session<u32>, at: u64, event: Event<u32>) -> Effects {
    let mut effects = Vec::new();
    session.handle(ms(at), event, &mut effects);
    effects
}

fn send(session: &mut Session<u32>, at: u64, payload: u32) -> Effects {
    let mut effects = Vec::new();
    session.send(ms(at), payload, 1, Room::New, &mut effects).unwrap();
    effects
}

fn receive(session: &mut Session<u32>, at: u64, link: u64, packet: Packet<u32>) -> Effects {
    handle(session, at, Event::Received(LinkId(link), packet))
}

fn hello(from: NodeId, to: NodeId, epoch: u64, received: u64) -> Packet<u32> {
    Packet::Hello { from, to, epoch, received }
}

fn frame(epoch: u64, number: u64, received: u64, payload: u32) -> Packet<u32> {
    Packet::Frame { epoch, number, received, payload }
}

fn transmit(link: u64, packet: Packet<u32>) -> Effect<u32> {
    Effect::Transmit(LinkId(link), packet)
}

/// A session of node 1 with node 2 that is up on link 1.
fn up() -> Session<u32> {
    let mut session = Session::new(ONE, TWO);
    handle(&mut session, 0, Event::Connected(LinkId(1)));
    assert_eq!(receive(&mut session, 0, 1, hello(TWO, ONE, 1, 0)), [Effect::Up(1)]);
    session
}

#[test]
fn the_first_frame_dials_and_goes_out_after_the_hello() {
    let mut session = Session::new(ONE, TWO);
    assert_eq!(session.wake_at(), None);
    assert_eq!(send(&mut session, 0, 10), [Effect::Dial]);
    assert_eq!(send(&mut session, 0, 11), []);
    assert_eq!(
        handle(&mut session, 5, Event::Connected(LinkId(1))),
        [transmit(1, hello(ONE, TWO, 1, 0))]
    );
    assert_eq!(
        receive(&mut session, 9, 1, hello(TWO, ONE, 1, 0)),
        [transmit(1, frame(1, 1, 0, 10)), transmit(1, frame(1, 2, 0, 11)), Effect::Up(1)]
    );
    assert_eq!(send(&mut session, 9, 12), [transmit(1, frame(1, 3, 0, 12))]);
}

#[test]
fn a_reconnect_sends_again_what_was_not_acknowledged_and_only_that() {
    let mut session = up();
    for payload in [10, 11, 12] {
        send(&mut session, 0, payload);
    }
    assert_eq!(receive(&mut session, 1, 1, Packet::Beat { epoch: 1, received: 1 }), []);
    assert_eq!(session.unacked(), 2);
    assert_eq!(handle(&mut session, 2, Event::Disconnected(LinkId(1))), [Effect::Dial]);
    handle(&mut session, 3, Event::Connected(LinkId(2)));
    assert_eq!(
        receive(&mut session, 4, 2, hello(TWO, ONE, 1, 2)),
        [transmit(2, frame(1, 3, 0, 12)), Effect::Up(1)]
    );
}

#[test]
fn a_frame_is_handed_on_once() {
    let mut session = up();
    assert_eq!(receive(&mut session, 1, 1, frame(1, 1, 0, 10)), [Effect::Deliver(10)]);
    assert_eq!(receive(&mut session, 1, 1, frame(1, 1, 0, 10)), []);
    assert_eq!(receive(&mut session, 1, 1, frame(1, 2, 0, 11)), [Effect::Deliver(11)]);
    // Of a connection that was replaced.
    handle(&mut session, 2, Event::Connected(LinkId(2)));
    assert_eq!(receive(&mut session, 2, 1, frame(1, 3, 0, 12)), []);
}

#[test]
fn a_gap_a_false_acknowledgement_or_a_missing_hello_ends_the_connection() {
    let wrong = [
        frame(1, 2, 0, 10),
        frame(1, 1, 1, 10),
        frame(2, 1, 0, 10),
        Packet::Beat { epoch: 1, received: 1 },
        Packet::Beat { epoch: 2, received: 0 },
        hello(TWO, ONE, 1, 0),
    ];
    for packet in wrong {
        assert_eq!(receive(&mut up(), 1, 1, packet), [Effect::Close(LinkId(1))]);
    }
    let mut opening = Session::new(ONE, TWO);
    handle(&mut opening, 0, Event::Connected(LinkId(1)));
    assert_eq!(receive(&mut opening, 1, 1, frame(1, 1, 0, 10)), [Effect::Close(LinkId(1))]);
}

#[test]
fn a_hello_from_or_to_another_start_of_a_node_is_refused() {
    for (from, to) in [(NodeId(3), ONE), (TWO, NodeId(3))] {
        let mut session = Session::new(ONE, TWO);
        handle(&mut session, 0, Event::Connected(LinkId(1)));
        let effects = receive(&mut session, 1, 1, hello(from, to, 1, 0));
        assert_eq!(effects, [Effect::Close(LinkId(1))]);
        assert!(!session.is_up());
    }
}

#[test]
fn silence_loses_the_epoch_and_all_in_it() {
    let mut session = up();
    send(&mut session, 0, 10);
    handle(&mut session, 500, Event::Disconnected(LinkId(1)));
    assert_eq!(handle(&mut session, 999, Event::Tick), []);
    assert_eq!(handle(&mut session, 1_000, Event::Tick), [Effect::Lost(1)]);
    assert_eq!((session.epoch(), session.unacked()), (2, 0));
    handle(&mut session, 1_500, Event::Connected(LinkId(2)));
    // The peer has not lost it, and has received the frame.
    assert_eq!(receive(&mut session, 1_500, 2, hello(TWO, ONE, 1, 1)), [Effect::Up(2)]);
    assert_eq!(send(&mut session, 1_500, 20), [transmit(2, frame(2, 1, 0, 20))]);
}

#[test]
fn a_higher_epoch_of_the_peer_loses_ours() {
    let mut session = up();
    send(&mut session, 0, 10);
    assert_eq!(receive(&mut session, 0, 1, frame(1, 1, 0, 50)), [Effect::Deliver(50)]);
    handle(&mut session, 100, Event::Disconnected(LinkId(1)));
    handle(&mut session, 200, Event::Connected(LinkId(2)));
    assert_eq!(
        receive(&mut session, 200, 2, hello(TWO, ONE, 3, 0)),
        [Effect::Lost(1), Effect::Up(3)]
    );
    assert_eq!(receive(&mut session, 200, 2, frame(3, 1, 0, 60)), [Effect::Deliver(60)]);
}

#[test]
fn an_open_connection_that_says_nothing_is_lost_too() {
    let mut session = up();
    let beat = |received| transmit(1, Packet::Beat { epoch: 1, received });
    assert_eq!(handle(&mut session, 250, Event::Tick), [beat(0)]);
    assert_eq!(handle(&mut session, 500, Event::Tick), [beat(0)]);
    assert_eq!(handle(&mut session, 750, Event::Tick), [beat(0)]);
    assert_eq!(
        handle(&mut session, 1_000, Event::Tick),
        [Effect::Lost(1), Effect::Close(LinkId(1))]
    );
}

#[test]
fn a_node_that_was_stalled_does_not_blame_its_peer() {
    let mut session = up();
    let beat = Packet::Beat { epoch: 1, received: 0 };
    // The beat of 250 ms is sent at 1,100: nobody listened before.
    assert_eq!(handle(&mut session, 1_100, Event::Tick), [transmit(1, beat.clone())]);
    assert_eq!(receive(&mut session, 1_101, 1, beat), []);
    assert!(session.is_up());
}

#[test]
fn a_node_that_was_paused_loses_before_it_listens() {
    let mut session = up();
    assert_eq!(
        receive(&mut session, 60_000, 1, frame(1, 1, 0, 10)),
        [Effect::Lost(1), Effect::Close(LinkId(1))]
    );
}

#[test]
fn many_frames_are_acknowledged_before_the_beat() {
    let mut session = up();
    for number in 1..limits::SESSION_ACK_FRAMES {
        let delivered = receive(&mut session, 1, 1, frame(1, number, 0, 0));
        assert_eq!(delivered, [Effect::Deliver(0)]);
    }
    let received = limits::SESSION_ACK_FRAMES;
    assert_eq!(
        receive(&mut session, 1, 1, frame(1, received, 0, 0)),
        [Effect::Deliver(0), transmit(1, Packet::Beat { epoch: 1, received })]
    );
}

#[test]
fn full_gives_back_and_answers_still_have_room() {
    let mut session = up();
    let mut effects = Vec::new();
    for payload in 0..limits::SESSION_FRAMES as u32 {
        session.send(ms(0), payload, 1, Room::New, &mut effects).unwrap();
    }
    let full = session.send(ms(0), 9, 1, Room::New, &mut effects).unwrap_err();
    assert_eq!((full.payload, full.frames), (9, limits::SESSION_FRAMES));
    assert_eq!(full.to_string(), "n2 is 16384 frames and 16384 bytes behind");
    session.send(ms(0), 9, 1, Room::Answer, &mut effects).unwrap();
    let half = Packet::Beat { epoch: 1, received: limits::SESSION_FRAMES as u64 / 2 };
    assert_eq!(receive(&mut session, 0, 1, half), []);
    let more = Packet::Beat { epoch: 1, received: limits::SESSION_FRAMES as u64 / 2 + 1 };
    assert_eq!(receive(&mut session, 0, 1, more), [Effect::Room]);
}

#[test]
fn bytes_are_bounded_but_one_large_frame_passes() {
    let mut session = up();
    let mut effects = Vec::new();
    let large = limits::SESSION_BYTES + 1;
    session.send(ms(0), 1, large, Room::New, &mut effects).unwrap();
    session.send(ms(0), 2, 1, Room::New, &mut effects).unwrap_err();
}

#[test]
fn dialling_waits_longer_each_time_and_the_higher_id_longest() {
    let mut session = Session::new(ONE, TWO);
    let mut other = Session::new(TWO, ONE);
    let delays = |session: &mut Session<u32>| {
        send(session, 0, 1);
        let mut now = 0;
        let mut wait = |_| {
            assert_eq!(handle(session, now, Event::DialFailed), []);
            session.silent_since = None;
            let at = session.wake_at().unwrap().as_millis() as u64;
            let wait = at - now;
            now = at;
            assert_eq!(handle(session, now, Event::Tick), [Effect::Dial]);
            wait
        };
        (0..8).map(&mut wait).collect::<Vec<u64>>()
    };
    assert_eq!(delays(&mut session), [50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
    assert_eq!(delays(&mut other)[..3], [250, 300, 400]);
}

#[test]
fn a_peer_that_is_gone_loses_all_and_nothing_follows() {
    let mut session = up();
    send(&mut session, 0, 10);
    assert_eq!(
        handle(&mut session, 1, Event::PeerGone),
        [Effect::Lost(1), Effect::Close(LinkId(1))]
    );
    assert_eq!(handle(&mut session, 2, Event::Connected(LinkId(2))), []);
    assert_eq!(session.wake_at(), None);
    session.send(ms(3), 1, 1, Room::Answer, &mut Vec::new()).unwrap_err();
}
