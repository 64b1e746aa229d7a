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
    OutgoingArguments, WitAfterKill, WitArguments, WitBundle, WitCallOptions, WitError,
    WitGroupStrategy, WitIdentity, WitIfExists, WitLevel, WitOptions, WitValue,
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
        options: Box<WitOptions>,
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
    CreateGroup {
        bundles: Vec<WitBundle>,
        strategy: WitGroupStrategy,
    },
    GroupReady {
        group: String,
    },
    RemoveGroup {
        group: String,
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
    NewText(Result<String, WitError>),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::contract::WitError;

    /// Enough to reach every field of the seeds several times.
    const INPUTS: usize = 200_000;

    fn bytes(message: &ToNode) -> Vec<u8> {
        rmp_serde::to_vec(message).unwrap()
    }

    fn seeds() -> Vec<Vec<u8>> {
        let text = || "text".to_owned();
        let gpu = Gpu {
            name: text(),
            kind: text(),
            backend: text(),
            driver: text(),
            bus: Some(text()),
            memory: 1 << 40,
        };
        let options = WitCallOptions { timeout: Some(u64::MAX), max_retries: Some(-1) };
        let asks = [
            Ask::Submit {
                handle: 7,
                method: text(),
                args: OutgoingArguments::Plain(Bytes::from_static(b"\x91\x01")),
                options,
            },
            Ask::Put { value: WitValue::Plain(Bytes::from_static(&[1, 2, 3])) },
            Ask::Lookup { name: text(), namespace: Some(text()) },
            Ask::Wait { objects: vec![1, 70_000, u32::MAX], count: 2, timeout: None },
            Ask::GetIn { call: 1, objects: vec![1], timeout: Some(1) },
            Ask::IsCancelled { call: 3 },
            Ask::GroupReady { group: text() },
            Ask::MaxLevel,
        ];
        let asks = asks.into_iter().map(|ask| ToNode::Ask(u64::MAX, Box::new(ask)));
        let error = || WitError::from(&host_core::Error::Unavailable(text()));
        let others = [
            ToNode::Hello(Hello { gpus: vec![gpu.clone(), gpu] }),
            ToNode::Well,
            ToNode::Constructed(Err(error())),
            ToNode::Called(9, Ok(WitValue::Plain(Bytes::from_static(&[0; 40])))),
            ToNode::Crashed(error()),
            ToNode::Say(Say::Print { is_stderr: true, bytes: Bytes::from_static(b"out") }),
            ToNode::Say(Say::Log { level: WitLevel::Warn, target: text(), message: text() }),
        ];
        asks.chain(others).map(|message| bytes(&message)).collect()
    }

    /// What is read of a worker that its guest has taken over is a message or
    /// an error, and what is a message can be written and read again.
    #[test]
    fn whatever_a_worker_sends_is_read_or_refused() {
        let seeds = seeds();
        for seed in &seeds {
            let message: ToNode = decode(seed).unwrap();
            assert_eq!(bytes(&message), *seed);
        }
        let mut rng = fastrand::Rng::with_seed(7);
        let mut read = 0;
        for _ in 0..INPUTS {
            let mut input = rng.choice(&seeds).unwrap().clone();
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(0..input.len());
                match rng.u8(0..4) {
                    0 => input[at] ^= 1 << rng.u8(0..8),
                    1 => input[at] = rng.u8(..),
                    2 => input.truncate(at.max(1)),
                    _ => input.insert(at, rng.u8(..)),
                }
            }
            if let Ok(message) = decode::<ToNode>(&input) {
                read += 1;
                let again = bytes(&message);
                let message: ToNode = decode(&again).unwrap();
                assert_eq!(bytes(&message), again, "{input:02x?}");
            }
        }
        assert!(read > INPUTS / 100, "only {read} were messages");
    }
}
