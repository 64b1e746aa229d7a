//! What only etcd brings: several members, users, its own tools.

use std::net::SocketAddr;
use std::time::Duration;

use host_control::{
    ControlStore as _, Deadline, Error, Etcd, EtcdOptions, EtcdTls, EtcdUser, Transaction,
};
use host_proto::etcd as proto;
use host_proto::etcd::auth_client::AuthClient;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tonic::transport::Endpoint;

use crate::fixture::{etcd_options, get, key, next, put, soon, watch};
use test_builds::etcd::{EtcdProcess, Member, PORT_ATTEMPTS, Start, free_address};

/// Three members, each with a folder and addresses that stay.
struct Members {
    folder: TempDir,
    clients: Vec<SocketAddr>,
    peers: Vec<SocketAddr>,
    running: Vec<Option<EtcdProcess>>,
}

impl Members {
    fn start() -> Members {
        (0..PORT_ATTEMPTS).find_map(|_| Members::try_start()).expect("some addresses are free")
    }

    /// None if an address was taken meanwhile.
    fn try_start() -> Option<Members> {
        let addresses = || (0..3).map(|_| free_address()).collect();
        let folder = tempfile::tempdir().unwrap();
        let (clients, peers) = (addresses(), addresses());
        let mut members = Members { folder, clients, peers, running: Vec::new() };
        let begun: Vec<_> = (0..3).map(|index| members.spawn(index)).collect();
        for (process, said) in begun {
            if process.wait(&said) == Start::AddressInUse {
                return None;
            }
            members.running.push(Some(process));
        }
        Some(members)
    }

    fn store(&self) -> Etcd {
        let endpoints = self.clients.iter().map(SocketAddr::to_string).collect();
        Etcd::new(&etcd_options(endpoints, None)).unwrap()
    }

    fn spawn(&self, index: usize) -> (EtcdProcess, std::sync::mpsc::Receiver<String>) {
        let names = self.peers.iter().enumerate();
        let cluster: Vec<String> =
            names.map(|(index, peer)| format!("m{index}=http://{peer}")).collect();
        let member = Member {
            name: &format!("m{index}"),
            client: self.clients[index],
            peer: self.peers[index],
            cluster: &cluster.join(","),
        };
        EtcdProcess::spawn(&self.folder.path().join(member.name), &member, &[])
    }

    fn process(&self, index: usize) -> &EtcdProcess {
        self.running[index].as_ref().expect("it runs")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loss_of_any_one_member_is_survived() {
    let mut members = Members::start();
    let store = members.store();
    let mut changes = watch(&store, "a").await;
    let lease = store.grant(Duration::from_secs(60), soon()).await.unwrap().id;
    // Each in turn, so the leader too.
    for index in 0..3 {
        members.running[index] = None;
        let value = format!("without {index}");
        let written = loop {
            let write = Transaction::new().put_leased(key("a"), value.clone(), lease);
            match store.transact(&write, soon()).await {
                Ok(outcome) => break outcome.revision,
                // Begun with the member that died; doing it again is harmless.
                Err(Error::Uncertain { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        };
        while next(&mut changes).await.revision < written {}
        assert_eq!(get(&store, "a").await.unwrap().value, value);
        store.keep_alive(lease, soon()).await.unwrap();
        let (process, said) = members.spawn(index);
        assert_eq!(process.wait(&said), Start::Ready);
        members.running[index] = Some(process);
        let alone = etcd_options(vec![members.clients[index].to_string()], None);
        assert_eq!(get(&Etcd::new(&alone).unwrap(), "a").await.unwrap().value, value);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn member_that_hangs_is_passed_over_and_a_lost_majority_waited_for() {
    let members = Members::start();
    let store = members.store();
    put(&store, "a", "1").await;
    members.process(0).signal("STOP");
    assert_eq!(get(&store, "a").await.unwrap().value, "1");
    members.process(1).signal("STOP");
    let short = Deadline::after(Duration::from_secs(2));
    let error = store.get(&key("a"), short).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. } | Error::Unavailable { .. }), "{error}");
    let write = Transaction::new().put(key("b"), "1");
    let short = Deadline::after(Duration::from_secs(2));
    assert!(store.transact(&write, short).await.is_err());
    members.process(0).signal("CONT");
    members.process(1).signal("CONT");
    assert_eq!(get(&store, "a").await.unwrap().value, "1");
    put(&store, "b", "2").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_known_by_their_passwords() {
    let folder = tempfile::tempdir().unwrap();
    // Tokens of two seconds, to see them renewed.
    let process = EtcdProcess::start_with(
        &folder.path().join("etcd"),
        &["--auth-token", "simple", "--auth-token-ttl", "2"],
    );
    let options = |user: Option<(&str, &str)>| EtcdOptions {
        user: user.map(|(name, password)| EtcdUser {
            name: name.to_owned(),
            password: password.to_owned(),
        }),
        ..etcd_options(vec![process.endpoint()], None)
    };
    let store = Etcd::new(&options(Some(("root", "right")))).unwrap();
    put(&store, "a", "before there are users").await;
    let channel = Endpoint::new(process.endpoint()).unwrap().connect_lazy();
    let mut auth = AuthClient::new(channel);
    let (name, password) = ("root".to_owned(), "right".to_owned());
    auth.user_add(proto::AuthUserAddRequest { name: name.clone(), password }).await.unwrap();
    auth.role_add(proto::AuthRoleAddRequest { name: name.clone() }).await.unwrap();
    let grant = proto::AuthUserGrantRoleRequest { user: name.clone(), role: name };
    auth.user_grant_role(grant).await.unwrap();
    auth.auth_enable(proto::AuthEnableRequest {}).await.unwrap();

    let store = Etcd::new(&options(Some(("root", "right")))).unwrap();
    let mut changes = watch(&store, "a").await;
    let mut rounds = tokio::time::interval(Duration::from_millis(500));
    for round in 0..8 {
        rounds.tick().await;
        let written = put(&store, "a", format!("{round}")).await.revision;
        assert_eq!(next(&mut changes).await.revision, written);
    }
    for user in [None, Some(("root", "wrong")), Some(("nobody", "right"))] {
        let stranger = Etcd::new(&options(user)).unwrap();
        let denied = stranger.get(&key("a"), soon()).await.unwrap_err();
        assert!(matches!(denied, Error::Denied { .. }), "{denied}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connection_is_secure_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let identity = || {
        let key = KeyPair::generate().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        (certificate.pem().into_bytes(), key.serialize_pem().into_bytes())
    };
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let ca = authority.pem().into_bytes();
    let (certificate, secret) = identity();
    let files = [write("ca", &ca), write("certificate", &certificate), write("key", &secret)];
    let arguments = [
        "--client-cert-auth",
        "--trusted-ca-file",
        &files[0],
        "--cert-file",
        &files[1],
        "--key-file",
        &files[2],
    ];
    let process = EtcdProcess::start_with(&folder.path().join("etcd"), &arguments);
    let of = |identity, server_name: Option<&str>| {
        let server_name = server_name.map(str::to_owned);
        let tls = EtcdTls { ca: ca.clone(), identity, server_name };
        let options = etcd_options(vec![process.address().to_string()], None);
        Etcd::new(&EtcdOptions { tls: Some(tls), ..options }).unwrap()
    };
    for name in [None, Some("localhost")] {
        let store = of(Some(identity()), name);
        let mut changes = watch(&store, "a").await;
        let written = put(&store, "a", "1").await.revision;
        assert_eq!(next(&mut changes).await.revision, written);
    }
    let short = || Deadline::after(Duration::from_secs(1));
    for stranger in [of(None, None), of(Some(identity()), Some("elsewhere"))] {
        let refused = stranger.get(&key("a"), short()).await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable { .. }), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_share_an_etcd_in_namespaces() {
    let folder = tempfile::tempdir().unwrap();
    let process = EtcdProcess::start(&folder.path().join("etcd"));
    let of = |namespace: &str| {
        let options = etcd_options(vec![process.endpoint()], None);
        Etcd::new(&EtcdOptions { namespace: namespace.to_owned(), ..options }).unwrap()
    };
    let (one, other) = (of("a"), of("a/r"));
    put(&one, "x", "of one").await;
    let mut changes = watch(&other, "").await;
    put(&one, "/r/x", "of one").await;
    let written = put(&other, "x", "of other").await.revision;
    assert_eq!(next(&mut changes).await.revision, written);
    assert_eq!(get(&one, "x").await.unwrap().value, "of one");
    assert_ne!(one.cluster(soon()).await, other.cluster(soon()).await);
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused() {
    let tls = EtcdTls { ca: Vec::new(), identity: None, server_name: None };
    let fine = etcd_options(vec!["localhost:2379".to_owned()], None);
    for options in [
        EtcdOptions { endpoints: Vec::new(), ..fine.clone() },
        EtcdOptions { endpoints: vec!["https://a:1".to_owned()], ..fine.clone() },
        EtcdOptions { endpoints: vec!["ftp://a:1".to_owned()], ..fine.clone() },
        EtcdOptions { endpoints: vec!["http://a:1".to_owned()], tls: Some(tls), ..fine.clone() },
        EtcdOptions { namespace: String::new(), ..fine.clone() },
    ] {
        assert!(matches!(Etcd::new(&options), Err(Error::Invalid { .. })), "{options:?}");
    }
    let user = EtcdUser { name: "a".to_owned(), password: "secret".to_owned() };
    assert!(!format!("{user:?}").contains("secret"));
}
