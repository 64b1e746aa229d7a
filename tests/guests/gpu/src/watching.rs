//! What a guest is told of later: the loss of its device, and errors that no
//! scope took. These cases await.

use crate::bindings::wasi::webgpu::webgpu::*;
use crate::kit::*;

pub(crate) const CASES: [&str; 4] = [
    "loss_of_a_device_is_told",
    "errors_outside_every_scope_are_told",
    "traps_at_a_million_streams",
    "watches_left_behind",
];

pub(crate) async fn run(case: &str) {
    let kit = kit();
    match case {
        "loss_of_a_device_is_told" => loss(&kit).await,
        "errors_outside_every_scope_are_told" => uncaptured(&kit).await,
        "traps_at_a_million_streams" => {
            (0..1_000_000).for_each(|_| std::mem::forget(kit.device.on_uncaptured_error()));
        }
        "watches_left_behind" => {
            std::mem::forget((kit.device.lost(), kit.device.on_uncaptured_error()));
        }
        other => panic!("no {other}"),
    }
}

async fn loss(kit: &Kit) {
    let (first, second) = (kit.device.lost(), kit.device.lost());
    kit.device.destroy();
    assert!(matches!(first.await.reason(), GpuDeviceLostReason::Destroyed));
    assert!(matches!(second.await.reason(), GpuDeviceLostReason::Destroyed));
    let late = kit.device.lost().await;
    assert!(matches!(late.reason(), GpuDeviceLostReason::Destroyed));
}

async fn uncaptured(kit: &Kit) {
    // Before anybody reads, and far more than are kept.
    (0..1_000).for_each(|_| drop(kit.buffer(16, GpuBufferUsage::empty())));
    let mut errors = kit.device.on_uncaptured_error();
    let error = errors.next().await.expect("the device is there");
    assert!(matches!(error.kind(), GpuErrorKind::ValidationError));
    while errors.next().await.is_some_and(|error| !error.message().contains("WGSL")) {
        kit.shader(&" ".repeat(300 << 10));
    }
}
