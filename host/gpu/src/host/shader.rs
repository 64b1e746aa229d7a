//! Shaders, and what their compiler says.

use std::result::Result as StdResult;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wasmtime::Result;
use wasmtime::component::{Accessor, Resource};

use super::{ends, labels};
use crate::bindings::webgpu as wit;
use crate::ctx::{GpuCtx, HasGpu};
use crate::device::Device;
use crate::errors::{self, Error};
use crate::limits;
use crate::objects::{
    CompilationInfo, CompilationMessage, DeviceHandle, Label, Message, ShaderModule,
};
use crate::workgroup::Shader;

/// No shader.
const INVALID: &str = "!";

impl GpuCtx {
    pub(super) async fn make_shader(
        &mut self,
        device: &Resource<DeviceHandle>,
        descriptor: wit::GpuShaderModuleDescriptor,
    ) -> Result<Resource<ShaderModule>> {
        let device = self.get(device)?.device.clone();
        let label = Label::new(descriptor.label);
        let length = descriptor.code.len();
        let (code, held, refused) = match charge(&device, length)? {
            Ok(held) => (descriptor.code, held, None),
            Err(error) => (INVALID.to_owned(), device.grant().nothing(), Some(error)),
        };
        let name = label.clone();
        let made = device.elsewhere(move |wgpu| {
            let workgroup = Shader::parse(&code).map(Arc::new);
            let source = wgpu::ShaderSource::Wgsl(code.into());
            let module = wgpu
                .create_shader_module(wgpu::ShaderModuleDescriptor { label: name.wgpu(), source });
            let messages = messages(&module);
            (module, workgroup, messages)
        });
        let ((wgpu, workgroup, mut messages), mut errors) = made.await?;
        if let Some(error) = refused {
            let text = error.message.clone();
            let kind = wgpu::CompilationMessageType::Error;
            messages = vec![Message { kind, text, place: None }];
            errors = vec![error];
        }
        errors.into_iter().for_each(|error| device.report(error));
        let _held = Arc::new(held);
        self.push(ShaderModule { wgpu, workgroup, messages: messages.into(), _held, label })
    }
}

fn charge(device: &Device, length: usize) -> Result<StdResult<crate::grant::Charge, Error>> {
    if length > limits::WGSL_BYTES {
        let most = limits::WGSL_BYTES;
        let message = format!("{length} bytes of WGSL are more than this host compiles ({most})");
        return Ok(Err(Error::validation(message)));
    }
    let bytes = limits::OBJECT_BYTES + limits::SHADER_FACTOR * length as u64;
    Ok(device.charge(bytes)?.map_err(Error::from))
}

/// What the compiler said. wgpu knows it as soon as the module is made.
fn messages(module: &wgpu::ShaderModule) -> Vec<Message> {
    let mut asked = std::pin::pin!(module.get_compilation_info());
    let Poll::Ready(info) = asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        return Vec::new();
    };
    let message = |message: wgpu::CompilationMessage| {
        let mut text = message.message;
        errors::cut(&mut text, limits::MESSAGE_BYTES);
        Message { kind: message.message_type, text, place: message.location }
    };
    info.messages.into_iter().take(limits::MESSAGES).map(message).collect()
}

impl<T: Send> wit::HostGpuShaderModuleWithStore<T> for HasGpu {
    async fn get_compilation_info(
        accessor: &Accessor<T, Self>,
        module: Resource<ShaderModule>,
    ) -> Result<Resource<CompilationInfo>> {
        accessor.with(|mut access| {
            let ctx = access.get();
            let messages = ctx.get(&module)?.messages.clone();
            ctx.push(CompilationInfo(messages))
        })
    }
}

impl wit::HostGpuShaderModule for GpuCtx {
    labels!(ShaderModule);
    ends!(ShaderModule);
}

impl wit::HostGpuCompilationInfo for GpuCtx {
    fn messages(
        &mut self,
        info: Resource<CompilationInfo>,
    ) -> Result<Vec<Resource<CompilationMessage>>> {
        let messages = self.get(&info)?.0.clone();
        messages.iter().map(|message| self.push(CompilationMessage(message.clone()))).collect()
    }

    ends!(CompilationInfo);
}

impl wit::HostGpuCompilationMessage for GpuCtx {
    fn message(&mut self, message: Resource<CompilationMessage>) -> Result<String> {
        Ok(self.get(&message)?.0.text.clone())
    }

    fn type_(
        &mut self,
        message: Resource<CompilationMessage>,
    ) -> Result<wit::GpuCompilationMessageType> {
        use wgpu::CompilationMessageType as Type;
        Ok(match self.get(&message)?.0.kind {
            Type::Error => wit::GpuCompilationMessageType::Error,
            Type::Warning => wit::GpuCompilationMessageType::Warning,
            Type::Info => wit::GpuCompilationMessageType::Info,
        })
    }

    fn line_num(&mut self, message: Resource<CompilationMessage>) -> Result<u64> {
        self.place(&message, |place| place.line_number)
    }

    fn line_pos(&mut self, message: Resource<CompilationMessage>) -> Result<u64> {
        self.place(&message, |place| place.line_position)
    }

    fn offset(&mut self, message: Resource<CompilationMessage>) -> Result<u64> {
        self.place(&message, |place| place.offset)
    }

    fn length(&mut self, message: Resource<CompilationMessage>) -> Result<u64> {
        self.place(&message, |place| place.length)
    }

    ends!(CompilationMessage);
}

impl GpuCtx {
    /// A part of where a message points to; 0 if it points nowhere, as WebGPU
    /// has it.
    fn place(
        &self,
        message: &Resource<CompilationMessage>,
        part: impl FnOnce(&wgpu::SourceLocation) -> u32,
    ) -> Result<u64> {
        Ok(self.get(message)?.0.place.as_ref().map_or(0, |place| part(place).into()))
    }
}
