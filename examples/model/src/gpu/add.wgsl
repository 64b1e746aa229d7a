// The sum; the second is repeated as often as it fits.
@group(0) @binding(0) var<storage, read> left: array<f32>;
@group(0) @binding(1) var<storage, read> right: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
// Numbers of the first, and of the second.
@group(0) @binding(3) var<uniform> sizes: vec4<u32>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    // Threads are folded where a device takes no more workgroups in one row.
    let i = id.x + id.y * 65535u * 256u;
    if i < sizes.x {
        out[i] = left[i] + right[i % sizes.y];
    }
}
