//! `wasi:filesystem`, where wasmtime-wasi bounds too little.
//!
//! Paths are resolved by cap-primitives, as in wasmtime-wasi: nothing outside
//! a granted folder can be named, not by `..` and not by links.

use std::collections::VecDeque;
use std::fs::File as StdFile;
use std::io;
use std::path::Path;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_primitives::fs::{DirEntry, FileType, OpenOptions, ReadDir};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType, WasmList};
use wasmtime_wasi::filesystem::{Descriptor, Dir, File, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorType, DirectoryEntry, ErrorCode, HostDescriptor, OpenFlags,
    PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsResult};
use wasmtime_wasi::runtime::spawn_blocking;
use wasmtime_wasi::{OpenMode, WasiView};

use crate::Data;
use crate::limits::{FOLDER_ENTRIES, WRITE_BYTES};

/// What a function of this interface answers: the guest's error inside, a
/// trap outside.
type Answer<T> = wasmtime::Result<(Result<T, ErrorCode>,)>;

/// Replaces the functions that make handles, to count them, and those whose
/// memory the guest would choose.
pub(crate) fn add_to_linker(linker: &mut Linker<Data>) -> wasmtime::Result<()> {
    let mut types = linker.instance("wasi:filesystem/types@0.2.12")?;
    types.func_wrap_async(
        "[method]descriptor.open-at",
        |mut store: StoreContextMut<'_, Data>, (folder, follow, path, how, flags)| {
            Box::new(async move {
                answer(open_at(store.data_mut(), folder, follow, path, how, flags).await)
            })
        },
    )?;
    types.func_wrap(
        "[method]descriptor.read-via-stream",
        |mut store, (file, offset): (_, u64)| {
            answer(read_via_stream(store.data_mut(), file, offset))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.write-via-stream",
        |mut store, (file, offset): (_, u64)| {
            answer(write_via_stream(store.data_mut(), file, offset))
        },
    )?;
    types.func_wrap("[method]descriptor.append-via-stream", |mut store, (file,)| {
        answer(append_via_stream(store.data_mut(), file))
    })?;
    types.func_wrap_async(
        "[method]descriptor.write",
        |mut store: StoreContextMut<'_, Data>, (file, bytes, offset): (_, WasmList<u8>, u64)| {
            Box::new(async move {
                // A short write is an answer that every program must expect.
                let all = bytes.as_le_slice(&store);
                let some = all[..all.len().min(WRITE_BYTES)].to_vec();
                let mut filesystem = store.data_mut().filesystem();
                answer(HostDescriptor::write(&mut filesystem, file, some, offset).await)
            })
        },
    )?;
    types.resource(
        "directory-entry-stream",
        ResourceType::host::<Entries>(),
        |mut store, rep| {
            store.data_mut().ctx().table.delete(Resource::<Entries>::new_own(rep))?;
            Ok(())
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.read-directory",
        |mut store: StoreContextMut<'_, Data>, (folder,)| {
            Box::new(async move { answer(read_directory(store.data_mut(), folder).await) })
        },
    )?;
    types.func_wrap_async(
        "[method]directory-entry-stream.read-directory-entry",
        |mut store: StoreContextMut<'_, Data>, (entries,)| {
            Box::new(async move { answer(read_directory_entry(store.data_mut(), entries).await) })
        },
    )
}

fn answer<T>(result: FsResult<T>) -> Answer<T> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

/// Makes room for one more handle. There is no code for "too many open
/// files"; this one is the nearest.
fn claim(data: &mut Data) -> FsResult<()> {
    data.claim_handle().map_err(|_| ErrorCode::InsufficientMemory.into())
}

async fn open_at(
    data: &mut Data,
    folder: Resource<Descriptor>,
    follow: PathFlags,
    path: String,
    how: OpenFlags,
    flags: DescriptorFlags,
) -> FsResult<Resource<Descriptor>> {
    claim(data)?;
    let dir = folder_of(data, &folder)?;
    let (options, mode) = options(&dir, follow, how, flags)?;
    let perms = dir.perms;
    let opened = spawn_blocking(move || open(&dir.dir, path.as_ref(), &options)).await?;
    let descriptor = match opened {
        Opened::Folder(file) => Descriptor::Dir(Dir::new(file, perms, mode, false)),
        Opened::File(_) if how.contains(OpenFlags::DIRECTORY) => {
            return Err(ErrorCode::NotDirectory.into());
        }
        Opened::File(file) => Descriptor::File(File::new(file, perms, mode, false)),
    };
    Ok(data.ctx().table.push(descriptor)?)
}

fn folder_of(data: &mut Data, descriptor: &Resource<Descriptor>) -> FsResult<Dir> {
    match data.ctx().table.get(descriptor)? {
        Descriptor::Dir(dir) => Ok(dir.clone()),
        Descriptor::File(_) => Err(ErrorCode::NotDirectory.into()),
    }
}

/// How to open, and what the guest may then do; as in wasmtime-wasi, but for
/// `nonblock`.
fn options(
    dir: &Dir,
    follow: PathFlags,
    how: OpenFlags,
    flags: DescriptorFlags,
) -> Result<(OpenOptions, OpenMode), ErrorCode> {
    let synchronous = DescriptorFlags::FILE_INTEGRITY_SYNC
        | DescriptorFlags::DATA_INTEGRITY_SYNC
        | DescriptorFlags::REQUESTED_WRITE_SYNC;
    if flags.intersects(synchronous) {
        return Err(ErrorCode::Unsupported);
    }
    let making = OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::TRUNCATE;
    if how.contains(OpenFlags::DIRECTORY) && how.intersects(making) {
        return Err(ErrorCode::Invalid);
    }
    let write = flags.contains(DescriptorFlags::WRITE);
    let change = write || how.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
    if change && dir.perms.write_not_permitted() {
        return Err(ErrorCode::NotPermitted);
    }
    // A file not opened to be written is opened to be read, whatever the
    // guest asked, since the system knows no third way.
    let read = flags.contains(DescriptorFlags::READ) || !write;
    let mut mode = OpenMode::empty();
    mode.set(OpenMode::READ, read);
    mode.set(OpenMode::WRITE, change);

    let create = how.contains(OpenFlags::CREATE);
    let exclusive = how.contains(OpenFlags::EXCLUSIVE);
    let mut options = OpenOptions::new();
    options.read(read).write(change).truncate(how.contains(OpenFlags::TRUNCATE));
    options.create(create && !exclusive).create_new(create && exclusive);
    options.follow(if follow.contains(PathFlags::SYMLINK_FOLLOW) {
        FollowSymlinks::Yes
    } else {
        FollowSymlinks::No
    });
    // Opening a pipe would otherwise wait for its other end, for ever, on a
    // thread that nobody can take back.
    options.nonblock(true);
    Ok((options, mode))
}

enum Opened {
    Folder(StdFile),
    File(StdFile),
}

/// Opens a file or a folder, and nothing else: pipes, sockets and devices do
/// not behave like files, and no grant of a folder means them.
fn open(dir: &StdFile, path: &Path, options: &OpenOptions) -> Result<Opened, ErrorCode> {
    let file = cap_primitives::fs::open(dir, path, options)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        Ok(Opened::Folder(file))
    } else if kind.is_file() {
        Ok(Opened::File(file))
    } else {
        Err(ErrorCode::NotPermitted)
    }
}

fn read_via_stream(
    data: &mut Data,
    file: Resource<Descriptor>,
    offset: u64,
) -> FsResult<Resource<DynInputStream>> {
    claim(data)?;
    data.filesystem().read_via_stream(file, offset)
}

fn write_via_stream(
    data: &mut Data,
    file: Resource<Descriptor>,
    offset: u64,
) -> FsResult<Resource<DynOutputStream>> {
    claim(data)?;
    data.filesystem().write_via_stream(file, offset)
}

fn append_via_stream(
    data: &mut Data,
    file: Resource<Descriptor>,
) -> FsResult<Resource<DynOutputStream>> {
    claim(data)?;
    data.filesystem().append_via_stream(file)
}

/// A folder being listed. wasmtime-wasi would read all of it into memory at
/// once, which is as much as a guest cares to create.
pub(crate) struct Entries {
    /// Read and not asked for yet.
    ahead: VecDeque<Result<DirectoryEntry, ErrorCode>>,
    /// Those to come, if any.
    rest: Option<ReadDir>,
}

async fn read_directory(
    data: &mut Data,
    folder: Resource<Descriptor>,
) -> FsResult<Resource<Entries>> {
    claim(data)?;
    let dir = folder_of(data, &folder)?.dir;
    let entries = spawn_blocking(move || {
        let rest = cap_primitives::fs::read_base_dir(&dir)?;
        Ok::<_, io::Error>(Entries::read(rest))
    });
    let entries = entries.await?;
    Ok(data.ctx().table.push(entries)?)
}

async fn read_directory_entry(
    data: &mut Data,
    entries: Resource<Entries>,
) -> FsResult<Option<DirectoryEntry>> {
    let entries = data.ctx().table.get_mut(&entries)?;
    if entries.ahead.is_empty()
        && let Some(rest) = entries.rest.take()
    {
        *entries = spawn_blocking(move || Entries::read(rest)).await;
    }
    Ok(entries.ahead.pop_front().transpose()?)
}

impl Entries {
    /// Reads some of `rest`.
    fn read(mut rest: ReadDir) -> Entries {
        let ahead: VecDeque<_> = rest.by_ref().take(FOLDER_ENTRIES).map(entry).collect();
        let more = ahead.len() == FOLDER_ENTRIES;
        Entries { ahead, rest: more.then_some(rest) }
    }
}

fn entry(entry: io::Result<DirEntry>) -> Result<DirectoryEntry, ErrorCode> {
    let entry = entry?;
    let type_ = match descriptor_type(entry.file_type()?) {
        // Some file systems do not say in the listing.
        DescriptorType::Unknown => descriptor_type(entry.metadata()?.file_type()),
        known => known,
    };
    let name = entry.file_name().into_string().map_err(|_| ErrorCode::IllegalByteSequence)?;
    Ok(DirectoryEntry { type_, name })
}

fn descriptor_type(kind: FileType) -> DescriptorType {
    if kind.is_dir() {
        DescriptorType::Directory
    } else if kind.is_file() {
        DescriptorType::RegularFile
    } else if kind.is_symlink() {
        DescriptorType::SymbolicLink
    } else {
        DescriptorType::Unknown
    }
}

#[cfg(test)]
mod tests;
