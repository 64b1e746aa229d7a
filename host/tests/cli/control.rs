//! Hosts whose control store is an etcd that knows its clients.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use host_proto::etcd as proto;
use host_proto::etcd::auth_client::AuthClient;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use test_builds::etcd::EtcdProcess;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::harness::{Outcome, command, outcome};
use crate::node::Node;

/// An etcd with TLS on both sides and one user, and what its clients need.
struct Guarded {
    etcd: EtcdProcess,
    folder: tempfile::TempDir,
}

impl Guarded {
    fn start() -> Guarded {
        let folder = tempfile::tempdir().expect("a folder");
        let mut authority = CertificateParams::new(Vec::new()).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(authority, key).expect("signed");
        let file = |name: &str, text: &str| write(folder.path(), name, text);
        let ca = file("ca", &authority.pem());
        for name in ["server", "client"] {
            let key = KeyPair::generate().expect("a key");
            let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
            let params = CertificateParams::new(names).expect("names");
            let certificate = params.signed_by(&key, &authority).expect("signed");
            file(name, &certificate.pem());
            file(&format!("{name}-key"), &key.serialize_pem());
        }
        file("password", "right\n");
        file("wrong-password", "wrong\n");
        let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
        let ca = ca.to_str().expect("text");
        let (certificate, key) = (path("server"), path("server-key"));
        let etcd = EtcdProcess::start_with(
            &folder.path().join("etcd"),
            &[
                "--client-cert-auth",
                "--trusted-ca-file",
                ca,
                "--cert-file",
                &certificate,
                "--key-file",
                &key,
            ],
        );
        let guarded = Guarded { etcd, folder };
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(guarded.add_user());
        guarded
    }

    async fn add_user(&self) {
        let read = |name: &str| fs::read(self.folder.path().join(name)).expect("it was written");
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(read("ca")))
            .identity(Identity::from_pem(read("client"), read("client-key")));
        let endpoint = Endpoint::new(format!("https://{}", self.etcd.address()));
        let endpoint = endpoint.expect("an address").tls_config(tls).expect("certificates");
        let mut auth = AuthClient::new(endpoint.connect().await.expect("etcd answers"));
        let (name, password) = ("root".to_owned(), "right".to_owned());
        let user = proto::AuthUserAddRequest { name: name.clone(), password };
        auth.user_add(user).await.expect("added");
        auth.role_add(proto::AuthRoleAddRequest { name: name.clone() }).await.expect("added");
        let grant = proto::AuthUserGrantRoleRequest { user: name.clone(), role: name };
        auth.user_grant_role(grant).await.expect("granted");
        auth.auth_enable(proto::AuthEnableRequest {}).await.expect("enabled");
    }

    /// The options of `host start`, with some other than they should be.
    fn options(&self, others: &[(&str, &str)]) -> Vec<String> {
        let url = format!("etcds://{}", self.etcd.address());
        let mut options = vec!["--control".to_owned(), url];
        for (option, file) in [
            ("--control-ca", "ca"),
            ("--control-cert", "client"),
            ("--control-key", "client-key"),
            ("--control-password-file", "password"),
        ] {
            let other = others.iter().find(|(changed, _)| *changed == option);
            let file = other.map_or(file, |(_, file)| file);
            if !file.is_empty() {
                let file = self.folder.path().join(file).to_str().expect("text").to_owned();
                options.extend([option.to_owned(), file]);
            }
        }
        options.extend(["--control-user".to_owned(), "root".to_owned()]);
        options
    }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    file.as_mut().expect("a file").write_all(text.as_bytes()).expect("written");
    path
}

fn start(options: &[String]) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let mut start = command(["start", "--listen", "127.0.0.1:0", "--max-actors", "50"]);
    start.arg("--data-dir").arg(folder.path().join("data")).args(options);
    outcome(&mut start)
}

#[test]
fn a_host_keeps_its_records_in_an_etcd_with_tls_and_users() {
    let guarded = Guarded::start();
    let options = guarded.options(&[]);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let node = Node::start(&options);
    let [address, token] = ["address", "token"].map(|it| node.ready[it].as_str().expect("a text"));
    let join = ["--name", "beta", "--join", address, "--token", token];
    let beta = Node::start(&[&join[..], &options].concat());
    assert_eq!(beta.run(&["list", "nodes"]).ok().lines().count(), 3, "a heading and two");
}

#[test]
fn whoever_etcd_does_not_know_is_told_so() {
    let guarded = Guarded::start();
    for (other, why) in [
        (("--control-password-file", "wrong-password"), "etcd"),
        (("--control-ca", "client"), "invalid peer certificate"),
    ] {
        let refused = start(&guarded.options(&[other]));
        let said = refused.refused(4);
        assert!(said.contains(why), "{other:?}: {said}");
        assert!(!said.contains("wrong\n") && !said.contains("right\n"), "a password: {said}");
    }
    for (other, why) in [
        (("--control-key", ""), "--control-cert needs its key"),
        (("--control-cert", ""), "--control-key needs its certificate"),
        (("--control-ca", ""), "--control-ca FILE"),
        (("--control-ca", "nowhere"), "No such file"),
        (("--control-ca", "password"), "it holds no CERTIFICATE in PEM"),
        (("--control-key", "client"), "it holds no PRIVATE KEY in PEM"),
        (("--control-password-file", ""), "--control-password-file FILE"),
    ] {
        let refused = start(&guarded.options(&[other]));
        assert!(refused.refused(2).contains(why), "{other:?}: {refused:?}");
    }
    let open = guarded.folder.path().join("open");
    fs::write(&open, "right").expect("written");
    let open = [("--control-password-file", "open")];
    assert!(start(&guarded.options(&open)).refused(2).contains("chmod 600"));
    let mut plain = guarded.options(&[]);
    plain[1] = "etcd://etcd.example:2379".to_owned();
    assert!(start(&plain).refused(2).contains("--control-ca is for TLS"));
    let bare = ["--control", "etcd://etcd.example:2379", "--control-user", "root"];
    let mut bare: Vec<String> = bare.map(str::to_owned).to_vec();
    bare.extend(["--control-password-file".to_owned(), plain[plain.len() - 3].clone()]);
    assert!(start(&bare).refused(2).contains("unencrypted"), "{bare:?}");
}
