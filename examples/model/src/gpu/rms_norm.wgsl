// Rows with mean square 1, scaled: a workgroup for each.
@group(0) @binding(0) var<storage, read> tokens: array<f32>;
@group(0) @binding(1) var<storage, read> scale: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
// Rows, columns, and the bits of epsilon.
@group(0) @binding(3) var<uniform> sizes: vec4<u32>;

var<workgroup> parts: array<f32, 256>;

fn sum_of_all(lane: u32, own: f32) -> f32 {
    parts[lane] = own;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if lane < half {
            parts[lane] += parts[lane + half];
        }
        workgroupBarrier();
    }
    let sum = parts[0];
    workgroupBarrier();
    return sum;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    // In a folded dispatch the last rows may not be there: they write nothing.
    let row = group.x + group.y * 65535u;
    let first = min(row, sizes.x - 1u) * sizes.y;
    var sum = 0.0;
    for (var i = lane; i < sizes.y; i += 256u) {
        sum += tokens[first + i] * tokens[first + i];
    }
    let mean = sum_of_all(lane, sum) / f32(sizes.y);
    let factor = 1.0 / sqrt(mean + bitcast<f32>(sizes.z));
    for (var i = lane; i < sizes.y && row < sizes.x; i += 256u) {
        out[first + i] = tokens[first + i] * factor * scale[i];
    }
}
