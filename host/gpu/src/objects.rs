//! What a guest's handles stand for.
#![allow(unreachable_pub, reason = "the generated bindings name them in public")]

use std::collections::HashMap;
use std::sync::Arc;

use crate::Grant;
use crate::device::{Device, Held, Lost};
use crate::errors::{self, Error};
use crate::grant::Charge;
use crate::limits;
use crate::workgroup::Shader;

/// A kind of object: how a table tells it from others, and bounds it.
pub(crate) trait Object: Send + 'static {
    /// The plural of its name, for messages.
    const NAME: &'static str;
    /// Where its number is kept; kinds that share a place share the bound.
    const PLACE: Place = Place::Any;
}

/// Kinds of objects that have a bound of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Any,
    Shader,
    Pipeline,
    Encoder,
    Sampler,
    QuerySet,
}

impl Place {
    pub(crate) const COUNT: usize = 6;

    pub(crate) fn most(self) -> usize {
        match self {
            Place::Any => limits::OBJECTS,
            Place::Shader => limits::SHADERS,
            Place::Pipeline => limits::PIPELINES,
            Place::Encoder => limits::ENCODERS,
            Place::Sampler => limits::SAMPLERS,
            Place::QuerySet => limits::QUERY_SETS,
        }
    }
}

/// A name for people, which the guest chooses.
#[derive(Clone, Default, Debug)]
pub(crate) struct Label(String);

impl Label {
    pub(crate) fn new(label: Option<String>) -> Label {
        let mut label = label.unwrap_or_default();
        errors::cut(&mut label, limits::LABEL_BYTES);
        Label(label)
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// As wgpu takes it.
    pub(crate) fn wgpu(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(&self.0)
    }
}

/// An object with a label.
pub(crate) trait Labelled: Object {
    fn label(&mut self) -> &mut Label;
}

macro_rules! objects {
    ($($name:ident, $plural:literal $(, $place:ident)?;)*) => {$(
        impl Object for $name {
            const NAME: &'static str = $plural;
            $(const PLACE: Place = Place::$place;)?
        }
    )*};
}

macro_rules! labelled {
    ($($name:ident)*) => {$(
        impl Labelled for $name {
            fn label(&mut self) -> &mut Label {
                &mut self.label
            }
        }
    )*};
}

objects! {
    Gpu, "gpu objects";
    Adapter, "adapters";
    AdapterInfo, "adapter infos";
    Features, "sets of features";
    Limits, "sets of limits";
    LanguageFeatures, "sets of language features";
    DeviceHandle, "device handles";
    Queue, "queue handles";
    Buffer, "buffers";
    Texture, "textures";
    TextureView, "texture views";
    Sampler, "samplers", Sampler;
    BindGroupLayout, "bind group layouts";
    BindGroup, "bind groups";
    PipelineLayout, "pipeline layouts";
    ComputePipeline, "pipelines", Pipeline;
    ShaderModule, "shader modules", Shader;
    CompilationInfo, "compilation infos";
    CompilationMessage, "compilation messages";
    QuerySet, "query sets", QuerySet;
    CommandEncoder, "command encoders and buffers", Encoder;
    CommandBuffer, "command encoders and buffers", Encoder;
    ComputePass, "compute passes", Encoder;
    Inert, "render objects";
    Error, "errors";
    Lost, "loss infos";
    RequiredLimits, "records of limits";
    Constants, "records of constants";
}

labelled! {
    DeviceHandle Queue Buffer Texture TextureView Sampler BindGroupLayout BindGroup
    PipelineLayout ComputePipeline ShaderModule QuerySet CommandEncoder CommandBuffer
    ComputePass Inert
}

/// The entry to everything.
pub struct Gpu;

/// The one GPU of the grant.
pub struct Adapter(pub(crate) Grant);

/// What a GPU says of itself.
pub struct AdapterInfo(pub(crate) wgpu::AdapterInfo);

/// A set of features.
pub struct Features(pub(crate) wgpu::Features);

/// A set of limits.
pub struct Limits(pub(crate) wgpu::Limits);

/// What the shader language can do; nothing beyond its core.
pub struct LanguageFeatures;

/// A record of limits that a guest asks for.
#[derive(Default)]
pub struct RequiredLimits(pub(crate) HashMap<String, Option<u64>>);

/// A record of a pipeline's constants.
#[derive(Default)]
pub struct Constants(pub(crate) HashMap<String, f64>);

/// A handle of a device.
pub struct DeviceHandle {
    pub(crate) device: Arc<Device>,
    pub(crate) label: Label,
}

/// A handle of a device's queue.
pub struct Queue {
    pub(crate) device: Arc<Device>,
    pub(crate) label: Label,
}

/// A buffer.
pub struct Buffer {
    pub(crate) wgpu: wgpu::Buffer,
    pub(crate) device: Arc<Device>,
    pub(crate) held: Held,
    /// What a buffer that was mapped when it was made has beside its memory.
    pub(crate) staging: Option<Charge>,
    pub(crate) size: u64,
    pub(crate) usage: wgpu::BufferUsages,
    pub(crate) asked: crate::bindings::webgpu::GpuBufferUsage,
    pub(crate) map: Map,
    /// Which attempt to map it is the latest.
    pub(crate) attempt: u64,
    pub(crate) label: Label,
}

/// Whether a buffer's memory is the guest's at the moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Map {
    No,
    Pending,
    Yes { write: bool, start: u64, end: u64 },
}

/// A texture.
pub struct Texture {
    pub(crate) wgpu: wgpu::Texture,
    pub(crate) device: Arc<Device>,
    pub(crate) held: Held,
    /// As the guest asked, without what is not asked for again.
    pub(crate) about: crate::bindings::webgpu::GpuTextureDescriptor,
    pub(crate) label: Label,
}

/// A view of a texture.
pub struct TextureView {
    pub(crate) wgpu: wgpu::TextureView,
    pub(crate) held: Held,
    pub(crate) label: Label,
}

/// A sampler.
pub struct Sampler {
    pub(crate) wgpu: wgpu::Sampler,
    pub(crate) label: Label,
}

/// A layout of bindings.
pub struct BindGroupLayout {
    pub(crate) wgpu: wgpu::BindGroupLayout,
    pub(crate) _held: Held,
    pub(crate) label: Label,
}

/// Bindings.
pub struct BindGroup {
    pub(crate) wgpu: wgpu::BindGroup,
    /// Its own, and what it binds.
    pub(crate) held: Arc<[Held]>,
    pub(crate) label: Label,
}

/// A layout of bind groups.
pub struct PipelineLayout {
    pub(crate) wgpu: wgpu::PipelineLayout,
    pub(crate) _held: Held,
    pub(crate) label: Label,
}

/// A compute pipeline.
pub struct ComputePipeline {
    pub(crate) wgpu: wgpu::ComputePipeline,
    pub(crate) device: Arc<Device>,
    pub(crate) held: Held,
    pub(crate) label: Label,
}

/// A compiled shader.
pub struct ShaderModule {
    pub(crate) wgpu: wgpu::ShaderModule,
    /// If it has variables in workgroup memory.
    pub(crate) workgroup: Option<Arc<Shader>>,
    pub(crate) messages: Arc<[Message]>,
    pub(crate) _held: Held,
    pub(crate) label: Label,
}

/// What the compiler said of a shader.
pub struct CompilationInfo(pub(crate) Arc<[Message]>);

/// One thing the compiler said.
pub struct CompilationMessage(pub(crate) Message);

/// One thing the compiler said; places count from 1, in UTF-16 units.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) kind: wgpu::CompilationMessageType,
    pub(crate) text: String,
    pub(crate) place: Option<wgpu::SourceLocation>,
}

/// A set of queries.
pub struct QuerySet {
    pub(crate) wgpu: wgpu::QuerySet,
    pub(crate) device: Arc<Device>,
    pub(crate) held: Held,
    pub(crate) kind: crate::bindings::webgpu::GpuQueryType,
    pub(crate) count: u32,
    pub(crate) label: Label,
}

/// Commands being recorded. A pass shares it with its encoder.
pub struct CommandEncoder {
    pub(crate) wgpu: Option<wgpu::CommandEncoder>,
    pub(crate) device: Arc<Device>,
    pub(crate) record: Arc<Record>,
    pub(crate) label: Label,
}

/// What is kept for a recording, until its commands are done.
pub(crate) struct Record {
    /// The host's own memory for it.
    pub(crate) commands: Held,
    /// What the commands use, each once.
    pub(crate) used: parking_lot::Mutex<HashMap<usize, Held>>,
    /// Why it cannot be finished, if so.
    pub(crate) broken: std::sync::OnceLock<()>,
}

/// A compute pass being recorded.
pub struct ComputePass {
    pub(crate) wgpu: Option<wgpu::ComputePass<'static>>,
    pub(crate) device: Arc<Device>,
    pub(crate) record: Arc<Record>,
    pub(crate) label: Label,
}

/// Recorded commands; empty once submitted.
pub struct CommandBuffer {
    pub(crate) wgpu: Option<wgpu::CommandBuffer>,
    pub(crate) device: Arc<Device>,
    pub(crate) record: Arc<Record>,
    pub(crate) label: Label,
}

/// An object of rendering, which this host does not do: it was an error to
/// make it, and it does nothing.
pub struct Inert {
    pub(crate) device: Arc<Device>,
    pub(crate) label: Label,
}

/// An object that nobody can have.
pub enum Never {}
