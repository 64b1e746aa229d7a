//! The network does what tests ask of it: cuts cut, delays delay.

use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use cluster_tests::{Link, Network, Node, Quality, until};

/// For what takes microseconds unless the machine is busy.
const SOON: Duration = Duration::from_secs(20);

/// How long a packet that must not arrive is waited for: a hundred times what
/// one that arrives takes.
const NEVER: Duration = Duration::from_millis(100);

const PORT: u16 = 7420;

const MS: Duration = Duration::from_millis(1);

fn at(network: &Network, node: Node) -> SocketAddr {
    (network.address(node), PORT).into()
}

/// A socket of a node that hears the others.
fn udp(network: &Network, node: Node) -> UdpSocket {
    let address = at(network, node);
    let socket = network.run(node, move || UdpSocket::bind(address)).unwrap();
    socket.set_read_timeout(Some(NEVER)).unwrap();
    socket
}

fn sockets(network: &Network) -> Vec<UdpSocket> {
    (0..network.len()).map(|node| udp(network, node)).collect()
}

/// Whether a packet from one socket gets to another.
fn arrives(from: &UdpSocket, to: &UdpSocket) -> bool {
    let word = format!("{:?} to {:?}", from.local_addr(), to.local_addr());
    from.send_to(word.as_bytes(), to.local_addr().unwrap()).unwrap();
    let mut heard = [0; 100];
    match to.recv(&mut heard) {
        Ok(length) => {
            assert_eq!(String::from_utf8_lossy(&heard[..length]), word);
            true
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => panic!("{error}"),
    }
}

/// Answers every connection with what it says, until the network ends.
fn start_echo(network: &Network, node: Node) {
    let address = at(network, node);
    let listener = network.run(node, move || TcpListener::bind(address)).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let (mut from, mut to) = (stream.try_clone().unwrap(), stream);
                // It ends as the test ends: in any way.
                let _ = io::copy(&mut from, &mut to);
            });
        }
    });
}

fn connect(network: &Network, from: Node, to: Node, limit: Duration) -> io::Result<TcpStream> {
    let address = at(network, to);
    network.run(from, move || TcpStream::connect_timeout(&address, limit))
}

/// Says a word to an echo and waits for it.
fn echo(stream: &mut TcpStream, limit: Duration) -> io::Result<()> {
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(b"hello")?;
    let mut heard = [0; 5];
    stream.read_exact(&mut heard)?;
    assert_eq!(&heard, b"hello");
    Ok(())
}

pub(crate) fn nodes_reach_each_other_themselves_and_nothing_else() {
    let network = Network::new(3, 1);
    for node in 0..3 {
        start_echo(&network, node);
    }
    for (from, to) in [(0, 1), (1, 0), (1, 2), (2, 0), (2, 2)] {
        let mut stream = connect(&network, from, to, SOON).unwrap();
        echo(&mut stream, SOON).unwrap();
    }
    let interfaces = network.run(0, || fs::read_to_string("/proc/thread-self/net/dev")).unwrap();
    let mut names: Vec<_> =
        interfaces.lines().filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
    names.sort_unstable();
    assert_eq!(names, ["eth0", "lo"], "{interfaces}");
    let routes = network.run(0, || fs::read_to_string("/proc/thread-self/net/route")).unwrap();
    assert_eq!(routes.lines().count(), 2, "a headline and the network itself:\n{routes}");
}

pub(crate) fn cut_is_silent_and_in_one_direction() {
    let network = Network::new(2, 1);
    let sockets = sockets(&network);
    assert!(arrives(&sockets[0], &sockets[1]) && arrives(&sockets[1], &sockets[0]));
    network.cut(&[0], &[1]);
    assert!(!arrives(&sockets[0], &sockets[1]), "the cut direction");
    assert!(arrives(&sockets[1], &sockets[0]), "the other direction");
    assert_eq!((network.link(0, 1), network.link(1, 0)), (Link::Cut, Link::Up));
    network.heal();
    assert!(arrives(&sockets[0], &sockets[1]), "healed");
}

pub(crate) fn cut_stalls_a_connection_and_healing_continues_it() {
    let network = Network::new(2, 1);
    start_echo(&network, 1);
    let mut stream = connect(&network, 0, 1, SOON).unwrap();
    echo(&mut stream, SOON).unwrap();
    network.isolate(1);
    let stalled = echo(&mut stream, NEVER).unwrap_err();
    assert_eq!(stalled.kind(), ErrorKind::WouldBlock, "no reset and no ICMP: {stalled}");
    network.heal();
    // What was said into the cut arrives after all.
    stream.set_read_timeout(Some(SOON)).unwrap();
    let mut heard = [0; 5];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello");
    echo(&mut stream, SOON).unwrap();
}

pub(crate) fn nobody_answers_behind_a_cut() {
    let network = Network::new(2, 1);
    let refused = connect(&network, 0, 1, SOON).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "nobody listens yet");
    start_echo(&network, 1);
    network.cut(&[1], &[0]);
    let silence = connect(&network, 0, 1, NEVER).unwrap_err();
    assert_eq!(silence.kind(), ErrorKind::TimedOut, "{silence}");
    network.heal();
    echo(&mut connect(&network, 0, 1, SOON).unwrap(), SOON).unwrap();
}

pub(crate) fn sets_are_parted_from_sets() {
    let mut network = Network::new(4, 1);
    network.add();
    let sockets = sockets(&network);
    network.part(&[0, 1], &[2, 3]);
    for from in 0..5 {
        for to in 0..5 {
            let parted = from < 4 && to < 4 && (from < 2) != (to < 2);
            assert_eq!(arrives(&sockets[from], &sockets[to]), !parted, "{from} to {to}");
        }
    }
    network.heal();
    network.isolate(4);
    assert!(arrives(&sockets[0], &sockets[3]));
    assert!(!arrives(&sockets[0], &sockets[4]) && !arrives(&sockets[4], &sockets[0]));
}

pub(crate) fn delay_is_added_in_each_direction() {
    let network = Network::new(2, 1);
    start_echo(&network, 1);
    let mut stream = connect(&network, 0, 1, SOON).unwrap();
    stream.set_nodelay(true).unwrap();
    let poor = |delay| Link::Poor(Quality { delay, jitter: Duration::ZERO, loss: 0.0 });
    network.set(0, 1, poor(30 * MS));
    network.set(1, 0, poor(20 * MS));
    for _ in 0..3 {
        let started = Instant::now();
        echo(&mut stream, SOON).unwrap();
        let took = started.elapsed();
        // Above only a busy machine is the bound; a second would be another fault.
        assert!((50 * MS..1000 * MS).contains(&took), "{took:?} instead of 50 ms");
    }
}

pub(crate) fn share_of_packets_is_lost() {
    const SENT: usize = 1000;
    let network = Network::new(2, 7);
    let sockets = sockets(&network);
    network.set(
        0,
        1,
        Link::Poor(Quality { delay: Duration::ZERO, jitter: Duration::ZERO, loss: 0.3 }),
    );
    let mut arrived = 0;
    for _ in 0..SENT {
        sockets[0].send_to(b"x", at(&network, 1)).unwrap();
        // The reader keeps pace, so that the only loss is the link's.
        sockets[1].set_read_timeout(Some(2 * MS)).unwrap();
        arrived += usize::from(sockets[1].recv(&mut [0; 8]).is_ok());
    }
    while sockets[1].recv(&mut [0; 8]).is_ok() {
        arrived += 1;
    }
    assert!((620..780).contains(&arrived), "{arrived} of {SENT} arrived, 700 expected");
}

pub(crate) fn jitter_reorders_packets() {
    let network = Network::new(2, 7);
    let sockets = sockets(&network);
    network.degrade(Quality { delay: 5 * MS, jitter: 20 * MS, loss: 0.0 });
    for number in 0..50_u8 {
        sockets[0].send_to(&[number], at(&network, 1)).unwrap();
    }
    let mut heard = Vec::new();
    until("all packets", SOON, || {
        let mut number = [0];
        while sockets[1].recv(&mut number).is_ok() {
            heard.push(number[0]);
        }
        if heard.len() == 50 { Ok(()) } else { Err(format!("{} of 50", heard.len())) }
    });
    assert!(!heard.is_sorted(), "packets stayed in order");
    heard.sort_unstable();
    assert_eq!(heard, (0..50).collect::<Vec<u8>>());
}

pub(crate) fn streams_survive_a_poor_network() {
    const BYTES: usize = 4 << 20;
    let network = Network::new(2, 7);
    start_echo(&network, 1);
    let mut stream = connect(&network, 0, 1, SOON).unwrap();
    network.degrade(Quality { delay: MS, jitter: 2 * MS, loss: 0.01 });
    let sent: Vec<u8> = (0..BYTES).map(|index| (index % 251) as u8).collect();
    let mut writer = stream.try_clone().unwrap();
    let copy = sent.clone();
    let writing = thread::spawn(move || writer.write_all(&copy));
    let mut heard = vec![0; BYTES];
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.read_exact(&mut heard).unwrap();
    writing.join().unwrap().unwrap();
    assert!(sent == heard, "bytes changed on the way");
}

pub(crate) fn networks_do_not_meet() {
    let (one, other) = (Network::new(2, 1), Network::new(1, 1));
    start_echo(&one, 1);
    let nobody = connect(&other, 0, 1, NEVER).unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::TimedOut, "the same address in another network");
}
