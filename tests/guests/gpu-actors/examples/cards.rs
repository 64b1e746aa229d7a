//! Actors with a GPU, in processes of their own.

use std::time::Instant;

use greenroom::gpu::wgpu::PollType;
use greenroom::gpu::{Array, Error as GpuError, Gpu, Kernel};
use greenroom::prelude::*;

const DOUBLE: &str = "
    @group(0) @binding(0) var<storage, read_write> data: array<f32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
        if id.x < arrayLength(&data) { data[id.x] *= 2.0; }
    }";

/// Some seconds of work for a dispatch of thousands of groups.
const LONG: &str = "
    @group(0) @binding(0) var<storage, read_write> data: array<u32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
        var x = id.x;
        for (var i = 0u; i < 60000u; i++) { x = x * 1664525u + i; }
        data[id.x % 64u] = x;
    }";

/// An actor with a GPU.
struct Card {
    gpu: Gpu,
    double: Kernel,
    kept: Vec<Array<u8>>,
    count: i64,
}

#[actor(gpus = 1)]
impl Card {
    fn new() -> std::result::Result<Self, GpuError> {
        let gpu = Gpu::open()?;
        let double = gpu.kernel(DOUBLE)?;
        Ok(Self { gpu, double, kept: Vec::new(), count: 0 })
    }

    fn double(&self, numbers: Vec<f32>) -> std::result::Result<Vec<f32>, GpuError> {
        let numbers = self.gpu.array(&numbers)?;
        self.double.run(&[&numbers], [1, 1, 1])?;
        numbers.read()
    }

    fn count(&mut self) -> i64 {
        self.count += 1;
        self.count
    }

    /// Takes memory until there is no more; how many mebibytes it got.
    fn fill(&mut self) -> u64 {
        while let Ok(more) = self.gpu.zeros::<u8>(1 << 20) {
            self.kept.push(more);
        }
        self.kept.len() as u64
    }

    /// Whether fresh memory holds anything, which would be another's.
    fn finds_something(&self) -> std::result::Result<bool, GpuError> {
        let fresh = self.gpu.zeros::<u8>(16 << 20)?;
        Ok(fresh.read()?.iter().any(|byte| *byte != 0))
    }

    fn write_all(&self) -> std::result::Result<(), GpuError> {
        let all = self.gpu.array(&vec![0xA5u8; 16 << 20])?;
        all.read().map(drop)
    }

    /// Work that takes longer than anybody waits.
    fn work_without_end(&self) -> std::result::Result<u32, GpuError> {
        println!("it works");
        let long = self.gpu.kernel(LONG)?;
        let data = self.gpu.zeros::<u32>(64)?;
        loop {
            long.run(&[&data], [60_000, 1, 1])?;
            data.read()?;
        }
    }

    /// A shader that is wrong.
    /// How long a poll waits for work, and how long that goes on afterwards,
    /// in microseconds.
    fn polls(&self) -> std::result::Result<(u64, u64), GpuError> {
        let data = self.gpu.zeros::<u32>(64)?;
        let long = self.gpu.kernel(LONG)?;
        let micros = |begun: Instant| begun.elapsed().as_micros() as u64;
        let poll = || self.gpu.device().poll(PollType::wait_indefinitely());
        let begun = Instant::now();
        long.run(&[&data], [100, 1, 1])?;
        poll().expect("the device is there");
        let waited = micros(begun);
        let begun = Instant::now();
        self.gpu.queue().on_submitted_work_done(|| ());
        poll().expect("the device is there");
        Ok((waited, micros(begun)))
    }

    fn wrong_shader(&self) -> std::result::Result<(), GpuError> {
        self.gpu.kernel("fn main() { this is no wgsl }").map(drop)
    }

    fn spin(&self) -> i64 {
        println!("it spins");
        let mut count = std::hint::black_box(0i64);
        loop {
            count = std::hint::black_box(count.wrapping_add(1));
        }
    }

    fn panics(&self) -> i64 {
        panic!("the card is burnt")
    }

    fn grab_memory(&self) -> u64 {
        let mut all = Vec::new();
        loop {
            all.push(std::hint::black_box(vec![1u8; 1 << 20]));
        }
    }

    /// What the contract offers, all of it asked of another process.
    fn talk(&self, other: Handle<Plain>, object: ObjectRef<i64>) -> Result<Vec<i64>> {
        log::info!("a line of its log");
        println!("a line that it prints");
        let mine = put(&5i64)?;
        let copy = mine.clone();
        drop(mine);
        let sums: Vec<ObjectRef<i64>> =
            (1..=3).map(|n| other.add(n).remote()).collect::<Result<_>>()?;
        let (sums, late) = wait(sums, 3, None)?;
        assert!(late.is_empty(), "all are ready");
        let by_ref = other.add_object(&copy).remote()?;
        let child = Plain::remote()?;
        child.add(100).tell()?;
        let mut seen = get(sums)?;
        seen.push(get(by_ref)?);
        seen.push(get(object)?);
        seen.push(get(child.add(1).remote()?)?);
        Ok(seen)
    }

    /// Gives away what it made.
    fn make(&self) -> Result<(Handle<Plain>, ObjectRef<i64>)> {
        let plain = Plain::remote()?;
        let object = plain.add(7).remote()?;
        Ok((plain, object))
    }

    fn fails(&self) -> Result<i64> {
        Err(Error::failed("as it was told to"))
    }

    fn waits_for(&self, object: (ObjectRef<i64>,)) -> Result<i64> {
        println!("it waits");
        get(object.0)
    }

    fn echo(&self, data: Bytes) -> Bytes {
        data
    }
}

/// One without a GPU.
#[derive(Default)]
struct Plain {
    sum: i64,
}

#[actor]
impl Plain {
    fn new() -> Self {
        Self::default()
    }

    fn add(&mut self, n: i64) -> i64 {
        self.sum += n;
        self.sum
    }

    fn add_object(&mut self, n: i64) -> i64 {
        self.add(n)
    }

    fn sees_a_gpu(&self) -> bool {
        Gpu::open().is_ok()
    }

    fn open(&self) -> std::result::Result<(), GpuError> {
        Gpu::open().map(drop)
    }
}

/// Many calls at once, on a part of a GPU.
struct Part {
    gpu: Gpu,
}

#[actor(gpus = 0.25)]
impl Part {
    fn new() -> std::result::Result<Self, GpuError> {
        Ok(Self { gpu: Gpu::open()? })
    }

    async fn stay(&self, object: (ObjectRef<i64>,)) -> Result<i64> {
        println!("in");
        get_async(&object.0).await
    }

    async fn sum(&self, numbers: Vec<f32>) -> std::result::Result<f32, GpuError> {
        Ok(self.gpu.array(&numbers)?.read()?.iter().sum())
    }
}
