//! Clusters start, are hurt and recover, with a script that stands in for
//! `host`: what is tested here is the harness.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cluster_tests::{Builder, Cluster, Link, NodeView, Store};

const SOON: Duration = Duration::from_secs(20);

fn stand_in() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stand-in.sh")
}

fn three() -> Builder {
    let builder = Cluster::builder().program(&stand_in());
    builder.host("alpha", &[]).host("beta", &[]).host("gamma", &["--labels", "zone=a"])
}

fn view(name: &str, state: &str) -> NodeView {
    NodeView { name: name.to_owned(), state: state.to_owned() }
}

pub(crate) fn hosts_join_and_see_each_other() {
    let cluster = three().start();
    let alive = ["alpha", "beta", "gamma"].map(|name| view(name, "alive"));
    for host in 0..3 {
        assert_eq!(cluster.seen_by(host).unwrap(), alive);
    }
    let tokens = cluster.hosts().iter().map(|host| host.ready().token.is_some());
    assert_eq!(tokens.collect::<Vec<_>>(), [true, false, false]);
    let addresses = cluster.hosts().iter().map(|host| host.ready().address.as_str());
    let expected = ["10.77.0.1:7420", "10.77.0.2:7420", "10.77.0.3:7420"];
    assert_eq!(addresses.collect::<Vec<_>>(), expected);
    let unknown = cluster.run(1, &["dance"]);
    assert_eq!(unknown.status.code(), Some(3));
    assert_eq!(unknown.stderr, "error: there is no command dance");
}

pub(crate) fn faults_befall_the_host_they_are_meant_for() {
    let mut cluster = three().start();
    let token = cluster.hosts()[0].ready().token.clone();
    cluster.kill(0);
    cluster.wait_until_seen(&[1, 2], &[1, 2]);
    cluster.restart(0);
    cluster.wait_until_all_see_all();
    assert_eq!(cluster.hosts()[0].ready().token, token, "it is told once, and kept");
    cluster.host(1).process().pause();
    cluster.wait_until_seen(&[0, 2], &[0, 2]);
    cluster.host(1).process().resume();
    cluster.wait_until_all_see_all();
    assert!(cluster.stop(2).success());
    assert_eq!(cluster.seen_by(0).unwrap(), [view("alpha", "alive"), view("beta", "alive")]);
    let fourth = cluster.add("delta", Vec::new());
    cluster.wait_until_seen(&[0, fourth], &[0, 1, fourth]);
    cluster.assert_none_crashed();
    cluster.host(1).process().kill();
    catch_unwind(AssertUnwindSafe(|| cluster.assert_none_crashed())).unwrap_err();
}

pub(crate) fn host_that_does_not_start_fails_the_test_with_its_last_words() {
    let mut cluster = three().start();
    cluster.kill(1);
    cluster.wipe(1);
    let failure = catch_unwind(AssertUnwindSafe(|| cluster.restart(1))).unwrap_err();
    let failure = failure.downcast_ref::<String>().unwrap();
    assert!(failure.contains("ended before: it is ready; its last words: error: "), "{failure}");
    assert!(failure.ends_with("is no member of a cluster"), "{failure}");
}

pub(crate) fn host_without_its_data_can_be_expected_to_give_up() {
    let mut cluster = three().start();
    cluster.kill(1);
    cluster.wipe(1);
    let said = cluster.restart_in_vain(1, SOON);
    assert!(said.contains("is no member of a cluster"), "{said}");
    cluster.enter(1);
    cluster.wait_until_all_see_all();
}

pub(crate) fn etcd_is_passed_to_hosts_and_cut_off_like_them() {
    let mut cluster = three().store(Store::Etcd).start();
    let control = fs::read_to_string(cluster.hosts()[2].data().join("member")).unwrap();
    assert_eq!(control, "etcd://10.77.0.1:2379\n");
    let (etcd, host) = (cluster.store_node(), cluster.hosts()[1].node());
    assert_eq!((etcd, host), (0, 2));
    cluster.network().isolate(etcd);
    assert_eq!(cluster.network().link(host, etcd), Link::Cut);
    cluster.network().heal();
    cluster.stop_store();
    cluster.restart_store();
    cluster.wait_until_all_see_all();
}
