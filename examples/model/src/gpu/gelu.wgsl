// GELU. WGSL has no error function: this is Abramowitz and Stegun 7.1.26, which
// is within 1.5e-7 of it.
@group(0) @binding(0) var<storage, read> tokens: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
// How many numbers there are.
@group(0) @binding(2) var<uniform> sizes: vec4<u32>;

fn erf(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.3275911 * abs(x));
    let terms = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741
        + t * (-1.453152027 + t * 1.061405429))));
    return sign(x) * (1.0 - terms * exp(-x * x));
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    // Threads are folded where a device takes no more workgroups in one row.
    let i = id.x + id.y * 65535u * 256u;
    if i < sizes.x {
        out[i] = 0.5 * tokens[i] * (1.0 + erf(tokens[i] * 0.70710678));
    }
}
