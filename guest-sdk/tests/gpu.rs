//! `greenroom::gpu` outside a component, where a device computes nothing: what
//! a program's unit tests see of it.
#![cfg(feature = "gpu")]
#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use greenroom::gpu::{Error, Gpu};

const NOTHING: &str = "
    @group(0) @binding(0) var<storage, read_write> data: array<u32>;
    @compute @workgroup_size(1) fn main() { data[0] = 1u; }";

#[test]
fn arrays_come_back_as_they_were_written() {
    let gpu = Gpu::open().unwrap();
    let array = gpu.array(&[1_u16, 2, 3]).unwrap();
    assert_eq!((array.len(), array.is_empty()), (3, false));
    assert_eq!(array.read().unwrap(), [1, 2, 3]);
    array.write(&[7]).unwrap();
    assert_eq!(array.read().unwrap()[0], 7);
    assert_eq!(gpu.zeros::<f32>(5).unwrap().read().unwrap(), [0.0; 5]);
    assert!(gpu.array::<f32>(&[]).unwrap().read().unwrap().is_empty());
}

#[test]
fn more_than_fits_is_refused() {
    let gpu = Gpu::open().unwrap();
    let error = gpu.zeros::<u32>(2).unwrap().write(&[1, 2, 3]).unwrap_err();
    assert_eq!(error, Error::Invalid("3 elements do not fit in 2".to_owned()));
    assert!(gpu.zeros::<u64>(usize::MAX).is_err());
}

#[test]
fn kernel_that_does_not_compile_says_where() {
    let gpu = Gpu::open().unwrap();
    let Err(Error::Invalid(message)) = gpu.kernel("fn nonsense(") else { panic!("an error") };
    assert!(message.contains("1:"), "{message}");
}

#[test]
fn arguments_have_to_be_what_the_kernel_binds() {
    let gpu = Gpu::open().unwrap();
    let kernel = gpu.kernel(NOTHING).unwrap();
    let array = gpu.zeros::<u32>(4).unwrap();
    kernel.run(&[&array], [1, 1, 1]).unwrap();
    gpu.wait();
    for wrong in [&[][..], &[&array as _, &array as _][..]] {
        assert!(matches!(kernel.run(wrong, [1, 1, 1]), Err(Error::Invalid(_))));
    }
    assert!(matches!(kernel.run(&[&array], [u32::MAX, 1, 1]), Err(Error::Invalid(_))));
}
