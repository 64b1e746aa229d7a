//! Every bound on what a guest may make the host hold or do through
//! `wasi:webgpu`, each with its reason.

use std::time::Duration;

/// Bytes of WGSL in one shader. The compiler recurses: the worst nesting takes
/// about 600 bytes of stack for each byte of source, and [`COMPILE_STACK`]
/// holds that.
pub(crate) const WGSL_BYTES: usize = 256 << 10;

/// Stack of the thread that compiles. Reserved, and taken only as it is used.
pub(crate) const COMPILE_STACK: usize = 256 << 20;

/// Devices of one actor. Each may have two threads.
pub(crate) const DEVICES: usize = 4;

/// Objects of all kinds in an actor's table: an object costs the host up to a
/// few kilobytes, whatever it costs the GPU.
pub(crate) const OBJECTS: usize = 65_536;

/// Shader modules of one actor: the compiled form of one may be a hundred
/// times its source.
pub(crate) const SHADERS: usize = 1_024;

/// Pipelines of one actor: each is machine code in the driver.
pub(crate) const PIPELINES: usize = 1_024;

/// Command encoders and recorded command buffers of one actor: each has a pool
/// of its own in the driver.
pub(crate) const ENCODERS: usize = 1_024;

/// Samplers of one actor. Vulkan promises a device no more than 4,000.
pub(crate) const SAMPLERS: usize = 1_024;

/// Query sets of one actor: pools in the driver.
pub(crate) const QUERY_SETS: usize = 256;

/// Entries in one record of limits or of constants; WebGPU has 36 limits, and
/// nobody writes a thousand constants by hand.
pub(crate) const RECORD_ENTRIES: usize = 1_024;

/// Bytes of a key in such a record.
pub(crate) const KEY_BYTES: usize = 256;

/// Bytes of a label that are kept; longer ones are cut.
pub(crate) const LABEL_BYTES: usize = 256;

/// Bytes of an error's message that are kept. Messages quote the source.
pub(crate) const MESSAGE_BYTES: usize = 8 << 10;

/// Messages of one shader's compilation that are kept.
pub(crate) const MESSAGES: usize = 64;

/// Error scopes open on one device.
pub(crate) const SCOPES: usize = 256;

/// Errors outside every scope that wait for the guest to read them.
pub(crate) const UNCAPTURED: usize = 32;

/// Streams of errors and futures of loss that one actor has open.
pub(crate) const WATCHES: usize = 64;

/// What is counted of the host's memory for one recorded command.
pub(crate) const COMMAND_BYTES: u64 = 512;

/// What is counted of memory for an object that has none to speak of.
pub(crate) const OBJECT_BYTES: u64 = 256;

/// What is counted for each byte of a shader's source, which is kept in two
/// forms: wgpu's, and ours to know its workgroup memory.
pub(crate) const SHADER_FACTOR: u64 = 32;

/// What is counted for a pipeline.
pub(crate) const PIPELINE_BYTES: u64 = 64 << 10;

/// Submissions a device may have under way. Past that a submit waits: the
/// memory of all of them is held until they are done.
pub(crate) const IN_FLIGHT: usize = 256;

/// Bytes written to buffers and textures that wait for a submission; past
/// that they are sent off without one.
pub(crate) const STAGED_BYTES: u64 = 16 << 20;

/// Bytes of a mapped buffer that one call reads: they lie in the host's
/// memory twice for that time. A guest that wants more reads in parts.
pub(crate) const READ_BYTES: u64 = 256 << 20;

/// Buffers from this size on are made on the device's own thread: making one
/// that is mapped clears it, which takes 0.1 ms a megabyte.
pub(crate) const LARGE_BUFFER: u64 = 1 << 20;

/// How long a wait for the GPU is tried in place before the polling thread is
/// woken for it. Small kernels end within it, and a thread's wake-up takes as
/// long.
pub(crate) const SPIN: Duration = Duration::from_micros(60);

/// The polling thread's shortest and longest pauses while somebody waits.
pub(crate) const POLL_PAUSES: (Duration, Duration) =
    (Duration::from_micros(20), Duration::from_millis(1));

/// Its pause while nobody waits, but work is under way whose memory is to be
/// given back.
pub(crate) const IDLE_PAUSE: Duration = Duration::from_millis(20);

/// How long work of a device that nobody has any more may go on before the
/// device is left to itself. wgpu panics when a busy queue is dropped.
pub(crate) const REAP: Duration = Duration::from_secs(30);

/// How long GPU work, or a compilation, may take unless the grant says
/// otherwise.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
