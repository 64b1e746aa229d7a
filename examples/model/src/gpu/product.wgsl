// A token with each row of a matrix: a workgroup for each row.
@group(0) @binding(0) var<storage, read> tokens: array<f32>;
@group(0) @binding(1) var<storage, read> matrix: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
// Tokens, rows, columns.
@group(0) @binding(3) var<uniform> sizes: vec4<u32>;

var<workgroup> parts: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    // In a folded dispatch the last rows may not be there: they write nothing.
    let row = group.x + group.y * 65535u;
    let first = min(row, sizes.y - 1u) * sizes.z;
    let token = group.z * sizes.z;
    var sum = 0.0;
    for (var i = lane; i < sizes.z; i += 64u) {
        sum += tokens[token + i] * matrix[first + i];
    }
    parts[lane] = sum;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if lane < half {
            parts[lane] += parts[lane + half];
        }
        workgroupBarrier();
    }
    if lane == 0u && row < sizes.y {
        out[group.z * sizes.y + row] = parts[0];
    }
}
