use host_core::NodeId;

use super::*;

fn id(seq: u64) -> ObjectId {
    ObjectId { node: NodeId(1), seq }
}

/// A spill folder with one object in it.
struct Bench {
    parent: TempDir,
    spill: Spill,
    file: SpilledFile,
}

const CONTENTS: &[u8] = b"some bytes worth keeping";

async fn bench() -> Bench {
    let parent = tempfile::tempdir().unwrap();
    let spill = Spill::open(&parent.path().join("data")).unwrap();
    let file = spill.write(id(7), Bytes::from_static(CONTENTS)).await.unwrap();
    Bench { parent, spill, file }
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_was_written_comes_back() {
    let Bench { parent: _parent, spill, file } = bench().await;
    assert_eq!(spill.read(&file).await.unwrap(), CONTENTS);
    assert_eq!((file.id(), file.bytes()), (id(7), CONTENTS.len() as u64));
    let empty = spill.write(id(8), Bytes::new()).await.unwrap();
    assert_eq!(spill.read(&empty).await.unwrap(), b"");
}

#[tokio::test]
async fn only_the_owner_can_look() {
    let Bench { parent: _parent, spill, file } = bench().await;
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(spill.folder()), 0o700);
    assert_eq!(mode(&file.path), 0o600);
}

#[test]
fn files_and_folders_go_when_they_are_dropped() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let Bench { parent, spill, file } = runtime.block_on(bench());
    let again = runtime.block_on(spill.write(id(7), Bytes::new())).unwrap();
    assert_eq!(files(spill.folder()), ["lock", "o7@n1-0", "o7@n1-1"]);
    drop(file);
    assert_eq!(files(spill.folder()), ["lock", "o7@n1-1"]);
    drop(spill);
    assert_eq!(files(&parent.path().join("data")).len(), 1, "a file keeps its folder");
    drop(again);
    assert_eq!(files(&parent.path().join("data")), [""; 0]);
}

#[tokio::test]
async fn a_file_that_changed_is_an_error_and_never_wrong_data() {
    type Change = fn(&mut Vec<u8>);
    let changes: [Change; 5] = [
        |bytes| bytes[3] ^= 1,
        |bytes| bytes.truncate(5),
        |bytes| bytes.clear(),
        |bytes| bytes.push(0),
        |bytes| bytes.extend([0; 100_000]),
    ];
    for change in changes {
        let Bench { parent: _parent, spill, file } = bench().await;
        let mut contents = CONTENTS.to_vec();
        change(&mut contents);
        fs::write(&file.path, contents).unwrap();
        let error = spill.read(&file).await.unwrap_err();
        assert!(matches!(&error, Error::Changed { id, .. } if id.seq == 7), "{error}");
        assert!(error.to_string().contains("o7@n1"), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_gone_is_an_error() {
    let Bench { parent: _parent, spill, file } = bench().await;
    fs::remove_file(&file.path).unwrap();
    let error = spill.read(&file).await.unwrap_err();
    assert!(matches!(error, Error::Io { action: "read", .. }), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_an_error_of_its_own() {
    let Bench { parent: _parent, spill: _spill, file } = bench().await;
    // Writing to this device fails as a full disk does.
    let full = fs::write("/dev/full", "x").unwrap_err();
    let error = write_error(&file, full);
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert!(error.to_string().contains("o7@n1 (24 bytes)"), "{error}");
}

#[tokio::test]
async fn a_write_that_fails_is_an_error_that_names_the_file() {
    let Bench { parent: _parent, spill, file } = bench().await;
    fs::create_dir(spill.folder().join("o8@n1-1")).unwrap();
    let error = spill.write(id(8), Bytes::new()).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("o8@n1-1"), "{error}");
    drop(file);
}

#[test]
fn what_dead_processes_left_is_removed_and_what_live_ones_hold_is_kept() {
    let parent = tempfile::tempdir().unwrap();
    let live = Spill::open(parent.path()).unwrap();
    let dead = parent.path().join(format!("{PREFIX}dead"));
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join(LOCK), "").unwrap();
    fs::write(dead.join("o1@n1-0"), "left behind").unwrap();
    let foreign = parent.path().join("something else");
    fs::create_dir(&foreign).unwrap();

    let next = Spill::open(parent.path()).unwrap();
    assert!(!dead.exists());
    assert!(foreign.exists());
    assert!(live.folder().exists());
    assert!(next.folder().exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Spill::open(file.path()).map(drop).unwrap_err().to_string();
    assert!(error.contains(&file.path().display().to_string()), "{error}");
}
