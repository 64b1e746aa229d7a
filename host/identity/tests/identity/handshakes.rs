//! Who gets through a handshake, and as whom.

use std::sync::Arc;

use host_identity::{
    CaCertificate, Expect, Holding, Kind, Operation, Peer, PinnedClient, Role, Untrusted, Uses,
    limits,
};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, HandshakeKind, ProtocolVersion,
    ServerConfig, SignatureScheme, SupportedProtocolVersion, version,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use crate::fixture::{Cluster, Failed, client, connect, handshake, name, node, say};

fn bad(why: CertificateError) -> Error {
    Error::InvalidCertificate(why)
}

/// A client that believes any server: what a stranger may have.
fn stranger(versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    ClientConfig::builder_with_provider(default_provider().into())
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible))
        .with_no_client_auth()
}

/// The same, with something to show.
fn stranger_with(certified: CertifiedKey) -> ClientConfig {
    let mut config = stranger(&[&version::TLS13]);
    config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
    config
}

/// A server that shows anything.
fn server_with(
    certified: CertifiedKey,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    ServerConfig::builder_with_provider(default_provider().into())
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
}

/// The certificate and key in a file.
fn certified(pem: &[u8]) -> CertifiedKey {
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(pem).unwrap();
    CertifiedKey::new(chain, any_supported_type(&key).unwrap())
}

fn certified_of(holding: &Holding) -> CertifiedKey {
    let folder = tempfile::tempdir().unwrap();
    holding.save(folder.path(), "it.pem").unwrap();
    certified(&std::fs::read(folder.path().join("it.pem")).unwrap())
}

/// The authority's own certificate and key.
fn certified_of_ca(cluster: &Cluster) -> CertifiedKey {
    let folder = tempfile::tempdir().unwrap();
    cluster.authority.save(folder.path()).unwrap();
    certified(&std::fs::read(folder.path().join("authority.pem")).unwrap())
}

#[test]
fn members_know_each_other() {
    let mut cluster = Cluster::new();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let ann = cluster.client("ann", Role::Run);
    let (_, server) = connect(&a, &b).unwrap();
    assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let admitted = b.admitted(&server).unwrap();
    assert_eq!(*admitted.peer(), Peer::Node { name: name("a") });
    assert_eq!(admitted.certificate(), Some(&a.certificate()));
    admitted.check(Operation::OpenSession).unwrap();
    let (_, server) = connect(&ann, &b).unwrap();
    let admitted = b.admitted(&server).unwrap();
    assert_eq!(*admitted.peer(), Peer::Client { name: name("ann"), role: Role::Run });
    let denied = admitted.check(Operation::StopNode).unwrap_err();
    assert_eq!(denied.to_string(), "client ann (run) may not do this: StopNode");
}

#[test]
fn who_has_no_certificate_can_do_nothing_but_join() {
    let mut cluster = Cluster::new();
    let a = cluster.node("a");
    let (_, server) = handshake(stranger(&[&version::TLS13]), a.server_config().unwrap()).unwrap();
    let admitted = a.admitted(&server).unwrap();
    assert_eq!(*admitted.peer(), Peer::Anonymous);
    admitted.check(Operation::Join).unwrap();
    for operation in [Operation::ReadHealth, Operation::OpenSession, Operation::RenewCertificate] {
        admitted.check(operation).unwrap_err();
    }
}

#[test]
fn a_certificate_of_another_authority_is_refused_by_both_sides() {
    // Both have one id: only the authority differs.
    let (mut ours, mut theirs) = (Cluster::new(), Cluster::new());
    let (a, b) = (ours.node("a"), theirs.grant(node("b")));
    let unknown = || bad(CertificateError::UnknownIssuer);
    let failed =
        handshake(stranger_with(certified_of(&b)), a.server_config().unwrap()).unwrap_err();
    assert_eq!(failed, Failed::Server(unknown()));
    let failed = connect(&a, &theirs.endpoint(&b)).unwrap_err();
    assert_eq!(failed, Failed::Client(unknown()));
}

#[test]
fn expired_and_early_certificates_are_refused_by_both_sides() {
    let mut cluster = Cluster::new();
    let (old, far) = (cluster.grant(node("old")), cluster.grant(client("far", Role::Admin)));
    cluster.clock.forward(limits::NODE_LIFETIME);
    let a = cluster.node("a");
    connect(&cluster.endpoint(&old), &a).unwrap();
    cluster.clock.forward(std::time::Duration::from_secs(1));
    let a = cluster.grant(node("new"));
    let a = cluster.endpoint(&a);
    let old = cluster.endpoint(&old);
    let failed = connect(&a, &old).unwrap_err();
    assert_eq!(failed, Failed::Client(bad(CertificateError::Expired)));
    let failed = connect(&old, &a).unwrap_err();
    assert_eq!(failed, Failed::Server(bad(CertificateError::Expired)));
    // The clock goes back to before any of them began.
    cluster.clock.back(limits::NODE_LIFETIME + 2 * limits::CLOCK_SKEW);
    let early = || bad(CertificateError::NotValidYet);
    let failed = handshake(stranger_with(certified_of(&far)), a.server_config().unwrap());
    assert_eq!(failed.unwrap_err(), Failed::Server(early()));
    assert_eq!(connect(&a, &old).unwrap_err(), Failed::Client(early()));
}

#[test]
fn a_revoked_certificate_is_refused_by_both_sides() {
    let mut cluster = Cluster::new();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    connect(&a, &b).unwrap();
    let mut revocations = host_identity::Revocations::new();
    let certificate = b.certificate();
    let (serial, until) = (certificate.serial(), certificate.validity().until);
    let subject = certificate.subject().clone();
    revocations.insert(host_identity::Revocation { serial, subject, until }).unwrap();
    cluster.revocations.replace(revocations);
    let revoked = || bad(CertificateError::Revoked);
    assert_eq!(connect(&a, &b).unwrap_err(), Failed::Client(revoked()));
    let failed = handshake(b.client_config(Expect::AnyNode).unwrap(), a.server_config().unwrap());
    assert_eq!(failed.unwrap_err(), Failed::Server(revoked()));
}

#[test]
fn a_client_is_no_server() {
    let mut cluster = Cluster::new();
    let (a, ann) = (cluster.node("ann"), cluster.client("ann", Role::Admin));
    let purpose = |failed| {
        assert_eq!(failed, Failed::Client(bad(CertificateError::InvalidPurpose)));
    };
    purpose(connect(&a, &ann).unwrap_err());
    // Nor to somebody who joins.
    let token = cluster.token(Kind::Node, Uses::Once);
    purpose(cluster.connect_to_join(&token, &ann).unwrap_err());
}

#[test]
fn a_node_with_another_name_is_refused() {
    let mut cluster = Cluster::new();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let expect = Expect::Node(name("c"));
    let failed = handshake(a.client_config(expect).unwrap(), b.server_config().unwrap());
    let Failed::Client(Error::InvalidCertificate(CertificateError::Other(inner))) =
        failed.unwrap_err()
    else {
        panic!("refused by the client");
    };
    let untrusted = inner.0.downcast_ref::<Untrusted>().unwrap();
    assert_eq!(untrusted.to_string(), "the server is node b, not node c");
    handshake(a.client_config(Expect::AnyNode).unwrap(), b.server_config().unwrap()).unwrap();
}

#[test]
fn the_authoritys_own_certificate_is_nobodys() {
    let mut cluster = Cluster::new();
    let a = cluster.node("a");
    let failed = handshake(stranger_with(certified_of_ca(&cluster)), a.server_config().unwrap());
    let purpose = || bad(CertificateError::InvalidPurpose);
    assert_eq!(failed.unwrap_err(), Failed::Server(purpose()));
    let server = server_with(certified_of_ca(&cluster), &[&version::TLS13]);
    let failed = handshake(a.client_config(Expect::AnyNode).unwrap(), server).unwrap_err();
    assert_eq!(failed, Failed::Client(purpose()));
}

#[test]
fn a_joiner_is_not_fooled_by_an_authority_that_is_only_shown() {
    let (mut ours, mut theirs) = (Cluster::new(), Cluster::new());
    let token = ours.token(Kind::Node, Uses::Once);
    let clock = ours.clock.clone();
    let pinned = || PinnedClient::config(token.ca(), clock.clone()).unwrap();
    // A stranger's leaf, and our authority's certificate, which all can see.
    let mut shown = certified_of(&theirs.grant(node("evil")));
    shown.cert[1] = ours.authority.certificate().der().clone();
    let failed = handshake(pinned(), server_with(shown, &[&version::TLS13])).unwrap_err();
    assert_eq!(failed, Failed::Client(bad(CertificateError::UnknownIssuer)));
    // A leaf of ours alone: the authority has to be shown.
    let good = ours.grant(node("good"));
    let mut shown = certified_of(&good);
    shown.cert.truncate(1);
    let failed = handshake(pinned(), server_with(shown, &[&version::TLS13])).unwrap_err();
    assert_eq!(failed, Failed::Client(bad(CertificateError::UnknownIssuer)));
    // A certificate of ours without its key.
    let mut shown = certified_of(&theirs.grant(node("worse")));
    shown.cert = certified_of(&good).cert;
    handshake(pinned(), server_with(shown, &[&version::TLS13])).unwrap_err();
    // An expired one.
    handshake(pinned(), ours.endpoint(&good).server_config().unwrap()).unwrap();
    ours.clock.forward(limits::NODE_LIFETIME * 2);
    let failed = handshake(pinned(), ours.endpoint(&good).server_config().unwrap());
    assert_eq!(failed.unwrap_err(), Failed::Client(bad(CertificateError::Expired)));
}

#[test]
fn a_certificate_without_its_key_is_worth_nothing() {
    let (mut ours, mut theirs) = (Cluster::new(), Cluster::new());
    let (a, b) = (ours.node("a"), ours.grant(node("b")));
    let mut shown = certified_of(&theirs.grant(node("thief")));
    shown.cert = certified_of(&b).cert;
    let failed = handshake(stranger_with(shown), a.server_config().unwrap()).unwrap_err();
    assert_eq!(failed, Failed::Server(bad(CertificateError::BadSignature)));
}

#[test]
fn tls_1_2_is_refused_by_both_sides() {
    let mut cluster = Cluster::new();
    let (a, b) = (cluster.node("a"), cluster.grant(node("b")));
    let failed = handshake(stranger(&[&version::TLS12]), a.server_config().unwrap()).unwrap_err();
    assert!(matches!(failed, Failed::Server(Error::PeerIncompatible(_))), "{failed:?}");
    let server = server_with(certified_of(&b), &[&version::TLS12]);
    let failed = handshake(a.client_config(Expect::AnyNode).unwrap(), server).unwrap_err();
    assert!(matches!(failed, Failed::Server(Error::PeerIncompatible(_))), "{failed:?}");
}

#[test]
fn no_session_is_resumed() {
    let mut cluster = Cluster::new();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let mut eager = b.client_config(Expect::AnyNode).unwrap();
    eager.resumption = Resumption::in_memory_sessions(8);
    let (eager, server) = (Arc::new(eager), Arc::new(a.server_config().unwrap()));
    for _ in 0..3 {
        let (client, _) = handshake(eager.clone(), server.clone()).unwrap();
        assert_eq!(client.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(client.tls13_tickets_received(), 0);
    }
}

#[test]
fn a_new_certificate_is_shown_at_once_and_cuts_nothing() {
    let mut cluster = Cluster::new();
    let (held, b) = (cluster.grant(node("a")), cluster.node("b"));
    let a = cluster.endpoint(&held);
    let server = Arc::new(a.server_config().unwrap());
    let client = Arc::new(b.client_config(Expect::Node(name("a"))).unwrap());
    let (mut one, mut other) = handshake(client.clone(), server.clone()).unwrap();
    let mut fresh = Cluster::new();
    let foreign = fresh.grant(node("a"));
    a.replace(&foreign).unwrap_err();
    let somebody = cluster.grant(node("c"));
    a.replace(&somebody).unwrap_err();
    // The next of the same name.
    cluster.store.clear();
    let next = cluster.grant(node("a"));
    a.replace(&next).unwrap();
    say(&mut one, &mut other);
    say(&mut other, &mut one);
    let (shown, _) = handshake(client, server).unwrap();
    assert_eq!(shown.peer_certificates().unwrap()[0], *next.certificate().der());
    assert_eq!(one.peer_certificates().unwrap()[0], *held.certificate().der());
    assert_eq!(a.certificate(), *next.certificate());
}

#[test]
fn a_certificate_of_another_cluster_is_refused_even_by_the_same_key() {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, SanType};
    let mut cluster = Cluster::new();
    // A second authority with the key of the first, as after a copied file.
    let folder = tempfile::tempdir().unwrap();
    cluster.authority.save(folder.path()).unwrap();
    let pem = std::fs::read(folder.path().join("authority.pem")).unwrap();
    let key = KeyPair::try_from(&PrivateKeyDer::from_pem_slice(&pem).unwrap()).unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let uri = format!("greenroom://{}", "08".repeat(16));
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    params.distinguished_name = rcgen::DistinguishedName::new();
    let name = format!("greenroom cluster {}", "07".repeat(16));
    params.distinguished_name.push(DnType::CommonName, name);
    let second = params.self_signed(&key).unwrap();
    let second = CaCertificate::from_der(second.der()).unwrap();
    let mut shown = certified_of(&cluster.grant(node("a")));
    shown.cert[1] = second.der().clone();
    let pinned = PinnedClient::config(second.hash(), cluster.clock.clone()).unwrap();
    let failed = handshake(pinned, server_with(shown, &[&version::TLS13])).unwrap_err();
    let text = format!("{failed:?}");
    assert!(text.contains("WrongCluster"), "{text}");
}

/// Believes everything.
#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
