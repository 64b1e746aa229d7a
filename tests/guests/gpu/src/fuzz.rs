//! Calls drawn by chance: whatever comes of them, the host goes on.

use crate::Case;
use crate::bindings::wasi::webgpu::webgpu::*;
use crate::kit::*;

pub(crate) const CASES: &[Case] = &[("calls_drawn_by_chance", drawn)];

const STEPS: usize = 400;

struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap()
    }

    /// A number that is small, aligned, or at an edge.
    fn number(&mut self) -> u64 {
        match self.below(8) {
            0 => 0,
            1 => u64::MAX - self.next() % 9,
            2 => u64::from(u32::MAX) - 4 + self.next() % 9,
            3 => self.next(),
            4 | 5 => 4 * (self.next() % 65),
            6 => 8 * (self.next() % 33),
            _ => 256 * (self.next() % 3),
        }
    }

    fn small(&mut self) -> u32 {
        u32::try_from(self.number() & u64::from(u32::MAX)).unwrap()
    }

    fn maybe(&mut self) -> Option<u64> {
        (self.below(3) > 0).then(|| self.number())
    }
}

struct World {
    kits: Vec<Kit>,
    buffers: Vec<GpuBuffer>,
    encoders: Vec<GpuCommandEncoder>,
    passes: Vec<GpuComputePassEncoder>,
    commands: Vec<GpuCommandBuffer>,
    pipelines: Vec<GpuComputePipeline>,
    groups: Vec<GpuBindGroup>,
    textures: Vec<GpuTexture>,
}

fn pick<'a, T>(draw: &mut Draw, all: &'a [T]) -> Option<&'a T> {
    (!all.is_empty()).then(|| &all[draw.below(all.len())])
}

fn shed<T>(draw: &mut Draw, all: &mut Vec<T>) {
    if all.len() > 12 {
        let which = draw.below(all.len());
        all.swap_remove(which);
    }
}

fn drawn(seed: u64) {
    let mut draw = Draw(seed);
    let kits = vec![kit(), kit()];
    let pipelines = kits.iter().map(|kit| kit.pipeline(DOUBLE)).collect();
    let mut world = World {
        kits,
        buffers: vec![],
        encoders: vec![],
        passes: vec![],
        commands: vec![],
        pipelines,
        groups: vec![],
        textures: vec![],
    };
    for _ in 0..STEPS {
        step(&mut draw, &mut world);
    }
    for kit in &world.kits {
        kit.queue.on_submitted_work_done();
    }
}

fn step(draw: &mut Draw, world: &mut World) {
    match draw.below(4) {
        0 => make(draw, world),
        1 => record(draw, world).unwrap_or_default(),
        2 => pass(draw, world).unwrap_or_default(),
        _ => act(draw, world).unwrap_or_default(),
    }
    shed(draw, &mut world.buffers);
    shed(draw, &mut world.encoders);
    shed(draw, &mut world.passes);
    shed(draw, &mut world.commands);
    shed(draw, &mut world.groups);
    shed(draw, &mut world.textures);
}

fn make(draw: &mut Draw, world: &mut World) {
    let usages = [STORAGE, READ, WRITE, STORAGE.union(GpuBufferUsage::INDIRECT)];
    let kit = &world.kits[draw.below(2)];
    match draw.below(5) {
        0 | 1 => {
            let usage = usages[draw.below(4)];
            let mapped_at_creation = Some(draw.below(3) == 0);
            let size = draw.number();
            let wanted = GpuBufferDescriptor { size, usage, mapped_at_creation, label: None };
            world.buffers.push(kit.device.create_buffer(&wanted));
        }
        2 => world.encoders.push(kit.encoder()),
        3 => {
            let pipeline = &world.pipelines[draw.below(2)];
            if let Some(buffer) = pick(draw, &world.buffers) {
                world.groups.push(kit.bind(pipeline, buffer));
            }
        }
        _ => {
            let size = GpuExtent3D {
                width: draw.small(),
                height: Some(draw.small()),
                depth_or_array_layers: Some(1),
            };
            world.textures.push(kit.device.create_texture(&GpuTextureDescriptor {
                size,
                mip_level_count: None,
                sample_count: None,
                dimension: None,
                format: GpuTextureFormat::R32uint,
                usage: GpuTextureUsage::COPY_DST | GpuTextureUsage::COPY_SRC,
                view_formats: None,
                texture_binding_view_dimension: None,
                label: None,
            }));
        }
    }
}

fn record(draw: &mut Draw, world: &mut World) -> Option<()> {
    let encoder = pick(draw, &world.encoders)?;
    let buffer = pick(draw, &world.buffers)?;
    match draw.below(6) {
        0 => {
            let other = pick(draw, &world.buffers)?;
            let (from, to, size) = (draw.maybe(), draw.maybe(), draw.maybe());
            encoder.copy_buffer_to_buffer(buffer, from, other, to, size);
        }
        1 => encoder.clear_buffer(buffer, draw.maybe(), draw.maybe()),
        2 | 3 => world.passes.push(encoder.begin_compute_pass(None)),
        4 => world.commands.push(encoder.finish(None)),
        _ => {
            let texture = pick(draw, &world.textures)?;
            let place =
                GpuTexelCopyTextureInfo { texture, mip_level: None, origin: None, aspect: None };
            let bytes_per_row = Some(draw.small());
            let offset = draw.maybe();
            let rows_per_image = None;
            let from = GpuTexelCopyBufferInfo { buffer, offset, bytes_per_row, rows_per_image };
            let size = GpuExtent3D {
                width: draw.small(),
                height: Some(draw.small()),
                depth_or_array_layers: None,
            };
            if draw.below(2) == 0 {
                encoder.copy_buffer_to_texture(&from, &place, size);
            } else {
                encoder.copy_texture_to_buffer(&place, &from, size);
            }
        }
    }
    Some(())
}

fn pass(draw: &mut Draw, world: &mut World) -> Option<()> {
    let pass = pick(draw, &world.passes)?;
    match draw.below(6) {
        0 => pass.set_pipeline(&world.pipelines[draw.below(2)]),
        1 => {
            let group = pick(draw, &world.groups);
            let offsets = [draw.small(), draw.small()];
            let (start, length) = (draw.maybe(), Some(draw.small()));
            let _ = pass.set_bind_group(draw.small() % 5, group, Some(&offsets), start, length);
        }
        2 => {
            let group = pick(draw, &world.groups);
            let _ = pass.set_bind_group(0, group, None, None, None);
        }
        3 => pass.dispatch_workgroups(draw.small() % 70_000, Some(draw.small()), None),
        4 => {
            let buffer = pick(draw, &world.buffers)?;
            pass.dispatch_workgroups_indirect(buffer, draw.number());
        }
        _ => pass.end(),
    }
    Some(())
}

fn act(draw: &mut Draw, world: &mut World) -> Option<()> {
    let kit = &world.kits[draw.below(2)];
    match draw.below(9) {
        0 | 1 => {
            let commands = pick(draw, &world.commands)?;
            kit.queue.submit(&[commands]);
        }
        2 => {
            let buffer = pick(draw, &world.buffers)?;
            let data = vec![1; draw.below(300)];
            let (start, size) = (draw.maybe(), draw.maybe());
            let _ = kit.queue.write_buffer_with_copy(buffer, draw.number(), &data, start, size);
        }
        3 => {
            let buffer = pick(draw, &world.buffers)?;
            let mode = [GpuMapMode::READ, GpuMapMode::WRITE, GpuMapMode::all()][draw.below(3)];
            let _ = buffer.map_async(mode, draw.maybe(), draw.maybe());
        }
        4 => {
            let buffer = pick(draw, &world.buffers)?;
            let _ = buffer.get_mapped_range_get_with_copy(draw.maybe(), draw.maybe());
        }
        5 => {
            let buffer = pick(draw, &world.buffers)?;
            let data = vec![2; draw.below(64) * 4];
            let _ = buffer.get_mapped_range_set_with_copy(&data, draw.maybe(), draw.maybe());
        }
        6 => {
            let _ = pick(draw, &world.buffers)?.unmap();
        }
        7 => pick(draw, &world.buffers)?.destroy(),
        _ => {
            kit.device.push_error_scope(GpuErrorFilter::Validation);
            let _ = kit.device.pop_error_scope();
        }
    }
    Some(())
}
