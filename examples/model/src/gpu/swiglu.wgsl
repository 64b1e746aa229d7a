// silu(gate) * up.
@group(0) @binding(0) var<storage, read> gate: array<f32>;
@group(0) @binding(1) var<storage, read> up: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
// How many numbers there are.
@group(0) @binding(3) var<uniform> sizes: vec4<u32>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    // Threads are folded where a device takes no more workgroups in one row.
    let i = id.x + id.y * 65535u * 256u;
    if i < sizes.x {
        out[i] = gate[i] / (1.0 + exp(-gate[i])) * up[i];
    }
}
