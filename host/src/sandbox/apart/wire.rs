//! What a node and a worker say to each other: MessagePack messages, each
//! behind its length.

use std::io;
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use host_wasi::Grants;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_util::codec::{Encoder as _, LengthDelimitedCodec};

use crate::sandbox::contract::{
    OutgoingArguments, WitAfterKill, WitArguments, WitCallOptions, WitError, WitIdentity,
    WitIfExists, WitLevel, WitOptions, WitValue,
};

/// What a message can have beside the value of a guest, which is bounded by
/// the guest's memory.
const OVERHEAD: u64 = 1 << 20;

/// The first thing a worker says.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(super) struct Hello {
    /// The GPUs that it can use, in the order it knows them by.
    pub(super) gpus: Vec<Gpu>,
}

/// A GPU, as a worker sees it.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Gpu {
    /// Its name, such as `NVIDIA H100 PCIe`.
    pub name: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `unknown`.
    pub kind: String,
    /// The interface it is driven through, such as `vulkan`.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
    /// Its place on the bus, if it has one.
    pub bus: Option<String>,
    /// Its memory in bytes.
    pub memory: u64,
}

/// What a worker makes its instance from.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Start {
    /// The package.
    pub package: [u8; 32],
    /// Where compiled code is kept.
    pub cache: Option<PathBuf>,
    /// The actor's class and id, for errors.
    pub what: String,
    /// The limit of its memories together, in bytes.
    pub memory_bytes_max: u64,
    /// Calls in progress at once, of an async class; none: one by one.
    pub at_once: Option<u32>,
    /// What it may do.
    pub grants: Grants,
    /// Its GPU.
    pub gpu: Option<GpuShare>,
}

/// What an actor has of a GPU.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct GpuShare {
    /// Which of the worker's.
    pub index: usize,
    /// What the node takes that to be: the worker refuses another.
    pub gpu: Gpu,
    /// Bytes of its memory.
    pub memory: u64,
}

/// From the node.
#[derive(Serialize, Deserialize)]
pub(super) enum ToWorker {
    /// Before its start: whether it answers.
    Probe,
    Start(Box<Start>),
    /// The package, for a worker that does not find it in the cache.
    Code(Bytes),
    Construct {
        class: String,
        args: WitArguments,
    },
    /// `number` is 0 in an actor that runs calls one by one.
    Invoke {
        number: u64,
        method: u32,
        name: String,
        args: WitArguments,
    },
    /// To the question with this number.
    Reply(u64, Reply),
}

/// From a worker.
#[derive(Serialize, Deserialize)]
pub(super) enum ToNode {
    Hello(Hello),
    /// It answers.
    Well,
    NeedCode,
    /// It is instantiated.
    Started,
    Constructed(Result<(), WitError>),
    /// A call is over.
    Called(u64, Result<WitValue, WitError>),
    /// The instance is lost.
    Crashed(WitError),
    Ask(u64, Box<Ask>),
    Say(Say),
}

/// What the guest asks for, by the names of the contract. Refs and handles are
/// indices into the table that the node keeps for it.
#[derive(Serialize, Deserialize)]
pub(super) enum Ask {
    Spawn {
        class: String,
        args: OutgoingArguments,
        options: WitOptions,
        exists: WitIfExists,
    },
    Lookup {
        name: String,
        namespace: Option<String>,
    },
    Submit {
        handle: u32,
        method: String,
        args: OutgoingArguments,
        options: WitCallOptions,
    },
    Tell {
        handle: u32,
        method: String,
        args: OutgoingArguments,
    },
    Cancel {
        object: u32,
    },
    Kill {
        handle: u32,
        after: WitAfterKill,
    },
    Put {
        value: WitValue,
    },
    Get {
        objects: Vec<u32>,
        timeout: Option<u64>,
    },
    Take {
        object: u32,
        timeout: Option<u64>,
    },
    Wait {
        objects: Vec<u32>,
        count: u32,
        timeout: Option<u64>,
    },
    /// Of `objects-async`: only this call waits.
    GetIn {
        call: u64,
        objects: Vec<u32>,
        timeout: Option<u64>,
    },
    WaitIn {
        call: u64,
        objects: Vec<u32>,
        count: u32,
        timeout: Option<u64>,
    },
    SleepIn {
        call: u64,
        duration: u64,
    },
    CloneRef(u32),
    CloneHandle(u32),
    RefId(u32),
    HandleId(u32),
    HandleClass(u32),
    Current,
    Me,
    IsCancelled {
        call: u64,
    },
    MaxLevel,
}

/// What needs no answer.
#[derive(Serialize, Deserialize)]
pub(super) enum Say {
    DropRef(u32),
    DropHandle(u32),
    Exit,
    Log { level: WitLevel, target: String, message: String },
    Print { is_stderr: bool, bytes: Bytes },
}

/// What a question is answered with.
#[derive(Serialize, Deserialize)]
pub(super) enum Reply {
    Done(Result<(), WitError>),
    /// Of a ref or handle that the guest has now.
    Index(Result<u32, WitError>),
    /// The same, where there is no way to fail but a trap.
    New(u32),
    Value(Result<WitValue, WitError>),
    Values(Result<Vec<WitValue>, WitError>),
    Indices(Result<Vec<u32>, WitError>),
    Text(String),
    Flag(bool),
    Identity(WitIdentity),
    MayBe(Option<u32>),
    Level(WitLevel),
}

/// How messages are told apart, with a bound on each that the other side is
/// held to.
pub(super) fn codec(memory_bytes_max: u64) -> LengthDelimitedCodec {
    let most = memory_bytes_max.saturating_add(OVERHEAD).min(u64::from(u32::MAX));
    LengthDelimitedCodec::builder()
        .length_field_type::<u32>()
        .max_frame_length(usize::try_from(most).unwrap_or(usize::MAX))
        .new_codec()
}

/// Adds a message to what is to be written.
pub(super) fn encode<T: Serialize>(
    codec: &mut LengthDelimitedCodec,
    message: &T,
    out: &mut BytesMut,
) -> io::Result<()> {
    let message = rmp_serde::to_vec(message).map_err(io::Error::other)?;
    codec.encode(message.as_slice(), out)
}

/// Reads a message.
pub(super) fn decode<T: DeserializeOwned>(message: &[u8]) -> io::Result<T> {
    rmp_serde::from_slice(message).map_err(io::Error::other)
}
