//! The same on a GPU: lavapipe, which `cargo xtask setup` fetches.
//!
//! The driver is found through the environment of the process, so each test is
//! run again, alone, in a process that has the right one.

use std::process::Command;

use model::Error;
use model::gpu::Gpu;

use super::*;

/// Set in the process that has the driver.
const READY: &str = "MODEL_GPU_TEST_READY";

/// Runs a test of this file on the software driver.
fn on_lavapipe(name: &str, test: impl FnOnce(Gpu)) {
    if std::env::var_os(READY).is_some() {
        return test(open());
    }
    let vulkan = host_toolchain::find_vulkan(Path::new(env!("CARGO_MANIFEST_DIR")));
    let vulkan = vulkan.unwrap_or_else(|missing| panic!("{missing}"));
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", &format!("gpu::{name}"), "--nocapture"]).env(READY, "1");
    let output = again.envs(vulkan.environment().unwrap()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}{errors}");
}

fn open() -> Gpu {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::VULKAN;
    let instance = wgpu::Instance::new(descriptor);
    let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default());
    let adapter = now(adapter).unwrap();
    let (device, queue) = now(adapter.request_device(&wgpu::DeviceDescriptor::default())).unwrap();
    Gpu::new(&device, &queue).unwrap()
}

/// The answer of a future of `wgpu`, which natively is there at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(answer) => answer,
        std::task::Poll::Pending => unreachable!("it is ready"),
    }
}

#[test]
fn encoder_makes_the_reference_vectors() {
    on_lavapipe("encoder_makes_the_reference_vectors", encoder);
}

#[test]
fn decoder_of_bf16_safetensors_makes_the_reference_logits() {
    on_lavapipe("decoder_of_bf16_safetensors_makes_the_reference_logits", hugging_face);
}

#[test]
fn decoder_of_quantised_gguf_makes_the_reference_logits() {
    on_lavapipe("decoder_of_quantised_gguf_makes_the_reference_logits", gguf);
}

#[test]
fn tensor_that_cannot_be_bound_is_an_error_and_the_gpu_goes_on() {
    on_lavapipe("tensor_that_cannot_be_bound_is_an_error_and_the_gpu_goes_on", |gpu| {
        // More than the 128 MiB that a device binds unless it is asked.
        let error = gpu.tensor(1 << 10, &vec![0.0; 40 << 20]).unwrap_err();
        assert!(matches!(error, Error::Gpu(_)), "{error}");
        let tensor = gpu.tensor(2, &[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!(gpu.read(&gpu.add(&tensor, &tensor)).unwrap(), [2.0, 4.0, 6.0, 8.0]);
    });
}
