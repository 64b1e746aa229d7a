//! Work for a GPU from an actor, beside the same work natively on the same
//! device in the same run; and what the processes of such actors cost.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bench_kernels::{Bench as Kernels, Shape};
use host::node::{Config, Job, Node};
use host::sandbox::Package;
use host::worker::{self, Workers};
use host_core::placement::GPUS;
use host_core::resources::Amount;
use host_core::spec::Options;
use host_gpu::Wanted;
use host_refs::{Args, Handle};

use crate::guest::{config, handle, load, plain};
use crate::report::Report;

const GUEST: &str = "bench_guest_gpu.wasm";

/// What is measured on both sides: in the actor, natively, and what it is to
/// the kernels.
const SHAPES: [(&str, &str, &str); 9] = [
    ("gpu_matmul_256", "native_matmul_256", "matmul_256"),
    ("gpu_matmul_512", "native_matmul_512", "matmul_512"),
    ("gpu_matmul_1024", "native_matmul_1024", "matmul_1024"),
    ("gpu_scale_4mi", "native_scale_4mi", "scale_4mi"),
    ("gpu_sum_4mi", "native_sum_4mi", "sum_4mi"),
    ("gpu_upload", "native_upload", "upload"),
    ("gpu_readback", "native_readback", "readback"),
    ("gpu_tiny_round_trip", "native_tiny_round_trip", "tiny_round_trip"),
    ("gpu_sync_import", "native_sync_import", "sync_import"),
];

/// What its processes cost, in the order of measuring.
const LIVES: [&str; 4] = ["gpu_worker_warm", "gpu_worker_cold", "gpu_actor_call", "gpu_restart"];

/// Measures the shapes that are asked for, in so many rounds.
pub(crate) async fn measure(
    report: &mut Report,
    host: &Path,
    guests: &Path,
    rounds: u32,
) -> Result<()> {
    let names = SHAPES.iter().map(|(name, ..)| *name).chain(LIVES);
    if !names.into_iter().any(|name| report.wants(name)) {
        return Ok(());
    }
    let node = GpuNode::start(host, guests).await?;
    let native = Kernels::native(&node.gpu).await?;
    for round in 0..rounds {
        eprintln!("GPU, round {} of {rounds}", round + 1);
        node.shapes(report, &native).await?;
        node.lives(report).await?;
    }
    node.node.end_all();
    Ok(())
}

/// The device natively, as `host-gpu` opens it.
trait Native: Sized {
    async fn native(name: &str) -> Result<Self>;
}

impl Native for Kernels {
    async fn native(name: &str) -> Result<Kernels> {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::VULKAN;
        descriptor.flags = wgpu::InstanceFlags::empty();
        let instance = wgpu::Instance::new(descriptor);
        let adapters = instance.enumerate_adapters(wgpu::Backends::VULKAN).await;
        let adapter = adapters.into_iter().find(|adapter| adapter.get_info().name == name);
        let adapter = adapter.with_context(|| format!("no adapter is called {name}"))?;
        let required_limits = adapter.limits();
        let wanted = wgpu::DeviceDescriptor { required_limits, ..Default::default() };
        let (device, queue) = adapter.request_device(&wanted).await?;
        Ok(Kernels::new(device, queue))
    }
}

/// A node with one GPU and the bench's package.
struct GpuNode {
    node: Node,
    job: Job,
    package: Arc<Package>,
    /// The name of its GPU.
    gpu: String,
}

impl GpuNode {
    async fn start(host: &Path, guests: &Path) -> Result<GpuNode> {
        let gpus = Some(worker::Gpus { wanted: Wanted::GpusAndSoftware, most: Some(1) });
        let workers = worker::Config { program: host.to_owned(), gpus };
        let workers = Workers::start(workers).await.map_err(anyhow::Error::msg)?;
        let gpu = workers.gpus().first().context("the driver has no GPU")?.name.clone();
        let mut config: Config = config()?;
        config.code_cache = Some(guests.join("compiled"));
        config.resources.set(GPUS, Amount::whole(1).unwrap_or_default());
        config.workers = Some(workers);
        let node = Node::start(config)?;
        let package = load(&node, guests, GUEST).await?;
        Ok(GpuNode { job: node.begin_job(), node, package, gpu })
    }

    fn meter(&self, part: f64, max_restarts: i32) -> Result<Handle> {
        let (gpus, max_restarts) = (Some(part), Some(max_restarts));
        let options = Options { gpus, max_restarts, ..Options::default() };
        Ok(self.job.spawn(&self.package, "Meter", Args::default(), options)?)
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        actor: &Handle,
        method: &str,
        args: Args,
    ) -> Result<T> {
        let outcome = self.job.ask(actor, method, args).await;
        let value = outcome.map_err(|error| anyhow::anyhow!("{method}: {error}"))?;
        Ok(rmp_serde::from_slice(&value.bytes)?)
    }

    async fn touch(&self, meter: &Handle) -> Result<u32> {
        self.ask(meter, "touch", Args::default()).await
    }

    async fn shapes(&self, report: &mut Report, native: &Kernels) -> Result<()> {
        let meter = self.meter(1.0, 0)?;
        for (name, beside, known) in SHAPES {
            if !report.wants(name) {
                continue;
            }
            let (shape, times) = Shape::named(known).context("the kernels know it")?;
            let took = tokio::task::block_in_place(|| native.measure(shape, times));
            report.add(beside, "ns", took.as_secs_f64() * 1e9);
            let took: f64 = self.ask(&meter, "measure", plain(&[known])).await?;
            report.add(name, "ns", took);
        }
        Ok(())
    }

    async fn lives(&self, report: &mut Report) -> Result<()> {
        if !LIVES.iter().any(|name| report.wants(name)) {
            return Ok(());
        }
        // A process waits for the first; that of the second begins then.
        let begun = Instant::now();
        let warm = self.meter(0.25, 1)?;
        self.touch(&warm).await?;
        let warm_took = begun.elapsed();
        let begun = Instant::now();
        let cold = self.meter(0.25, 0)?;
        self.touch(&cold).await?;
        let cold_took = begun.elapsed();
        drop(cold);
        report.add("gpu_worker_warm", "ns", warm_took.as_nanos() as f64);
        report.add("gpu_worker_cold", "ns", cold_took.as_nanos() as f64);
        if report.wants("gpu_actor_call") {
            const CALLS: u32 = 2_000;
            let options = Options::default();
            let caller = self.job.spawn(&self.package, "Caller", Args::default(), options)?;
            let _: u32 = self.ask(&caller, "one_by_one", handle(&warm, &[10])).await?;
            let begun = Instant::now();
            let _: u32 = self.ask(&caller, "one_by_one", handle(&warm, &[CALLS])).await?;
            let took = begun.elapsed().as_nanos() as f64 / f64::from(CALLS);
            report.add("gpu_actor_call", "ns", took);
        }
        if report.wants("gpu_restart") {
            let begun = Instant::now();
            kill_worker_of("Meter(", &self.job, &warm).await?;
            while self.touch(&warm).await.is_err() {
                ensure!(begun.elapsed().as_secs() < 60, "the actor does not restart");
            }
            report.add("gpu_restart", "ns", begun.elapsed().as_nanos() as f64);
        }
        Ok(())
    }
}

/// Kills the process of the one actor of a class, as `kill -9` does, and waits
/// until that is seen.
async fn kill_worker_of(label: &str, job: &Job, actor: &Handle) -> Result<()> {
    let own = std::process::id().to_string();
    let mut killed = 0;
    for entry in std::fs::read_dir("/proc")?.filter_map(Result::ok) {
        let read = |file: &str| std::fs::read_to_string(entry.path().join(file));
        let (Ok(name), Ok(stat)) = (read("comm"), read("stat")) else { continue };
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
        if name.starts_with(label) && parent == Some(own.as_str()) {
            let id = entry.file_name();
            ensure!(std::process::Command::new("kill").arg("-9").arg(id).status()?.success());
            killed += 1;
        }
    }
    ensure!(killed == 1, "{killed} processes are called {label}");
    // A call that is lost with it.
    let _ = job.ask(actor, "touch", Args::default()).await;
    Ok(())
}
