//! The whole life of a node, from the first authority to being cut.

use std::sync::Arc;

use host_identity::join::{Joiner, RenewRequest, renew};
use host_identity::{
    Authority, Cut, Enrolment, Expect, Holding, Kind, Operation, Peer, PrivateKey, Renewal, Uses,
    record, renewal,
};

use crate::fixture::{Cluster, HOUR, connect, handshake, name, node, say};

/// What a node does when its certificate has a third of its life left.
fn renewed(cluster: &mut Cluster, held: &Holding, over: &host_identity::Admitted) -> Holding {
    let joiner = Joiner::renewing(held, PrivateKey::draw().unwrap());
    let request = joiner.renew_request().unwrap();
    let request = RenewRequest::from_wire(request.to_wire()).unwrap();
    over.check(Operation::RenewCertificate).unwrap();
    let Peer::Node { name } = over.peer() else { panic!("a node renews") };
    let stored = cluster.get::<Enrolment>(&record::node_key(name));
    let (list, now) = (cluster.revocations.current(), cluster.now());
    let authority = &cluster.authority;
    let shown = over.certificate();
    let admission = renew(authority, &request, shown, stored.as_ref(), &list, now).unwrap();
    assert!(cluster.apply(&admission.change));
    joiner.accept(&admission.answer, now).unwrap()
}

#[test]
fn a_node_joins_works_renews_and_is_put_out() {
    // The first host makes the authority, keeps it, and lets itself in.
    let mut cluster = Cluster::new();
    let folder = tempfile::tempdir().unwrap();
    cluster.authority.save(folder.path()).unwrap();
    let id = cluster.authority.certificate().cluster();
    cluster.authority = Authority::load(folder.path(), id, cluster.now()).unwrap().unwrap();
    let first = cluster.node("first");

    // A second machine joins with a token.
    let token = cluster.token(Kind::Node, Uses::Once);
    let key = PrivateKey::load_or_draw(folder.path(), "join.pem").unwrap();
    let held = cluster.join(&token, "second", key, &first).unwrap();
    held.save(folder.path(), "node.pem").unwrap();
    let held = Holding::load(folder.path(), "node.pem", id).unwrap().unwrap();
    let second = cluster.endpoint(&held);

    // Both talk to each other, whoever calls.
    let (mut calling, mut called) = connect(&second, &first).unwrap();
    say(&mut calling, &mut called);
    let admitted = first.admitted(&called).unwrap();
    assert_eq!(*admitted.peer(), Peer::Node { name: name("second") });
    admitted.check(Operation::OpenSession).unwrap();
    connect(&first, &second).unwrap();

    // Weeks later it renews, over a connection of the old certificate, which
    // goes on; new ones show the new certificate.
    let validity = second.certificate().validity();
    let Renewal::At(due) = renewal(validity, cluster.now()) else { panic!("not yet due") };
    let weeks = due.as_secs() - cluster.now().as_secs();
    cluster.clock.forward(std::time::Duration::from_secs(weeks));
    assert_eq!(renewal(validity, cluster.now()), Renewal::Now);
    let listening = Arc::new(second.server_config().unwrap());
    let next = renewed(&mut cluster, &held, &admitted);
    assert_eq!(*next.certificate().subject(), node("second"));
    assert_ne!(next.certificate().key(), held.certificate().key());
    next.save(folder.path(), "node.pem").unwrap();
    second.replace(&next).unwrap();
    say(&mut calling, &mut called);
    let first_again = {
        cluster.store.remove(&record::node_key(&name("first")));
        cluster.node("first")
    };
    let expect = || Expect::Node(name("second"));
    let caller = first_again.client_config(expect()).unwrap();
    let (shown, _) = handshake(caller, listening.clone()).unwrap();
    assert_eq!(shown.peer_certificates().unwrap()[0], *next.certificate().der());

    // The old certificate ends: its connection is cut, the new one lives.
    let (_, newer) = connect(&second, &first_again).unwrap();
    let newer = first_again.admitted(&newer).unwrap();
    let live = [("old", admitted.certificate().unwrap()), ("new", newer.certificate().unwrap())];
    assert_eq!(cluster.revocations.current().cut_of(live, cluster.now()), []);
    let rest_s = validity.until.as_secs() - cluster.now().as_secs();
    cluster.clock.forward(std::time::Duration::from_secs(rest_s) + HOUR);
    let cut = cluster.revocations.current().cut_of(live, cluster.now());
    assert_eq!(cut, [("old", Cut::Expired)]);

    // An operator puts it out: what is open is cut, nothing new is let in.
    let stored = cluster.get::<Enrolment>(&record::node_key(&name("second"))).unwrap();
    let change = Enrolment::revoke(&cluster.authority, &stored, cluster.now());
    assert!(cluster.apply(&change));
    cluster.load_revocations();
    let cut = cluster.revocations.current().cut_of(live, cluster.now());
    assert_eq!(cut, [("old", Cut::Revoked), ("new", Cut::Revoked)]);
    connect(&second, &first_again).unwrap_err();
    handshake(first_again.client_config(expect()).unwrap(), listening).unwrap_err();
}
