use std::fs;

use tempfile::TempDir;
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host;

use super::*;
use crate::data::test::data;
use crate::limits::HANDLES;

/// A guest with a granted folder, which holds a file.
struct Bench {
    host: TempDir,
    data: Data,
    folder: Resource<Descriptor>,
}

impl Bench {
    fn new(access: &str) -> Bench {
        let host = tempfile::tempdir().unwrap();
        fs::create_dir(host.path().join("in")).unwrap();
        fs::write(host.path().join("in/file"), "inside").unwrap();
        fs::write(host.path().join("secret"), "outside").unwrap();
        let mut data = data(&["--dir", &format!("{}/in{access}=/in", host.path().display())]);
        let mut folders = data.filesystem().get_directories().unwrap();
        let (folder, name) = folders.pop().unwrap();
        assert_eq!(name, "/in");
        Bench { host, data, folder }
    }

    fn folder(&self) -> Resource<Descriptor> {
        Resource::new_borrow(self.folder.rep())
    }

    async fn open(
        &mut self,
        path: &str,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<Resource<Descriptor>, ErrorCode> {
        let follow = PathFlags::SYMLINK_FOLLOW;
        let folder = self.folder();
        let opened = open_at(&mut self.data, folder, follow, path.into(), how, flags).await;
        opened.map_err(|error| error.downcast().unwrap())
    }

    async fn read(&mut self, path: &str) -> Result<Vec<u8>, ErrorCode> {
        let file = self.open(path, OpenFlags::empty(), DescriptorFlags::READ).await?;
        let mut filesystem = self.data.filesystem();
        let read = HostDescriptor::read(&mut filesystem, file, u64::MAX, 0).await;
        read.map(|(bytes, _)| bytes).map_err(|error| error.downcast().unwrap())
    }
}

#[tokio::test]
async fn a_granted_folder_can_be_read_and_written() {
    let mut bench = Bench::new("");
    assert_eq!(bench.read("file").await, Ok(b"inside".to_vec()));
    let file = bench.open("new", OpenFlags::CREATE, DescriptorFlags::WRITE).await.unwrap();
    let mut filesystem = bench.data.filesystem();
    HostDescriptor::write(&mut filesystem, file, b"hello".to_vec(), 0).await.unwrap();
    assert_eq!(fs::read(bench.host.path().join("in/new")).unwrap(), b"hello");
    let exclusive = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    let again = bench.open("new", exclusive, DescriptorFlags::WRITE).await;
    assert_eq!(again.map(drop), Err(ErrorCode::Exist));
    bench.open("new", OpenFlags::TRUNCATE, DescriptorFlags::WRITE).await.unwrap();
    assert_eq!(fs::read(bench.host.path().join("in/new")).unwrap(), b"");
}

#[tokio::test]
async fn a_folder_granted_for_reading_cannot_be_changed() {
    let mut bench = Bench::new(":ro");
    assert_eq!(bench.read("file").await, Ok(b"inside".to_vec()));
    let changes = [
        ("file", OpenFlags::empty(), DescriptorFlags::WRITE),
        ("file", OpenFlags::TRUNCATE, DescriptorFlags::READ),
        ("new", OpenFlags::CREATE, DescriptorFlags::READ),
        ("new", OpenFlags::CREATE | OpenFlags::EXCLUSIVE, DescriptorFlags::empty()),
    ];
    for (path, how, flags) in changes {
        let opened = bench.open(path, how, flags).await.map(drop);
        assert_eq!(opened, Err(ErrorCode::NotPermitted), "{path} {how:?} {flags:?}");
    }
    assert_eq!(fs::read(bench.host.path().join("in/file")).unwrap(), b"inside");
    assert!(!bench.host.path().join("in/new").exists());
}

#[tokio::test]
async fn nothing_outside_the_folder_can_be_named() {
    let mut bench = Bench::new("");
    let outside = bench.host.path().join("secret");
    let link = |to: &std::path::Path, name: &str| {
        std::os::unix::fs::symlink(to, bench.host.path().join("in").join(name)).unwrap();
    };
    link(&outside, "absolute");
    link("../secret".as_ref(), "relative");
    link("..".as_ref(), "up");
    let outside = outside.display().to_string();
    for path in ["../secret", &outside, "absolute", "relative", "up/secret", "../in/file", "/"] {
        let read = bench.read(path).await;
        assert_eq!(read, Err(ErrorCode::NotPermitted), "{path}");
    }
}

#[tokio::test]
async fn a_pipe_is_refused_and_does_not_hold_a_thread() {
    let mut bench = Bench::new("");
    let pipe = bench.host.path().join("in/pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    assert_eq!(bench.read("pipe").await, Err(ErrorCode::NotPermitted));
    let write = bench.open("pipe", OpenFlags::empty(), DescriptorFlags::WRITE).await;
    assert!(write.is_err());
}

#[tokio::test]
async fn a_folder_opens_as_a_folder_and_a_file_does_not() {
    let mut bench = Bench::new(":ro");
    fs::create_dir(bench.host.path().join("in/sub")).unwrap();
    let flags = DescriptorFlags::READ;
    assert!(bench.open("sub", OpenFlags::DIRECTORY, flags).await.is_ok());
    assert!(bench.open(".", OpenFlags::DIRECTORY, flags).await.is_ok());
    let file = bench.open("file", OpenFlags::DIRECTORY, flags).await;
    assert_eq!(file.map(drop), Err(ErrorCode::NotDirectory));
    let missing = bench.open("missing", OpenFlags::empty(), flags).await;
    assert_eq!(missing.map(drop), Err(ErrorCode::NoEntry));
}

#[tokio::test]
async fn a_guest_opens_so_many_files_and_may_go_on_after_closing_one() {
    let mut bench = Bench::new(":ro");
    let mut files = Vec::new();
    // The folder itself is one.
    for _ in 1..HANDLES {
        let file = bench.open("file", OpenFlags::empty(), DescriptorFlags::READ).await;
        files.push(file.unwrap());
    }
    assert_eq!(bench.read("file").await, Err(ErrorCode::InsufficientMemory));
    let stream = read_via_stream(&mut bench.data, Resource::new_borrow(files[0].rep()), 0);
    assert!(stream.is_err());
    let closed = files.pop().unwrap();
    HostDescriptor::drop(&mut bench.data.filesystem(), closed).unwrap();
    assert_eq!(bench.read("file").await, Ok(b"inside".to_vec()));
}

#[tokio::test]
async fn a_large_folder_is_listed_in_full_but_not_held_in_full() {
    let mut bench = Bench::new(":ro");
    let mut expected = vec!["file".to_owned()];
    for n in 0..3 * FOLDER_ENTRIES {
        let name = format!("file {n}");
        fs::write(bench.host.path().join("in").join(&name), "").unwrap();
        expected.push(name);
    }
    let folder = bench.folder();
    let entries = read_directory(&mut bench.data, folder).await.unwrap();
    let mut listed = Vec::new();
    loop {
        let borrowed = Resource::new_borrow(entries.rep());
        let Some(entry) = read_directory_entry(&mut bench.data, borrowed).await.unwrap() else {
            break;
        };
        assert!(matches!(entry.type_, DescriptorType::RegularFile));
        let ahead = bench.data.ctx().table.get(&entries).unwrap().ahead.len();
        assert!(ahead < FOLDER_ENTRIES);
        listed.push(entry.name);
    }
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn kinds_of_entries_are_told_apart() {
    let mut bench = Bench::new(":ro");
    let inside = bench.host.path().join("in");
    fs::create_dir(inside.join("sub")).unwrap();
    std::os::unix::fs::symlink("file", inside.join("link")).unwrap();
    let folder = bench.folder();
    let entries = read_directory(&mut bench.data, folder).await.unwrap();
    let mut listed = Vec::new();
    for _ in 0..3 {
        let borrowed = Resource::new_borrow(entries.rep());
        let entry = read_directory_entry(&mut bench.data, borrowed).await.unwrap().unwrap();
        listed.push(format!("{} {:?}", entry.name, entry.type_));
    }
    listed.sort();
    let expected = ["file", "link", "sub"].map(|name| match name {
        "file" => format!("{name} {:?}", DescriptorType::RegularFile),
        "link" => format!("{name} {:?}", DescriptorType::SymbolicLink),
        _ => format!("{name} {:?}", DescriptorType::Directory),
    });
    assert_eq!(listed, expected);
}
