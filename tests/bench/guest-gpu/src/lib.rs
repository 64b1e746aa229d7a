//! The actors of the benches of the GPU: ordinary programs, like any user's.

use bench_kernels::{Bench, Shape};
use greenroom::gpu::{self, Gpu};
use greenroom::prelude::*;

/// Measures its GPU.
struct Meter {
    bench: Bench,
    calls: u32,
}

#[actor(gpus = 1)]
impl Meter {
    fn new() -> std::result::Result<Self, gpu::Error> {
        let gpu = Gpu::open()?;
        let bench = Bench::new(gpu.device().clone(), gpu.queue().clone());
        Ok(Meter { bench, calls: 0 })
    }

    /// The nanoseconds that one of a shape takes.
    fn measure(&self, name: String) -> Result<f64> {
        let (shape, times) =
            Shape::named(&name).ok_or_else(|| Error::failed(format!("no shape {name}")))?;
        Ok(self.bench.measure(shape, times).as_secs_f64() * 1e9)
    }

    /// Nothing but a call.
    fn touch(&mut self) -> u32 {
        self.calls += 1;
        self.calls
    }
}

/// Calls a meter.
struct Caller;

#[actor]
impl Caller {
    fn new() -> Self {
        Caller
    }

    /// One call after the other, each waited for.
    fn one_by_one(&self, meter: Handle<Meter>, calls: u32) -> Result<u32> {
        let mut last = 0;
        for _ in 0..calls {
            last = get(meter.touch().remote()?)?;
        }
        Ok(last)
    }
}
