//! The authority, its file, and what it signs.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use host_identity::{Authority, ClusterId, Enrolment, Error, Holding, PrivateKey, Role, limits};
use x509_parser::prelude::FromDer;

use crate::fixture::{Cluster, DAY, client, name, node, refused};

const FILE: &str = "authority.pem";

fn cluster_id() -> ClusterId {
    ClusterId::from_bytes([7; 16])
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A folder with the file of an authority.
fn saved() -> (tempfile::TempDir, Cluster) {
    let (folder, cluster) = (tempfile::tempdir().unwrap(), Cluster::new());
    cluster.authority.save(folder.path()).unwrap();
    (folder, cluster)
}

#[test]
fn an_authority_reads_back_and_nobody_else_can_read_it() {
    let (folder, cluster) = saved();
    assert_eq!(mode(&folder.path().join(FILE)), 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    let loaded = Authority::load(folder.path(), cluster_id(), cluster.now()).unwrap().unwrap();
    assert_eq!(loaded.certificate(), cluster.authority.certificate());
    // It reads what it sealed before.
    let subject = node("a");
    let key = PrivateKey::draw().unwrap();
    let (_, change) =
        Enrolment::grant(&cluster.authority, subject, &key, None, cluster.now()).unwrap();
    let write = &change.writes[0];
    loaded.open::<Enrolment>(&write.key, write.value.clone().unwrap()).unwrap();
}

#[test]
fn a_folder_without_an_authority_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let now = Cluster::new().now();
    assert!(Authority::load(folder.path(), cluster_id(), now).unwrap().is_none());
}

#[test]
fn an_authority_is_never_written_over() {
    let (folder, cluster) = saved();
    let before = fs::read(folder.path().join(FILE)).unwrap();
    let text = refused(Cluster::new().authority.save(folder.path()));
    assert!(text.contains("take it away first"), "{text}");
    assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), before);
    Authority::load(folder.path(), cluster_id(), cluster.now()).unwrap().unwrap();
}

#[test]
fn files_that_others_can_touch_are_refused() {
    let (folder, cluster) = saved();
    let (path, now) = (folder.path().join(FILE), cluster.now());
    for bad in [0o640, 0o604, 0o620, 0o602, 0o610, 0o666] {
        set_mode(&path, bad);
        let text = refused(Authority::load(folder.path(), cluster_id(), now));
        assert!(text.contains("chmod 600") && text.contains(&format!("{bad:03o}")), "{text}");
    }
    set_mode(&path, 0o600);
    set_mode(folder.path(), 0o770);
    let text = refused(Authority::load(folder.path(), cluster_id(), now));
    assert!(text.contains("chmod go-w"), "{text}");
    set_mode(folder.path(), 0o755);
    assert!(Authority::load(folder.path(), cluster_id(), now).unwrap().is_some());
}

#[test]
fn links_pipes_and_folders_are_no_files() {
    let (folder, cluster) = saved();
    let other = tempfile::tempdir().unwrap();
    symlink(folder.path().join(FILE), other.path().join(FILE)).unwrap();
    refused(Authority::load(other.path(), cluster_id(), cluster.now()));
    fs::remove_file(other.path().join(FILE)).unwrap();
    fs::create_dir(other.path().join(FILE)).unwrap();
    refused(Authority::load(other.path(), cluster_id(), cluster.now()));
    fs::remove_dir(other.path().join(FILE)).unwrap();
    let made = std::process::Command::new("mkfifo").arg(other.path().join(FILE)).status();
    assert!(made.unwrap().success());
    refused(Authority::load(other.path(), cluster_id(), cluster.now()));
}

#[test]
fn damaged_and_foreign_files_say_what_to_do() {
    let (folder, cluster) = saved();
    let (path, now) = (folder.path().join(FILE), cluster.now());
    let good = fs::read(&path).unwrap();
    let (other_folder, _other) = saved();
    let other = fs::read(other_folder.path().join(FILE)).unwrap();
    let split = |pem: &[u8]| {
        let text = String::from_utf8(pem.to_vec()).unwrap();
        let at = text.find("-----BEGIN PRIVATE").unwrap();
        (text[..at].to_owned(), text[at..].to_owned())
    };
    let ((certificate, key), (_, other_key)) = (split(&good), split(&other));
    for bad in [
        String::new(),
        "-----BEGIN".to_owned(),
        certificate.clone(),
        key.clone(),
        format!("{key}{certificate}"),
        format!("{certificate}{certificate}{key}"),
        format!("{certificate}{other_key}"),
        certificate.replace('M', "A") + &key,
        "x".repeat(limits::SECRET_FILE_BYTES_MAX + 1),
    ] {
        fs::write(&path, &bad).unwrap();
        let error = Authority::load(folder.path(), cluster_id(), now).unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error}: {bad}");
        assert!(!bad.contains("KEY") || !error.to_string().contains(&bad[30..60]), "{error}");
    }
    fs::write(&path, &good).unwrap();
    let text = refused(Authority::load(folder.path(), ClusterId::from_bytes([8; 16]), now));
    assert!(text.contains("of cluster 0707") && text.contains("backup"), "{text}");
}

#[test]
fn an_authority_lives_ten_years_and_nothing_outlives_it() {
    let (folder, mut cluster) = saved();
    cluster.clock.forward(limits::CA_LIFETIME - DAY);
    let certificate = cluster.grant(node("late"));
    let end = cluster.authority.certificate().validity().until;
    assert_eq!(certificate.certificate().validity().until, end);
    cluster.clock.forward(DAY);
    let now = cluster.now();
    let key = PrivateKey::draw().unwrap();
    assert!(Enrolment::grant(&cluster.authority, node("later"), &key, None, now).is_err());
    let error = Authority::load(folder.path(), cluster_id(), now).unwrap_err();
    assert_eq!(error, Error::AuthorityExpired);
}

#[test]
fn certificates_say_who_and_for_how_long_and_have_random_numbers() {
    let mut cluster = Cluster::new();
    let a = cluster.grant(node("a"));
    let b = cluster.grant(client("b", Role::Run));
    let now_s = cluster.now().as_secs();
    let length_s = |holding: &Holding| holding.certificate().validity().until.as_secs() - now_s;
    assert_eq!(length_s(&a), limits::NODE_LIFETIME.as_secs());
    assert_eq!(length_s(&b), limits::CLIENT_LIFETIME.as_secs());
    assert_eq!(*a.certificate().subject(), node("a"));
    assert_eq!(*b.certificate().subject(), client("b", Role::Run));
    assert_ne!(a.certificate().serial(), b.certificate().serial());
    let der = b.certificate().der();
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(der).unwrap();
    let purposes = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(purposes.client_auth && !purposes.server_auth && !purposes.any);
    assert!(!parsed.is_ca());
}

#[test]
fn a_holding_reads_back_from_its_file() {
    let mut cluster = Cluster::new();
    let folder = tempfile::tempdir().unwrap();
    let held = cluster.grant(node("a"));
    held.save(folder.path(), "node.pem").unwrap();
    held.save(folder.path(), "node.pem").unwrap();
    assert_eq!(mode(&folder.path().join("node.pem")), 0o600);
    let read = Holding::load(folder.path(), "node.pem", cluster_id()).unwrap().unwrap();
    assert_eq!(read.certificate(), held.certificate());
    assert_eq!(read.key().public().hash(), held.key().public().hash());
    let text = refused(Holding::load(folder.path(), "node.pem", ClusterId::from_bytes([8; 16])));
    assert!(text.contains("join again"), "{text}");
    assert!(Holding::load(folder.path(), "other.pem", cluster_id()).unwrap().is_none());
}

#[test]
fn a_joiners_key_is_the_same_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let key = PrivateKey::load_or_draw(folder.path(), "join.pem").unwrap();
    let again = PrivateKey::load_or_draw(folder.path(), "join.pem").unwrap();
    assert_eq!(key.public().hash(), again.public().hash());
    set_mode(&folder.path().join("join.pem"), 0o644);
    refused(PrivateKey::load_or_draw(folder.path(), "join.pem"));
}

#[test]
fn a_name_without_a_token_is_still_its_owners() {
    let mut cluster = Cluster::new();
    let held = cluster.grant(node("first"));
    let key = host_identity::record::node_key(&name("first"));
    let stored = cluster.get::<Enrolment>(&key).unwrap();
    let (authority, now) = (&cluster.authority, cluster.now());
    let again = Enrolment::grant(authority, node("first"), held.key(), Some(&stored), now);
    assert_eq!(*again.unwrap().0.subject(), node("first"));
    let other = PrivateKey::draw().unwrap();
    let refused = Enrolment::grant(authority, node("first"), &other, Some(&stored), now);
    assert_eq!(refused.unwrap_err(), host_identity::join::Refused::NameTaken);
}
