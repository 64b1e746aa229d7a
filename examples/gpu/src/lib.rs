//! An actor that computes on a GPU.

mod product;

use greenroom::gpu::{Error, Gpu, Kernel};
use greenroom::prelude::*;

/// Computes with vectors and matrices.
struct Calculator {
    gpu: Gpu,
    sum: Kernel,
}

/// Numbers that one workgroup of `sum.wgsl` adds.
const GROUP: usize = 64;

#[actor(gpus = 1)]
impl Calculator {
    /// Opens the GPU and compiles what every call needs.
    fn new() -> std::result::Result<Self, Error> {
        let gpu = Gpu::open()?;
        let sum = gpu.kernel(include_str!("sum.wgsl"))?;
        Ok(Self { gpu, sum })
    }

    /// The sum of two vectors.
    fn sum(&self, a: Vec<f32>, b: Vec<f32>) -> std::result::Result<Vec<f32>, Error> {
        if a.len() != b.len() {
            return Err(Error::Invalid(format!("{} and {} numbers", a.len(), b.len())));
        }
        let (a, b) = (self.gpu.array(&a)?, self.gpu.array(&b)?);
        let sum = self.gpu.zeros::<f32>(a.len())?;
        let groups = u32::try_from(a.len().div_ceil(GROUP)).unwrap_or(u32::MAX);
        self.sum.run(&[&a, &b, &sum], [groups, 1, 1])?;
        sum.read()
    }

    /// The product of two square matrices of `size` rows.
    fn product(&self, size: u32, a: Vec<f32>, b: Vec<f32>) -> std::result::Result<Vec<f32>, Error> {
        let numbers = size as usize * size as usize;
        if [a.len(), b.len()] != [numbers; 2] {
            return Err(Error::Invalid(format!("a matrix of {size} rows has {numbers} numbers")));
        }
        Ok(product::product(self.gpu.device(), self.gpu.queue(), size, &a, &b))
    }
}

#[driver]
fn main() -> Result<()> {
    let calculator = Calculator::remote()?;
    let sum = calculator.sum(vec![1.0, 2.0, 3.0], vec![10.0, 20.0, 30.0]).remote()?;
    let product =
        calculator.product(2, vec![1.0, 2.0, 3.0, 4.0], vec![0.0, 1.0, 1.0, 0.0]).remote()?;
    println!("{:?}\n{:?}", get(sum)?, get(product)?);
    Ok(())
}
