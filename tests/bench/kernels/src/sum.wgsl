// The sums of 256 numbers each, halved again and again in workgroup memory.

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<uniform> size: u32;

var<workgroup> part: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
) {
    let first = group.x * 256 + local.x;
    part[local.x] = a[first] + a[first + 64] + b[first + 128] + b[first + 192];
    workgroupBarrier();
    for (var half = 32u; half > 0; half >>= 1) {
        if local.x < half {
            part[local.x] += part[local.x + half];
        }
        workgroupBarrier();
    }
    if local.x == 0 {
        c[group.x] = part[0];
    }
    _ = size;
}
