//! What a guest sees of the world outside.

use host::node::Config;
use host_core::Error;
use tests::{Actor, World, check, check_with};

async fn explorer(world: &World) -> Actor {
    world.actor("lives", "Explorer", ()).await
}

fn granted(dirs: &[String], env: &[&str]) -> impl FnOnce(&mut Config) + Send + 'static {
    let dirs: Vec<_> = dirs.iter().map(|dir| dir.parse().unwrap()).collect();
    let env: Vec<_> = env.iter().map(|name| name.parse().unwrap()).collect();
    move |config| {
        config.grants.dirs = dirs;
        config.grants.env = env;
    }
}

fn failed<T>(answer: Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Failed { .. }))
}

#[test]
fn without_a_grant_there_is_nothing_outside() {
    check(async |world| {
        let explorer = explorer(&world).await;
        for path in ["/etc/passwd", "/proc/self/environ", "../../etc/passwd", "Cargo.toml"] {
            assert!(failed(explorer.ask::<String>("read", (path,)).await), "{path}");
        }
        assert!(failed(explorer.ask::<()>("write", ("/tmp/greenroom", "x")).await));
        for path in ["/", "."] {
            assert!(failed(explorer.ask::<Vec<String>>("list", (path,)).await), "{path}");
        }
        assert_eq!(explorer.ask("env", ()).await, Ok(Vec::<(String, String)>::new()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert!(failed(explorer.ask::<()>("connect", (address,)).await));
    });
}

#[test]
fn a_folder_granted_for_reading_is_read_and_not_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.txt"), "hello").unwrap();
    std::os::unix::fs::symlink("/etc", folder.path().join("way-out")).unwrap();
    let kept = folder.path().to_owned();
    let grant = format!("{}:ro=/data", folder.path().display());
    check_with(granted(&[grant], &[]), async move |world| {
        let explorer = explorer(&world).await;
        let read = explorer.ask::<String>("read", ("/data/in.txt",)).await;
        assert_eq!(read, Ok("hello".to_owned()));
        assert!(failed(explorer.ask::<()>("write", ("/data/in.txt", "x")).await));
        assert!(failed(explorer.ask::<()>("write", ("/data/new.txt", "x")).await));
        for path in ["/data/../etc/passwd", "/data/way-out/passwd", "/etc/passwd"] {
            assert!(failed(explorer.ask::<String>("read", (path,)).await), "{path}");
        }
        assert_eq!(std::fs::read_to_string(kept.join("in.txt")).unwrap(), "hello");
        assert!(!kept.join("new.txt").exists());
    });
}

#[test]
fn a_folder_granted_for_writing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().to_owned();
    let grant = format!("{}=/data", folder.path().display());
    check_with(granted(&[grant], &[]), async move |world| {
        let explorer = explorer(&world).await;
        explorer.ask::<()>("write", ("/data/out.txt", "written")).await.unwrap();
        assert_eq!(std::fs::read_to_string(kept.join("out.txt")).unwrap(), "written");
        let listed = explorer.ask::<Vec<String>>("list", ("/data",)).await;
        assert_eq!(listed, Ok(vec!["out.txt".to_owned()]));
    });
}

#[test]
fn granted_variables_are_seen_and_no_others() {
    check_with(granted(&[], &["COLOUR=green"]), async |world| {
        let explorer = explorer(&world).await;
        let expected = vec![("COLOUR".to_owned(), "green".to_owned())];
        assert_eq!(explorer.ask("env", ()).await, Ok(expected));
    });
}

#[test]
fn clocks_and_random_numbers_need_no_grant() {
    check(async |world| {
        let explorer = explorer(&world).await;
        let (seconds, moves): (u64, bool) = explorer.ask("clocks", ()).await.unwrap();
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        assert!(now.abs_diff(seconds) < 60 && moves);
        let (one, two): (u64, u64) = explorer.ask("random", ()).await.unwrap();
        assert_ne!(one, two);
    });
}
