//! The owner of a host, on the same machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use host_identity::{Admitted, LocalToken, Operation, Peer};

use crate::fixture::refused;

const FILE: &str = "local-token";

#[test]
fn the_owner_can_read_the_token_and_nobody_else() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("run");
    assert!(LocalToken::load(&folder).unwrap().is_none());
    let token = LocalToken::create(&folder).unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(folder.clone()), mode(folder.join(FILE))), (0o700, 0o600));
    assert!(LocalToken::load(&folder).unwrap() == Some(token.clone()));
    assert!(token.reveal().parse::<LocalToken>().unwrap() == token);
    // A host that starts again makes another.
    let next = LocalToken::create(&folder).unwrap();
    assert!(next != token && LocalToken::load(&folder).unwrap() == Some(next));
    let peer = Admitted::local();
    assert_eq!(*peer.peer(), Peer::Local);
    peer.check(Operation::ManageTokens).unwrap();
    peer.check(Operation::OpenSession).unwrap_err();
}

#[test]
fn a_file_or_folder_that_others_can_touch_is_refused() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("run");
    LocalToken::create(&folder).unwrap();
    let set = |path: &std::path::Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    for mode in [0o640, 0o604, 0o620, 0o666] {
        set(&folder.join(FILE), mode);
        assert!(refused(LocalToken::load(&folder)).contains("chmod 600"));
    }
    set(&folder.join(FILE), 0o600);
    for mode in [0o750, 0o701, 0o755, 0o777] {
        set(&folder, mode);
        assert!(refused(LocalToken::load(&folder)).contains("chmod 700"));
        assert!(refused(LocalToken::create(&folder)).contains("chmod 700"));
    }
    set(&folder, 0o700);
    assert!(LocalToken::load(&folder).unwrap().is_some());
    let link = above.path().join("link");
    symlink(&folder, &link).unwrap();
    refused(LocalToken::load(&link));
    refused(LocalToken::create(&link));
}

#[test]
fn a_file_of_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give a file away; the check is the same for all.
        return;
    }
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("run");
    LocalToken::create(&folder).unwrap();
    std::os::unix::fs::chown(folder.join(FILE), Some(65_534), None).unwrap();
    assert!(refused(LocalToken::load(&folder)).contains("user 65534"));
    std::os::unix::fs::chown(folder.join(FILE), Some(0), None).unwrap();
    std::os::unix::fs::chown(&folder, Some(65_534), None).unwrap();
    assert!(refused(LocalToken::load(&folder)).contains("user 65534"));
}

#[test]
fn a_damaged_file_says_what_to_do() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("run");
    LocalToken::create(&folder).unwrap();
    for bad in ["", "GRlocal-", "GRlocal-00", "x", "\u{fffd}"] {
        fs::write(folder.join(FILE), bad).unwrap();
        assert!(refused(LocalToken::load(&folder)).contains("restart the host"));
    }
}
