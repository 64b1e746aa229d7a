//! A driver with actors that each need a GPU, on whichever node has one.

use std::thread;
use std::time::{Duration, Instant};

use greenroom::gpu::{Error as GpuError, Gpu, Kernel};
use greenroom::prelude::*;

const DOUBLE: &str = "
    @group(0) @binding(0) var<storage, read_write> data: array<f32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
        if id.x < arrayLength(&data) { data[id.x] *= 2.0; }
    }";

/// For an answer: a node is lost, and its actor starts on another.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Between two rounds.
const BETWEEN: Duration = Duration::from_millis(50);

/// Computes on a GPU, and says on which node.
struct Ship {
    gpu: Gpu,
    double: Kernel,
}

#[actor(gpus = 1, max_restarts = -1, max_retries = -1)]
impl Ship {
    fn new() -> std::result::Result<Self, GpuError> {
        let gpu = Gpu::open()?;
        let double = gpu.kernel(DOUBLE)?;
        Ok(Self { gpu, double })
    }

    fn sail(&self, numbers: Vec<f32>) -> std::result::Result<(String, Vec<f32>), GpuError> {
        let numbers = self.gpu.array(&numbers)?;
        self.double.run(&[&numbers], [1, 1, 1])?;
        Ok((context::current().node_name, numbers.read()?))
    }
}

/// Calls so many ships in turn, until one has moved or the time is over; prints
/// where each is, first and when that changes.
#[driver]
fn main(args: Vec<String>) -> Result<()> {
    let number = |at: usize| args.get(at).and_then(|text| text.parse::<u64>().ok());
    let (Some(ships), Some(seconds)) = (number(0), number(1)) else {
        return Err(Error::failed("what follows are ships and seconds"));
    };
    let ships = (0..ships).map(|_| Ship::remote()).collect::<Result<Vec<_>>>()?;
    let mut places = vec![String::new(); ships.len()];
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut has_moved = false;
    while !has_moved && Instant::now() < end {
        for (index, (ship, place)) in ships.iter().zip(&mut places).enumerate() {
            let x = index as f32;
            let (node, doubled) = get_timeout(ship.sail(vec![x, 2.5]).remote()?, ANSWER_MAX)?;
            if doubled != [x * 2.0, 5.0] {
                return Err(Error::failed(format!("ship {index} answers {doubled:?}")));
            }
            if node != *place {
                println!("ship {index} at {node}");
                has_moved |= !place.is_empty();
                *place = node;
            }
        }
        thread::sleep(BETWEEN);
    }
    Ok(())
}
