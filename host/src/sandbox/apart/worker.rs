//! What a worker process does.

use std::ffi::CString;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use host_core::{Error, PackageId};
use host_gpu::{Devices, GpuCtx, Grant};
use host_wasi::{Data, Profile};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::mpsc;
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};
use wasmtime::component::Accessor;

use super::line::Line;
use super::wire::{self, Gpu, GpuShare, Hello, Start, ToNode, ToWorker};
use crate::sandbox::contract::{WitArguments, WitError};
use crate::sandbox::describe::nobody;
use crate::sandbox::engine::Engines;
use crate::sandbox::instance::{Instance, Stop};
use crate::sandbox::package::Code;
use crate::sandbox::serve::{Entered, Work};

/// For a GPU's work to end before the process does. Then the node's signal
/// ends it.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// Serves the node at the other end until it hangs up: says which GPUs there
/// are, makes one instance, and calls it.
///
/// # Errors
/// If the node makes no sense; it is then of another build.
pub async fn serve(stream: UnixStream, wanted: Option<host_gpu::Wanted>) -> io::Result<()> {
    let devices = match wanted {
        Some(wanted) => Devices::find(wanted).await,
        None => Devices::default(),
    };
    let gpus: Vec<Gpu> = devices.all().iter().map(Gpu::from).collect();
    let (read, write) = stream.into_split();
    let (line, writing) = Line::new(write);
    tokio::spawn(writing);
    // Made before it is needed: an actor is to start at once.
    let engines = Engines::for_worker().map_err(io::Error::other)?;
    line.tell(ToNode::Hello(Hello { gpus: gpus.clone() }));
    let mut read = FramedRead::new(read, wire::codec(u64::MAX));
    let Some(start) = started(&mut read, &line).await? else { return Ok(()) };
    show_as(&start.what);
    let code = match code(&engines, &start, &mut read, &line).await {
        Ok(code) => code,
        Err(error) => return give_up(&line, &error).await,
    };
    let grant = match start.gpu.as_ref().map(|share| grant(&devices, &gpus, share)) {
        Some(Err(error)) => return give_up(&line, &error).await,
        Some(Ok(grant)) => Some(grant),
        None => None,
    };
    let served = actor(start, code, grant, line.clone(), read).await;
    if let Err(error) = served {
        give_up(&line, &error).await?;
    }
    if wanted.is_some() {
        let drained = tokio::task::spawn_blocking(|| host_gpu::drain(DRAIN_TIME));
        drained.await.map_err(io::Error::other)?;
    }
    Ok(())
}

/// What `ps` and `top` call this process: its actor, as far as that fits.
fn show_as(actor: &str) {
    if let Ok(name) = CString::new(actor) {
        // It is for people, and works without.
        let _ = rustix::thread::set_name(&name);
    }
}

async fn started(
    read: &mut FramedRead<OwnedReadHalf, LengthDelimitedCodec>,
    line: &Line,
) -> io::Result<Option<Start>> {
    loop {
        match next(read).await? {
            Some(ToWorker::Probe) => line.tell(ToNode::Well),
            Some(ToWorker::Start(start)) => return Ok(Some(*start)),
            // It was not needed.
            None => return Ok(None),
            Some(_) => return Err(io::Error::other("the node asks for something else first")),
        }
    }
}

async fn next(
    read: &mut FramedRead<OwnedReadHalf, LengthDelimitedCodec>,
) -> io::Result<Option<ToWorker>> {
    match read.next().await {
        Some(message) => wire::decode(&message?).map(Some),
        None => Ok(None),
    }
}

/// Tells the node what went wrong, and waits until it has hung up.
async fn give_up(line: &Line, error: &Error) -> io::Result<()> {
    line.tell(ToNode::Crashed(WitError::from(error)));
    // The node kills this process when it has read that.
    tokio::time::sleep(DRAIN_TIME).await;
    Ok(())
}

async fn code(
    engines: &Engines,
    start: &Start,
    read: &mut FramedRead<OwnedReadHalf, LengthDelimitedCodec>,
    line: &Line,
) -> Result<Arc<Code>, Error> {
    let id = PackageId(start.package);
    let unusable = |error: &dyn std::fmt::Display| Error::Invalid(error.to_string());
    let cache = start.cache.as_deref();
    if let Some(code) = Code::cached(engines, cache, id).map_err(|error| unusable(&error))? {
        return Ok(code);
    }
    line.tell(ToNode::NeedCode);
    match next(read).await {
        Ok(Some(ToWorker::Code(bytes))) => {
            let loaded = Code::load(engines, cache, id, bytes).await;
            loaded.map(|(code, _)| code).map_err(|error| unusable(&error))
        }
        Ok(_) => Err(Error::Unavailable("the node sends no package".into())),
        Err(error) => Err(unusable(&error)),
    }
}

/// The GPU that the node means, if it is the one that this process knows.
fn grant(devices: &Devices, gpus: &[Gpu], share: &GpuShare) -> Result<Grant, Error> {
    let known = gpus.get(share.index).filter(|gpu| **gpu == share.gpu);
    let adapter = devices.all().get(share.index);
    match (known, adapter) {
        (Some(_), Some(adapter)) => Ok(Grant::new(adapter.clone(), share.memory)),
        _ => Err(Error::Unavailable(format!(
            "GPU {} ({}) is not there any more",
            share.index, share.gpu.name
        ))),
    }
}

/// One thing that the node wants of the actor.
enum Wanted {
    Construct { class: String, args: WitArguments },
    Invoke(Invoke),
}

/// A call, for the node.
struct Invoke {
    number: u64,
    method: u32,
    name: String,
    args: WitArguments,
    line: Arc<Line>,
}

async fn actor(
    start: Start,
    code: Arc<Code>,
    grant: Option<Grant>,
    line: Arc<Line>,
    read: FramedRead<OwnedReadHalf, LengthDelimitedCodec>,
) -> Result<(), Error> {
    let grants = start.grants;
    let profile =
        Profile::new(grants, Vec::new()).map_err(|error| Error::Denied(error.to_string()))?;
    let mut guest = nobody(code.clone(), start.memory_bytes_max);
    guest.line = Some(line.clone());
    guest.gpu = Some(Box::new(GpuCtx::new(grant)));
    let place = code.room.enter().await;
    let (profile, output) = (Arc::new(profile), line.clone());
    let mut instance = Instance::of(guest, start.what, &code, place, profile, output).await?;
    line.tell(ToNode::Started);
    let (work, mut wanted) = mpsc::unbounded_channel();
    tokio::spawn(listen(read, line.clone(), work));
    let Some(Wanted::Construct { class, args }) = wanted.recv().await else { return Ok(()) };
    let constructed = instance.construct_lowered(&class, args).await;
    line.tell(ToNode::Constructed(answer(constructed)?));
    let mut next = async move || match wanted.recv().await {
        Some(Wanted::Invoke(call)) => Some(call),
        Some(Wanted::Construct { .. }) | None => None,
    };
    if let Some(most) = start.at_once {
        return instance.serve_work(most, next).await;
    }
    while let Some(Invoke { number, method, name, args, .. }) = next().await {
        let called = instance.invoke_lowered(method, &name, args).await;
        line.tell(ToNode::Called(number, answer(called)?));
    }
    Ok(())
}

/// What the guest answered; an error is the end of its instance.
fn answer<T>(called: Result<T, Stop>) -> Result<Result<T, WitError>, Error> {
    match called {
        Ok(value) => Ok(Ok(value)),
        Err(Stop::Answered(error)) => Ok(Err(WitError::from(&*error))),
        Err(Stop::Crashed(error)) => Err(*error),
    }
}

impl Work for Invoke {
    async fn run(self, store: &Accessor<Data>, entry: &Entered, _: u64) -> wasmtime::Result<()> {
        // The node has numbered it, and knows it by that.
        let Invoke { number, method, name, args, line } = self;
        let answer = entry.call(store, number, method, name, args).await?;
        line.tell(ToNode::Called(number, answer));
        Ok(())
    }
}

/// Sorts what comes from the node. When it hangs up, nobody needs this process
/// any more, whatever its guest does.
async fn listen(
    mut read: FramedRead<OwnedReadHalf, LengthDelimitedCodec>,
    line: Arc<Line>,
    work: mpsc::UnboundedSender<Wanted>,
) {
    loop {
        let wanted = match next(&mut read).await {
            Ok(Some(ToWorker::Reply(number, reply))) => {
                line.replied(number, reply);
                continue;
            }
            Ok(Some(ToWorker::Construct { class, args })) => Wanted::Construct { class, args },
            Ok(Some(ToWorker::Invoke { number, method, name, args })) => {
                Wanted::Invoke(Invoke { number, method, name, args, line: line.clone() })
            }
            Ok(Some(ToWorker::Probe | ToWorker::Start(_) | ToWorker::Code(_)) | None) | Err(_) => {
                std::process::exit(0);
            }
        };
        let _ = work.send(wanted);
    }
}

impl From<&host_gpu::Adapter> for Gpu {
    fn from(adapter: &host_gpu::Adapter) -> Gpu {
        let about = adapter.about();
        Gpu {
            name: about.name.clone(),
            kind: about.kind.to_string(),
            backend: about.backend.to_owned(),
            driver: about.driver.clone(),
            bus: about.bus.clone(),
            memory: about.memory_bytes,
        }
    }
}
